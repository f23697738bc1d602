"""The cost of a position, rebuilt from trades: what it is, and when it stays unknown."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace

from exitplan.ruleset.model.cost_basis import CostBasis, Trade, cost_basis
from exitplan.ruleset.model.values import EXACT
from tests.builders import NOW, ago

STEP = Decimal("0.001")
SPOT, PERPETUAL, INVERSE = "AAA/USD", "AAA/USD:USD", "AAA/USD:AAA"


def told(text: str, *, fee: str = "0", currency: str | None = None, first: int = 0) -> list[Trade]:
    """Read trades from a text such as ``+2@100 -1@120``, a minute apart."""
    trades = []
    for number, word in enumerate(text.split(), start=first):
        quantity, price = map(Decimal, word[1:].split("@"))
        at = NOW + timedelta(minutes=number)
        trades.append(Trade("buy" if word[0] == "+" else "sell", quantity, price, at, Decimal(fee), currency))
    return trades


def at(minutes: int) -> datetime:
    return NOW + timedelta(minutes=minutes)


def entry(text: str, held: str, symbol: str = SPOT, step: Decimal | None = STEP) -> tuple[str, int] | None:
    """Give the entry price, and the number of the trade that opened the position."""
    found = cost_basis(told(text), symbol, Decimal(held), step)
    if found is None or found.entry_price is None or found.opened_at is None:
        return None
    return str(found.entry_price.normalize()), (found.opened_at - NOW) // timedelta(minutes=1)


@pytest.mark.parametrize(
    ("text", "held", "expected"),
    [
        ("+2@100", "2", ("1E+2", 0)),
        ("+1@100 +3@120", "4", ("115", 0)),
        ("+4@100 -1@900 +1@200", "4", ("125", 0)),
        ("+4@100 -4@150 +2@80", "2", ("8E+1", 2)),
        ("+4@100 -1@150 -3@150 +1@80 +1@90", "2", ("85", 3)),
    ],
)
def test_the_open_lot_has_its_average_cost(text: str, held: str, expected: tuple[str, int]) -> None:
    assert entry(text, held) == expected


def test_trades_count_in_the_order_of_time() -> None:
    trades = told("+4@100 -4@150 +2@80")
    assert cost_basis(trades[::-1], SPOT, Decimal(2), STEP) == CostBasis(Decimal(80), at(2))


def test_trades_of_one_moment_count_in_the_order_given() -> None:
    buy, sell, again = (replace(trade, at=ago(1)) for trade in told("+4@100 -4@150 +2@80"))
    assert cost_basis([buy, sell, again], SPOT, Decimal(2), STEP) == CostBasis(Decimal(80), ago(1))


@pytest.mark.parametrize("held", ["3", "1.9989", "2.0011", "-2", "0"])
def test_what_the_trades_do_not_explain_stays_unknown(held: str) -> None:
    assert entry("+2@100", held) is None


@pytest.mark.parametrize("held", ["1.999", "2.001"])
def test_one_step_more_or_less_is_explained(held: str) -> None:
    assert entry("+2@100", held) == ("1E+2", 0)


@pytest.mark.parametrize(("held", "known"), [("2.00000002", True), ("2.00000003", False)])
def test_without_a_step_a_hundred_millionth_may_be_missing(held: str, known: bool) -> None:
    assert (entry("+2@100", held, step=None) is not None) is known


def test_without_trades_nothing_is_known() -> None:
    assert entry("", "2") is None


def test_a_deposit_sold_before_the_position_was_bought_does_no_harm() -> None:
    assert entry("-5@100 +2@80", "2") == ("8E+1", 1)


def test_a_sale_beyond_what_was_bought_ends_the_lot() -> None:
    assert entry("+2@100 -3@110 +1@80", "1") == ("8E+1", 2)
    assert entry("+2@100 -3@110", "1") is None


def test_less_than_a_step_does_not_keep_a_lot_open() -> None:
    assert entry("+2@100 -1.9995@150 +1@80", "1.0005") == ("8E+1", 2)
    assert entry("+2@100 -1.999@150 +1@80", "1.001") != ("8E+1", 2)


def test_what_is_left_below_a_step_has_its_old_cost() -> None:
    assert entry("+2@100 -1.9995@150", "0.0005") == ("1E+2", 0)


def test_a_fee_in_the_base_currency_reduces_what_was_bought() -> None:
    trades = told("+2@100", fee="0.1", currency="AAA")
    assert cost_basis(trades, SPOT, Decimal("1.9"), STEP) == CostBasis(Decimal(100), NOW)
    assert cost_basis(trades, SPOT, Decimal(2), STEP) is None


@pytest.mark.parametrize("currency", ["USD", "BNB", None])
def test_other_fees_are_no_part_of_the_entry_price(currency: str | None) -> None:
    trades = told("+2@100", fee="5", currency=currency)
    assert cost_basis(trades, SPOT, Decimal(2), STEP) == CostBasis(Decimal(100), NOW)


def test_a_fee_in_the_base_currency_takes_no_contracts() -> None:
    trades = told("+2@100", fee="0.1", currency="AAA")
    assert cost_basis(trades, INVERSE, Decimal(2), Decimal(1)) == CostBasis(Decimal(100), NOW)


@pytest.mark.parametrize(
    ("text", "held", "expected"),
    [
        ("-2@100 -2@120", "-4", ("11E+1", 0)),
        ("+5@100 -8@130", "-3", ("13E+1", 1)),
        ("-3@100 +4@90 +1@110", "2", ("1E+2", 1)),
        ("+5@100 -5@130 -1@140", "-1", ("14E+1", 2)),
    ],
)
def test_contracts_go_short_where_coins_only_go(text: str, held: str, expected: tuple[str, int]) -> None:
    found = entry(text, held, PERPETUAL)
    assert found is not None
    assert (Decimal(found[0]), found[1]) == (Decimal(expected[0]), expected[1])


def test_inverse_contracts_average_what_was_paid_in_coins() -> None:
    found = cost_basis(told("+1@100 +1@300"), INVERSE, Decimal(2), Decimal(1))
    assert found == CostBasis(Decimal(150), NOW)


def test_coins_are_never_short() -> None:
    assert entry("-2@100", "-2") is None


@pytest.mark.parametrize("odd", ["+0@100", "+1@0"])
def test_a_trade_without_quantity_or_price_explains_nothing(odd: str) -> None:
    assert entry(f"+2@100 {odd}", "2") is None


# --- Laws -----------------------------------------------------------------------------------------------------------

quantities = st.decimals("0.001", "1000", places=3)
prices = st.decimals("0.00001", "100000", places=5)


@st.composite
def bought(draw: st.DrawFn) -> list[Trade]:
    """Draw purchases, one a minute."""
    sizes = draw(st.lists(st.tuples(quantities, prices), min_size=1, max_size=8))
    return [Trade("buy", quantity, price, at(number)) for number, (quantity, price) in enumerate(sizes)]


def held_of(trades: list[Trade]) -> Decimal:
    with localcontext(EXACT):
        return sum((trade.quantity if trade.side == "buy" else -trade.quantity for trade in trades), Decimal(0))


def known(trades: list[Trade], step: Decimal | None = STEP) -> CostBasis:
    found = cost_basis(trades, SPOT, held_of(trades), step)
    assert found is not None
    return found


@given(bought(), st.sampled_from([STEP, None]))
def test_the_average_is_what_was_paid_over_what_was_bought(trades: list[Trade], step: Decimal | None) -> None:
    paid = sum(Fraction(trade.quantity) * Fraction(trade.price) for trade in trades)
    found = known(trades, step)
    assert found.opened_at == trades[0].at
    average = paid / Fraction(held_of(trades))
    assert abs(Fraction(found.entry_price or 0) - average) <= average / 10**17


@given(bought(), st.decimals("0.01", "0.99", places=2), prices)
def test_a_sale_in_part_changes_neither_price_nor_age(trades: list[Trade], share: Decimal, price: Decimal) -> None:
    sold = (held_of(trades) * share).quantize(STEP)
    assume(0 < sold < held_of(trades))
    sale = Trade("sell", sold, price, at(len(trades)))
    assert known([*trades, sale]) == known(trades)


@given(bought(), bought(), prices)
def test_what_was_before_a_full_sale_is_forgotten(first: list[Trade], then: list[Trade], price: Decimal) -> None:
    sale = Trade("sell", held_of(first), price, at(len(first)))
    later = [replace(trade, at=trade.at + timedelta(days=1)) for trade in then]
    assert known([*first, sale, *later]) == known(later)


@given(bought(), st.randoms(use_true_random=False))
def test_the_order_in_which_trades_are_told_makes_no_difference(trades: list[Trade], chance: random.Random) -> None:
    assert known(chance.sample(trades, len(trades))) == known(trades)


@given(bought(), st.decimals("0.0011", "5", places=4), st.sampled_from([1, -1]))
def test_more_than_a_step_unexplained_is_always_unknown(trades: list[Trade], missing: Decimal, sign: int) -> None:
    assert cost_basis(trades, SPOT, held_of(trades) + sign * missing, STEP) is None


@given(bought(), prices)
def test_a_short_is_the_mirror_of_a_long(trades: list[Trade], price: Decimal) -> None:
    part = Trade("sell", trades[0].quantity, price, at(len(trades)))
    assume(len(trades) > 1)
    whole = [*trades, part]
    turned = [replace(trade, side="sell" if trade.side == "buy" else "buy") for trade in whole]
    held = held_of(whole)
    assert cost_basis(turned, PERPETUAL, -held, STEP) == cost_basis(whole, PERPETUAL, held, STEP)
