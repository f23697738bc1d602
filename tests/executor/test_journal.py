"""The file of an order journal: durable, upgraded, honest where it is damaged; its laws are in store/conformance."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import pytest

from exitplan.executor.store.audit import audit_trail
from exitplan.executor.store.history import past_runs
from exitplan.executor.store.journal_file import _UPGRADES, SCHEMA_VERSION, open_journal, prepare
from exitplan.ruleset.errors import DataFolderUnusable, ExitplanError, FileIsInvalid
from tests.executor.conftest import Stage
from tests.executor.older import to_version_seven
from tests.executor.scene import Scene, legacy


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data" / "journal.db"


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


def test_a_journal_that_two_upgrade_at_once_is_upgraded_once(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.apply()
    to_version_seven(scene.folder.journal)

    class Overtaken(sqlite3.Connection):
        def executescript(self, sql_script: str, /) -> sqlite3.Cursor:
            with open_journal(scene.folder.journal):
                pass
            return super().executescript(sql_script)

    with closing(sqlite3.connect(scene.folder.journal, isolation_level=None, factory=Overtaken)) as slower:
        prepare(slower, scene.folder.journal)
        assert slower.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
    assert len(past_runs(scene.open())) == 1


def test_what_was_filled_is_kept_with_its_price_and_fee(on_stage: Stage) -> None:
    scene = on_stage(legacy(), options={"taker_fee": "0.001"})
    plan = scene.plan()
    scene.apply(plan)
    with open_journal(scene.folder.journal) as journal:
        (fill,) = journal.fills(plan["plan_id"])
    assert (fill["quantity"], fill["average_price"], fill["fee"], fill["fee_currency"]) == ("25", "100", "2.5", "USD")
