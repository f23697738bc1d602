"""What is read of markets beyond their prices: how it becomes a fact, and what a demand for it means."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from exitplan.ruleset.model.market_data import NO_DEMAND, MarketData, MarketDemand
from tests.builders import facts, market, plan_of, position, snapshot


def test_a_volatility_that_was_read_is_a_fact() -> None:
    told = replace(market(), data=MarketData(Decimal("0.0412345"), 30))
    account = snapshot(position("AAA/USD"), position("BBB/USD"), markets={"AAA/USD": told, "BBB/USD": market()})
    plan = plan_of(account)
    assert facts(plan)["volatility_1d"] == "0.041234"
    assert "volatility_1d" not in facts(plan, "BBB/USD")


def test_demands_come_together_as_the_larger_of_both() -> None:
    first = MarketDemand(10, frozenset({"hour"}), Decimal("0.02"))
    second = MarketDemand(30, frozenset({"day"}))
    assert first.plus(second) == second.plus(first) == MarketDemand(30, frozenset({"hour", "day"}), Decimal("0.02"))
    assert NO_DEMAND.plus(first) == first
    assert first
    assert not NO_DEMAND.plus(NO_DEMAND)


@pytest.mark.parametrize(
    ("known", "demand", "lacking"),
    [
        ({}, NO_DEMAND, []),
        ({}, MarketDemand(30), ["volatility"]),
        ({"volatility_1d": Decimal(0)}, MarketDemand(30), []),
        ({"volume_1d": Decimal(0)}, MarketDemand(volume=frozenset({"hour", "day"})), ["volume of the hour"]),
        ({"bid_depth": Decimal(1)}, MarketDemand(depth_within=Decimal("0.01")), ["depth of the book"]),
        ({"bid_depth": Decimal(1), "ask_depth": Decimal(0)}, MarketDemand(depth_within=Decimal("0.01")), []),
    ],
)
def test_what_is_asked_for_and_not_known_is_named(
    known: dict[str, Any], demand: MarketDemand, lacking: list[str]
) -> None:
    assert MarketData(**known).lacks(demand) == lacking
