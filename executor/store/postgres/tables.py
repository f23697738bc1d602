"""The tables of an account in Postgres, behind the port; nothing of the driver's own errors gets past it.

The statements are those of SQLite, with their marks written as the server wants them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache

import psycopg

from exitplan.executor.store.port import ASK_WRITER, Row, Rows, StoreUnusable, WriterIsAnother, writer_of
from exitplan.executor.store.postgres.connection import Queued, ReadRows, Refusal, StoreConnection, in_transaction
from exitplan.executor.store.postgres.failures import as_store_error
from exitplan.executor.store.postgres.leases import Lease

_LOCK = f"{ASK_WRITER} FOR UPDATE"
_LEASE_ENDED, _ANOTHER_WRITES = "the lease has ended", "another one writes"
_THERE_IS_ONE, _NOT_ONE = "there is one", "not one row"
# A text that is no number ends the transaction, and with it the commit that was sent along: nobody here has to look at
# the answer first. Names are not in an array: what that would cost depends on its length, so that it would be planned
# anew each time.
_ENSURE_TURN = (
    "SELECT (CASE WHEN (SELECT count(*) FROM exitplan.leases"  # noqa: S608 - our own words
    f" WHERE name IN (?, ?) AND token = ? AND until > clock_timestamp()) <> ? THEN '{_LEASE_ENDED}'"
    f" WHEN (SELECT writer = coalesce(?, writer) FROM origin) IS NOT TRUE THEN '{_ANOTHER_WRITES}' ELSE '1' END)::int"
)
_CHANGE_ONE = (
    "WITH changed AS ({} RETURNING 1)"  # noqa: S608 - our own words
    f" SELECT (CASE WHEN count(*) = 1 THEN '1' ELSE '{_NOT_ONE}' END)::int FROM changed"
)
_ENSURE_NONE = f"SELECT (CASE WHEN EXISTS ({{}}) THEN '{_THERE_IS_ONE}' ELSE '1' END)::int"


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
    def writing(self, writer: int | None = None, *, is_durable: bool = True) -> Iterator[None]:
        """Run a block as one transaction, while which no other one of the account is run.

        The log is written in its order: what is durable takes along all that came before.
        """
        self._is_writing = True
        try:
            with self._transaction(b"BEGIN", is_durable=is_durable):
                self._take_turn(writer)
                if writer is None:
                    self._send()
                yield
        finally:
            self._is_writing = False

    def _take_turn(self, writer: int | None) -> None:
        """Take the account's lock, and look then whether the lease lasts: another one may have taken it meanwhile."""
        self._queued(_LOCK, (), _ensure_there)
        self._queued(_ENSURE_TURN, (*self._leased, writer), refusal=self._turn_refused)

    @property
    def _leased(self) -> tuple[str, str, str, int]:
        """The names of what is leased, its token, and how many rows that is."""
        if self._lease is None:
            return "", "", "", 0
        names = self._lease.names
        return names[0], names[-1], self._lease.token, len(names)

    def _turn_refused(self, error: psycopg.Error) -> Exception | None:
        if _LEASE_ENDED in str(error) and self._lease is not None:
            return self._lease.lost()
        return WriterIsAnother() if _ANOTHER_WRITES in str(error) else None

    def ensure_none(self, sql: str, values: Sequence[object], problem: Exception) -> None:
        """Let the block fail with a problem where a question has rows."""
        asked = _ENSURE_NONE.format(sql)
        self._queued(asked, values, refusal=lambda error: problem if _THERE_IS_ONE in str(error) else None)

    def change_one(self, sql: str, values: Sequence[object], problem: Exception) -> None:
        """Let the block fail with a problem where a statement does not change one row."""
        changed = _CHANGE_ONE.format(sql)
        self._queued(changed, values, refusal=lambda error: problem if _NOT_ONE in str(error) else None)

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

    def _queued(
        self,
        sql: str,
        values: Sequence[object],
        check: Callable[[ReadRows], None] | None = None,
        refusal: Refusal | None = None,
    ) -> LaterRows:
        try:
            queued = self._connection.queue(marked(sql), values, check, refusal)
        except psycopg.DataError as error:
            cleaned = _without_nul(values)
            if cleaned == list(values):
                raise as_store_error(error) from error
            return self._queued(sql, cleaned, check, refusal)
        return LaterRows(queued, self._send)

    def _send(self) -> None:
        try:
            self._connection.send()
        except psycopg.Error as error:
            raise as_store_error(error) from error


def _ensure_there(rows: ReadRows) -> None:
    if rows.fetchone() is None:
        raise StoreUnusable("the account has no journal here")


@lru_cache(maxsize=512)
def marked(sql: str) -> bytes:
    """Write a statement's marks as the server wants them."""
    first, *others = sql.split("?")
    return (first + "".join(f"${number}{text}" for number, text in enumerate(others, 1))).encode()


def _without_nul(values: Sequence[object]) -> list[object]:
    """Return values without the one sign that no text of Postgres may hold."""
    return [value.replace("\0", "\ufffd") if isinstance(value, str) else value for value in values]
