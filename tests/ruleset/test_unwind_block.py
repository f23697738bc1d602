"""What a policy may say of its unwinds, and what it needs to be read from a venue for that."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from exitplan.ruleset.language.policy import compile_policy
from exitplan.ruleset.language.problems import Problem
from exitplan.ruleset.language.unwinding import SCHEDULES, Calibration, Participation, Unwind
from exitplan.ruleset.model.market_data import NO_DEMAND, MarketDemand, VolumeOf
from tests.builders import compiled, policy_document

CALIBRATED = {"schedule": "adaptive", "calibrate": {"pct": Decimal("0.25"), "at_volatility": Decimal("0.04")}}


def unwind_of(**block: Any) -> Unwind:
    return compiled({**policy_document(), "unwind": block}).unwind


def problems_of(**block: Any) -> list[Problem]:
    return compile_policy({**policy_document(), "unwind": block})[1]


def test_a_policy_without_the_block_unwinds_as_published() -> None:
    unwind = compiled(policy_document()).unwind
    assert unwind == Unwind()
    assert (unwind.schedule, unwind.market_demand) == ("published", NO_DEMAND)


def test_an_adaptive_unwind_asks_for_thirty_days_of_volatility() -> None:
    unwind = unwind_of(**CALIBRATED)
    assert unwind.calibrate == Calibration(Decimal("0.25"), Decimal("0.04"))
    assert unwind.market_demand == MarketDemand(volatility_days=30)
    assert (unwind.min_pct, unwind.max_pct) == (Decimal(0), Decimal(1))


def test_the_days_of_the_volatility_are_the_policys() -> None:
    policy = compiled({**policy_document(), "unwind": {**CALIBRATED, "volatility": {"from": "candles", "days": 60}}})
    assert (policy.volatility_days, policy.market_demand) == (60, MarketDemand(volatility_days=60))


@pytest.mark.parametrize("schedule", [name for name in SCHEDULES if name != "adaptive"])
def test_no_other_schedule_asks_for_a_volatility(schedule: str) -> None:
    assert not unwind_of(schedule=schedule).market_demand


@pytest.mark.parametrize("window", ["hour", "day"])
def test_a_share_of_the_volume_asks_for_that_volume(window: VolumeOf) -> None:
    unwind = unwind_of(max_participation={"share": Decimal("0.05"), "of": window})
    assert unwind.market_demand == MarketDemand(volume=frozenset({window}))


def test_a_share_of_the_book_asks_for_its_depth_near_the_mid() -> None:
    unwind = unwind_of(max_participation={"share": Decimal("0.2"), "of": "book"})
    assert unwind.max_participation == Participation(Decimal("0.2"), "book", Decimal("0.01"))
    assert unwind.market_demand == MarketDemand(depth_within=Decimal("0.01"))


def test_a_risk_aversion_stands_in_place_of_the_calibration() -> None:
    unwind = unwind_of(schedule="adaptive", risk_aversion=100, impact=Decimal("0.0475"))
    assert (unwind.calibrate, unwind.risk_aversion, unwind.impact) == (None, Decimal(100), Decimal("0.0475"))


@pytest.mark.parametrize(
    ("block", "place", "words"),
    [
        ({"schedule": "adaptive"}, ("unwind", "schedule"), "needs calibrate, or risk_aversion with impact"),
        ({"schedule": "adaptive", "risk_aversion": 2}, ("unwind", "risk_aversion"), "risk_aversion needs impact"),
        (
            {**CALIBRATED, "risk_aversion": 2, "impact": Decimal("0.01")},
            ("unwind", "risk_aversion"),
            "say the same in two ways",
        ),
        ({**CALIBRATED, "min_pct": Decimal("0.6"), "max_pct": Decimal("0.5")}, ("unwind", "min_pct"), "above max_pct"),
        (
            {"max_participation": {"share": Decimal("0.1"), "of": "day", "within": Decimal("0.1")}},
            ("unwind", "max_participation", "within"),
            "no meaning for of: day",
        ),
    ],
)
def test_what_a_schema_cannot_see_is_an_error_at_its_place(block: dict[str, Any], place: Any, words: str) -> None:
    (problem,) = problems_of(**block)
    assert (problem.severity, problem.path) == ("error", place)
    assert words in problem.message
    assert problem.hint


def test_a_block_changes_the_hash_of_a_policy_and_none_leaves_it() -> None:
    without = compiled(policy_document())
    assert compiled({**policy_document(), "unwind": CALIBRATED}).sha256 != without.sha256
