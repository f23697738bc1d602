"""The trading gate: open only after a verification that is CLEAN and fresh."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import orjson
import pytest

from exitplan.brokers.identity import Identity
from exitplan.executor.accounts.account import Account
from exitplan.executor.gate import DEFAULT_MAX_AGE, GateAnswer, trading_gate
from exitplan.executor.operation import Operation, operate
from exitplan.executor.store import files, gate_mark, lease
from exitplan.executor.store import state as state_module
from exitplan.executor.store.halt import halt, resume
from exitplan.executor.store.history import import_state
from exitplan.executor.store.journal_file import open_journal
from exitplan.executor.store.lease import account_lease, machine_lock
from exitplan.executor.store.state import State, load_state, state_to_document
from exitplan.executor.verify import verify_account
from exitplan.ruleset.errors import DataFolderUnusable, FileIsInvalid, PlanIsExpired
from exitplan.ruleset.planning.checks import AccountState
from exitplan.ruleset.planning.plan import read_plan
from tests.builders import NOW, ago, snapshot
from tests.executor.conftest import Stage
from tests.executor.scene import Scene, legacy
from tests.faults import SILENT, Crash, Fault

CLEAN = State(account_state=AccountState.CLEAN, last_verified_at=ago(30))


def test_a_clean_and_fresh_verification_opens_it() -> None:
    answer = trading_gate(CLEAN, DEFAULT_MAX_AGE, NOW)
    assert (answer.open, answer.state, answer.verified_at) == (True, AccountState.CLEAN, ago(30))


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (State(), "never verified"),
        (replace(CLEAN, last_verified_at=None), "never verified"),
        (replace(CLEAN, last_verified_at=ago(61)), "is older than 1:00:00"),
        (replace(CLEAN, last_verified_at=ago(-1)), "lies in the future"),
        (replace(CLEAN, account_state=AccountState.NEEDS_CLEANUP), "NEEDS_CLEANUP"),
        (replace(CLEAN, account_state=AccountState.CLEANUP_IN_PROGRESS), "CLEANUP_IN_PROGRESS"),
        (replace(CLEAN, account_state=AccountState.UNKNOWN), "UNKNOWN"),
    ],
)
def test_anything_else_keeps_it_closed(state: State, reason: str) -> None:
    answer = trading_gate(state, DEFAULT_MAX_AGE, NOW)
    assert (answer.open, reason in answer.reason) == (False, True)


def test_it_reads_what_a_verification_has_left(on_stage: Stage) -> None:
    scene = on_stage(snapshot())
    assert trading_gate(scene.store, DEFAULT_MAX_AGE, NOW).open is False
    scene.verify()
    assert trading_gate(scene.store, timedelta(0), NOW).open is True


def test_a_state_that_was_edited_keeps_it_closed(on_stage: Stage) -> None:
    scene = on_stage(snapshot())
    scene.verify()
    scene.folder.state.write_text(scene.folder.state.read_text().replace("22:00:00Z", "22:59:00Z"))
    answer = trading_gate(scene.store, DEFAULT_MAX_AGE, NOW)
    assert (answer.open, "edited by hand" in answer.reason) == (False, True)


def test_a_damaged_state_file_keeps_it_closed(on_stage: Stage) -> None:
    scene = on_stage(snapshot())
    folder = scene.folder
    folder.path.mkdir(parents=True, exist_ok=True)
    folder.state.write_text("{")
    assert trading_gate(scene.store, DEFAULT_MAX_AGE, NOW).open is False


def test_a_halt_keeps_it_closed_until_it_ends(on_stage: Stage) -> None:
    scene = on_stage(snapshot())
    scene.verify()
    for folder in (scene.folder.root, scene.folder.path):
        halt(folder, "the venue is on fire", NOW)
        answer = trading_gate(scene.store, DEFAULT_MAX_AGE, NOW)
        assert (answer.open, "the venue is on fire" in answer.reason) == (False, True)
        resume(folder)
        assert trading_gate(scene.store, DEFAULT_MAX_AGE, NOW).open is True


def test_an_order_that_nobody_can_tell_of_keeps_it_closed(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.break_writes(Fault.LOST_AFTER)
    scene.trouble.look_ups.extend([SILENT] * 4)
    assert scene.apply().exit_code == 9
    scene.hold("AAA/USD", None)
    assert scene.verify().state == "CLEAN"
    answer = trading_gate(scene.store, DEFAULT_MAX_AGE, scene.clock.now)
    assert (answer.open, answer.reason) == (False, "the outcome of 1 of its orders is not known yet")


NOTHING_HELD = snapshot()
"""An account that is CLEAN."""


def gate(scene: Scene, account: Account | None = None, *, now: datetime | None = None) -> GateAnswer:
    """Ask the gate as the command line does."""
    opened = account or scene.open()
    policy = opened.loaded.policy.sha256
    return trading_gate(scene.store, DEFAULT_MAX_AGE, now or scene.clock.now, policy, opened.identity)


def verified_scene(on_stage: Stage) -> Scene:
    """A scene whose gate is open."""
    scene = on_stage(NOTHING_HELD)
    scene.verify()
    assert gate(scene).open is True
    return scene


def break_tracker(scene: Scene) -> None:
    scene.folder.tracker.write_text("{broken")


@pytest.mark.parametrize(
    "other",
    [
        Identity("kraken", "production", "key"),
        Identity("paper", "another.json"),
        Identity("kraken", "https://127.0.0.1:1", "key"),
    ],
)
def test_a_verification_of_another_account_under_the_same_id_opens_nothing(on_stage: Stage, other: Identity) -> None:
    scene = verified_scene(on_stage)
    answer = gate(scene, replace(scene.open(), identity=other))
    assert (answer.open, "another account was verified" in answer.reason) == (False, True)


def test_a_verification_of_an_earlier_version_opens_nothing_until_the_next(on_stage: Stage) -> None:
    scene = verified_scene(on_stage)
    with open_journal(scene.folder.journal) as journal:
        state = load_state(journal, scene.folder.state)
        journal.put_state(state_to_document(replace(state, bound=None)))
    scene.folder.state.unlink()
    assert "did not note which account" in gate(scene).reason
    scene.verify()
    assert gate(scene).open is True


def test_a_plan_that_fails_closes_it(on_stage: Stage) -> None:
    scene = verified_scene(on_stage)
    break_tracker(scene)
    with pytest.raises(FileIsInvalid):
        scene.plan()
    assert (gate(scene).open, gate(scene).state) == (False, AccountState.UNKNOWN)


def test_an_apply_that_fails_closes_it_and_a_dry_run_does_not(on_stage: Stage) -> None:
    scene = on_stage(NOTHING_HELD)
    plan = read_plan(scene.plan())
    scene.verify()
    scene.clock.advance(3000)
    for dry_run, is_open in ((True, True), (False, False)):
        with pytest.raises(PlanIsExpired):
            operate(scene.open(), Operation(plan, dry_run=dry_run))
        assert gate(scene).open is is_open


def test_it_is_closed_while_a_plan_is_applied_and_after_a_kill(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.break_writes(Fault.CRASH_AFTER)
    asked: list[GateAnswer] = []
    scene.trouble.before.append(lambda: asked.append(gate(scene)))
    with pytest.raises(Crash):
        scene.apply()
    assert (asked[0].open, "is in use by process" in asked[0].reason) == (False, True)
    scene.hold("AAA/USD", None)
    scene.verify()
    assert (gate(scene).open, scene.says()) == (False, "CLEAN")


def test_an_apply_in_another_data_folder_closes_it(on_stage: Stage) -> None:
    scene = on_stage(NOTHING_HELD)
    account = replace(scene.open(), identity=Identity("paper", "production", "key"))
    verify_account(account)
    elsewhere = machine_lock(account.identity)
    assert elsewhere is not None
    assert gate(scene, account).open is True
    with account_lease(elsewhere, "platform", scene.clock()):
        assert "is in use by process" in gate(scene, account).reason


def read_only(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing be written into the data folder, as on a disk that was mounted so."""
    real = files.write_atomically

    def refuse(path: Path, content: bytes, **named: bool) -> None:
        if scene.folder.path in path.parents:
            raise DataFolderUnusable(f"cannot write {path}: Read-only file system")
        real(path, content, **named)

    for module in (lease, gate_mark, state_module):
        monkeypatch.setattr(module, "write_atomically", refuse)


