"""Databases to be spoilt, and roles that may do little."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psycopg
import pytest

from exitplan.executor.store.postgres.database import Database, open_database
from exitplan.executor.store.postgres.migrations import create_journal
from tools.postgres import Server


@dataclass(frozen=True, slots=True)
class Ground:
    """An empty database, and a role of its own that owns nothing."""

    server: Server
    name: str

    @property
    def url(self) -> str:
        return self.server.url(self.name)

    @property
    def role(self) -> str:
        return f"role_{self.name}"

    @property
    def url_of_role(self) -> str:
        return self.server.url(self.name, self.role)

    def run(self, *statements: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def set_up(self) -> None:
        with open_database(self.url) as database:
            create_journal(database)


@pytest.fixture
def ground(postgres_server: Server, postgres_url: str) -> Ground:
    made = Ground(postgres_server, postgres_url.partition("?")[0].rpartition("/")[2])
    made.run(f"CREATE ROLE {made.role} LOGIN")
    return made


@pytest.fixture
def opened() -> Iterator[Callable[..., Database]]:
    """Open databases that are closed when the test ends."""
    databases: list[Database] = []

    def opening(url: str, **named: float) -> Database:
        databases.append(open_database(url, **named))  # type: ignore[arg-type] # seconds and counts
        return databases[-1]

    yield opening
    for database in databases:
        database.close()
