"""The process dies at every place in turn: nothing is lost, nothing is doubled."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import pytest

import exitplan.executor.store.state
from exitplan.executor.store.files import write_atomically
from exitplan.ruleset.errors import PlanIsStale, PlanIsUsed
from exitplan.ruleset.model.snapshot import Snapshot
from tests.builders import order, position, record, snapshot
from tests.executor.crashes import Points
from tests.executor.scene import Scene, stage, zombie
from tests.faults import Crash, Fault


def busy() -> Snapshot:
    """A bit of everything: a zombie, dust, one too many with an order in its way, an unwind, a stale order."""
    positions = (
        position("CAP/USD", 50, locked=20),
        position("DST/USD", "0.5"),
        position("OWN/USD", 400),
        position("UNW/USD", 100, locked=10),
        position("ZOM/USD", 80),
    )
    orders = [
        order("cap", "CAP/USD", "sell", 20, price=500),
        order("old", "UNW/USD", "sell", 10, price=500, minutes=60),
    ]
    return snapshot(*positions, orders=orders, tracked={"OWN/USD": record(), "ZOM/USD": record(entry=None)})


def scene_of(folder: Path, account: Snapshot | None = None, **changes: Mapping[str, str]) -> Scene:
    folder.mkdir()
    return stage(folder, account or busy(), "default", parameters={"max_positions": 2}, **changes)


def held(scene: Scene) -> dict[str, Decimal]:
    return {entry.key: entry.quantity for entry in scene.account().positions}


def planned(*plans: dict[str, object]) -> dict[str, Decimal]:
    """What the plans approve at most, by client order id."""
    actions = [action for plan in plans for action in plan["actions"]]  # type: ignore[attr-defined] # a JSON document
    return {action["client_order_id"]: Decimal(action["quantity"]) for action in actions}


def never_too_much(scene: Scene) -> None:
    """Assert that no order filled more than its plan approved, and that the alerts are whole."""
    approved = planned(*scene.plans)
    assert scene.alerts() is not None
    assert all(filled <= approved[name] for name, filled in scene.fills().items())


def places(folder: Path) -> int:
    """Count the places of an undisturbed run."""
    with pytest.MonkeyPatch.context() as patch:
        points = Points()
        points.install(patch)
        assert scene_of(folder).apply().exit_code == 0
    return points.passed


def crash(scene: Scene, plan: dict[str, object], at: int) -> None:
    """Let the process die at a place, exceptions and all."""
    with pytest.MonkeyPatch.context() as patch:
        Points(at).install(patch)
        with pytest.raises(Crash):
            scene.apply(plan)


def killed(scene: Scene, plan: dict[str, object], at: int) -> None:
    """Let a process of its own be gone at a place, as by SIGKILL: nothing is closed, rolled back or let go."""
    child = os.fork()
    if not child:  # pragma: no cover - measured nowhere, since it dies
        try:
            with pytest.MonkeyPatch.context() as patch:
                Points(at, die=lambda: os._exit(9)).install(patch)
                scene.apply(plan)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


Death = Callable[[Scene, dict[str, object], int], None]


def test_wherever_it_dies_the_same_plan_is_finished_as_if_nothing_had_been(tmp_path: Path) -> None:
    reference = scene_of(tmp_path / "calm")
    reference.apply()
    wanted, unwind = held(reference), reference.state().unwinds["UNW/USD"]
    for at in range(1, places(tmp_path / "count") + 1):
        scene = scene_of(tmp_path / f"at-{at}")
        plan = scene.plan()
        crash(scene, plan, at)
        try:
            assert scene.apply(plan).exit_code == 0
        except PlanIsUsed:
            scene.verify()  # it died on its last steps; whatever comes next brings the files up to date
        assert (at, held(scene)) == (at, wanted)
        assert (at, scene.state().unwinds["UNW/USD"].cycle) == (at, unwind.cycle)
        assert "ZOM/USD" not in scene.tracked()
        assert scene.state().metrics == reference.state().metrics
        never_too_much(scene)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # the child does nothing but die
@pytest.mark.parametrize("die", [crash, killed], ids=["raised", "killed"])
def test_wherever_it_dies_later_plans_bring_the_account_to_rest(tmp_path: Path, die: Death) -> None:
    for at in range(1, places(tmp_path / "count") + 1, 5):
        scene = scene_of(tmp_path / f"at-{at}")
        die(scene, scene.plan(), at)
        stale = 0
        try:
            scene.apply()
        except PlanIsStale:
            stale += 1
        scene.until_quiet()
        assert (at, held(scene)) == (at, {"OWN/USD": Decimal(400)})
        assert (at, scene.verify().state) == (at, "CLEAN")
        assert (list(scene.tracked()), scene.state().unwinds) == (["OWN/USD"], {})
        never_too_much(scene)


def test_dying_twice_is_no_worse(tmp_path: Path) -> None:
    most = places(tmp_path / "count")
    for first in range(1, most, 9):
        for second in range(1, most - first, 13):
            scene = scene_of(tmp_path / f"at-{first}-{second}")
            plan = scene.plan()
            crash(scene, plan, first)
            with pytest.MonkeyPatch.context() as patch:
                Points(second).install(patch)
                with suppress(Crash, PlanIsUsed):
                    scene.apply(plan)
            with suppress(PlanIsUsed):
                scene.apply(plan)
            assert held(scene) == {"OWN/USD": Decimal(400), "UNW/USD": Decimal(75)}
            never_too_much(scene)


@pytest.mark.parametrize("tier", ["A", "B", "C"])
@pytest.mark.parametrize("fault", [Fault.CRASH_BEFORE, Fault.CRASH_AFTER])
def test_a_death_with_an_order_on_the_wire_sells_once_at_every_kind_of_venue(
    tmp_path: Path, fault: Fault, tier: str
) -> None:
    scene = scene_of(tmp_path / "scene", options={"client_order_ids": tier})
    plan = scene.plan()
    scene.break_writes(Fault.NONE, Fault.NONE, fault)
    with pytest.raises(Crash):
        scene.apply(plan)
    assert scene.apply(plan).exit_code == 0
    assert held(scene) == {"OWN/USD": Decimal(400), "UNW/USD": Decimal(75)}


def test_an_order_that_arrives_after_the_death_of_its_sender_is_found(tmp_path: Path) -> None:
    scene = scene_of(tmp_path / "scene", zombie())
    plan = scene.plan()
    scene.break_writes(Fault.DELAYED)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scene.clock, "sleep", _die)  # it dies while it waits
        with pytest.raises(Crash):
            scene.apply(plan)
    assert (scene.apply(plan).exit_code, held(scene), len(scene.trouble.orders)) == (0, {}, 1)


def _die(_: float) -> None:
    raise Crash


def _dying_after(write: Callable[..., object]) -> Callable[..., None]:
    def dying(*asked: object) -> None:
        write(*asked)
        raise Crash

    return dying


def test_a_state_file_written_by_one_who_died_is_no_hand_edit_however_often(tmp_path: Path) -> None:
    scene = scene_of(tmp_path / "scene", zombie())
    for write in (write_atomically, lambda *_: None):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                exitplan.executor.store.state, "write_atomically", lambda *asked, w=write: _die(w(*asked) or 0)
            )
            with pytest.raises(Crash):
                scene.apply()
    assert scene.apply().exit_code == 0
