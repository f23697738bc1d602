"""The order journal: durable before the network is touched, fenced, and honest where it is damaged."""

from __future__ import annotations

import random
import sqlite3
import tempfile
from contextlib import closing, suppress
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitplan.executor.store.audit import audit_trail
from exitplan.executor.store.journal import Journal
from exitplan.executor.store.journal_file import _UPGRADES, open_journal
from exitplan.executor.store.journal_values import Intent, Resolution, Settlement
from exitplan.executor.store.port import StoreBroken
from exitplan.ruleset.errors import DataFolderUnusable, ExitplanError, FileIsInvalid
from tests.builders import NOW, position, snapshot, typed_plan_of
from tests.executor.conftest import Stage
from tests.executor.older import to_version_seven
from tests.executor.scene import Scene, legacy

ONE = Decimal(1)
_MADE = typed_plan_of(snapshot(position(), position("BBB/USD")))
PLAN = replace(_MADE, plan_id="p1")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data" / "journal.db"


EMPTY: dict[str, Any] = {"unwind_progress": {}}


def begun(journal: Journal) -> int:
    return journal.begin_run(PLAN, EMPTY, NOW)


def asking(intent: Intent) -> Intent:
    return replace(intent, quantity=ONE, held_before=ONE)


def test_a_run_begins_with_its_plan_all_its_intents_and_the_state_or_not_at_all(file: Path) -> None:
    with open_journal(file) as journal:
        first, _ = PLAN.actions
        for plan, state in ((replace(PLAN, actions=(first, first)), EMPTY), (PLAN, {"broken": object()})):
            with pytest.raises((StoreBroken, TypeError)):
                journal.begin_run(plan, state, NOW)
            assert (journal.plan_status("p1"), journal.state(), journal.runs()) == ("unknown", None, [])
        begun(journal)
        assert (list(journal.intents("p1")), journal.state(), len(journal.runs())) == (["a1", "a2"], EMPTY, 1)


def test_a_run_ends_with_its_plan_in_one_commit(file: Path) -> None:
    with open_journal(file) as journal:
        run = begun(journal)
        with pytest.raises(TypeError):
            journal.end_run(run, 0, {}, {"broken": object()}, NOW, used_plan="p1")
        assert (journal.plan_status("p1"), journal.runs()[0]["ended_at"]) == ("open", None)
        journal.end_run(run, 0, {}, EMPTY, NOW, used_plan="p1")
        assert (journal.plan_status("p1"), journal.runs()[0]["exit_code"]) == ("ended", 0)


def test_an_intent_is_sent_once_for_each_attempt(file: Path) -> None:
    with open_journal(file) as journal:
        run = begun(journal)
        intent = journal.intents("p1")["a1"]
        journal.begin_sending([asking(intent)], run, NOW)
        with pytest.raises(FileIsInvalid, match="taken by another run"):
            journal.begin_sending([asking(intent)], run, NOW)


def test_a_run_that_was_overtaken_can_send_nothing(file: Path) -> None:
    with open_journal(file) as journal:
        old = begun(journal)
        journal.begin_run(PLAN, EMPTY, NOW, is_resumed=True)
        with pytest.raises(FileIsInvalid, match="taken by another run"):
            journal.begin_sending([asking(journal.intents("p1")["a1"])], old, NOW)


def test_what_was_about_to_be_sent_is_known_after_a_crash(file: Path) -> None:
    with open_journal(file) as journal:
        run = begun(journal)
        sent = journal.begin_sending([asking(intent) for intent in journal.intents("p1").values()], run, NOW)
    with open_journal(file) as journal:
        assert list(journal.intents("p1").values()) == sent
        assert {intent.status for intent in sent} == {"sending"}


def test_of_a_group_all_are_about_to_be_sent_or_none(file: Path) -> None:
    with open_journal(file) as journal:
        run = begun(journal)
        first, second = (asking(intent) for intent in journal.intents("p1").values())
        journal.begin_sending([second], run, NOW)
        with pytest.raises(FileIsInvalid, match="a2 was taken by another run"):
            journal.begin_sending([first, second], run, NOW)
        assert journal.intents("p1")["a1"].status == "planned"


