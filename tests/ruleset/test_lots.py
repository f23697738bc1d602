"""What sales realise, lot by lot: the laws that hold for every method, and what stays unknown."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from exitplan.ruleset.model.cost_basis import Trade, cost_basis
from exitplan.ruleset.model.lot_matching import match_lots
from exitplan.ruleset.model.lots import METHODS, SPOT, Book, Event, Method, Move, Sighting, moves_of, terms_of
from exitplan.ruleset.model.snapshot import Side
from exitplan.ruleset.model.values import ZERO
from tests.builders import NOW

d = Decimal
matching: Any = match_lots
METHOD_NAMES: tuple[Method, ...] = get_args(Method)
AAA, INVERSE, LINEAR = "AAA/USD", "AAA/USD:AAA", "AAA/USD:USD"
USD = frozenset({"USD", "EUR"})


def at(minutes: int) -> datetime:
    return NOW + timedelta(minutes=minutes)


def told(text: str, symbol: str = AAA, *, fee: str | None = "0", currency: str | None = None) -> list[Trade]:
    """Read trades from a text such as ``+2@100 -1@120``, a minute apart."""
    trades = []
    for number, word in enumerate(text.split()):
        quantity, price = map(d, word[1:].split("@"))
        side: Any = "buy" if word[0] == "+" else "sell"
        trades.append(Trade(side, quantity, price, at(number), None if fee is None else d(fee), currency, f"o{number}"))
    return trades


def moves(trades: list[Trade], symbol: str = AAA, asset: str | None = None) -> list[Event]:
    wanted = asset or (symbol if ":" in symbol else "AAA")
    return [move for trade in trades for name, move in moves_of(symbol, trade, USD) if name == wanted]


def book(text: str, method: Method = "FIFO", symbol: str = AAA, **more: Any) -> Any:
    terms = terms_of(symbol, d(1))
    return match_lots(moves(told(text, symbol), symbol), method, terms=terms, **more)


def gains(book: Book) -> list[tuple[str, int, str | None]]:
    """Give quantity, number of the lot and gain of each part that was sold."""
    return [
        (str(one.lot.quantity), one.lot.number, None if one.gain is None else str(one.gain.normalize()))
        for one in book.realised
    ]


# --- examples ---


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("FIFO", [("2", 1, "4E+1"), ("1", 2, "-3E+1")]),
        ("LIFO", [("1", 3, "6E+1"), ("2", 2, "-6E+1")]),
        ("HIFO", [("2", 2, "-6E+1"), ("1", 1, "2E+1")]),
        ("average", [("3", 1, "24")]),  # (200 + 300 + 60) / 5 = 112 a unit
    ],
)
def test_each_method_sells_its_own_lots(method: Method, expected: list[Any]) -> None:
    assert gains(book("+2@100 +2@150 +1@60 -3@120", method)) == expected


def test_a_short_gains_where_the_price_falls_and_hifo_realises_the_least() -> None:
    found = book("-2@100 -2@150 +2@120", "HIFO", LINEAR, side="short")
    assert gains(found) == [("2", 1, "-4E+1")]
    assert gains(book("-2@100 -2@150 +2@120", "LIFO", LINEAR, side="short")) == [("2", 2, "6E+1")]


def test_an_inverse_contract_gains_in_the_coin_that_it_is_settled_in() -> None:
    (one,) = book("+100@50 -100@100", symbol=INVERSE).realised
    assert (one.gain, one.currency, one.lot.cost, one.proceeds) == (1, "AAA", 2, 1)
    (short,) = book("-100@50 +100@100", symbol=INVERSE, side="short").realised
    assert short.gain == -1


def test_the_average_of_inverse_contracts_is_the_harmonic_mean() -> None:
    (lot,) = book("+1@100 +1@300", "average", INVERSE).open
    assert lot.price == 150


def test_the_size_of_a_contract_counts_and_without_it_nothing_is_known() -> None:
    events = moves(told("+2@100 -2@110", LINEAR), LINEAR)
    assert matching(events, "FIFO", terms=terms_of(LINEAR, d("0.1"))).realised[0].gain == 2
    assert matching(events, "FIFO", terms=terms_of(LINEAR)).realised[0].gain is None


def test_a_position_that_may_flip_goes_on_on_the_other_side() -> None:
    found = book("+2@100 -5@110", symbol=LINEAR, may_flip=True)
    assert gains(found) == [("2", 1, "2E+1")]
    assert [(lot.side, lot.quantity, lot.cost) for lot in found.open] == [("short", 3, 330)]


def test_what_was_sold_beyond_the_lots_came_from_where_nobody_knows() -> None:
    found = book("+1@100 -3@110")
    assert gains(found) == [("1", 1, "1E+1"), ("2", 2, None)]
    assert [lot.quantity for lot in found.appeared] == [2]


def test_a_price_that_was_noted_of_a_position_is_the_cost_of_what_no_trade_explains() -> None:
    seen = Sighting(at=at(-9), symbol=AAA, quantity=d(4), price=d(50), currency="USD", opened_at=at(-99))
    found = matching([seen, *moves(told("-3@80"))], "FIFO")
    assert gains(found) == [("3", 1, "9E+1")]
    assert (found.realised[0].lot.opened_at, found.realised[0].lot.source) == (at(-99), "record")
    assert found.realised[0].net is None  # nobody told the fee of opening it


def test_a_price_that_was_noted_later_than_the_sale_is_not_taken() -> None:
    seen = Sighting(at=at(-9), symbol=AAA, price=d(50), currency="USD", opened_at=at(5))
    assert gains(matching([seen, *moves(told("-3@80"))], "FIFO")) == [("3", 1, None)]


def test_what_is_seen_to_be_more_is_a_lot_of_unknown_cost_and_less_has_left_unsold() -> None:
    more = Sighting(at=at(9), symbol=AAA, quantity=d(5), price=d(7), currency="USD")
    found = matching([*moves(told("+3@80")), more], "FIFO")
    assert [(lot.quantity, lot.cost, lot.source) for lot in found.open] == [(3, 240, "trade"), (2, None, "unexplained")]
    less = Sighting(at=at(9), symbol=AAA, quantity=d(1))
    found = matching([*moves(told("+3@80")), less], "FIFO")
    assert ([lot.quantity for lot in found.departed], found.quantity, found.realised) == ([2], 1, ())


def test_dust_of_less_than_a_step_is_neither_a_deposit_nor_a_loss_until_nothing_is_held() -> None:
    events = moves(told("+3@80"))
    near = Sighting(at=at(9), symbol=AAA, quantity=d("3.0004"))
    assert matching([*events, near], "FIFO", ignore=d("0.001")).quantity == 3
    gone = matching(
        [*events, *moves(told("+1@80 -3.9996@90"))[1:], structs.replace(near, quantity=ZERO)], "FIFO", ignore=d(1)
    )
    assert gone.open == ()


def test_unknown_costs_are_sold_last_by_the_dearest_first_and_not_averaged() -> None:
    seen = Sighting(at=at(-1), symbol=AAA, quantity=d(2))
    for method in ("HIFO", "average"):
        found = matching([seen, *moves(told("+1@100 -2@110"))], method)
        assert gains(found) == [("1", 2, "1E+1"), ("1", 1, None)]


def test_what_was_paid_in_another_currency_realises_nothing_that_is_known() -> None:
    events = [*moves(told("+1@100"), AAA), *moves([structs.replace(told("-1@90")[0], at=at(5))], "AAA/EUR")]
    (one,) = matching(events, "FIFO").realised
    assert (one.gain, one.lot.currency, one.currency) == (None, "USD", "EUR")


@pytest.mark.parametrize(
    ("fee", "currency", "gain", "net"),
    [
        ("1", "USD", "2E+1", "17.5"),  # half of the fee of opening, and all of that of closing
        ("0", None, "2E+1", "2E+1"),
        ("-1", "USD", "2E+1", "22.5"),
        ("0.1", "BNB", "2E+1", None),
        (None, None, "2E+1", None),
    ],
)
def test_fees_count_once_and_those_in_a_third_coin_are_unknown(
    fee: str | None, currency: str | None, gain: str, net: str | None
) -> None:
    trades = told("+2@100 -1@120", fee=fee, currency=currency)
    trades[1] = structs.replace(trades[1], fee=None if fee is None else d(fee) * 2)
    (one,) = matching(moves(trades), "FIFO").realised
    assert one.gain is not None
    assert (str(one.gain.normalize()), None if one.net is None else str(one.net.normalize())) == (gain, net)


def test_a_fee_in_the_base_coin_reduces_what_was_bought_and_is_a_fee_at_that_price() -> None:
    trades = told("+2@100", fee="0.1", currency="AAA")
    (lot,) = matching(moves(trades), "FIFO").open
    assert (lot.quantity, lot.cost, lot.fee) == (d("1.9"), 190, 10)
    sale = structs.replace(told("-1@100", fee="0.1", currency="AAA")[0], at=at(3))
    (one,) = matching(moves([*told("+2@100"), sale]), "FIFO").realised
    assert (one.lot.quantity, one.proceeds, one.fee) == (d("1.1"), 110, 10)


def test_a_fee_in_a_third_coin_takes_it_away_and_a_swap_moves_both_coins() -> None:
    (fee,) = moves(told("+2@100", fee="0.1", currency="BNB"), asset="BNB")
    assert isinstance(fee, Move)
    assert (fee.change, fee.is_trade) == (d("-0.1"), False)
    swap: Any = dict(moves_of("CCC/AAA", told("+2@5", fee="1", currency="AAA")[0], USD))
    assert (swap["CCC"].change, swap["CCC"].currency) == (2, "AAA")
    assert (swap["AAA"].change, swap["AAA"].price, swap["AAA"].currency) == (-11, d("0.2"), "CCC")
    bought = matching([*moves(told("+20@10")), structs.replace(swap["AAA"], at=at(9))], "FIFO")
    assert gains(bought) == [("11", 1, None)]


def test_money_has_no_lots() -> None:
    assert dict(moves_of("EUR/USD", told("+2@1.1")[0], USD)) == {}


# --- laws ---

sizes = st.decimals("0.001", "100", places=3)
prices = st.decimals("0.01", "1000", places=2)
words = st.lists(st.tuples(st.sampled_from([1, 1, -1]), sizes, prices), min_size=1, max_size=14)
SIDES: list[tuple[str, Side]] = [
    (AAA, "long"),
    (LINEAR, "long"),
    (LINEAR, "short"),
    (INVERSE, "long"),
    (INVERSE, "short"),
]
methods = st.sampled_from(METHOD_NAMES)


@st.composite
def histories(draw: st.DrawFn, *, covered: bool = False) -> tuple[str, Side, list[Event]]:
    """Make trades of one position; ``covered`` sells no more than there is."""
    symbol, side = draw(st.sampled_from(SIDES))
    held, events = ZERO, list[Event]()
    for number, (sign, size, price) in enumerate(draw(words)):
        quantity = min(size, held) if covered and sign < 0 else size
        if not quantity:
            continue
        held = max(ZERO, held + sign * quantity)
        change = quantity * sign * (1 if side == "long" else -1)
        fee = draw(st.sampled_from([ZERO, d("0.1"), d("-0.05"), None]))
        currency = "AAA" if symbol == INVERSE else "USD"
        events.append(Move(at=at(number), symbol=symbol, change=change, price=price, currency=currency, fee=fee))
    return symbol, side, events


def matched(history: tuple[str, Side, list[Event]], method: Method) -> Book:
    symbol, side, events = history
    return match_lots(events, method, side=side, terms=terms_of(symbol, d(1)))


@given(histories(), methods)
def test_nothing_is_lost_and_nothing_comes_from_nowhere(history: tuple[str, Side, list[Event]], method: Method) -> None:
    _, side, events = history
    found, sign = matched(history, method), 1 if side == "long" else -1
    opened = sum((move.change * sign for move in events if isinstance(move, Move) and move.change * sign > 0), ZERO)
    closed = sum((-move.change * sign for move in events if isinstance(move, Move) and move.change * sign < 0), ZERO)
    appeared = sum((lot.quantity for lot in found.appeared), ZERO)
    assert sum((one.lot.quantity for one in found.realised), ZERO) == closed
    assert opened + appeared == closed + found.quantity
    assert all(lot.quantity > 0 for lot in found.open)


def total(history: tuple[str, Side, list[Event]], method: Method, mark: Decimal) -> Decimal:
    """Add up what was realised and what is not yet."""
    symbol, side, _ = history
    terms, found = terms_of(symbol, d(1)), matched(history, method)
    result = sum((one.gain for one in found.realised if one.gain is not None), ZERO)
    for lot in found.open:
        worth = terms.worth(lot.quantity, mark)
        assert lot.cost is not None
        assert worth is not None
        result += terms.sign(side) * (worth - lot.cost)
    return result


@given(histories(covered=True), prices)
def test_realised_and_unrealised_together_are_the_same_by_every_method(
    history: tuple[str, Side, list[Event]], mark: Decimal
) -> None:
    first, *others = [total(history, method, mark) for method in METHOD_NAMES]
    assert all(abs(other - first) < d("1e-20") for other in others)


@given(histories(covered=True))
def test_fees_are_shared_out_to_the_last_digit(history: tuple[str, Side, list[Event]]) -> None:
    _, _, events = history
    known = [structs.replace(event, fee=event.fee or ZERO) for event in events if isinstance(event, Move)]
    told = sum((move.fee or ZERO for move in known), ZERO)
    for method in METHOD_NAMES:
        found = matched((history[0], history[1], list[Event](known)), method)
        shared = [one.fee for one in found.realised] + [lot.fee for lot in found.open]
        assert None not in shared
        assert abs(sum((fee for fee in shared if fee is not None), ZERO) - told) < d("1e-20")


@given(histories(covered=True), methods)
def test_the_dearest_first_has_never_realised_more_than_another_method(
    history: tuple[str, Side, list[Event]], method: Method
) -> None:
    symbol, side, events = history
    for end in range(1, len(events) + 1):
        part = (symbol, side, events[:end])
        least, other = (
            sum((one.gain for one in matched(part, name).realised if one.gain is not None), ZERO)
            for name in ("HIFO", method)
        )
        assert least <= other + d("1e-20")


@given(histories(covered=True))
def test_first_in_is_first_out_and_last_in_is_first_out(history: tuple[str, Side, list[Event]]) -> None:
    first = [one.lot.number for one in matched(history, "FIFO").realised]
    assert first == sorted(first)
    last = matched(history, "LIFO")
    for number, one in enumerate(last.realised):
        newer = [lot for lot in last.open if lot.number > one.lot.number and (lot.opened_at or NOW) < one.at]
        assert not newer, number


@given(histories(covered=True), methods, st.integers(1, 13))
def test_what_comes_later_changes_nothing_that_was_realised(
    history: tuple[str, Side, list[Event]], method: Method, end: int
) -> None:
    symbol, side, events = history
    before = matched((symbol, side, events[:end]), method).realised
    assert matched(history, method).realised[: len(before)] == before


@given(st.lists(st.tuples(st.sampled_from([1, -1]), sizes, prices), min_size=1, max_size=10))
def test_the_average_agrees_with_the_cost_basis_that_plans_use(told_trades: list[tuple[int, Decimal, Decimal]]) -> None:
    held, trades = ZERO, []
    for number, (sign, size, price) in enumerate(told_trades):
        quantity = size if sign > 0 else min(size, held)
        if quantity:
            held += sign * quantity
            trades.append(Trade("buy" if sign > 0 else "sell", quantity, price, at(number)))
    basis = cost_basis(trades, AAA, held, None)
    if basis is None or basis.entry_price is None:
        return
    (lot,) = match_lots(moves(trades), "average").open
    assert lot.price is not None
    assert abs(lot.price - basis.entry_price) <= basis.entry_price * d("1e-16")


@given(histories(), methods, sizes)
def test_what_is_seen_is_what_is_open(history: tuple[str, Side, list[Event]], method: Method, held: Decimal) -> None:
    symbol, side, events = history
    seen = Sighting(at=at(99), symbol=symbol, quantity=held)
    assert matched((symbol, side, [*events, seen]), method).quantity == held


def test_every_method_is_described() -> None:
    assert tuple(METHODS) == METHOD_NAMES
    assert terms_of(AAA) is SPOT
