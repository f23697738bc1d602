"""The trading gate: open only after a verification that is CLEAN and fresh."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from exitplan.executor.accounts.folder import DataFolder
from exitplan.executor.gate import DEFAULT_MAX_AGE, trading_gate
from exitplan.executor.store.halt import halt, resume
from exitplan.executor.store.state import State
from exitplan.ruleset.planning.checks import AccountState
from tests.builders import NOW, ago, snapshot
from tests.executor.conftest import Stage
from tests.executor.scene import legacy
from tests.faults import SILENT, Fault

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
    assert trading_gate(scene.folder, DEFAULT_MAX_AGE, NOW).open is False
    scene.verify()
    assert trading_gate(scene.folder, timedelta(0), NOW).open is True


def test_a_state_that_was_edited_keeps_it_closed(on_stage: Stage) -> None:
    scene = on_stage(snapshot())
    scene.verify()
    scene.folder.state.write_text(scene.folder.state.read_text().replace("22:00:00Z", "22:59:00Z"))
    answer = trading_gate(scene.folder, DEFAULT_MAX_AGE, NOW)
    assert (answer.open, "edited by hand" in answer.reason) == (False, True)


def test_a_damaged_state_file_keeps_it_closed(on_stage: Stage) -> None:
    folder: DataFolder = on_stage(snapshot()).folder
    folder.path.mkdir(parents=True, exist_ok=True)
    folder.state.write_text("{")
    assert trading_gate(folder, DEFAULT_MAX_AGE, NOW).open is False


def test_a_halt_keeps_it_closed_until_it_ends(on_stage: Stage) -> None:
    scene = on_stage(snapshot())
    scene.verify()
    for folder in (scene.folder.root, scene.folder.path):
        halt(folder, "the venue is on fire", NOW)
        answer = trading_gate(scene.folder, DEFAULT_MAX_AGE, NOW)
        assert (answer.open, "the venue is on fire" in answer.reason) == (False, True)
        resume(folder)
        assert trading_gate(scene.folder, DEFAULT_MAX_AGE, NOW).open is True


def test_an_order_that_nobody_can_tell_of_keeps_it_closed(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.break_writes(Fault.LOST_AFTER)
    scene.trouble.look_ups.extend([SILENT] * 4)
    assert scene.apply().exit_code == 9
    scene.hold("AAA/USD", None)
    assert scene.verify().state == "CLEAN"
    answer = trading_gate(scene.folder, DEFAULT_MAX_AGE, scene.clock.now)
    assert (answer.open, answer.reason) == (False, "the outcome of 1 of its orders is not known yet")