def test_an_outcome_and_the_state_it_changes_are_one_commit(file: Path) -> None:
    with open_journal(file) as journal:
        begun(journal)
        intent = journal.intents("p1")["a1"]
        done = [(intent, Resolution("done"), NOW)]
        with pytest.raises(TypeError):
            journal.settle(Settlement(done, {"broken": object()}))
        assert (journal.intents("p1")["a1"].status, journal.state()) == ("planned", EMPTY)
        journal.settle(Settlement(done, {"failed_exits": {"AAA/USD": 1}}))
        assert (journal.intents("p1")["a1"].status, journal.state()) == (
            "done",
            {**EMPTY, "failed_exits": {"AAA/USD": 1}},
        )


def test_outcomes_and_what_is_sent_after_them_are_one_commit(file: Path) -> None:
    with open_journal(file) as journal:
        run = begun(journal)
        first, second = (asking(intent) for intent in journal.intents("p1").values())
        (sent,) = journal.begin_sending([first], run, NOW)
        settled = Settlement([(sent, Resolution("done"), NOW)], {"failed_exits": {"AAA/USD": 1}})
        with pytest.raises(FileIsInvalid, match="taken by another run"):
            journal.begin_sending([replace(second, attempt=7)], run, NOW, settled)
        assert (journal.intents("p1")["a1"].status, journal.state()) == ("sending", EMPTY)
        journal.begin_sending([second], run, NOW, settled)
        assert [intent.status for intent in journal.intents("p1").values()] == ["done", "sending"]
        assert journal.state() == {**EMPTY, "failed_exits": {"AAA/USD": 1}}


KEYS = st.sampled_from("abc")
ENTRIES = st.dictionaries(KEYS, st.none() | st.integers(0, 9))
CHANGES = st.lists(st.fixed_dictionaries({}, optional={"failed_exits": ENTRIES, "cleanup_metrics": st.integers(0, 9)}))


@given(start=st.dictionaries(KEYS, st.integers(0, 9)), changes=CHANGES, joined=st.lists(st.booleans(), min_size=20))
def test_changes_add_up_to_the_state_one_by_one_or_joined(
    start: dict[str, int], changes: list[dict[str, Any]], joined: list[bool]
) -> None:
    wanted: dict[str, Any] = {"failed_exits": dict(start)}
    with tempfile.TemporaryDirectory() as folder, open_journal(Path(folder) / "journal.db") as journal:
        journal.begin_run(PLAN, wanted, NOW)
        before, waiting, revisions = journal.mark(), Settlement([]), 0
        for change, is_joined in zip(changes, joined, strict=False):
            for key, entry in change.get("failed_exits", {}).items():
                wanted["failed_exits"].pop(key, None)
                wanted["failed_exits"] |= {} if entry is None else {key: entry}
            wanted |= {name: entry for name, entry in change.items() if name != "failed_exits"}
            waiting = waiting.then(Settlement([], change))
            if not is_joined:
                journal.settle(waiting)
                waiting, revisions = Settlement([]), revisions + bool(waiting.changes)
        journal.settle(waiting)
        revisions += bool(waiting.changes)
        assert journal.state() == wanted
        assert journal.mark() == replace(before, revision=before.revision + revisions)
        journal.put_state(EMPTY)
        assert (journal.state(), journal.mark().revision) == (EMPTY, before.revision + revisions + 1)


def test_it_is_written_ahead_and_flushed_in_full(file: Path) -> None:
    with open_journal(file) as journal:
        assert journal._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert journal._db.execute("PRAGMA synchronous").fetchone() == (2,)


def test_a_journal_of_a_later_version_is_refused(file: Path) -> None:
    with open_journal(file) as journal:
        journal._db.execute("PRAGMA user_version = 99")
    with pytest.raises(FileIsInvalid, match="version 99"), open_journal(file):
        pass


