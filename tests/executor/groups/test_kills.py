"""A process that carries out a group's plan dies at every point: nothing is lost, doubled or left alone untold."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from exitplan.executor.groups.results import GroupResult
from exitplan.ruleset.groups.group_plan import GroupPlan
from tests.executor.crashes import Points
from tests.executor.groups.group_scene import CASH, HEDGE, PRICE, GroupScene, group_stage
from tests.faults import Crash, Fault

BOUND = 250


def die_at(scene: GroupScene, plan: GroupPlan | None, at: int) -> bool:
    """Carry out a plan and die at a point; tells whether it was reached."""
    points = Points(at)
    with pytest.MonkeyPatch.context() as patch:
        points.install(patch)
        try:
            scene.apply(plan)
        except Crash:
            return True
    return False


def gone_on_with(scene: GroupScene, plan: GroupPlan) -> list[GroupResult]:
    """Go on with what was begun until nothing is open; without anything begun, with the plan."""
    results: list[GroupResult] = []
    for _ in range(6):
        results.append(scene.apply(None if scene.open_rows() else plan))
        if not scene.open_rows():
            return results
        scene.clock.advance(5)
    raise AssertionError(f"it comes to no end: {results[-1]}")


def too_much(scene: GroupScene) -> list[str]:
    """Name the accounts whose venue has filled more of an order, or in all, than was ever held."""
    wrong = []
    for name, one in scene.scenes.items():
        filled = sum(one.fills().values(), Decimal(0))
        if filled > 1 or filled + Decimal(scene.holding()[name]) != 1:
            wrong.append(f"{name}: {filled} filled, {scene.holding()[name]} held")
    return wrong


def is_within_bound_or_told(scene: GroupScene) -> bool:
    apart = abs(scene.net()) * PRICE
    return apart == 0 or (apart <= BOUND and bool(scene.legs_apart()))


def count_points(tmp_path: Path, faults: Sequence[Fault]) -> int:
    scene = staged(tmp_path / "counted", faults)
    points = Points()
    with pytest.MonkeyPatch.context() as patch:
        points.install(patch)
        scene.apply(scene.plan())
    return points.passed


def staged(root: Path, faults: Sequence[Fault], **changes: Any) -> GroupScene:
    root.mkdir(parents=True)
    scene = group_stage(root, bound=BOUND, **changes)
    for one in scene.scenes.values():
        one.break_writes(*faults)
    return scene


@pytest.mark.parametrize("share", range(6))
def test_killed_at_any_point_the_next_one_finishes_in_balance(tmp_path: Path, share: int) -> None:
    points = count_points(tmp_path, ())
    assert points > 100
    for at in range(1 + share, points + 1, 6):
        scene = staged(tmp_path / str(at), ())
        plan = scene.plan()
        assert die_at(scene, plan, at)
        assert abs(scene.net()) * PRICE <= BOUND
        gone_on_with(scene, plan) if scene.open_rows() or scene.holding()[CASH] == "1" else None
        assert (too_much(scene), scene.open_rows()) == ([], {})
        assert scene.holding() in ({CASH: "0", HEDGE: "0"}, {CASH: "1", HEDGE: "1"}), at


FAULTS = {
    "lost before": (Fault.LOST_BEFORE,) * 3,
    "lost after": (Fault.LOST_AFTER,) * 3,
    "late": (Fault.DELAYED,) * 3,
    "refused": (Fault.NONE, Fault.REFUSED),
    "in part": (Fault.PARTIAL,) * 3,
    "busy": (Fault.BUSY,) * 3,
}


@pytest.mark.parametrize("fault", FAULTS)
def test_killed_twice_while_the_venues_misbehave(tmp_path: Path, fault: str) -> None:
    for number, (first, second) in enumerate(((40, 30), (75, 60), (110, 25), (150, 90))):
        scene = staged(tmp_path / str(number), FAULTS[fault], attempts=2)
        plan = scene.plan()
        die_at(scene, plan, first)
        die_at(scene, None if scene.open_rows() else plan, second)
        if scene.open_rows():
            gone_on_with(scene, plan)
        assert (too_much(scene), scene.open_rows()) == ([], {})
        assert is_within_bound_or_told(scene), (first, second)


def test_killed_while_it_is_prepared_nothing_was_sent_and_the_next_plan_goes(tmp_path: Path) -> None:
    scene = group_stage(tmp_path)
    plan = scene.plan()
    at = next(at for at in range(1, 60) if die_at(scene, plan, at) and scene.open_rows())
    assert (scene.holding(), at > 1) == ({CASH: "1", HEDGE: "1"}, True)
    assert (scene.apply().exit_code, scene.open_rows()) == (0, {})
    assert scene.apply(scene.plan()).exit_code == 0
    assert scene.holding() == {CASH: "0", HEDGE: "0"}


def with_one_leg_alone(tmp_path: Path) -> tuple[GroupScene, GroupPlan]:
    """Carry a plan out until a process dies between two legs."""
    for at in range(60, 200):
        scene = staged(tmp_path / str(at), ())
        plan = scene.plan()
        if die_at(scene, plan, at) and scene.net() != 0:
            return scene, plan
    raise AssertionError


def test_killed_and_found_long_after_a_lone_leg_is_made_up_for_and_no_other_goes_ahead(tmp_path: Path) -> None:
    scene, plan = with_one_leg_alone(tmp_path)
    before = scene.holding()
    scene.clock.advance(86_400)
    result = gone_on_with(scene, plan)[-1]
    assert (bool(scene.net()), result.is_open) == (False, False)
    assert min(before.values()) == scene.holding()[CASH] == scene.holding()[HEDGE]
