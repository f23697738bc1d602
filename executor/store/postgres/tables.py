"""The tables of an account in Postgres, behind the port; nothing of the driver's own errors gets past it.

The statements are those of SQLite, with their marks written as the server wants them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache

import psycopg

from exitplan.executor.store.port import ASK_WRITER, Row, Rows, StoreUnusable, writer_of
from exitplan.executor.store.postgres.connection import Queued, ReadRows, StoreConnection, in_transaction
from exitplan.executor.store.postgres.failures import as_store_error
from exitplan.executor.store.postgres.leases import Lease

_LOCK = f"{ASK_WRITER} FOR UPDATE"
# Not by an array: what that would cost depends on its length, so that it would be planned anew each time.
_IS_LEASED = "SELECT count(*) FROM exitplan.leases WHERE name IN (?, ?) AND token = ? AND until > clock_timestamp()"


class LaterRows:
    """The rows of a statement that goes out with others: whoever looks at them first sends all that waits."""

    __slots__ = ("_queued", "_send")

    def __init__(self, queued: Queued, send: Callable[[], None]) -> None:
        self._queued, self._send = queued, send

    @property
    def _rows(self) -> ReadRows:
        if self._queued.rows is None and self._queued.problem is None:
            self._send()
        if self._queued.rows is None:
            raise StoreUnusable("a statement before it has failed") from self._queued.problem
        return self._queued.rows

    @property
    def rowcount(self) -> int:
        """How many rows the statement has changed."""
        return self._rows.rowcount

    def __iter__(self) -> Iterator[Row]:
        """Return the rows that are left, one by one."""
        return iter(self._rows)

    def fetchone(self) -> Row | None:
        """Return the next row; None where there is none left."""
        return self._rows.fetchone()

    def fetchall(self) -> list[Row]:
        """Return all that are left."""
        return self._rows.fetchall()


class PostgresTables:
    """The port over one connection, in which the account is set and which commits by itself outside of transactions.

    What is written under a ``lease`` is written only while it lasts, by the time of the database. Statements of a
    transaction are sent when the first answer is looked at, and before its commit.
    """

    __slots__ = ("_connection", "_is_writing", "_lease")

    def __init__(self, connection: StoreConnection, lease: Lease | None = None) -> None:
        self._connection = connection
        self._lease = lease
        self._is_writing = False

    def execute(self, sql: str, values: Sequence[object] = ()) -> Rows:
        """Run one statement."""
        later = self._queued(sql, values)
        if not self._is_writing:
            self._send()
        return later

    def executemany(self, sql: str, values: Iterable[Sequence[object]]) -> None:
        """Run one statement for each of the values."""
        for each in values:
            self.execute(sql, each)

    @contextmanager
    def writing(self, ensure: Callable[[int], None] | None = None, *, is_durable: bool = True) -> Iterator[None]:
        """Run a block as one transaction, while which no other one of the account is run.

        The log is written in its order: what is durable takes along all that came before.
        """
        self._is_writing = True
        try:
            with self._transaction(b"BEGIN", is_durable=is_durable):
                self._lock(ensure)
                if ensure is None:
                    self._send()
                yield
                self._send()
        finally:
            self._is_writing = False

    def _lock(self, ensure: Callable[[int], None] | None) -> None:
        """Take the account's lock, and look then whether the lease lasts: another one may have taken it meanwhile."""
        writers: list[int] = []

        def is_there(rows: ReadRows) -> None:
            row = rows.fetchone()
            if row is None:
                raise StoreUnusable("the account has no journal here")
            writers.append(writer_of(row))
            if self._lease is None:
                is_ours()

        def is_ours(leased: ReadRows | None = None) -> None:
            if leased is not None:
                self._ensure_leased(leased)
            if ensure is not None:
                ensure(*writers)

        self._queued(_LOCK, (), is_there)
        if self._lease is not None:
            names = self._lease.names
            self._queued(_IS_LEASED, (names[0], names[-1], self._lease.token), is_ours)

    def newest_writer(self) -> int:
        """Return the number of the writer that has claimed the journal last."""
        return writer_of(self.execute(ASK_WRITER).fetchone())

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Run a block of questions as of the moment of the first."""
        with self._transaction(b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"):
            yield

    @contextmanager
    def _transaction(self, begin: bytes, *, is_durable: bool = True) -> Iterator[None]:
        try:
            with in_transaction(self._connection, begin, is_durable=is_durable):
                yield
        except psycopg.Error as error:
            raise as_store_error(error) from error

    def _ensure_leased(self, rows: ReadRows) -> None:
        """Raise where the lease has ended by the time of the database, or another one has taken it."""
        if self._lease is None:
            return
        row = rows.fetchone()
        if row is None or row[0] != len(self._lease.names):
            self._lease.deadline = float("-inf")
            self._lease.ensure()

    def _queued(self, sql: str, values: Sequence[object], check: Callable[[ReadRows], None] | None = None) -> LaterRows:
        try:
            queued = self._connection.queue(marked(sql), values, check)
        except psycopg.DataError as error:
            cleaned = _without_nul(values)
            if cleaned == list(values):
                raise as_store_error(error) from error
            return self._queued(sql, cleaned, check)
        return LaterRows(queued, self._send)

    def _send(self) -> None:
        try:
            self._connection.send()
        except psycopg.Error as error:
            raise as_store_error(error) from error


@lru_cache(maxsize=512)
def marked(sql: str) -> bytes:
    """Write a statement's marks as the server wants them."""
    first, *others = sql.split("?")
    return (first + "".join(f"${number}{text}" for number, text in enumerate(others, 1))).encode()


def _without_nul(values: Sequence[object]) -> list[object]:
    """Return values without the one sign that no text of Postgres may hold."""
    return [value.replace("\0", "\ufffd") if isinstance(value, str) else value for value in values]
