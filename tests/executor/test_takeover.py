"""A process hangs, its lease is taken from it, another one goes on, and the first one wakes up."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

import exitplan.executor.store.state
from exitplan.executor.store.history import account_status
from exitplan.executor.store.journal import Journal
from exitplan.executor.store.journal_file import open_journal
from exitplan.executor.store.lease import break_lease
from exitplan.ruleset.errors import FileIsInvalid
from exitplan.ruleset.model.snapshot import Snapshot
from tests.builders import NOW, order, position
from tests.executor.conftest import Stage
from tests.executor.scene import Scene, legacy
from tests.faults import FaultyBroker

REPLACED = "taken over by another run"


def replaced_before(patch: pytest.MonkeyPatch, scene: Scene, place: object, name: str, *, after: int = 0) -> None:
    """Let another process go on while ours hangs before a step, or before one of its repetitions."""
    act, left = getattr(place, name), iter(range(after + 1))

    def hanging(*args: Any, **named: Any) -> Any:
        if next(left, None) == after:
            break_lease(scene.folder.lock)
            scene.apply(None if account_status(scene.open()).document["open_plans"] == [] else scene.plans[0])
        return act(*args, **named)

    patch.setattr(place, name, hanging)


def wakes_up(scene: Scene, hang: Callable[[pytest.MonkeyPatch], None]) -> None:
    scene.plan()
    with pytest.MonkeyPatch.context() as patch:
        hang(patch)
        with pytest.raises(FileIsInvalid, match=REPLACED):
            scene.apply(scene.plans[0])


def test_who_hung_between_journal_and_network_sends_nothing_any_more(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    wakes_up(scene, lambda patch: replaced_before(patch, scene, Journal, "ensure_claimed"))
    assert (scene.held(), len(scene.trouble.orders)) == ("75", 1)


def test_who_was_replaced_writes_no_older_state_over_the_new_one(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    wakes_up(scene, lambda patch: replaced_before(patch, scene, Journal, "exporting", after=1))
    assert (scene.state().unwinds["AAA/USD"].cycle, scene.apply().exit_code) == (2, 0)


def test_who_was_replaced_while_it_read_says_so(on_stage: Stage) -> None:
    stale = order("old", "AAA/USD", "sell", 10, price=500, minutes=60)
    scene = on_stage(legacy(position("BBB/USD", 64, locked=0), orders=[stale]))
    wakes_up(scene, lambda patch: replaced_before(patch, scene, Scene, "heard", after=3))
    assert scene.held("BBB/USD") == "48"


def test_whoever_takes_over_claims_the_journal_before_it_reads_the_account(
    on_stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = on_stage(legacy())
    scene.apply()
    plan, read = scene.plan(), FaultyBroker.read_account
    with scene.store.lease(NOW), scene.store.open_journal() as hung:
        hung.claim()
        break_lease(scene.folder.lock)

        def read_while_the_other_wakes_up(venue: FaultyBroker) -> Snapshot:
            with pytest.raises(FileIsInvalid, match=REPLACED):
                hung.ensure_claimed()
            return read(venue)

        monkeypatch.setattr(FaultyBroker, "read_account", read_while_the_other_wakes_up)
        assert (scene.apply(plan).exit_code, scene.held()) == (0, "56.25")


def _is_being_written(scene: Scene) -> bool:
    with closing(sqlite3.connect(scene.folder.journal, timeout=0)) as other:
        try:
            other.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
    return False


def test_nobody_claims_the_journal_while_a_state_file_is_written(on_stage: Stage, monkeypatch: Any) -> None:
    scene = on_stage(legacy())
    in_transaction: list[bool] = []
    with open_journal(scene.folder.journal) as journal:
        journal.put_state({"unwind_progress": {}})
        monkeypatch.setattr(
            exitplan.executor.store.state,
            "write_atomically",
            lambda *_: in_transaction.append(_is_being_written(scene)),
        )
        state = exitplan.executor.store.state.load_state(journal, scene.folder.state)
        exitplan.executor.store.state.export_state(journal, state, scene.folder.state)
    assert in_transaction == [True]