def test_a_verification_that_cannot_be_remembered_leaves_it_closed(
    on_stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = verified_scene(on_stage)
    with monkeypatch.context() as broken:
        broken.setenv("EXITPLAN_CACHE_DIR", str(scene.root / "cache"))
        read_only(scene, broken)
        assert scene.verify().state == "CLEAN"
    assert "could not be remembered" in gate(scene).reason
    scene.verify()
    assert gate(scene).open is True


def test_a_verification_during_another_process_leaves_it_closed(on_stage: Stage) -> None:
    scene = verified_scene(on_stage)
    with account_lease(scene.folder.lock, "platform", scene.clock()):
        assert scene.verify().state == "CLEAN"
    assert "could not be remembered" in gate(scene).reason
    scene.apply()
    assert gate(scene).open is True


def test_where_not_even_that_can_be_noted_verify_fails(on_stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = verified_scene(on_stage)
    read_only(scene, monkeypatch)
    (scene.root / "file").write_text("")
    monkeypatch.setenv("EXITPLAN_CACHE_DIR", str(scene.root / "file"))
    with pytest.raises(DataFolderUnusable):
        scene.verify()


def test_a_verification_dated_ahead_opens_nothing_once_its_time_has_come(on_stage: Stage) -> None:
    scene = on_stage(NOTHING_HELD)
    scene.clock.advance(7200)
    scene.verify()
    scene.clock.advance(-7200)
    assert "lies in the future" in gate(scene).reason
    scene.clock.advance(7260)
    assert "clock went backwards" in gate(scene).reason
    scene.verify()
    assert gate(scene).open is True


def test_a_state_that_was_imported_opens_nothing(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.verify()
    text = scene.folder.state.read_text().replace("NEEDS_CLEANUP", "CLEAN")
    scene.folder.state.write_text(text)
    import_state(scene.open())
    assert gate(scene).reason == "the account was never verified"


def test_an_edited_state_without_a_journal_opens_nothing(on_stage: Stage) -> None:
    scene = verified_scene(on_stage)
    for path in scene.folder.path.glob("journal.db*"):
        path.unlink()
    assert "is not there" in gate(scene).reason
    document = orjson.loads(scene.folder.state.read_bytes())
    del document["exported_from"]
    scene.folder.state.write_bytes(orjson.dumps(document))
    assert gate(scene).reason == "the account was never verified"
    scene.apply()  # takes it in, and verifies
    scene.folder.state.unlink()
    assert gate(scene).open is True


def test_an_edited_state_beside_a_journal_that_is_new_opens_nothing(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.folder.path.mkdir(parents=True)
    told = {"unwind_progress": {}, "account_state": "CLEAN", "last_verified_at": "0001-01-01T00:00:00Z"}
    scene.folder.state.write_bytes(orjson.dumps(told))
    with open_journal(scene.folder.journal):
        pass
    assert gate(scene).reason == "the account was never verified"
