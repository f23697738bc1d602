"""The accounts of the benchmark: each holds a few positions that its strategy manages, and nothing is to be done."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from exitplan.ruleset.model.snapshot import Cash, Market, OpenOrder, Position, Snapshot, TrackerRecord

BASES, QUOTES = 200, ("USD", "USDC", "EUR", "BTC")
"""What the venue lists: 800 markets; each reply with prices covers all."""
_PRICE, _HELD, _STEP = Decimal(100), Decimal(2), Decimal("0.001")


def quiet_account(venue: str, positions: int, now: datetime) -> Snapshot:
    """Make the account as the venue holds it, an order to take profit resting for its first position."""
    bases = [f"C{number:04d}" for number in range(BASES)]
    market = Market(
        last=_PRICE,
        bid=_PRICE - Decimal("0.01"),
        ask=_PRICE + Decimal("0.01"),
        amount_step=_STEP,
        price_step=Decimal("0.01"),
        min_amount=_STEP,
        min_notional=Decimal(1),
    )
    symbols = [f"{base}/USD" for base in bases[:positions]]
    return Snapshot(
        account="platform",
        venue=venue,
        quote="USD",
        taken_at=now,
        cash=Cash(Decimal(10_000), Decimal(0)),
        positions=tuple(
            Position(symbol, "long", _HELD, locked=_HELD if not at else Decimal(0)) for at, symbol in enumerate(symbols)
        ),
        open_orders=tuple(_take_profit(symbol, now) for symbol in symbols[:1]),
        markets={f"{base}/{quote}": market for base in bases for quote in QUOTES},
        tracker={},
    )


def records(positions: int, now: datetime) -> dict[str, TrackerRecord]:
    """Return what the strategy says of its positions."""
    record = TrackerRecord(
        entry_price=_PRICE,
        quantity=_HELD,
        position_source="nija_strategy",
        strategy="APEX_v7.1",
        first_entry_time=now - timedelta(days=3),
        stop_price=_PRICE / 2,
    )
    return {f"C{number:04d}/USD": record for number in range(positions)}


def _take_profit(symbol: str, now: datetime) -> OpenOrder:
    return OpenOrder(
        id=f"order-{symbol}",
        symbol=symbol,
        side="sell",
        type="limit",
        quantity=_HELD,
        price=2 * _PRICE,
        created_at=now - timedelta(minutes=2),
    )
