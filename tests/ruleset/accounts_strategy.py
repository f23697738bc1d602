"""Random accounts: everything a venue may report, the absurd included."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st
from msgspec.structs import replace

from exitplan.ruleset.engine.rulebook import Rulebook
from exitplan.ruleset.model.progress import MissingPrice, Progress, UnwindProgress
from exitplan.ruleset.model.snapshot import (
    Cash,
    Conversion,
    Market,
    OpenOrder,
    Position,
    PriceStatus,
    Side,
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
        holds_nothing=draw(st.sampled_from([False, False, True])),
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


# --- Real accounts: several markets an asset, suspended ones, empty books, debts, both sides, other money ----------

COINS = ["BTC", "ETH", "SOL", "XBT", "NEW", "OLD", "TOK"]
QUOTES = ["USD", "EUR", "BTC", "XYZ"]
"""XYZ is a currency that cannot reach the account's quote."""
REAL_POLICIES: list[dict[str, Any]] = [
    {},
    {"max_positions": 2, "protect": [{"symbol": "BTC/USD"}]},
    {"max_positions": 0, "protect": [{"asset": "TOK"}, {"asset": "EUR"}], "aliases": {"OLD": "NEW"}},
    {"max_positions": 10_000, "cash": {"convert": True}, "aliases": {"OLD": "TOK"}, "protect": [{"symbol": "OLD/EUR"}]},
    {"max_positions": 3, "guards": {"price_collar_pct": Decimal("0.02")}},
    {"base": "conservative", "max_positions": 2, "protect": [{"symbol": "P/USD:USD"}]},
]
_books = st.sampled_from(
    [
        ("100", "99.9", "100.1"),
        ("100", None, None),
        ("2500", "99.9", "100.1"),
        (None, "99.9", "100.1"),
        (None, "99.9", None),
        ("25", "0.0001", "30"),
        ("100", "0", "101"),
        ("100", "100.2", "99.8"),
        ("100", "150", "100"),
        ("0", "0", "0"),
        (None, None, None),
        ("0.00001234", "0.00001234", "0.00001235"),
    ]
)
_largest = st.sampled_from([None, None, None, Decimal(1), Decimal("3.3")])


@st.composite
def real_markets(draw: st.DrawFn) -> Market:
    last, bid, ask = (None if text is None else Decimal(text) for text in draw(_books))
    return Market(
        active=draw(st.integers(0, 5)) > 0,
        amount_step=draw(st.sampled_from([Decimal("0.001"), Decimal("0.00000001"), None])),
        price_step=draw(st.sampled_from([Decimal("0.01"), Decimal("0.00000001"), None])),
        min_amount=draw(st.sampled_from([Decimal("0.001"), None])),
        min_notional=draw(st.sampled_from([Decimal(1), None])),
        last=last,
        bid=bid,
        ask=ask,
        price_status=draw(st.sampled_from([None, None, None, None, "unavailable"])),
        max_amount=draw(_largest),
        market_max_amount=draw(_largest),
        max_notional=draw(st.sampled_from([None, None, Decimal(250)])),
    )


@st.composite
def real_positions(draw: st.DrawFn, symbol: str, side: Side) -> Position:
    quantity = draw(st.sampled_from(["10", "3.339", "40", "0.00000001", "0.05", "7.5"]).map(Decimal))
    spot = not is_derivative(symbol)
    return Position(
        symbol=symbol,
        side=side,
        quantity=quantity * (draw(st.sampled_from([1] * 12 + [-1])) if spot else 1),
        locked=quantity * draw(st.sampled_from([Decimal(0), Decimal(0), Decimal("0.5"), Decimal(1)])),
        entry_price=draw(st.sampled_from([None, Decimal(90)])),
        opened_at=draw(moments),
        debt=quantity * draw(st.sampled_from([Decimal(0)] * 6 + [Decimal("0.5"), Decimal(2)])) * spot,
    )


