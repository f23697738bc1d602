"""Prices and money of the paper venue."""

from __future__ import annotations

import pytest

from exitplan.brokers.paper.pricing import mark_price, round_down, round_up
from exitplan.ruleset.model.snapshot import Market
from tests.brokers.accounts import d


@pytest.mark.parametrize(
    ("market", "expected"),
    [
        (Market(last=d("100"), bid=d("90"), ask=d("91")), "100"),
        (Market(bid=d("90"), ask=d("91")), "90.5"),
        (Market(bid=d("90")), None),
        (Market(bid=d("0"), ask=d("91")), None),
        (Market(last=d("0"), bid=d("90"), ask=d("91")), "90.5"),
        (Market(last=d("100"), price_status="missing"), None),
        (Market(), None),
    ],
)
def test_the_mark_price_is_the_last_else_the_middle(market: Market, expected: str | None) -> None:
    assert mark_price(market) == (None if expected is None else d(expected))


def test_money_is_exact_to_36_places_and_rounded_against_the_account_beyond() -> None:
    fine = d("0." + "1" * 36)
    assert round_up(fine) == round_down(fine) == fine
    assert round_down(d(f"{fine}5")) == fine
    assert round_up(d(f"{fine}5")) == d("0." + "1" * 35 + "2")
