"""A backup that is put back: never unknowingly behind orders that were sent, whole, and with the old files kept."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from exitplan.brokers.identity import Identity
from exitplan.executor import restore as restoring
from exitplan.executor.apply.own_orders import REACH
from exitplan.executor.gate import trading_gate
from exitplan.executor.restore import Restored, restore
from exitplan.executor.store import put_back
from exitplan.executor.store.backup import back_up
from exitplan.executor.store.gate_mark import restored_mark
from exitplan.executor.store.journal_file import open_journal
from exitplan.executor.store.lease import account_lease
from exitplan.ruleset.errors import (
    AccountIsAnother,
    AccountIsLocked,
    ExitplanError,
    FileIsInvalid,
    OutcomeUnknown,
    PlanIsUnusable,
    UsageError,
)
from tests.builders import position, record, snapshot
from tests.executor.conftest import Stage
from tests.executor.scene import Scene, legacy
from tests.faults import Crash


def backed_up(scene: Scene) -> Path:
    scene.apply()
    back_up(scene.folder, scene.root / "copy")
    return scene.root / "copy"


def run_again(scene: Scene) -> None:
    scene.clock.advance(600)
    assert scene.apply().exit_code == 0


def put(scene: Scene, source: Path, *, accept: bool = False) -> Restored:
    return restore(scene.open(), source, accept_orders=accept)


def spoil(scene: Scene) -> None:
    content = scene.folder.journal.read_bytes()
    scene.folder.journal.write_bytes(content[:100] + b"\xff" * (len(content) - 100))


def test_a_backup_behind_which_nothing_was_sent_is_put_back_and_goes_on(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    source = backed_up(scene)
    before = scene.folder.state.read_bytes()
    restored = put(scene, source)
    assert (restored.runs, restored.sent_since) == (1, ())
    assert restored.kept is not None
    assert (restored.kept / scene.folder.state.name).read_bytes() == before
    assert scene.state().unwinds["AAA/USD"].cycle == 1
    run_again(scene)
    assert scene.state().unwinds["AAA/USD"].cycle == 2


def test_orders_that_were_sent_since_are_looked_up_and_refuse_it(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    source = backed_up(scene)
    run_again(scene)
    journal, state = scene.folder.journal.read_bytes(), scene.folder.state.read_bytes()
    sent = scene.trouble.orders[-1].client_order_id
    with pytest.raises(OutcomeUnknown, match=rf"has sent 1 order:\n  {sent}  AAA/USD  closed at the venue"):
        put(scene, source)
    assert (scene.folder.journal.read_bytes(), scene.folder.state.read_bytes()) == (journal, state)
    assert not list(scene.folder.path.glob("before-restore-*"))
    restored = put(scene, source, accept=True)
    assert [order.client_order_id for order in restored.sent_since] == [sent]
    assert scene.state().unwinds["AAA/USD"].cycle == 1
    assert scene.alert_kinds()[-1] == "JOURNAL_RESTORED"


@pytest.mark.parametrize("lose", [lambda scene: shutil.rmtree(scene.folder.path), spoil])
def test_where_no_journal_can_be_read_the_venue_is_asked(on_stage: Stage, lose: Callable[[Scene], None]) -> None:
    scene = on_stage(legacy())
    source = backed_up(scene)
    run_again(scene)
    lose(scene)
    with pytest.raises(OutcomeUnknown, match="known only to the venue"):
        put(scene, source)
    put(scene, source, accept=True)
    with open_journal(scene.folder.journal) as journal:
        assert len(journal.runs()) == 1
        assert journal.unknown_orders([str(scene.trouble.orders[-1].client_order_id)]) == []


def test_what_a_venue_cannot_tell_needs_a_person(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    source = backed_up(scene)
    scene.clock.advance((REACH + timedelta(days=1)).total_seconds())
    put(scene, source)  # the present journal knows all
    shutil.rmtree(scene.folder.path)
    with pytest.raises(OutcomeUnknown, match="the backup is older"):
        put(scene, source)
    put(scene, source, accept=True)


def test_a_journal_that_was_begun_anew_does_not_know_all_that_was_sent(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    source = backed_up(scene)
    shutil.rmtree(scene.folder.path)
    scene.verify()
    scene.clock.advance((REACH + timedelta(days=1)).total_seconds())
    with pytest.raises(OutcomeUnknown, match="the backup is older"):
        put(scene, source)


def test_of_many_orders_the_venue_is_asked_for_the_newest(on_stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restoring, "_MOST_ASKED", 1)
    monkeypatch.setattr(restoring, "_MOST_TOLD", 1)
    scene = on_stage(legacy())
    source = backed_up(scene)
    run_again(scene)
    run_again(scene)
    with pytest.raises(OutcomeUnknown, match="and 1 more"):
        put(scene, source)
    early, late = put(scene, source, accept=True).sent_since
    assert early.outcome.startswith("done in the journal, 18.75 filled")
    assert late.outcome.startswith("closed at the venue")


def test_a_plan_that_was_open_in_the_backup_sends_nothing_more(on_stage: Stage) -> None:
    scene = on_stage(snapshot(position("AAA/USD", 100), position("BBB/USD", 100)))
    scene.apply(stop_after=1)
    back_up(scene.folder, scene.root / "copy")
    scene.clock.advance(5)
    scene.apply(scene.plans[0])
    count = len(scene.trouble.orders)
    shutil.rmtree(scene.folder.path)
    with pytest.raises(OutcomeUnknown, match="has sent 1 order"):
        put(scene, scene.root / "copy")
    put(scene, scene.root / "copy", accept=True)
    with pytest.raises(PlanIsUnusable):
        scene.apply(scene.plans[0])
    assert len(scene.trouble.orders) == count


def test_the_gate_is_closed_until_the_account_is_verified(on_stage: Stage) -> None:
    scene = on_stage(snapshot())
    source = backed_up(scene)

    def is_open() -> bool:
        return trading_gate(scene.store, timedelta(hours=1), scene.clock()).open

    assert is_open()
    put(scene, source)
    assert not is_open()
    assert str(restored_mark(scene.folder)).startswith("it was restored from a backup whose newest run began at 2026")
    scene.verify()
    assert (is_open(), restored_mark(scene.folder)) == (True, None)


def test_a_restore_that_was_killed_is_noticed_and_done_again(on_stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = on_stage(legacy())
    source = backed_up(scene)
    run_again(scene)

    def die(*_: object, **__: object) -> None:
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(put_back, "export_state", die)
        with pytest.raises(Crash):
            put(scene, source, accept=True)
    with pytest.raises(FileIsInvalid):
        scene.apply()
    put(scene, source, accept=True)
    assert scene.state().unwinds["AAA/USD"].cycle == 1


@pytest.mark.parametrize("step", ["mark_gate_closed", "keep_aside", "put_in_place", "note_journal", "raise_alert"])
def test_killed_before_any_step_one_journal_is_there_whole(
    on_stage: Stage, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    scene = on_stage(legacy())
    source = backed_up(scene)
    run_again(scene)

    def die(*_: object, **__: object) -> None:
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(restoring, step, die)
        with pytest.raises(Crash):
            put(scene, source, accept=True)
    with open_journal(scene.folder.journal) as journal:
        runs = len(journal.runs())
    assert runs == (1 if step in {"note_journal", "raise_alert"} else 2)
    assert put(scene, source, accept=True).runs == 1
    assert (scene.state().unwinds["AAA/USD"].cycle, list(scene.folder.path.glob(".backup-*"))) == (1, [])


def test_whoever_had_the_old_journal_open_writes_no_more(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    source = backed_up(scene)
    with open_journal(scene.folder.journal) as hung:
        hung.claim()
        put(scene, source)
        with pytest.raises(FileIsInvalid, match="taken over"):
            hung.put_state({})


def test_the_tracker_is_put_back_only_where_there_is_none(on_stage: Stage) -> None:
    scene = on_stage(legacy(position("BBB/USD", 100), tracked=("BBB/USD",)))
    scene.track(BBB=record())
    source = backed_up(scene)
    kept = scene.tracked()
    scene.track()
    put(scene, source)
    assert scene.tracked() == {}
    scene.folder.tracker.unlink()
    put(scene, source)
    assert scene.tracked() == kept


def test_another_account_a_locked_one_and_no_backup_are_refused(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    source = backed_up(scene)
    account = scene.open()
    with pytest.raises(AccountIsAnother):
        restore(replace(account, identity=Identity("paper", "other.json")), source)
    with account_lease(scene.folder.lock, "platform", scene.clock()), pytest.raises(AccountIsLocked):
        restore(account, source)
    with pytest.raises(UsageError):
        restore(account, scene.folder.path)
    with pytest.raises(FileIsInvalid, match="does not exist"):
        restore(account, scene.root / "nothing")
    shutil.copy(scene.root / "account.yaml", source / "journal.db")
    with pytest.raises(ExitplanError):
        restore(account, source)
    assert len(scene.trouble.orders) == 1
