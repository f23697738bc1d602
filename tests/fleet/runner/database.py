"""Connections to a database for tests, whose errors come out as those of the store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg_pool import ConnectionPool, PoolTimeout

from exitplan.ruleset.errors import DataFolderUnusable


class Connections:
    def __init__(self, url: str) -> None:
        self.pool = ConnectionPool(
            url, min_size=1, max_size=8, timeout=2, check=ConnectionPool.check_connection, open=True
        )

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection[Any]]:
        try:
            with self.pool.connection() as connection:
                yield connection
        except (psycopg.OperationalError, PoolTimeout) as problem:
            raise DataFolderUnusable(str(problem)) from problem

    def close(self) -> None:
        self.pool.close()


class Counting:
    """Counts tries in the accounts' rows, as the registry does."""

    def __init__(self, pool: Connections) -> None:
        self.pool = pool

    def count_try(self, account: str, why: str) -> bool:
        with self.pool.connection() as connection:
            row = connection.execute(
                "UPDATE exitplan.accounts SET tries = tries + 1, why = %s, standing = CASE WHEN tries >= 1 THEN 'dead'"
                " ELSE standing END WHERE account = %s RETURNING standing",
                (why, account),
            ).fetchone()
        return row is not None and row[0] == "dead"

    def clear_tries(self, account: str) -> None:
        with self.pool.connection() as connection:
            connection.execute("UPDATE exitplan.accounts SET tries = 0 WHERE account = %s", (account,))
