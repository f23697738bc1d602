"""The schema of a database: made, and brought from version to version, by one process at a time, all or nothing.

Each room has a part of its own, with a version of its own, and the texts that lead from each version to the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg

from exitplan.executor.store.postgres.database import Database
from exitplan.executor.store.postgres.failures import SET_UP
from exitplan.executor.store.postgres.schema import UPGRADES
from exitplan.ruleset.errors import DataFolderUnusable

JOURNAL = "journal"
"""The part that accounts need."""
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('exitplan.versions', 0))"
_BASE = (
    "CREATE SCHEMA IF NOT EXISTS exitplan; CREATE TABLE IF NOT EXISTS exitplan.versions"
    " (part TEXT PRIMARY KEY, version INTEGER NOT NULL, since TIMESTAMPTZ NOT NULL DEFAULT now())"
)
_NOTE = (
    "INSERT INTO exitplan.versions (part, version) VALUES (%s, %s)"
    " ON CONFLICT (part) DO UPDATE SET version = excluded.version, since = now()"
)
_WAIT = "SET LOCAL lock_timeout = '60s'; SET LOCAL idle_in_transaction_session_timeout = 0"


def create_journal(database: Database) -> int:
    """Make what accounts need, or bring it to this version; returns from which version, 0 for none."""
    return migrate(database, JOURNAL, UPGRADES)


def migrate(database: Database, part: str, upgrades: Sequence[str]) -> int:
    """Bring a part of the schema to this version, in one transaction; returns from which version, 0 for none.

    Safe to be run again, and by several at once. Raises DataFolderUnusable where the role may not, or where the
    database is of a later version.
    """
    with database.connection() as connection, connection.transaction():
        connection.execute(_WAIT)
        connection.execute(_LOCK)
        if _version_of(connection, part) is None:
            connection.execute(_BASE)
        version = _version_of(connection, part) or 0
        _ensure_known(database, part, version, upgrades)
        for upgrade in upgrades[version:]:
            connection.execute(upgrade.encode())
        if version < len(upgrades):
            connection.execute(_NOTE, (part, len(upgrades)))
    return version


def ensure_version(database: Database, part: str = JOURNAL, upgrades: Sequence[str] = UPGRADES) -> None:
    """Raise DataFolderUnusable where a part of the schema is not of this version, with what to do."""
    with database.connection() as connection:
        version = _version_of(connection, part)
    if version is None or version == 0:
        raise DataFolderUnusable(f"the database {database.place} is not set up for exitplan", hint=SET_UP)
    _ensure_known(database, part, version, upgrades)
    if version < len(upgrades):
        raise DataFolderUnusable(
            f"the database {database.place} is of version {version} ({part}); this exitplan needs {len(upgrades)}",
            hint=f"stop the workers of the earlier version, then {SET_UP}",
        )


def _ensure_known(database: Database, part: str, version: int, upgrades: Sequence[str]) -> None:
    if version > len(upgrades):
        raise DataFolderUnusable(
            f"the database {database.place} is of version {version} ({part});"
            f" this exitplan knows up to {len(upgrades)}",
            hint="nothing was sent; use the exitplan that set it up, or a later one",
        )


def _version_of(connection: psycopg.Connection[Any], part: str) -> int | None:
    """Return the version of a part; 0 where it is not there, None where no part is."""
    if connection.execute("SELECT to_regclass('exitplan.versions')").fetchone() == (None,):
        return None
    row = connection.execute("SELECT version FROM exitplan.versions WHERE part = %s", (part,)).fetchone()
    return 0 if row is None else int(row[0])
