"""The schema is made once, upgraded in one step, and has the columns of the files' journal."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from threading import Thread

import psycopg
import pytest

from exitplan.executor.store.journal_file import open_journal
from exitplan.executor.store.postgres.database import Database
from exitplan.executor.store.postgres.migrations import create_journal, ensure_version, migrate
from exitplan.executor.store.postgres.schema import UPGRADES
from exitplan.ruleset.errors import DataFolderUnusable, ExitplanError
from tests.executor.store.postgres.conftest import Ground

Opened = Callable[..., Database]


def test_both_stores_have_the_same_columns(ground: Ground, tmp_path: Path) -> None:
    ground.set_up()
    with open_journal(tmp_path / "journal.db"), closing(sqlite3.connect(tmp_path / "journal.db")) as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        columns = {table: {row[1] for row in db.execute(f"PRAGMA table_info({table})")} for table in tables}
    with psycopg.connect(ground.url) as connection:
        rows = connection.execute(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'exitplan_account'"
        ).fetchall()
    views: dict[str, set[str]] = {}
    for table, column in rows:
        views.setdefault(table, set()).add(column)
    assert views == columns


def test_several_at_once_make_it_once(ground: Ground, opened: Opened) -> None:
    database, found = opened(ground.url), list[int]()
    threads = [Thread(target=lambda: found.append(create_journal(database))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [0, *[len(UPGRADES)] * 3]
    ensure_version(database)


def test_parts_have_versions_of_their_own_and_go_on_from_them(ground: Ground, opened: Opened) -> None:
    database = opened(ground.url)
    first = "CREATE TABLE exitplan.things (name TEXT)"
    assert migrate(database, "fleet", [first]) == 0
    assert migrate(database, "fleet", [first, "ALTER TABLE exitplan.things ADD COLUMN size INT"]) == 1
    with pytest.raises(DataFolderUnusable, match="is not set up"):
        ensure_version(database)
    with pytest.raises(DataFolderUnusable, match=r"is of version 2 \(fleet\); this exitplan knows up to 1"):
        migrate(database, "fleet", [first])
    with pytest.raises(DataFolderUnusable, match="this exitplan needs 3") as refused:
        ensure_version(database, "fleet", ["", "", ""])
    assert "stop the workers of the earlier version" in str(refused.value.hint)


def test_an_upgrade_that_fails_leaves_nothing(ground: Ground, opened: Opened) -> None:
    database = opened(ground.url)
    with pytest.raises(ExitplanError):
        migrate(database, "fleet", ["CREATE TABLE exitplan.things (name TEXT)", "ALTER TABLE nothing ADD COLUMN x INT"])
    with database.connection() as connection:
        assert connection.execute("SELECT to_regclass('exitplan.things')").fetchone() == (None,)


def test_a_role_that_may_not_make_it_is_told(ground: Ground, opened: Opened) -> None:
    with pytest.raises(DataFolderUnusable, match="the role lacks a right: permission denied for database"):
        create_journal(opened(ground.url_of_role))
