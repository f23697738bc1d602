"""A database of a fleet for the tests of a file, and a shard of it for each."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest

from exitplan.executor.store.postgres.database import Database
from tests.fleet.shards import Shard, ToldWorld, fleet_database

_first = itertools.count(7, 70)


@pytest.fixture(scope="module")
def database(new_database: Callable[[], str]) -> Iterator[Database]:
    database = fleet_database(new_database())
    yield database
    database.close()


@pytest.fixture
def shard(database: Database) -> Shard:
    """Three accounts that no other test has."""
    return Shard(database, ToldWorld(), first=next(_first))
