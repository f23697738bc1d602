"""While a halt file exists, nothing is sent."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from exitplan.executor.store.halt import NAME, Halt, find_halt, halt, halts_in, resume
from exitplan.ruleset.errors import AccountIsHalted, DataFolderUnusable
from exitplan.ruleset.planning.actions import Kind, Phase
from tests.builders import NOW, compiled, policy_document, position, snapshot, typed_plan_of
from tests.executor.conftest import Stage
from tests.executor.scene import Scene, legacy, over_cap, resting, statuses

EXITS = {"halt_allows_exits": True}


def halted(scene: Scene, text: str = "fire drill") -> Path:
    scene.folder.root.mkdir(parents=True, exist_ok=True)
    (scene.folder.root / NAME).write_text(text)
    return scene.folder.root / NAME


def test_a_halted_account_sends_nothing_and_says_why(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    plan = scene.plan()
    halted(scene)
    with pytest.raises(AccountIsHalted, match="fire drill") as refused:
        scene.apply(plan)
    assert (refused.value.exit_code, scene.trouble.orders, scene.held()) == (5, [], "100")


def test_a_plan_can_be_made_while_halted_and_goes_through_after(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    file = halted(scene)
    plan = scene.plan()
    file.unlink()
    assert (scene.apply(plan).exit_code, scene.held()) == (0, "75")


def test_an_empty_halt_file_made_by_hand_counts(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    halted(scene, "")
    with pytest.raises(AccountIsHalted):
        scene.apply()


def test_a_halt_of_one_account_is_in_its_own_folder(on_stage: Stage) -> None:
    scene = on_stage(legacy(), account_id="user1")
    scene.folder.path.mkdir(parents=True)
    (scene.folder.path / NAME).touch()
    with pytest.raises(AccountIsHalted):
        scene.apply()


def test_a_halt_stops_a_run_before_its_next_action_and_the_plan_goes_on_later(on_stage: Stage) -> None:
    scene = on_stage(over_cap(locked=40, orders=(resting(),)), parameters={"max_positions": 2})
    plan = scene.plan()
    scene.trouble.before.append(lambda: halted(scene))  # while the cancel is on its way
    stopped = scene.apply(plan)
    assert (stopped.exit_code, statuses(stopped)) == (5, ["done", "open"])
    resume(scene.folder.root)
    done = scene.apply(plan)
    assert (done.exit_code, statuses(done), scene.held()) == (0, ["done", "done"], "0")


def test_a_policy_may_let_exits_through(on_stage: Stage) -> None:
    scene = on_stage(over_cap(locked=40, orders=(resting(),)), parameters={"max_positions": 2}, guards=EXITS)
    plan = scene.plan()
    halted(scene)
    assert (scene.apply(plan).exit_code, scene.held()) == (0, "0")


def test_nothing_but_exits_is_let_through(on_stage: Stage) -> None:
    scene = on_stage(legacy(), base="conservative", guards=EXITS)
    plan = scene.plan()
    halted(scene)
    result = scene.apply(plan)
    assert (result.exit_code, scene.trouble.orders) == (5, [])


def test_a_halt_is_made_and_ended(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    halt(scene.folder.root, "maintenance", scene.clock())
    found = find_halt(scene.folder)
    assert found is not None
    assert "maintenance" in found.text
    assert (resume(scene.folder.root), resume(scene.folder.root), find_halt(scene.folder)) == (True, False, None)


def test_a_halt_of_all_says_so_and_one_of_an_account_names_it_and_how_to_end_it(on_stage: Stage) -> None:
    folder = on_stage(legacy(), account_id="user1").folder
    halt(folder.path, "one", NOW)
    own = find_halt(folder)
    halt(folder.root, "all", NOW)
    of_all = find_halt(folder)
    assert own is not None
    assert of_all is not None
    assert "the account user1 is halted by" in str(own.error())
    assert str(own.error().hint).endswith("exitplan resume --account user1")
    assert "everything is halted by" in str(of_all.error())
    assert str(of_all.error().hint).endswith("exitplan resume")


@pytest.mark.parametrize("kind", ["dangling link", "link to itself", "pipe", "folder"])
def test_whatever_is_called_halt_halts(on_stage: Stage, kind: str) -> None:
    scene = on_stage(legacy())
    plan = scene.plan()
    scene.folder.root.mkdir(parents=True, exist_ok=True)
    file = scene.folder.root / NAME
    makes: dict[str, Callable[[], object]] = {
        "dangling link": lambda: file.symlink_to("gone"),
        "link to itself": lambda: file.symlink_to(NAME),
        "pipe": lambda: os.mkfifo(file),
        "folder": file.mkdir,
    }
    makes[kind]()
    with pytest.raises(AccountIsHalted):
        scene.apply(plan)
    assert scene.held() == "100"


def test_a_link_that_leads_nowhere_in_an_accounts_own_folder_is_listed(tmp_path: Path) -> None:
    own = tmp_path / "users" / "user123"
    own.mkdir(parents=True)
    (own / NAME).symlink_to("gone")
    assert [found.account for found in halts_in(tmp_path)] == ["user123"]


@pytest.mark.parametrize(
    ("kind", "phase", "passes"),
    [
        ("close", Phase.EXIT, True),
        ("unwind", Phase.EXIT, True),
        ("convert_dust", Phase.EXIT, True),
        ("cancel_order", Phase.EXIT, True),  # it frees the balance of an exit
        ("cancel_order", Phase.CANCEL, False),
        ("attach_stop", Phase.EXIT, False),
        ("adopt", Phase.EXIT, False),
        ("convert_cash", Phase.EXIT, False),
    ],
)
def test_a_halt_lets_through_exits_and_what_frees_their_balance_where_the_policy_says_so(
    kind: Kind, phase: Phase, passes: bool
) -> None:
    (unwind,) = typed_plan_of(snapshot(position())).actions
    action, found = replace(unwind, kind=kind, phase=phase), Halt("data/HALT", "")
    assert found.allows(action, compiled(policy_document(guards=EXITS))) is passes
    assert not found.allows(action, compiled(policy_document()))


def test_a_halt_without_a_reason_tells_where_it_is_and_no_more() -> None:
    assert str(Halt("data/HALT", "").error()) == "everything is halted by data/HALT"
    assert str(Halt("data/HALT", "fire drill").error()) == "everything is halted by data/HALT: fire drill"


def test_of_a_long_reason_the_beginning_is_told(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text("x" * 5000)
    (found,) = halts_in(tmp_path)
    assert found.text == "x" * 2000


def test_a_full_disk_keeps_nobody_from_halting(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))  # a file may be made, and nothing written into it
    try:
        halt(tmp_path, "the disk is full", NOW)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    (found,) = halts_in(tmp_path)
    assert found.text == ""


def test_a_halt_that_could_not_be_made_is_no_success(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(DataFolderUnusable):
        halt(tmp_path / "data", "stop", NOW)
