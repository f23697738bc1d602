"""A fleet's tables in a real Postgres, with accounts that are only names."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest

from exitplan.fleet.opening import init_fleet
from exitplan.fleet.runner.ticks import Pool
from tests.fleet.runner.database import opened
from tests.fleet.runner.stand_ins import TABLE
from tests.postgres.server import temporary_server
from tools.postgres import NoPostgres, Server


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A server that may be restarted; no other tests use it."""
    try:
        with temporary_server() as started:
            yield started
    except NoPostgres as problem:
        pytest.skip(str(problem))


@pytest.fixture
def url(server: Server, request: pytest.FixtureRequest) -> str:
    name = f"t{abs(hash(request.node.nodeid)):x}"
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    init_fleet(server.url(name))
    with psycopg.connect(server.url(name)) as connection:
        connection.execute(TABLE)
    return server.url(name)


@pytest.fixture
def pool(url: str) -> Iterator[Pool]:
    with opened(url) as (database, _):
        yield database


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
