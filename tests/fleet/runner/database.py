"""What tests have of a fleet's database: its tables, and whoever counts deaths in them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from exitplan.executor.store.postgres.database import Database, open_database
from exitplan.fleet.opening import registry_in
from exitplan.fleet.runner.blame import RegistryBlame


@contextmanager
def opened(url: str) -> Iterator[tuple[Database, RegistryBlame]]:
    database = open_database(url)
    try:
        yield database, RegistryBlame(registry_in(database), database)
    finally:
        database.close()
