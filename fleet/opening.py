"""Reach the database of a fleet: make its tables, and open its registry."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from exitplan.brokers.live.buckets import levels_kept_by
from exitplan.executor.store.postgres.database import Database, open_database
from exitplan.executor.store.postgres.migrations import create_journal, ensure_version, migrate
from exitplan.executor.store.postgres.schema import UPGRADES as JOURNAL_UPGRADES
from exitplan.fleet.levels import PostgresLevels
from exitplan.fleet.place import FleetPlace
from exitplan.fleet.registry import Registry
from exitplan.fleet.schema import PART, UPGRADES


@dataclass(frozen=True, slots=True)
class Initialised:
    """What making the tables came to: they are new, or were of an earlier version, or are as they were."""

    place: str
    is_new: bool
    is_upgrade: bool


def init_fleet(url: str) -> Initialised:
    """Make the tables of a fleet and of its accounts' journals, or bring them to this version; safe to be repeated.

    Raises UsageError, DataFolderUnusable.
    """
    database = open_database(url)
    try:
        journal, fleet = create_journal(database), migrate(database, PART, UPGRADES)
        is_upgrade = (journal, fleet) != (len(JOURNAL_UPGRADES), len(UPGRADES))
        return Initialised(database.place, fleet == 0, is_upgrade)
    finally:
        database.close()


def registry_in(database: Database) -> Registry:
    """Return the registry in a database; raises DataFolderUnusable where it has none of this version."""
    ensure_version(database)
    ensure_version(database, PART, UPGRADES)
    return Registry(database)


@contextmanager
def open_fleet(url: str) -> Iterator[FleetPlace]:
    """Open a fleet for the time of the block, its accounts drawing from its limits.

    Raises UsageError, DataFolderUnusable.
    """
    database = open_database(url)
    try:
        with PostgresLevels(url) as levels, levels_kept_by(levels):
            yield FleetPlace(registry_in(database), database)
    finally:
        database.close()
