"""Copies of what exitplan remembers: whole, as of one moment, and noticed where an old one is put back."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from exitplan.executor.accounts.folder import DataFolder
from exitplan.executor.store.backup import back_up
from exitplan.executor.store.file_store import FileStore
from exitplan.executor.store.history import past_runs
from exitplan.executor.store.journal_file import open_journal
from exitplan.ruleset.errors import DataFolderUnusable, ExitplanError, FileIsInvalid, OutcomeUnknown
from tests.executor.conftest import Stage
from tests.executor.scene import Scene, legacy, over_cap, resting
from tests.faults import Crash, Fault


def copied(scene: Scene, name: str = "copy") -> DataFolder:
    back_up(scene.folder, scene.root / name)
    return DataFolder.of(scene.root / name, "platform")


def test_a_copy_is_a_data_folder_that_says_the_same(on_stage: Stage) -> None:
    scene = on_stage(legacy(), account_id="u1")
    scene.apply()
    made = back_up(scene.folder, scene.root / "copy")
    folder = DataFolder.of(scene.root / "copy", "u1")
    assert (made.folder, made.runs) == (folder.path, 1)
    assert set(made.files) == {path.name for path in folder.path.iterdir()}
    assert folder.state.read_bytes() == scene.folder.state.read_bytes()
    there = replace(scene.open(), store=FileStore("u1", folder))
    assert past_runs(there) == past_runs(scene.open())


def test_a_run_goes_on_from_a_copy_that_was_put_back(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.apply()
    folder = copied(scene)
    shutil.rmtree(scene.folder.path)
    shutil.copytree(folder.path, scene.folder.path)
    scene.clock.advance(600)
    assert scene.apply().exit_code == 0
    assert scene.state().unwinds["AAA/USD"].cycle == 2


def test_orders_that_were_sent_since_the_copy_are_noticed(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.apply()
    folder = copied(scene)
    scene.clock.advance(600)
    scene.apply()
    shutil.rmtree(scene.folder.path)
    shutil.copytree(folder.path, scene.folder.path)
    with pytest.raises(OutcomeUnknown):
        scene.apply()


def test_what_another_process_is_about_to_write_is_not_in_the_copy(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.apply()
    with closing(sqlite3.connect(scene.folder.journal, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("UPDATE runs SET exit_code = 77")
        folder = copied(scene)
        writer.execute("COMMIT")
    with open_journal(folder.journal) as journal:
        assert [run["exit_code"] for run in journal.runs()] == [0]


def test_orders_under_way_are_known_to_the_copy_as_being_sent(on_stage: Stage) -> None:
    scene = on_stage(over_cap(locked=40, orders=(resting(),)), parameters={"max_positions": 2})
    scene.break_writes(Fault.NONE, Fault.CRASH_AFTER)
    with pytest.raises(Crash):
        scene.apply()
    folder = copied(scene)
    with open_journal(folder.journal) as journal:
        assert sorted(intent.status for intent in journal.intents(scene.plans[0]["plan_id"]).values()) == [
            "done",
            "sending",
        ]


def test_a_copy_is_never_written_over_and_nothing_is_kept_of_nothing(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    with pytest.raises(ExitplanError, match="no run was made yet"):
        copied(scene)
    scene.apply()
    folder = copied(scene)
    before = folder.journal.read_bytes()
    with pytest.raises(ExitplanError, match="is there already"):
        copied(scene)
    assert folder.journal.read_bytes() == before


def test_a_damaged_journal_is_told_and_leaves_no_copy(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.apply()
    content = scene.folder.journal.read_bytes()
    scene.folder.journal.write_bytes(content[:100] + b"\xff" * (len(content) - 100))
    with pytest.raises(FileIsInvalid):
        copied(scene)
    assert list((scene.root / "copy").iterdir()) == []


def test_a_folder_that_cannot_be_made_is_told(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.apply()
    Path(scene.root / "copy").write_text("in the way")
    with pytest.raises(DataFolderUnusable):
        copied(scene)


def test_a_copy_is_for_nobody_else(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.apply()
    folder = copied(scene)
    assert {path.stat().st_mode & 0o777 for path in folder.path.iterdir()} == {0o600}
    assert folder.path.stat().st_mode & 0o777 == 0o700