def test_a_file_that_is_no_journal_is_refused(file: Path) -> None:
    file.parent.mkdir()
    file.write_text("no database at all, however long this text may be " * 50)
    with pytest.raises(FileIsInvalid, match="the journal is damaged"), open_journal(file):
        pass


def test_a_journal_in_the_place_of_a_folder_is_unusable(file: Path) -> None:
    file.mkdir(parents=True)
    with pytest.raises(DataFolderUnusable), open_journal(file):
        pass


def test_trouble_of_the_one_who_listens_is_not_the_journals(on_stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = on_stage(legacy())

    def broken_pipe(_: object, __: object) -> None:
        raise BrokenPipeError(32, "Broken pipe")

    plan = scene.plan()
    with monkeypatch.context() as patch:
        patch.setattr(Scene, "heard", broken_pipe)
        with pytest.raises(BrokenPipeError):
            scene.apply(plan)
    assert (scene.apply(plan).exit_code, scene.held()) == (0, "75")


@pytest.mark.parametrize("column", ["document", "exported_sha256"])
def test_a_state_that_cannot_be_read_is_damage(on_stage: Stage, column: str) -> None:
    scene = on_stage(legacy())
    scene.apply()
    with closing(sqlite3.connect(scene.folder.journal)) as db, db:
        wrong = b"{" if column == "document" else "x"
        db.execute(f"UPDATE state SET {column} = ?", (wrong,))  # noqa: S608 - a name of this test
    if column == "document":
        with pytest.raises(FileIsInvalid, match="damaged"):
            scene.plan()
    else:
        assert scene.apply().exit_code == 0  # the file is what the journal would write


@pytest.mark.parametrize("seed", range(12))
def test_a_damaged_journal_never_ends_in_a_traceback(on_stage: Stage, seed: int) -> None:
    scene = on_stage(legacy())
    scene.apply(stop_after=0)
    plan = scene.plan()
    chance = random.Random(seed)  # noqa: S311 - the same every time
    content = bytearray(scene.folder.journal.read_bytes())
    for _ in range(chance.choice([1, 20, 400])):
        content[chance.randrange(len(content))] = chance.randrange(256)
    scene.folder.journal.write_bytes(content[: chance.choice([len(content), chance.randrange(len(content))])])
    for act in (lambda: scene.apply(plan), scene.verify, scene.plan):
        with suppress(ExitplanError):
            act()
    assert scene.held() in {"100", "75"}


def test_a_journal_of_the_first_version_is_upgraded_and_keeps_what_it_holds(file: Path) -> None:
    file.parent.mkdir()
    with closing(sqlite3.connect(file)) as db, db:
        db.executescript(f"{_UPGRADES[0]} PRAGMA user_version = 1;")
        db.execute("INSERT INTO state (only, document) VALUES (1, ?)", (b'{"unwind_progress":{}}',))
    with open_journal(file) as journal:
        assert (journal.state(), journal.fills("none")) == ({"unwind_progress": {}}, [])


def test_a_journal_of_version_seven_is_upgraded_and_knows_its_orders_and_who_sent_them(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    plan = scene.plan()
    scene.apply(plan)
    before = list(audit_trail(scene.store))
    to_version_seven(scene.folder.journal)
    ours = plan["actions"][0]["client_order_id"]
    with open_journal(scene.folder.journal) as journal:
        assert journal.unknown_orders([ours, "xp-another"]) == ["xp-another"]
    assert list(audit_trail(scene.store)) == before


def test_what_was_filled_is_kept_with_its_price_and_fee(on_stage: Stage) -> None:
    scene = on_stage(legacy(), options={"taker_fee": "0.001"})
    plan = scene.plan()
    scene.apply(plan)
    with open_journal(scene.folder.journal) as journal:
        (fill,) = journal.fills(plan["plan_id"])
    assert (fill["quantity"], fill["average_price"], fill["fee"], fill["fee_currency"]) == ("25", "100", "2.5", "USD")
