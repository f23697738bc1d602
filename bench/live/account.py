"""The account of the benchmark: part of it is to be sold, some of that behind stale orders; the rest is in order."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import orjson

from exitplan.executor.accounts.folder import DataFolder
from exitplan.ruleset.model.snapshot import Cash, Market, OpenOrder, Position, Snapshot, TrackerRecord
from exitplan.ruleset.model.snapshot_writing import tracker_to_document
from exitplan.schemas.policies import shipped_policy

BASES, QUOTES = 200, ("USD", "USDC", "EUR", "BTC")
"""What the venue lists: 800 markets, about as many as coinbase has for spot. Each reply with prices covers all."""

_PRICE = Decimal(100)
_STEP = Decimal("0.001")
_HELD = {True: Decimal("0.2"), False: Decimal(10)}
"""Units of a position that is to be closed, and of one that stays."""
_ACCOUNT = """
version: 1
name: bench
extends: {policy}
guards: {{max_actions: 10000, max_run_pct: 1}}
parameters: {{max_positions: 10000, dust_usd_threshold: 50, dust_pct_threshold: 0}}
account:
  id: platform
  venue: {venue}
  quote: USD
  credentials: env:BENCH
  base_url: {base_url}
  rate_limit: {{burst: 100000, per_second: 100000}}
"""


def closes_of(positions: int) -> int:
    """Return how many of the positions are to be closed: two of five, at least one."""
    return max(1, positions * 2 // 5)


def cancels_of(positions: int) -> int:
    """Return how many stale orders there are: one for every second position that is to be closed."""
    return (closes_of(positions) + 1) // 2


def made_account(venue: str, positions: int, now: datetime) -> Snapshot:
    """Make the account as the venue holds it: what is to be closed comes first, the stale orders with it."""
    bases = [f"C{number:04d}" for number in range(max(positions, BASES))]
    symbols = [f"{base}/USD" for base in bases]
    market = Market(
        last=_PRICE,
        bid=_PRICE - Decimal("0.01"),
        ask=_PRICE + Decimal("0.01"),
        amount_step=_STEP,
        price_step=Decimal("0.01"),
        min_amount=_STEP,
        min_notional=Decimal(1),
    )
    closed, ordered = closes_of(positions), cancels_of(positions)
    return Snapshot(
        account="platform",
        venue=venue,
        quote="USD",
        taken_at=now,
        cash=Cash(Decimal(1_000_000), Decimal(0)),
        positions=tuple(
            Position(symbol, "long", _HELD[at < closed], locked=_HELD[True] if at < ordered else Decimal(0))
            for at, symbol in enumerate(symbols[:positions])
        ),
        open_orders=tuple(_stale(symbol, now) for symbol in symbols[:ordered]),
        markets=dict.fromkeys((f"{base}/{quote}" for base in bases for quote in QUOTES), market),
        tracker={},
    )


def write_files(root: Path, venue: str, base_url: str, positions: int, now: datetime) -> Path:
    """Write the account file and the tracker's records of what stays; return the account file."""
    stays = [f"C{number:04d}/USD" for number in range(closes_of(positions), positions)]
    tracker = DataFolder.of(root / "data", "platform").tracker
    tracker.parent.mkdir()
    tracker.write_bytes(orjson.dumps({"positions": tracker_to_document({symbol: _record(now) for symbol in stays})}))
    file = root / "account.yaml"
    file.write_text(_ACCOUNT.format(policy=shipped_policy("default"), venue=venue, base_url=base_url), encoding="utf-8")
    return file


def _stale(symbol: str, now: datetime) -> OpenOrder:
    return OpenOrder(
        id=f"order-{symbol}",
        symbol=symbol,
        side="sell",
        type="limit",
        quantity=_HELD[True],
        price=2 * _PRICE,
        created_at=now - timedelta(hours=2),
    )


def _record(now: datetime) -> TrackerRecord:
    return TrackerRecord(
        entry_price=_PRICE,
        quantity=_HELD[False],
        position_source="nija_strategy",
        strategy="APEX_v7.1",
        first_entry_time=now - timedelta(days=3),
        stop_price=_PRICE / 2,
    )
