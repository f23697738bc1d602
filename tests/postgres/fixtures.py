"""The fixtures of whatever needs a real Postgres server; without one its tests are skipped."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from tests.postgres.server import shared_server
from tools.postgres import NoPostgres, Server

if TYPE_CHECKING:
    from exitplan.executor.store.postgres.database import Database

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server of this test run, shared by its processes: not to be stopped."""
    notes = tmp_path_factory.getbasetemp()
    notes = notes.parent if os.environ.get("PYTEST_XDIST_WORKER") else notes
    try:
        shared = shared_server(notes)
        server = shared.__enter__()
    except NoPostgres as error:
        pytest.skip(str(error))
    try:
        yield server
    finally:
        shared.__exit__(None, None, None)


@pytest.fixture(scope="session")
def new_database(postgres_server: Server) -> Callable[[], str]:
    """Make an empty database, and give where it is found."""

    def make() -> str:
        import psycopg  # noqa: PLC0415 - the tests that need none start faster

        name = f"test_{os.getpid()}_{next(_numbers)}"
        with psycopg.connect(postgres_server.url(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return postgres_server.url(name)

    return make


@pytest.fixture
def postgres_url(new_database: Callable[[], str]) -> str:
    """Where an empty database of this test's own is found."""
    return new_database()


@pytest.fixture(scope="session")
def postgres_database(new_database: Callable[[], str]) -> Iterator[Database]:
    """A database that is set up for accounts, shared by the tests of this process."""
    from exitplan.executor.store.postgres.database import open_database  # noqa: PLC0415 - as above
    from exitplan.executor.store.postgres.migrations import create_journal  # noqa: PLC0415

    database = open_database(new_database())
    create_journal(database)
    yield database
    database.close()


def empty(database: Database) -> None:
    """Take everything out of a database but its tables."""
    asked = "SELECT string_agg(oid::regclass::text, ', ') FROM pg_class WHERE relkind = 'r' AND relname <> 'versions'"
    with database.connection() as connection:
        row = connection.execute(asked + " AND relnamespace = 'exitplan'::regnamespace").fetchone()
        assert row is not None
        connection.execute(f"TRUNCATE {row[0]}".encode())
