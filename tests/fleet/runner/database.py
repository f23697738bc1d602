"""What tests have of a fleet's database, and whoever counts deaths in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from exitplan.executor.store.postgres.database import Database
from exitplan.fleet.opening import open_fleet
from exitplan.fleet.runner.blame import RegistryBlame


@contextmanager
def opened(url: str) -> Iterator[tuple[Database, RegistryBlame]]:
    with open_fleet(url) as place:
        yield place.database, RegistryBlame(place.registry)
