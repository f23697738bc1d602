"""A synthetic account of any size: always the same for the same size, with some of everything that rules look for."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext

from exitplan.ruleset.language.policy import Policy
from exitplan.ruleset.model.fact_registry import Facts
from exitplan.ruleset.model.facts import observe
from exitplan.ruleset.model.progress import Progress
from exitplan.ruleset.model.snapshot import Cash, Market, OpenOrder, Position, PriceStatus, Snapshot, TrackerRecord
from exitplan.ruleset.model.values import EXACT

TAKEN_AT = datetime(2026, 2, 18, 22, 0, tzinfo=UTC)
_CHUNK = 1000


def portfolio(size: int, *, outages: bool = True, first: int = 0) -> Snapshot:
    """Make an account of ``size`` positions, numbered from ``first``.

    Nearly half of it is managed by a strategy; the rest was opened by hand or by others, is dust, has no market or no
    price. One position in ten has an open order. With ``outages`` the venue could not be asked for some prices.
    """
    chance = random.Random(first)
    symbols = [f"C{number:06d}/USD" for number in range(first, first + size)]
    prices = {symbol: Decimal(chance.randint(1_000, 100_000_000)) / 100_000 for symbol in symbols}
    positions = {symbol: _position(symbol, prices[symbol], chance) for symbol in symbols}
    listed = [symbol for symbol in symbols if chance.random() < 0.99]
    return Snapshot(
        account="platform",
        venue="paper",
        quote="USD",
        taken_at=TAKEN_AT,
        cash=Cash(Decimal(90_000), Decimal(10_000)),
        positions=tuple(positions.values()),
        open_orders=tuple(_order(symbol, prices[symbol], chance) for symbol in symbols if chance.random() < 0.10),
        markets={symbol: _market(prices[symbol], chance, outages=outages) for symbol in listed},
        tracker={symbol: _record(positions[symbol], chance) for symbol in symbols if chance.random() < 0.75},
    )


def facts_of(size: int, policy: Policy) -> Iterator[Facts]:
    """Read the facts of an account in parts of a thousand positions, so only the facts stay in memory."""
    for first in range(0, size, _CHUNK):
        snapshot = portfolio(min(_CHUNK, size - first), first=first)
        with localcontext(EXACT):
            account = observe(snapshot, policy, Progress(), TAKEN_AT)
        yield from (view.facts for view in account.positions)


def _position(symbol: str, price: Decimal, chance: random.Random) -> Position:
    is_dust = chance.random() < 0.05
    quantity = Decimal(chance.randint(1, 9) if is_dust else chance.randint(10_000, 10_000_000)) / 10_000
    return Position(
        symbol=symbol,
        side="long",
        quantity=quantity,
        entry_price=price if chance.random() < 0.5 else None,
        opened_at=_earlier(chance, days=60) if chance.random() < 0.8 else None,
    )


def _market(price: Decimal, chance: random.Random, *, outages: bool) -> Market:
    status: PriceStatus = "ok"
    if chance.random() < 0.03:
        status = "unavailable" if outages and chance.random() < 0.5 else "missing"
    return Market(
        active=chance.random() < 0.99,
        amount_step=Decimal("0.0001"),
        price_step=Decimal("0.01"),
        min_amount=Decimal("0.001"),
        min_notional=Decimal(1),
        bid=price - Decimal("0.005"),
        ask=price + Decimal("0.005"),
        last=price if status == "ok" else None,
        price_status=status,
    )


def _record(position: Position, chance: random.Random) -> TrackerRecord:
    return TrackerRecord(
        entry_price=None if chance.random() < 0.05 else Decimal(chance.randint(1_000, 100_000_000)) / 100_000,
        quantity=position.quantity,
        position_source="manual" if chance.random() < 0.2 else "nija_strategy",
        strategy="APEX_v7.1",
        first_entry_time=_earlier(chance, days=60),
        stop_price=position.entry_price,
    )


def _order(symbol: str, price: Decimal, chance: random.Random) -> OpenOrder:
    return OpenOrder(
        id=f"order-{symbol}",
        symbol=symbol,
        side="sell" if chance.random() < 0.5 else "buy",
        type="limit",
        quantity=Decimal(1),
        price=price,
        created_at=_earlier(chance, days=1),
    )


def _earlier(chance: random.Random, *, days: int) -> datetime:
    return TAKEN_AT - timedelta(seconds=chance.randint(0, days * 86_400))
