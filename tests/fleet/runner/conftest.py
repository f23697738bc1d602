"""A fleet's tables in a real Postgres, with accounts that are only names."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from tools.postgres import NoPostgres, Server, start_server

from exitplan.fleet.runner.ticks import Pool
from exitplan.fleet.schema import UPGRADES
from tests.fleet.runner.database import Connections
from tests.fleet.runner.stand_ins import TABLE

LEASES = """
CREATE TABLE exitplan.leases (
    name TEXT PRIMARY KEY, token TEXT NOT NULL, holder TEXT NOT NULL, host TEXT NOT NULL, pid BIGINT NOT NULL,
    process TEXT NOT NULL, fence BIGINT NOT NULL, taken_at TIMESTAMPTZ NOT NULL, until TIMESTAMPTZ NOT NULL)"""


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        try:
            started = start_server(Path(folder) / "s", fsync=False)
        except NoPostgres as problem:
            pytest.skip(str(problem))
        yield started
        started.kill()


@pytest.fixture
def url(server: Server, request: pytest.FixtureRequest) -> str:
    name = f"t{abs(hash(request.node.nodeid)):x}"
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    with psycopg.connect(server.url(name)) as connection:
        for statement in ("CREATE SCHEMA exitplan", LEASES, *UPGRADES, TABLE):
            connection.execute(statement)
    return server.url(name)


@pytest.fixture
def pool(url: str) -> Iterator[Pool]:
    opened = Connections(url)
    yield opened
    opened.close()


@pytest.fixture
def fleet(pool: Pool) -> Callable[..., None]:
    """Return how to fill the fleet: shards of accounts, some with names that say what happens."""

    def fill(shards: int = 4, size: int = 5, egress: str = "", *, first: int = 1, names: tuple[str, ...] = ()) -> None:
        with pool.connection() as connection:
            connection.execute(
                "INSERT INTO exitplan.policies (sha256, name, document) VALUES ('p', 'p', '') ON CONFLICT DO NOTHING"
            )
            for shard in range(first, first + shards):
                connection.execute("INSERT INTO exitplan.shards VALUES (%s, 'paper', %s)", (shard, egress))
                extra = [f"s{shard}-{name}" for name in names] if shard == first else []
                for name in [*(f"s{shard}-{number:03}" for number in range(size)), *extra]:
                    connection.execute(
                        "INSERT INTO exitplan.accounts (account, venue, quote, block, policy, egress, shard)"
                        " VALUES (%s, 'paper', 'USD', '{}', 'p', %s, %s)",
                        (name, egress, shard),
                    )

    return fill
