"""Every reader of an account, on values that nobody wrote: it is told, and nothing else raised."""

from __future__ import annotations

import itertools
import shutil
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exitplan.executor.store.postgres.database import Database
from exitplan.executor.store.postgres.postgres_store import PostgresStore
from exitplan.ruleset.errors import ExitplanError
from tests.builders import NOW
from tests.executor.conftest import Stage
from tests.executor.scene import Scene, legacy
from tests.executor.test_spoilt_databases import ANYWHERE, FAILED, READERS
from tests.postgres.fixtures import empty
from tests.spoiling import fuzzed

_OF_FILES = frozenset({"backup", "restore", "deliveries"})
_TABLES = (
    "SELECT table_name, string_agg(quote_ident(column_name), ',' ORDER BY ordinal_position) FROM"
    " information_schema.columns WHERE table_schema = 'exitplan' AND column_name <> 'account' AND table_name IN"
    " (SELECT table_name FROM information_schema.columns WHERE table_schema = 'exitplan' AND column_name = 'account')"
    " AND table_name NOT IN ('alerts', 'last_traded') GROUP BY table_name ORDER BY table_name"
)
_FIRST = ("plans", "requests", "incidents")
"""Those that others refer to."""
VALUES = st.sampled_from([None, b"{", b"[]", b"{}", b"\xff", "", "x", "NaN", "2026-99-99T00:00:00Z", "-1", -1, 2**62])
_numbers = itertools.count()


@dataclass
class Kept:
    """An account with a history, and where its venue's file is kept as it was."""

    scene: Scene
    database: Database
    files: Path
    tables: dict[str, list[str]]

    def copied(self) -> Scene:
        """Give a scene whose account is a copy of the one that was kept."""
        shutil.rmtree(self.scene.root)
        shutil.copytree(self.files, self.scene.root)
        name = f"copy {next(_numbers)}"
        with psycopg.connect(self.database.url) as connection:
            for table in sorted(self.tables, key=lambda table: table not in _FIRST):
                names = ", ".join(self.tables[table])
                connection.execute(
                    f"INSERT INTO exitplan.{table} (account, {names}) SELECT %s, {names} FROM exitplan.{table}"  # noqa: S608 - names of the schema
                    " WHERE account = 'platform'".encode(),
                    (name,),
                )
        self.scene.store_of = lambda _: PostgresStore(self.database, name)
        return self.scene

    def spoil(self, table: int, column: int, value: object) -> None:
        """Put a value into a column of a table, where the column takes it."""
        name = sorted(self.tables)[table % len(self.tables)]
        place = self.tables[name][column % len(self.tables[name])]
        statement = f"UPDATE exitplan.{name} SET {place} = %s WHERE account = %s"  # noqa: S608 - as above
        with suppress(psycopg.Error), psycopg.connect(self.database.url) as connection:
            connection.execute(statement.encode(), (value, self.scene.store.account))


@pytest.fixture
def kept(on_stage: Stage, postgres_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Kept:
    empty(postgres_database)
    scene = on_stage(legacy())
    scene.store_of = lambda account: PostgresStore(postgres_database, account)
    scene.apply()
    scene.clock.advance(600)
    scene.apply()
    scene.store.raise_alert("EXIT_FAILED", NOW, FAILED)
    files = tmp_path_factory.mktemp("kept") / "files"
    shutil.copytree(scene.root, files)
    with psycopg.connect(postgres_database.url) as connection:
        tables = {name: columns.split(",") for name, columns in connection.execute(_TABLES.encode()).fetchall()}
    return Kept(scene, postgres_database, files, tables)


@pytest.mark.parametrize("name", sorted(READERS.keys() - _OF_FILES))
@fuzzed(3)
@example(table=0, column=0, value=None)
@given(table=ANYWHERE, column=ANYWHERE, value=VALUES)
def test_a_row_that_nobody_wrote_is_read_or_told(kept: Kept, name: str, table: int, column: int, value: object) -> None:
    scene = kept.copied()
    kept.spoil(table, column, value)
    with suppress(ExitplanError):
        READERS[name](scene)
    assert Decimal(30) < Decimal(scene.held()) <= Decimal("56.25")  # one cycle more is sold at most
