"""How an exit is divided where the venue limits one order, and what an unwind sells at least."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitplan.ruleset.model.position_view import PositionView
from exitplan.ruleset.model.snapshot import Market
from exitplan.ruleset.model.valuation import Price
from exitplan.ruleset.model.values import DEFAULT_STEP
from exitplan.ruleset.planning.order_sizes import MOST_ORDERS, divide_order
from exitplan.ruleset.planning.unwind import Slice, next_step
from tests.builders import NOW, Amount, Given, compiled, market, policy_document, position


def view_of(listed: Market | None, quantity: Amount = 10) -> PositionView:
    """Make a view of a position at the last price of its market."""
    last = None if listed is None else listed.last
    price = Price(last, Decimal(1), "missing" if last is None else "ok")
    return PositionView(position(quantity=quantity), "AAA", listed, price)


def divided(quantity: Amount, *, last: Amount | None = 4, at_market: bool = True, **limits: Given) -> list[str]:
    """Divide a quantity at a market with whole steps and no minimums, unless ``limits`` says otherwise."""
    listed = market(last, **{"step": 1, "min_amount": None, "min_notional": None, **limits})
    parts = divide_order(view_of(listed), Decimal(quantity), None, at_market=at_market)
    return [format(part.normalize(), "f") for part in parts]


def test_what_has_no_maximum_or_no_market_is_one_order() -> None:
    assert divided(10) == ["10"]
    assert divide_order(view_of(None), Decimal(10), None, at_market=True) == (Decimal(10),)


@pytest.mark.parametrize(
    ("quantity", "most", "parts"),
    [
        (10, 10, ["10"]),
        (11, 10, ["6", "5"]),
        (10, 3, ["3", "3", "2", "2"]),
        (7, "3.5", ["3", "2", "2"]),  # the largest order is on the step as well
        (10, "0.5", []),
    ],
)
def test_it_is_divided_into_the_fewest_orders_as_equal_as_the_step_allows(
    quantity: Amount, most: Amount, parts: list[str]
) -> None:
    assert divided(quantity, max_amount=most) == parts


def test_an_order_at_the_market_may_have_a_maximum_of_its_own() -> None:
    assert divided(10, max_amount=5, market_max_amount=3) == ["3", "3", "2", "2"]
    assert divided(10, max_amount=5, market_max_amount=3, at_market=False) == ["5", "5"]


def test_a_maximum_of_value_counts_at_the_order_s_own_price_and_not_without_one() -> None:
    assert divided(10, max_notional=20) == ["5", "5"]
    assert divided(9, max_notional=20, max_amount=4) == ["3", "3", "3"]
    assert divided(10, max_notional=20, last=None) == ["10"]
    view = view_of(market(4, step=1, max_notional=20))
    assert divide_order(view, Decimal(10), Decimal(2), at_market=False) == (Decimal(10),)


def test_one_plan_has_a_thousand_orders_of_an_exit_at_most() -> None:
    assert divided(1001, max_amount=1) == ["1"] * 1000
    assert divided("999.5", max_amount=1, step="0.5") == [*["1"] * 999, "0.5"]
    assert divided(5000, max_amount=1, min_amount=2) == []


def test_where_equal_parts_are_below_the_minimum_the_largest_order_goes_first() -> None:
    assert divided(17, max_amount=6, min_amount=5) == ["6", "6", "5"]
    assert divided(17, max_amount=6, min_amount=6) == ["6"]
    assert divided(17, max_amount=6, min_amount=7) == []


def test_without_a_step_parts_have_eight_places_and_the_last_takes_the_rest() -> None:
    assert divided("5.000000001", step=None, max_amount=2) == ["1.66666667", "1.66666667", "1.666666661"]
    assert divided("0.5", step=None, last=3, max_notional=1, min_amount="0.3") == ["0.33333333"]


@given(
    steps=st.integers(1, 10**6),
    most=st.integers(1, 10**4),
    step=st.sampled_from([None, "0.5", "3"]),
    beside=st.integers(0, 9),
)
def test_parts_add_up_larger_first_and_none_is_above_the_maximum(
    steps: int, most: int, step: str | None, beside: int
) -> None:
    unit = DEFAULT_STEP if step is None else Decimal(step)
    quantity = steps * unit + (beside * unit / 10 if step is None else 0)
    listed = market(4, step=step, min_amount=None, min_notional=None, max_amount=most * unit)
    parts = divide_order(view_of(listed, str(quantity)), quantity, None, at_market=True)
    if len(parts) < MOST_ORDERS:
        assert sum(parts) == quantity
    assert list(parts) == sorted(parts, reverse=True)
    assert 0 < parts[-1] <= parts[0] <= most * unit
    assert parts[0] - parts[-1] < 2 * unit


def sold(listed: Market | None, quantity: Amount = 10, price: Decimal | None = None) -> Decimal:
    """Give what the first cycle of an unwind by a tenth sells."""
    view = view_of(listed, quantity)
    step = next_step(view, None, compiled(policy_document(gradual_unwind_pct=Decimal("0.1"))), NOW)
    return Slice(view, step, price).quantity


@pytest.mark.parametrize(
    ("listed", "least"),
    [
        ({}, 1),
        ({"step": 2}, 2),
        ({"min_amount": "2.5"}, 3),
        ({"min_notional": 9}, 3),
        ({"min_notional": 9, "min_amount": 4}, 4),
        ({"min_notional": 9, "last": None}, 1),  # in value nothing can be compared
    ],
    ids=str,
)
def test_a_slice_is_at_least_what_the_venue_accepts(listed: dict[str, Given], least: int) -> None:
    assert sold(market(**{"last": 4, "step": 1, "min_amount": None, "min_notional": None, **listed})) == least


def test_a_slice_is_worth_its_minimum_at_the_order_s_own_price() -> None:
    assert sold(market(4, step=1, min_amount=None, min_notional=9), price=Decimal(3)) == 3
    assert sold(market(4, step=1, min_amount=None, min_notional=9), price=Decimal("2.9")) == 4


def test_without_a_market_everything_is_one_slice() -> None:
    assert sold(None) == 10


def test_what_fits_into_one_order_is_one_even_below_the_minimum() -> None:
    assert divided(1, max_amount=10, min_amount=2) == ["1"]
    assert divided(1, max_amount=1, min_amount=2) == ["1"]


def test_everything_is_what_the_step_allows_of_it() -> None:
    view = view_of(market(step=1), "10.5")
    step = next_step(view, None, compiled(policy_document()), NOW)
    assert Slice(view, step).everything == 10
