"""The tables of an account in Postgres, behind the port; nothing of the driver's own errors gets past it.

The statements are those of SQLite, with their marks written as the server wants them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache

import psycopg
from psycopg.pq import TransactionStatus

from exitplan.executor.store.port import ASK_WRITER, Rows, StoreUnusable, writer_of
from exitplan.executor.store.postgres.connection import StoreConnection
from exitplan.executor.store.postgres.failures import as_store_error
from exitplan.executor.store.postgres.leases import Lease

_LOCK = f"{ASK_WRITER} FOR UPDATE"
# Not by an array: what that would cost depends on its length, so that it would be planned anew each time.
_IS_LEASED = "SELECT count(*) FROM exitplan.leases WHERE name IN (?, ?) AND token = ? AND until > clock_timestamp()"


class PostgresTables:
    """The port over one connection, in which the account is set and which commits by itself outside of transactions.

    What is written under a ``lease`` is written only while it lasts, by the time of the database.
    """

    __slots__ = ("_connection", "_lease", "_writer")

    def __init__(self, connection: StoreConnection, lease: Lease | None = None) -> None:
        self._connection = connection
        self._lease = lease
        self._writer: int | None = None  # while nobody else can write

    def execute(self, sql: str, values: Sequence[object] = ()) -> Rows:
        """Run one statement."""
        try:
            return self._connection.run(marked(sql), values)
        except psycopg.DataError as error:
            cleaned = _without_nul(values)
            if cleaned == list(values):
                raise as_store_error(error) from error
            return self.execute(sql, cleaned)
        except psycopg.Error as error:
            raise as_store_error(error) from error

    def executemany(self, sql: str, values: Iterable[Sequence[object]]) -> None:
        """Run one statement for each of the values."""
        for each in values:
            self.execute(sql, each)

    @contextmanager
    def writing(self, *, is_durable: bool = True) -> Iterator[None]:
        """Run a block as one transaction, while which no other one of the account is run.

        The log is written in its order: what is durable takes along all that came before.
        """
        with self._transaction("BEGIN"):
            if not is_durable:
                self.execute("SET LOCAL synchronous_commit = off")
            row = self.execute(_LOCK).fetchone()
            if row is None:
                raise StoreUnusable("the account has no journal here")
            self._ensure_leased()
            self._writer = writer_of(row)
            try:
                yield
            finally:
                self._writer = None

    def newest_writer(self) -> int:
        """Return the number of the writer that has claimed the journal last."""
        return writer_of(self.execute(ASK_WRITER).fetchone()) if self._writer is None else self._writer

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Run a block of questions as of the moment of the first."""
        with self._transaction("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"):
            yield

    def _ensure_leased(self) -> None:
        """Raise where the lease has ended by the time of the database, or another one has taken it."""
        if self._lease is None:
            return
        first, last = self._lease.names[0], self._lease.names[-1]
        row = self.execute(_IS_LEASED, (first, last, self._lease.token)).fetchone()
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
                    self._connection.run(b"ROLLBACK")


@lru_cache(maxsize=512)
def marked(sql: str) -> bytes:
    """Write a statement's marks as the server wants them."""
    first, *others = sql.split("?")
    return (first + "".join(f"${number}{text}" for number, text in enumerate(others, 1))).encode()


def _without_nul(values: Sequence[object]) -> list[object]:
    """Return values without the one sign that no text of Postgres may hold."""
    return [value.replace("\0", "\ufffd") if isinstance(value, str) else value for value in values]
