"""The volatility of daily closes: the same digits whatever the machine, and nothing where too little was told."""

from __future__ import annotations

import itertools
import math
import random
from datetime import date, timedelta
from decimal import ROUND_UP, Context, Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitplan.ruleset.model.volatility import Volatility, volatility

TODAY = date(2026, 2, 18)
Closes = list[tuple[date, Decimal]]
prices = st.decimals("0.0001", "1", places=8)
"""No two of them are further apart than a volatility that is believed."""


def closes(*told: str) -> Closes:
    """Return closes of the days before today, the last one yesterday's."""
    first = TODAY - timedelta(days=len(told))
    return [(first + timedelta(days=number), Decimal(price)) for number, price in enumerate(told)]


def series(least: int = 2, most: int = 40) -> st.SearchStrategy[Closes]:
    return st.lists(prices, min_size=least, max_size=most).map(lambda told: closes(*map(str, told)))


def value(told: Closes, days: int = 2) -> str | None:
    found = volatility(told, days=days, today=TODAY)
    return None if found is None else str(found.value)


def test_the_volatility_is_the_root_of_the_mean_squared_log_return() -> None:
    assert value(closes("100", "110", "99"), days=2) == "0.100461"  # of ln(1.1) and ln(0.9)
    assert value(closes("100", "100", "100")) == "0.000000"
    assert value(closes("1", "2.718281828459045235360287471352662498")) == "1.000000"


@given(series())
def test_it_agrees_with_the_same_sum_in_floats(told: Closes) -> None:
    logs = [math.log(float(price)) for _, price in told]
    returns = [after - before for before, after in itertools.pairwise(logs)]
    expected = math.sqrt(sum(step * step for step in returns) / len(returns))
    found = volatility(told, days=len(told) - 1, today=TODAY)
    assert found is not None
    assert float(found.value) == pytest.approx(expected, abs=1e-6)
    assert found.days == len(returns)


@given(series(), st.integers(1, 9), st.randoms(use_true_random=False))
def test_neither_the_order_nor_the_arithmetic_of_the_caller_changes_a_digit(
    told: Closes, digits: int, shuffle: random.Random
) -> None:
    plainly = volatility(told, days=30, today=TODAY)
    mixed = [*told, *told]
    shuffle.shuffle(mixed)
    with localcontext(Context(prec=digits, rounding=ROUND_UP)):
        assert volatility(mixed, days=30, today=TODAY) == plainly


@given(series(), prices, st.integers(0, 3))
def test_a_day_that_is_not_over_and_what_comes_after_it_do_not_count(told: Closes, price: Decimal, later: int) -> None:
    unfinished = (TODAY + timedelta(days=later), price)
    assert volatility([*told, unfinished], days=30, today=TODAY) == volatility(told, days=30, today=TODAY)


@given(series(12), st.integers(2, 10))
def test_days_before_those_that_are_asked_for_do_not_count(told: Closes, days: int) -> None:
    assert volatility(told, days=days, today=TODAY) == volatility(told[-days - 1 :], days=days, today=TODAY)


@given(series(), st.sampled_from(["0", "-1", "NaN", "Infinity"]), st.data())
def test_what_is_no_price_is_as_if_it_had_not_been_told(told: Closes, wrong: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(told) - 1))
    spoilt = [(day, Decimal(wrong) if at == place else price) for at, (day, price) in enumerate(told)]
    without = [each for at, each in enumerate(told) if at != place]
    assert volatility(spoilt, days=4, today=TODAY) == volatility(without, days=4, today=TODAY)


def test_a_day_that_is_told_in_two_ways_is_not_believed() -> None:
    told = closes("100", "110", "99", "100")
    contradicted = [*told, (told[1][0], Decimal(111))]
    assert volatility(contradicted, days=4, today=TODAY) == volatility([told[0], *told[2:]], days=4, today=TODAY)


def test_over_days_without_a_close_the_price_stood_still() -> None:
    gap = [closes("100", "1", "1", "110")[0], closes("100", "1", "1", "110")[3]]
    assert volatility(gap, days=4, today=TODAY) == volatility(closes("100", "100", "100", "110"), days=4, today=TODAY)


@pytest.mark.parametrize(("told", "days", "known"), [(15, 30, True), (14, 30, False), (2, 2, True), (1, 2, False)])
def test_of_less_than_half_of_the_days_nothing_is_known(told: int, days: int, known: bool) -> None:
    found = volatility(closes(*["100"] * told), days=days, today=TODAY)
    assert found == (Volatility(Decimal("0.000000"), told - 1) if known else None)


@pytest.mark.parametrize(("last", "found"), [("22026", "9.999979"), ("22027", None)])
def test_a_volatility_beyond_1000_percent_is_not_believed(last: str, found: str | None) -> None:
    assert value(closes("1", last, "1")) == found  # e to the power of 10 is 22,026.47


def test_nothing_is_known_of_a_market_that_tells_nothing() -> None:
    assert volatility([], days=30, today=TODAY) is None
