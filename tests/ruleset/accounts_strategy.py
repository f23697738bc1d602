"""Random accounts: everything a venue may report, the absurd included."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from exitplan.ruleset.engine.rulebook import Rulebook
from exitplan.ruleset.model.progress import Progress, UnwindProgress
from exitplan.ruleset.model.snapshot import (
    Cash,
    Conversion,
    Market,
    OpenOrder,
    Position,
    PriceStatus,
    Snapshot,
    TrackerRecord,
    position_key,
)
from exitplan.ruleset.model.values import is_derivative
from tests.builders import NOW, policy_document, rulebook

TAME = [f"{base}/USD" for base in "ABCDEFGHJKLMNO"] + ["P/USD:USD", "R/USD:USD", "S/EUR"]
"""Symbols of accounts as they mostly are."""
WILD = [*TAME, "T/EUR", "X/GBP", "DUSTCOIN", "Q/USDT:USDT", "I/USD:I", "A/USD:USD"]

POLICIES: list[dict[str, Any]] = [
    {},
    {"max_positions": 2},
    {"max_positions": 1, "cap": {"scope": "legacy", "count_untradeable": True}},
    {"max_positions": 0, "protect": [{"symbol": "A/USD"}, {"symbol": "P/USD:USD"}]},
    {"base": "conservative", "max_positions": 3},
    {"gradual_unwind_pct": Decimal("0.5"), "unwind_cycles": 3, "clean": {"tolerate_untradeable_dust": False}},
    {"max_positions": 3, "dust": {"convert": True}, "cap": {"count_untradeable": True}},
]

_amounts = st.sampled_from(["0.00000001", "0.001", "0.05", "1", "3.339", "10", "1234.56789012", "30000000"]).map(
    Decimal
)
quantities = _amounts | st.decimals("0.00000001", "1000", places=8)
prices = st.sampled_from(["0.00001234", "0.01", "1", "99.99", "100", "67000.5"]).map(Decimal)
tame_prices = st.sampled_from(["10", "99.99", "250.5"]).map(Decimal)
tame_quantities = st.sampled_from(["3.339", "8", "10", "12.3456789", "40"]).map(Decimal)
odd_prices = st.integers(0, 15).flatmap(
    lambda chance: prices if chance < 13 else st.sampled_from([None, None, Decimal(0), Decimal(-1)])
)
moments = st.none() | st.integers(-10, 100_000).map(lambda minutes: NOW - timedelta(minutes=minutes))


@st.composite
def positions(draw: st.DrawFn, symbol: str, wild: bool) -> Position:
    quantity = draw(quantities if wild and draw(st.booleans()) else tame_quantities)
    locked = [Decimal(0), Decimal(0), Decimal(0), Decimal("0.5"), Decimal(1)]
    sign = draw(st.sampled_from([*[1] * 20, 0, -1])) if wild else 1
    return Position(
        symbol=symbol,
        side="short" if is_derivative(symbol) and draw(st.booleans()) else "long",
        quantity=sign * quantity,
        locked=quantity * draw(st.sampled_from([*locked, *locked, Decimal("1.1")] if wild else locked)),
        contract_size=Decimal(draw(st.sampled_from(["1", "1", "0.01", "100"]))) if wild else Decimal(1),
        entry_price=draw(odd_prices),
        opened_at=draw(moments),
    )


def _number(draw: st.DrawFn, texts: Sequence[str | None]) -> Decimal | None:
    text = draw(st.sampled_from(texts))
    return None if text is None else Decimal(text)


@st.composite
def markets(draw: st.DrawFn, wild: bool) -> Market:
    steps = [None, "0.00000001", "0.001", "0.01", *(["0.3", "1", "0"] if wild else [])]
    minimums = [None, "0", "0.001", "1", *(["5"] if wild else [])]
    statuses: list[PriceStatus | None] = [*[None, "ok"] * 6, *(["missing", "unavailable"] if wild else [])]  # type: ignore[list-item]
    return Market(
        active=not wild or draw(st.integers(0, 9)) > 0,
        amount_step=_number(draw, steps),
        min_amount=_number(draw, minimums),
        min_notional=_number(draw, minimums),
        bid=draw(odd_prices if wild else tame_prices),
        ask=draw(odd_prices if wild else tame_prices),
        last=draw(odd_prices if wild else tame_prices),
        price_step=draw(st.sampled_from([None, Decimal("0.01")])),
        price_status=draw(st.sampled_from(statuses)),
        inverse=wild and draw(st.booleans()),
    )


@st.composite
def orders(draw: st.DrawFn, name: str, symbols: Sequence[str]) -> OpenOrder:
    quantity = draw(quantities)
    return OpenOrder(
        id=name,
        symbol=draw(st.sampled_from([*symbols, "A/USD"])),
        side=draw(st.sampled_from(["buy", "sell", "sell"])),
        type=draw(st.sampled_from(["limit", "limit", "stop", "market"])),
        quantity=quantity,
        filled=quantity * draw(st.sampled_from([Decimal(0), Decimal("0.25")])),
        price=draw(st.none() | prices),
        trigger_price=draw(st.sampled_from([None, None, Decimal(0), Decimal(90)])),
        created_at=draw(moments),
        client_order_id=draw(st.sampled_from([None, "xp0123456789abcdef", "bot-7"])),
        reduce_only=draw(st.booleans()),
    )


records = st.builds(
    TrackerRecord,
    entry_price=odd_prices,
    position_source=st.sampled_from(["nija_strategy", "nija_strategy", "manual", "adopted", None]),
    strategy=st.sampled_from(["APEX", None]),
    first_entry_time=moments,
    stop_price=odd_prices,
    exit_logic=st.sampled_from([None, None, True, False]),
    extra=st.sampled_from([{}, {"note": "x"}]),
)


good_records = st.builds(
    TrackerRecord,
    entry_price=prices,
    position_source=st.sampled_from(["nija_strategy", "apex_strategy"]),
    first_entry_time=moments,
    stop_price=prices,
)


conversions = st.builds(
    Conversion,
    cost_pct=st.sampled_from(["-0.01", "0", "0.02", "0.05", "0.06"]).map(Decimal),
    min_quantity=st.none() | st.decimals("0.00000001", "0.0005", places=8),
    max_quantity=st.none() | st.decimals("0.00000001", "0.001", places=8),
)


@st.composite
def accounts(draw: st.DrawFn, most: int = 30) -> Snapshot:
    """Draw an account: most of them as accounts are, the rest wild."""
    wild = draw(st.sampled_from([False, False, True]))
    size = draw(st.integers(0, most))
    symbols = draw(st.permutations(WILD if wild else TAME))[:size]
    held = [draw(positions(symbol, wild)) for symbol in symbols]
    resting = [draw(orders(f"o{number}", symbols)) for number in range(draw(st.integers(0, 6)))]
    named = sorted({*symbols, *(found.symbol for found in resting)})
    cash = ["10000", "1000", "0", *(["0.00000001", "-5000", "1000000000"] if wild else [])]
    return Snapshot(
        account="platform",
        venue="paper",
        quote="USD",
        taken_at=NOW,
        cash=Cash(Decimal(draw(st.sampled_from(cash))), draw(st.sampled_from([Decimal(0), Decimal("52.5")]))),
        positions=tuple(held),
        open_orders=tuple(resting),
        markets={symbol: draw(markets(wild)) for symbol in named if not wild or draw(st.integers(0, 19))},
        tracker={symbol: draw(records if wild else good_records) for symbol in named if draw(st.booleans())},
        rates={"EUR": Decimal("1.08")} if not wild or draw(st.booleans()) else {},
        conversions={symbol: draw(conversions) for symbol in named if draw(st.booleans())},
    )


@st.composite
def progress_of(draw: st.DrawFn, account: Snapshot) -> Progress:
    unwinds = {}
    for found in account.positions:
        if draw(st.integers(0, 3)) == 0:
            cycle = draw(st.integers(0, 6))
            left = Decimal("0.75") ** cycle
            initial = abs(found.quantity) * draw(st.sampled_from([Decimal(1), 1 / left, Decimal(4)])) or Decimal(1)
            unwinds[position_key(found.symbol, found.side)] = UnwindProgress(cycle, left, initial, NOW)
    keys = [found.key for found in account.positions]
    exits = draw(st.dictionaries(st.sampled_from(keys), st.integers(0, 3), max_size=3)) if keys else {}
    return Progress(unwinds, exits)


def book(changes: Mapping[str, Any]) -> Rulebook:
    return rulebook(
        policy_document(changes.get("base", "default"), **{k: v for k, v in changes.items() if k != "base"})
    )


@st.composite
def crumbled(draw: st.DrawFn, account: Snapshot) -> Snapshot:
    """Leave of some positions less than the market takes."""
    held, listed = [], dict(account.markets)
    for found in account.positions:
        if draw(st.booleans()):
            quantity = draw(st.decimals("0.00000001", "0.0005", places=9))
            held.append(replace(found, quantity=quantity, locked=quantity * draw(st.sampled_from([0, 0, 0, 1])) / 2))
            listed[found.symbol] = replace(listed.get(found.symbol) or Market(last=Decimal(1)), min_amount=Decimal(1))
        else:
            held.append(found)
    return replace(account, positions=tuple(held), markets=listed)


@st.composite
def cases(draw: st.DrawFn, most: int = 12) -> tuple[Rulebook, Snapshot, Progress]:
    """Draw what a plan depends on."""
    account, changes = draw(accounts(most)), draw(st.sampled_from(POLICIES))
    if "dust" in changes:
        account = draw(crumbled(account))
    return book(changes), account, draw(progress_of(account))
