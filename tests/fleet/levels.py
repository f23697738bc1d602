"""What the tests of a fleet's levels have in common."""

from __future__ import annotations

import psycopg

from exitplan.fleet.levels import PostgresLevels
from exitplan.fleet.schema import BUCKETS


def with_buckets(url: str) -> str:
    """Make the table of buckets in an empty database."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA exitplan")
        connection.execute(BUCKETS)
    return url


def row(levels: PostgresLevels, scope: str, column: str) -> float:
    """Return what the row of a bucket says."""
    with psycopg.connect(levels.url) as connection:
        found = connection.execute(f"SELECT {column} FROM exitplan.buckets WHERE scope = %s", [scope]).fetchone()  # noqa: S608 - of a test
    assert found is not None
    return float(found[0])
