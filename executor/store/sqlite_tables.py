"""The tables of an account in a file of SQLite, behind the port; nothing of SQLite's own errors gets past it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress

from exitplan.executor.store.port import (
    ASK_WRITER,
    Row,
    Rows,
    StoreBroken,
    StoreError,
    StoreUnusable,
    WriterIsAnother,
    writer_of,
)

_FAILURES = (sqlite3.DatabaseError, UnicodeDecodeError)
"""SQLite quotes broken bytes in its messages, which cannot always be decoded."""


class SqliteTables:
    """The port over one connection, which commits by itself outside of transactions."""

    __slots__ = ("_db", "_run")

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._run = connection.execute

    def execute(self, sql: str, values: Sequence[object] = ()) -> Rows:
        """Run one statement."""
        try:
            return SqliteRows(self._run(sql, values))
        except _FAILURES as error:
            raise as_store_error(error) from error

    def executemany(self, sql: str, values: Iterable[Sequence[object]]) -> None:
        """Run one statement for each of the values."""
        try:
            self._db.executemany(sql, values)
        except _FAILURES as error:
            raise as_store_error(error) from error

    @contextmanager
    def writing(
        self,
        writer: int | None = None,
        *,
        is_durable: bool = True,  # noqa: ARG002 - all of them are
    ) -> Iterator[None]:
        """Run a block as one transaction that no other writer of the file comes into."""
        with _Transaction(self._db, "BEGIN IMMEDIATE"):
            if writer is not None and self.newest_writer() != writer:
                raise WriterIsAnother
            yield

    def ensure_none(self, sql: str, values: Sequence[object], problem: Exception) -> None:
        """Raise a problem where a question has rows."""
        if self.execute(sql, values).fetchone() is not None:
            raise problem

    def change_one(self, sql: str, values: Sequence[object], problem: Exception) -> None:
        """Raise a problem where a statement does not change one row."""
        if self.execute(sql, values).rowcount != 1:
            raise problem

    def newest_writer(self) -> int:
        """Return the number of the writer that has claimed the journal last."""
        return writer_of(self.execute(ASK_WRITER).fetchone())

    def reading(self) -> AbstractContextManager[None]:
        """Run a block of questions as of the moment of the first."""
        return _Transaction(self._db, "BEGIN")


class _Transaction:
    __slots__ = ("_begin", "_db")

    def __init__(self, connection: sqlite3.Connection, begin: str) -> None:
        self._db, self._begin = connection, begin

    def __enter__(self) -> None:
        self._run(self._begin)

    def __exit__(self, raised: type[BaseException] | None, *_: object) -> None:
        try:
            if raised is None:
                self._run("COMMIT")
        finally:  # whatever happened inside, half a transaction must not stay open
            if self._db.in_transaction:
                with suppress(sqlite3.Error):  # what went wrong before it is told
                    self._db.execute("ROLLBACK")

    def _run(self, sql: str) -> None:
        try:
            self._db.execute(sql)
        except _FAILURES as error:
            raise as_store_error(error) from error


class SqliteRows:
    """The rows of a statement of SQLite, which are made as they are read."""

    __slots__ = ("_cursor",)

    def __init__(self, cursor: sqlite3.Cursor) -> None:
        self._cursor = cursor

    @property
    def rowcount(self) -> int:
        """How many rows the statement has changed."""
        return self._cursor.rowcount

    def __iter__(self) -> Iterator[Row]:
        """Return the rows that are left, one by one."""
        try:
            for row in self._cursor:  # noqa: UP028 - `yield from` would close the cursor of a connection that is closed
                yield row
        except _FAILURES as error:
            raise as_store_error(error) from error

    def fetchone(self) -> Row | None:
        """Return the next row; None where there is none left."""
        try:
            row: Row | None = self._cursor.fetchone()
        except _FAILURES as error:
            raise as_store_error(error) from error
        return row

    def fetchall(self) -> list[Row]:
        """Return all that are left."""
        try:
            return self._cursor.fetchall()
        except _FAILURES as error:
            raise as_store_error(error) from error


def as_store_error(error: Exception) -> StoreError:
    """Return what failed in SQLite in the words of the port."""
    is_unusable = isinstance(error, sqlite3.OperationalError)
    return StoreUnusable(str(error)) if is_unusable else StoreBroken(str(error))
