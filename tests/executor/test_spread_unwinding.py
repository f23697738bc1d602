"""Adaptive and paced unwinds carried out: by the volatility of each day, and by what the market trades."""

from __future__ import annotations

import copy
from decimal import Decimal
from typing import Any

import pytest

from exitplan.ruleset.planning.plan import plan_sha256
from tests.builders import market
from tests.executor.conftest import Stage
from tests.executor.scene import Scene, legacy

ADAPTIVE = {"schedule": "adaptive", "calibrate": {"pct": 0.25, "at_volatility": 0.04}}
HOURLY = {"max_participation": {"share": 0.05, "of": "hour"}}
DAY = 86_400


def staged(on_stage: Stage, unwind: dict[str, Any], **more: Any) -> Scene:
    return on_stage(legacy(markets={"AAA/USD": market()}), unwind=unwind, **more)


def cycle(scene: Scene, seconds: float = 60, **data: str | None) -> tuple[int, str]:
    """Give the cycles done and what is held after one more run, the market having told this before it."""
    scene.list_market("AAA/USD", **data)
    scene.clock.advance(seconds)
    scene.apply()
    done = scene.state().unwinds.get("AAA/USD")
    return (done.cycle if done else 0, scene.held())


def test_a_storm_sells_sooner_and_a_calm_later(on_stage: Stage) -> None:
    scene = staged(on_stage, ADAPTIVE)
    run = [cycle(scene, volatility_1d=sigma) for sigma in ("0.04", "0.08", "0.02", "0.02")]
    # Of 100: .314896 at 4 %, then p(3) = .475 at 8 %, p(2) = .505155 at 2 %, and the rest.
    assert run == [(1, "68.511"), (2, "35.968"), (3, "17.799"), (0, "0")]
    assert scene.says() == "CLEAN"


def test_progress_keeps_the_share_that_is_left(on_stage: Stage) -> None:
    scene = staged(on_stage, ADAPTIVE)
    cycle(scene, volatility_1d="0.04")
    (entry,) = scene.state_document()["unwind_progress"].values()
    assert entry["remaining_pct"] == "0.685103857567"


def test_an_unwind_that_is_capped_goes_on_until_nothing_is_left(on_stage: Stage) -> None:
    scene = staged(on_stage, HOURLY)
    run = [cycle(scene, 3_600, volume_1h="600") for _ in range(4)]
    assert run == [(1, "75"), (2, "56.25"), (3, "42.188"), (4, "12.188")]
    assert cycle(scene, 3_600) == (0, "0")
    assert scene.says() == "CLEAN"


def test_a_market_that_stands_still_is_waited_for_and_the_cycle_is_not_lost(on_stage: Stage) -> None:
    scene = staged(on_stage, HOURLY)
    assert cycle(scene, volume_1h="0") == (0, "100")
    assert [blocked["reason"] for blocked in scene.plans[-1]["blocked"]] == ["thin-market"]
    assert cycle(scene, 3_600, volume_1h="200") == (1, "90")


def test_what_was_sold_last_minute_is_not_sold_again_this_minute(on_stage: Stage) -> None:
    scene = staged(on_stage, HOURLY)
    assert cycle(scene, volume_1h="200") == (1, "90")
    assert cycle(scene, 359) == (2, "89")  # with the second that planning takes, a tenth of an hour


@pytest.mark.parametrize(
    ("spoilt", "most"),
    [("quantity", "68.511"), ("target", "68.511"), ("volatility", "68.511")],
)
def test_an_altered_plan_sells_no_more_than_the_schedule(on_stage: Stage, spoilt: str, most: str) -> None:
    scene = staged(on_stage, ADAPTIVE)
    scene.list_market("AAA/USD", volatility_1d="0.04")
    plan = copy.deepcopy(scene.plan())
    step = next(entry["unwind"] for entry in plan["positions"])
    plan["actions"][0]["quantity"] = "90"
    if spoilt == "target":
        step |= {"target_quantity": "10", "remaining_pct": "0.1"}
    if spoilt == "volatility":
        step |= {"volatility": "9", "rest_pct": "0.9"}
    plan["sha256"] = plan_sha256(plan)
    scene.apply(plan)
    assert scene.held() == most


def test_a_plan_from_a_busier_hour_sells_what_this_one_allows(on_stage: Stage) -> None:
    scene = staged(on_stage, HOURLY)
    scene.list_market("AAA/USD", volume_1h="400")
    plan = scene.plan()
    scene.list_market("AAA/USD", volume_1h="100")
    scene.apply(plan)
    assert scene.held() == "95"


def test_a_plan_from_a_stormier_day_sells_what_this_one_wants(on_stage: Stage) -> None:
    scene = staged(on_stage, ADAPTIVE)
    scene.list_market("AAA/USD", volatility_1d="0.08")
    plan = scene.plan()
    scene.list_market("AAA/USD", volatility_1d="0.04")
    scene.apply(plan)
    assert Decimal(scene.held()) == Decimal("68.511")
