"""The tables of an account in Postgres, behind the port; nothing of the driver's own errors gets past it.

The statements are those of SQLite, with their marks written as the driver wants them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

from exitplan.executor.store.port import Rows, StoreUnusable
from exitplan.executor.store.postgres.failures import as_store_error
from exitplan.executor.store.postgres.leases import Lease

_LOCK = "SELECT writer FROM origin FOR UPDATE"
_IS_LEASED = "SELECT count(*) FROM exitplan.leases WHERE name = ANY(?) AND token = ? AND until > clock_timestamp()"


class PostgresTables:
    """The port over one connection, in which the account is set and which commits by itself outside of transactions.

    What is written under a ``lease`` is written only while it lasts, by the time of the database.
    """

    __slots__ = ("_connection", "_lease")

    def __init__(self, connection: psycopg.Connection[Any], lease: Lease | None = None) -> None:
        self._connection = connection
        self._lease = lease

    def execute(self, sql: str, values: Sequence[object] = ()) -> Rows:
        """Run one statement."""
        try:
            return self._connection.execute(_marked(sql), values, binary=True)
        except psycopg.DataError as error:
            cleaned = _without_nul(values)
            if cleaned == list(values):
                raise as_store_error(error) from error
            return self.execute(sql, cleaned)
        except psycopg.Error as error:
            raise as_store_error(error) from error

    def executemany(self, sql: str, values: Iterable[Sequence[object]]) -> None:
        """Run one statement for each of the values."""
        try:
            with self._connection.cursor() as cursor:
                cursor.executemany(_marked(sql), map(_without_nul, values))
        except psycopg.Error as error:
            raise as_store_error(error) from error

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Run a block as one transaction, while which no other one of the account is run."""
        with self._transaction("BEGIN"):
            if self.execute(_LOCK).fetchone() is None:
                raise StoreUnusable("the account has no journal here")
            self._ensure_leased()
            yield

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Run a block of questions as of the moment of the first."""
        with self._transaction("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"):
            yield

    def _ensure_leased(self) -> None:
        """Raise where the lease has ended by the time of the database, or another one has taken it."""
        if self._lease is None:
            return
        row = self.execute(_IS_LEASED, (list(self._lease.names), self._lease.token)).fetchone()
        if row is None or row[0] != len(self._lease.names):
            self._lease.deadline = float("-inf")
            self._lease.ensure()

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[None]:
        try:
            self.execute(begin)
            yield
            self.execute("COMMIT")
        finally:  # whatever happened inside, half a transaction must not stay open
            if self._connection.info.transaction_status is not TransactionStatus.IDLE:
                with suppress(psycopg.Error):  # what went wrong before it is told
                    self._connection.execute("ROLLBACK")


@lru_cache(maxsize=512)
def _marked(sql: str) -> str:
    """Write a statement's marks as the driver wants them."""
    return sql.replace("%", "%%").replace("?", "%s")


def _without_nul(values: Sequence[object]) -> list[object]:
    """Return values without the one sign that no text of Postgres may hold."""
    return [value.replace("\0", "\ufffd") if isinstance(value, str) else value for value in values]
