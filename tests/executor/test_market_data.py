"""How much a market moves is asked of the venue where a rule hangs on it; without an answer nothing is sold for it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from exitplan.brokers.retrying import RetryingBroker
from exitplan.executor.plan import plan_account, with_market_data
from exitplan.ruleset.errors import PlanIsStale
from exitplan.ruleset.model.market_data import MarketData, MarketDemand
from tests.brokers.live.accounts import VENUES, account_at
from tests.builders import market, position, record, snapshot
from tests.executor.conftest import Stage
from tests.executor.scene import Scene, legacy, statuses

SHAKY = {"id": "shaky", "category": "LEGACY_NON_COMPLIANT", "when": {"volatility_1d": {"gt": 0.1}}}
SAFE = {"id": "safe", "category": "LEGACY_NON_COMPLIANT", "when": {"volatility_1d": {"lte": 0.1}}}
WILD, CALM = MarketData(Decimal("0.2"), 30), MarketData(Decimal("0.05"), 30)
ASKED = {"AAA/USD": MarketDemand(volatility_days=30)}


def shaky(on_stage: Stage, **changes: Any) -> Scene:
    """A position of a strategy, which a rule takes for a legacy one where its market moves too much."""
    account = snapshot(position("AAA/USD", 100), tracked={"AAA/USD": record()})
    return on_stage(account, **{"classification": [SHAKY], **changes})


def told(plan: dict[str, Any]) -> tuple[str, str | None, list[str], list[str]]:
    """Return what a plan says: the category, the volatility, what is done, and what is warned of."""
    (found,) = plan["positions"]
    kinds = [action["kind"] for action in plan["actions"]]
    return found["category"], found["facts"].get("volatility_1d"), kinds, [one["kind"] for one in plan["warnings"]]


def test_a_market_that_moves_too_much_is_left(on_stage: Stage) -> None:
    scene = shaky(on_stage)
    scene.trouble.markets["AAA/USD"] = WILD
    plan = scene.plan()
    assert told(plan) == ("LEGACY_NON_COMPLIANT", "0.200000", ["unwind"], [])
    assert scene.trouble.demands == [ASKED]
    assert statuses(scene.apply(plan)) == ["done"]


def test_a_calm_market_is_none_of_it(on_stage: Stage) -> None:
    scene = shaky(on_stage)
    scene.trouble.markets["AAA/USD"] = CALM
    assert told(scene.plan()) == ("STRATEGY_ALIGNED", "0.050000", [], [])


@pytest.mark.parametrize("fails", [True, False])
def test_without_an_answer_no_rule_matches_and_the_plan_says_so(on_stage: Stage, fails: bool) -> None:
    for rule in (SHAKY, SAFE):
        scene = shaky(on_stage, classification=[rule])
        scene.trouble.markets_fail = fails
        plan = scene.plan()
        assert told(plan) == ("STRATEGY_ALIGNED", None, [], ["no-market-data"])
        assert "the volatility of AAA/USD is not known" in plan["warnings"][0]["text"]
        assert scene.apply(plan).exit_code == 0


def test_a_policy_that_does_not_ask_reads_no_market(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.trouble.markets["AAA/USD"] = WILD
    scene.apply()
    scene.verify()
    assert scene.trouble.demands == []
    assert "volatility_1d" not in scene.plan()["positions"][0]["facts"]


def test_a_rule_that_cannot_come_to_decide_asks_nothing(on_stage: Stage) -> None:
    scene = on_stage(legacy(), classification=[SHAKY])  # not tracked, which decides before
    scene.plan()
    assert scene.trouble.demands == []


@pytest.mark.parametrize(("later", "fails"), [(CALM, False), (WILD, True)])
def test_where_a_market_is_another_at_apply_or_not_known_nothing_is_sold_for_it(
    on_stage: Stage, later: MarketData, fails: bool
) -> None:
    scene = shaky(on_stage)
    scene.trouble.markets["AAA/USD"] = WILD
    plan = scene.plan()
    scene.trouble.markets["AAA/USD"], scene.trouble.markets_fail = later, fails
    with pytest.raises(PlanIsStale, match="no longer wanted"):
        scene.apply(plan)
    assert scene.fills() == {}


def test_a_paper_account_knows_what_its_file_says(on_stage: Stage) -> None:
    scene = shaky(on_stage)
    scene.list_market("AAA/USD", volatility_1d="0.2", volume_1d="5000")
    plan = scene.plan()
    assert told(plan) == ("LEGACY_NON_COMPLIANT", "0.200000", ["unwind"], [])
    assert scene.trouble.demands == [], "what is known is not asked for"
    scene.apply(plan)
    assert scene.document()["markets"]["AAA/USD"]["volume_1d"] == "5000"


def test_what_was_told_is_added_to_what_is_known() -> None:
    known = snapshot(position("AAA/USD"), markets={"AAA/USD": market()})
    first = with_market_data(known, {"AAA/USD": WILD})
    second = with_market_data(first, {"AAA/USD": MarketData(volume_1h=Decimal(7)), "ZZZ/USD": WILD})
    assert second.markets["AAA/USD"].data == MarketData(Decimal("0.2"), 30, volume_1h=Decimal(7))
    assert second.markets.keys() == {"AAA/USD"}
    assert with_market_data(known, {}) is known


@pytest.mark.parametrize("venue", VENUES)
def test_a_live_account_asks_its_venue_once_a_day(on_stage: Stage, venue: str) -> None:
    held = snapshot(position("AAA/USD", 100), position("BBB/USD", 50), tracked={"AAA/USD": record()})
    scene = shaky(on_stage, classification=[{**SHAKY, "when": {"volatility_1d": {"gt": 0.05}}}])
    scene.track(AAA=record())
    with account_at(venue, held) as opened:
        opened.handle.venue.history["AAA/USD"] = ("100", "110") * 20
        account = replace(scene.open(), broker=RetryingBroker(opened.broker, scene.clock.sleep), venue=venue)
        plans = [plan_account(account) for _ in range(2)]
        asked = [
            call.path
            for call in opened.calls()
            if "candles" in call.path or call.path.endswith(("OHLC", "kline", "klines"))
        ]
        assert len(asked) == 1, "AAA once; BBB is not tracked, which decides before"
    found = {one["symbol"]: one for one in plans[0].document["positions"]}
    assert (found["AAA/USD"]["rule"], found["AAA/USD"]["facts"]["volatility_1d"]) == ("shaky", "0.095310")
    assert "volatility_1d" not in found["BBB/USD"]["facts"]
    assert plans[1].snapshot.markets["AAA/USD"].data == plans[0].snapshot.markets["AAA/USD"].data