@st.composite
def real_orders(draw: st.DrawFn, name: str, symbols: Sequence[str]) -> OpenOrder:
    symbol = draw(st.sampled_from(symbols))
    return OpenOrder(
        id=name,
        symbol=symbol,
        side=draw(st.sampled_from(["buy", "sell"])),
        type="limit",
        quantity=draw(st.sampled_from(["1", "5", "100"]).map(Decimal)),
        price=draw(st.sampled_from([None, Decimal(100), Decimal("0.01")])),
        trigger_price=draw(st.sampled_from([None, None, Decimal(90)])),
        created_at=draw(moments | st.just(NOW + timedelta(seconds=60)) | st.just(NOW + timedelta(days=1))),
        reduce_only=draw(st.sampled_from([False, False, True])),
        position_side=draw(st.sampled_from([None, None, "long", "short"])) if is_derivative(symbol) else None,
        holds_nothing=draw(st.sampled_from([False, False, True])) and not is_derivative(symbol),
    )


@st.composite
def real_accounts(draw: st.DrawFn) -> Snapshot:
    """Draw an account as public bug reports tell of them."""
    listed = [f"{coin}/{quote}" for coin in COINS for quote in QUOTES if coin != quote]
    held: list[tuple[str, Side]] = [
        (symbol, "long") for symbol in draw(st.lists(st.sampled_from(listed), unique=True, max_size=7))
    ]
    held += draw(
        st.lists(
            st.sampled_from(
                [
                    ("P/USD:USD", "long"),
                    ("P/USD:USD", "short"),
                    ("USDC/USD", "long"),
                    ("USDC/USD", "short"),
                    ("SOL/USD", "short"),
                ]
            ),
            unique=True,
        )
    )
    symbols = sorted({symbol for symbol, _ in held})
    named = sorted({*symbols, *draw(st.lists(st.sampled_from([*listed, "P/USD:USD", "EUR/USD"]), max_size=6))})
    recorded = draw(st.lists(st.sampled_from(named), unique=True)) if named else []
    cash = Cash(
        Decimal(draw(st.sampled_from(["10000", "500", "0", "-700"]))),
        Decimal(0),
        Decimal(draw(st.sampled_from([0, 0, 900]))),
    )
    other = {
        currency: Cash(Decimal(50), Decimal(5), Decimal(draw(st.sampled_from([0, 0, 70]))))
        for currency in draw(st.sets(st.sampled_from(["EUR", "CAD", "ARS"])))
    }
    return Snapshot(
        account="platform",
        venue="paper",
        quote="USD",
        taken_at=NOW,
        cash=cash,
        positions=tuple(draw(real_positions(symbol, side)) for symbol, side in held),
        open_orders=tuple(
            draw(real_orders(f"o{number}", named)) for number in range(draw(st.integers(0, 6)) if named else 0)
        ),
        markets={symbol: draw(real_markets()) for symbol in named if draw(st.integers(0, 9))},
        tracker={
            symbol: replace(draw(good_records), side=draw(st.sampled_from([None, None, "long"]))) for symbol in recorded
        },
        rates={"EUR": Decimal("1.08"), "BTC": Decimal(60_000)},
        other_cash=other,
    )


@st.composite
def real_progress(draw: st.DrawFn, account: Snapshot) -> Progress:
    keys = [position.key for position in account.positions]
    some = st.lists(st.sampled_from(keys), unique=True) if keys else st.just([])
    last = draw(
        st.sampled_from([None, NOW - timedelta(minutes=5), NOW - timedelta(minutes=4), NOW + timedelta(days=1)])
    )
    unwinds = {key: UnwindProgress(1, Decimal("0.75"), Decimal(10), NOW, last) for key in draw(some)}
    missing = {
        key: MissingPrice(NOW - timedelta(minutes=30), draw(st.none() | st.just(Decimal(100)))) for key in draw(some)
    }
    return Progress(unwinds, {}, missing)


@st.composite
def real_cases(draw: st.DrawFn, /, **changes: Any) -> tuple[Rulebook, Snapshot, Progress]:
    """Draw what a plan of a real account depends on."""
    account = draw(real_accounts())
    return book({**draw(st.sampled_from(REAL_POLICIES)), **changes}), account, draw(real_progress(account))
