"""Gradual has a pace, and a little growth is no new position."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from tests.builders import NOW
from tests.executor.conftest import Stage
from tests.executor.scene import Scene, kinds, legacy, statuses
from tests.faults import Fault

AAA = "AAA/USD"
PACED = {"unwind_interval_minutes": 5}


def paced(on_stage: Stage, **changes: object) -> Scene:
    """A legacy position of 100 whose first cycle was done at about the start."""
    scene = on_stage(legacy(), parameters=PACED, **changes)
    assert scene.apply().exit_code == 0
    return scene


def run(scene: Scene) -> str | None:
    """Plan and apply; gives what the position waits for, None where something was sold."""
    before = scene.held()
    plan = scene.plan()
    scene.apply(plan)
    waiting = [blocked["until"] for blocked in plan["blocked"] if blocked["reason"] == "waiting"]
    assert bool(waiting) == (scene.held() == before)
    return waiting[0] if waiting else None


def last_cycle(scene: Scene) -> str:
    return str(scene.state_document()["unwind_progress"][AAA]["last_cycle_at"])


def test_the_next_cycle_waits_and_the_plan_says_until_when(on_stage: Stage) -> None:
    scene = paced(on_stage)
    assert run(scene) == "2026-02-18T22:05:01Z"
    assert (scene.held(), scene.verify().state) == ("75", "CLEANUP_IN_PROGRESS")


def test_it_is_due_at_that_moment_and_not_before(on_stage: Stage) -> None:
    scene = paced(on_stage)
    done_at = scene.state().unwinds[AAA].last_cycle_at
    assert done_at is not None
    scene.clock.now = done_at + timedelta(minutes=5, seconds=-2)
    assert run(scene) is not None
    assert run(scene) is None
    assert scene.held() == "56.25"


def test_the_last_cycle_waits_too(on_stage: Stage) -> None:
    scene = paced(on_stage)
    for _ in range(2):
        scene.clock.advance(300)
        assert run(scene) is None
    assert run(scene) is not None
    scene.clock.advance(300)
    assert (run(scene), scene.held()) == (None, "0")


def test_a_clock_that_jumps_back_makes_the_next_cycle_due_and_is_told(on_stage: Stage) -> None:
    scene = paced(on_stage)
    scene.clock.now = NOW - timedelta(hours=3)
    plan = scene.plan()
    assert "dated" in plan["actions"][0]["because"]
    assert (scene.apply(plan).exit_code, scene.held()) == (0, "56.25")


def test_a_clock_that_jumps_ahead_does_one_cycle(on_stage: Stage) -> None:
    scene = paced(on_stage)
    scene.clock.advance(10 * 24 * 3600)
    assert run(scene) is None
    assert run(scene) is not None
    assert scene.held() == "56.25"


def test_a_slice_that_is_refused_is_due_again_at_once(on_stage: Stage) -> None:
    scene = on_stage(legacy(), parameters=PACED)
    scene.break_writes(Fault.REFUSED)
    scene.apply()
    assert run(scene) is None


def test_a_slice_filled_in_part_is_finished_at_once(on_stage: Stage) -> None:
    scene = on_stage(legacy(), parameters=PACED)
    scene.break_writes(Fault.PARTIAL)
    scene.apply()
    assert (run(scene), scene.held()) == (None, "75")
    assert run(scene) is not None


def test_a_cycle_with_no_order_waits_for_its_time_too(on_stage: Stage) -> None:
    scene = paced(on_stage)
    scene.hold(AAA, "50")
    before = last_cycle(scene)
    scene.apply()
    assert last_cycle(scene) == before
    scene.clock.advance(300)
    scene.apply()
    assert (scene.state().unwinds[AAA].cycle, scene.held()) == (2, "50")
    assert run(scene) is not None


def test_a_little_growth_moves_the_target_and_not_the_cycle(on_stage: Stage) -> None:
    scene = paced(on_stage)
    scene.hold(AAA, "75.4")
    scene.clock.advance(300)
    assert run(scene) is None
    unwind = scene.state().unwinds[AAA]
    assert (unwind.cycle, unwind.added, unwind.initial_quantity) == (2, Decimal("0.4"), Decimal("100.4"))
    assert (scene.held(), "UNWIND_REANCHORED" in scene.alert_kinds()) == ("56.475", False)


def test_growth_is_kept_in_the_state_until_it_is_too_much(on_stage: Stage) -> None:
    scene = paced(on_stage)
    for grown in ("75.5", "56.9"):
        scene.hold(AAA, grown)
        scene.clock.advance(300)
        scene.apply()
    unwind = scene.state().unwinds[AAA]
    assert (unwind.cycle, unwind.added) == (3, Decimal("0.5") + Decimal("56.9") - Decimal("0.5625") * Decimal("100.5"))
    scene.hold(AAA, "60")
    scene.clock.advance(300)
    scene.apply()
    unwind = scene.state().unwinds[AAA]
    assert (unwind.cycle, unwind.added, unwind.initial_quantity) == (1, Decimal(0), Decimal(60))
    assert scene.alert_kinds() == ["UNWIND_REANCHORED"]


@pytest.mark.parametrize(("held", "cycle"), [("76", 2), ("76.002", 1)])
def test_one_percent_is_the_most_that_an_unwind_grows_by(on_stage: Stage, held: str, cycle: int) -> None:
    scene = paced(on_stage)
    scene.hold(AAA, held)
    scene.clock.advance(300)
    scene.apply()
    assert scene.state().unwinds[AAA].cycle == cycle


def test_what_grew_too_much_waits_for_the_interval_as_well(on_stage: Stage) -> None:
    scene = paced(on_stage)
    scene.hold(AAA, "90")
    assert run(scene) is not None
    scene.clock.advance(300)
    assert (run(scene), scene.held()) == (None, "67.5")


def test_a_daily_reward_does_not_put_the_end_off(on_stage: Stage) -> None:
    scene = paced(on_stage)
    for _ in range(3):
        scene.clock.advance(24 * 3600)
        scene.hold(AAA, str((Decimal(scene.held()) * Decimal("1.0005")).quantize(Decimal("0.001"))))
        scene.apply()
    assert scene.held() == "0"


def test_a_plan_that_was_interrupted_is_finished_without_waiting(on_stage: Stage) -> None:
    scene = on_stage(legacy(), parameters=PACED)
    plan = scene.plan()
    assert scene.apply(plan, stop_after=0).exit_code == 8
    result = scene.apply(plan)
    assert (kinds(plan), statuses(result), scene.held()) == (["unwind"], ["done"], "75")
