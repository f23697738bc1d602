"""A connection to Postgres: it gives up on a server that does not answer, and keeps what it has prepared.

An account with orders asks some dozens of small questions. The driver's cursors take more time over one than the server
does, so those of the journal go past them: prepared when they are asked for the second time, and read as a whole.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, TypeVar

import psycopg
from psycopg import errors, generators, pq
from psycopg.abc import PQGen
from psycopg.abc import Transformer as Values
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq.abc import PGresult

from exitplan.executor.store.port import Row

V = TypeVar("V")

LEASE_SECONDS = 30.0
"""How long a lease lasts that is not renewed."""
_MOST_PREPARED = 400
_DONE = frozenset({pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK})


class ReadRows:
    """The rows of a statement, all of which were read."""

    __slots__ = ("_rows", "rowcount")

    def __init__(self, rows: Sequence[Row], rowcount: int) -> None:
        self._rows = iter(rows)
        self.rowcount = rowcount

    def __iter__(self) -> Iterator[Row]:
        """Return the rows that are left, one by one."""
        return self._rows

    def fetchone(self) -> Row | None:
        """Return the next row; None where there is none left."""
        return next(self._rows, None)

    def fetchall(self) -> list[Row]:
        """Return all that are left."""
        return list(self._rows)


class StoreConnection(psycopg.Connection[tuple[Any, ...]]):
    """A connection that gives up on a server which does not answer for some seconds."""

    patience = LEASE_SECONDS
    account: str | None = None
    """Whose tables are seen."""

    def wait(self, gen: PQGen[V], interval: float = 0.1, timeout: float | None = None) -> V:
        """Wait as the driver does, and not for ever; what became of the statement is then unknown."""
        try:
            return super().wait(gen, interval, self.patience if timeout is None else timeout)
        except psycopg.errors._WaitTimeout:  # noqa: SLF001 - the driver's word for it has no public name
            if timeout is None:
                self.pgconn.finish()  # its answer, should one come, must not be taken for that of another question
                text = f"the server has not answered for {self.patience:.0f} s"
                raise psycopg.OperationalError(text) from None
            raise

    def run(self, sql: bytes, values: Sequence[object] = ()) -> ReadRows:
        """Run one statement, whose marks are ``$1`` and so on, and read its rows; raises the driver's errors."""
        with self.lock:
            values_of: Values = Transformer(self)
            params = values_of.dump_sequence(values, [PyFormat.AUTO] * len(values)) if values else ()
            self._send(sql, params, values_of)
            result = self._answer()
            return _rows_of(result, values_of)

    def _send(self, sql: bytes, params: Sequence[Any], values_of: Values) -> None:
        types, formats = values_of.types or (), values_of.formats
        prepared, key = self._prepared_here, (sql, tuple(types))
        name = prepared.get(key)
        if name is None:  # to prepare what is asked for once would be a question more
            if len(prepared) < _MOST_PREPARED:
                prepared[key] = b""
            self.pgconn.send_query_params(sql, params, types, formats, pq.Format.BINARY)
            return
        if not name:
            name = b"exitplan_%d" % next(self._numbers)
            self.pgconn.send_prepare(name, sql, types)
            self._answer()
            prepared[key] = name
        self.pgconn.send_query_prepared(name, params, formats, pq.Format.BINARY)

    def _deallocate(self, name: bytes | None) -> PQGen[None]:
        """Do what the driver does; after a rollback it lets go of all that is prepared, also of what it has not."""
        if name is None:
            self._prepared_here.clear()
        yield from super()._deallocate(name)

    @cached_property
    def _prepared_here(self) -> dict[tuple[bytes, tuple[int, ...]], bytes]:
        """The names of what is prepared, by statement and types; empty where it was asked for once."""
        return {}

    @cached_property
    def _numbers(self) -> Iterator[int]:
        return itertools.count()

    def _answer(self) -> PGresult:
        """Wait for the answer to a statement that was sent; raises what the server says against it."""
        result: PGresult = self.wait(generators.execute(self.pgconn))[-1]
        if result.status in _DONE:
            return result
        raise errors.error_from_result(result, self.info.encoding)


def _rows_of(result: PGresult, values_of: Values) -> ReadRows:
    if not result.nfields:
        return ReadRows((), result.command_tuples or 0)
    values_of.set_pgresult(result)
    return ReadRows(values_of.load_rows(0, result.ntuples, tuple), result.ntuples)
