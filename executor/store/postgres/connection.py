"""A connection to Postgres: it gives up on a server that does not answer, and keeps what it has prepared.

An account with orders asks some dozens of small questions. The driver's cursors take more time over one than the server
does, so those of the journal go past them: prepared when they are asked for the second time, and read as a whole. To
wait for an answer takes longer than to give it, so what belongs together is sent together.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, TypeVar

import psycopg
from psycopg import errors, generators, pq
from psycopg.abc import PQGen
from psycopg.abc import Transformer as Values
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import TransactionStatus
from psycopg.pq.abc import PGresult

from exitplan.executor.store.port import Row

V = TypeVar("V")

Refusal = Callable[[psycopg.Error], Exception | None]
"""Says what an error of a statement means; None where it is just that."""
Key = tuple[bytes, tuple[int, ...]]
"""What a statement is prepared by: its text, and the types of its values."""

LEASE_SECONDS = 30.0
"""How long a lease lasts that is not renewed."""
_MOST_PREPARED = 400
_BINARY = pq.Format.BINARY
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


@dataclass(slots=True, eq=False)
class Queued:
    """A statement that goes out with others: once it was answered, ``rows`` are there.

    ``check`` looks at them before those of any later one are seen, and raises what is against that. ``refusal`` says
    what it means that the server could not carry it out. Where the statement or one before it failed, ``problem`` says
    why.
    """

    key: Key
    params: Sequence[Any]
    formats: Sequence[pq.Format] | None
    check: Callable[[ReadRows], None] | None = None
    refusal: Refusal | None = None
    rows: ReadRows | None = None
    problem: Exception | None = None


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
        queued = self.queue(sql, values)
        self.send()
        if queued.rows is None:
            raise queued.problem or RuntimeError("a statement was not sent")
        return queued.rows

    def queue(
        self,
        sql: bytes,
        values: Sequence[object] = (),
        check: Callable[[ReadRows], None] | None = None,
        refusal: Refusal | None = None,
    ) -> Queued:
        """Let a statement go out with the next :meth:`send`; raises the driver's errors about its values at once."""
        if values:
            values_of = self._values_of
            params = values_of.dump_sequence(values, [PyFormat.AUTO] * len(values))
            queued = Queued((sql, tuple(values_of.types or ())), params, values_of.formats, check, refusal)
        else:
            queued = Queued((sql, ()), (), None, check, refusal)
        self._queue.append(queued)
        return queued

    def send(self) -> None:
        """Send what is queued, and wait for all answers.

        Raises the first of the driver's errors, or what a check has against an answer: what came after it counts for
        nothing, and is not carried out by the server where that has failed.
        """
        queue, self._queue = self._queue, []
        if not queue:
            return
        try:
            with self.lock:
                results = [self._answer_to(queue[0])] if len(queue) == 1 else self._answers_to(queue)
            for queued, result in zip(queue, results, strict=True):
                self._take_in(queued, result)
        except Exception as problem:
            for queued in queue:
                queued.problem = problem
            raise

    def _take_in(self, queued: Queued, result: PGresult) -> None:
        if result.status not in _DONE:
            error = errors.error_from_result(result, self.info.encoding)
            problem = None if queued.refusal is None else queued.refusal(error)
            if problem is None:
                raise error
            raise problem from error
        rows = _rows_of(result, self._values_of)
        if queued.check is not None:
            queued.check(rows)
        queued.rows = rows

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing is under way: no transaction, and nothing that waits to be sent."""
        return not self._queue and self.pgconn.transaction_status == TransactionStatus.IDLE

    def forget_queued(self) -> None:
        """Let nothing that is queued go out."""
        self._queue = []

    def _answer_to(self, queued: Queued) -> PGresult:
        prepared, key = self._prepared_here, queued.key
        if prepared.get(key) == b"":
            name = b"exitplan_%d" % next(self._numbers)
            self.pgconn.send_prepare(name, *key)
            result = self._answer()
            if result.status not in _DONE:
                return result
            prepared[key] = name
        self._send(queued, prepared.get(key))
        return self._answer()

    def _answers_to(self, queue: Sequence[Queued]) -> list[PGresult]:
        """Send statements together; what comes after one that fails is not carried out."""
        commands: deque[Callable[[], None]] = deque()
        new: dict[Key, bytes] = {}
        is_preparing: list[bool] = []
        pgconn, prepared = self.pgconn, self._prepared_here
        for queued in queue:
            key = queued.key
            name = new.get(key) or prepared.get(key)
            if name == b"":
                name = new[key] = b"exitplan_%d" % next(self._numbers)
                commands.append(partial(pgconn.send_prepare, name, *key))
                is_preparing.append(True)
            commands.append(partial(self._send, queued, name))
            is_preparing.append(False)
        commands.append(pgconn.pipeline_sync)
        try:
            pgconn.enter_pipeline_mode()
            results = self.wait(_received(pgconn, commands, len(is_preparing) + 1))
            pgconn.exit_pipeline_mode()
        except BaseException:
            pgconn.finish()  # answers that were not received must not be taken for those of other questions
            raise
        answers: list[PGresult] = []
        failed: PGresult | None = None
        for result, prepares in zip(results, is_preparing, strict=False):
            if failed is None and result.status not in _DONE:
                failed = result
            if not prepares:
                answers.append(failed or result)
        if failed is None and new:
            prepared.update(new)
        return answers

    def _send(self, queued: Queued, name: bytes | None) -> None:
        """Send a statement by the name that it is prepared under; by its text where it has none."""
        if name:
            self.pgconn.send_query_prepared(name, queued.params, queued.formats, _BINARY)
            return
        prepared, key = self._prepared_here, queued.key
        if len(prepared) < _MOST_PREPARED:  # to prepare what is asked for once would be a question more
            prepared.setdefault(key, b"")
        sql, types = key
        self.pgconn.send_query_params(sql, queued.params, types, queued.formats, _BINARY)

    def _deallocate(self, name: bytes | None) -> PQGen[None]:
        """Do what the driver does; after a rollback it lets go of all that is prepared, also of what it has not."""
        if name is None:
            self._prepared_here.clear()
        yield from super()._deallocate(name)

    @cached_property
    def _prepared_here(self) -> dict[Key, bytes]:
        """The names of what is prepared, by statement and types; empty where it was asked for once."""
        return {}

    @cached_property
    def _values_of(self) -> Values:
        """Writes values as the server reads them, and reads its own."""
        return Transformer(self)

    @cached_property
    def _numbers(self) -> Iterator[int]:
        return itertools.count()

    @cached_property
    def _queue(self) -> list[Queued]:
        """What was not sent yet."""
        return []

    def _answer(self) -> PGresult:
        """Wait for the answer to a statement that was sent."""
        result: PGresult = self.wait(generators.execute(self.pgconn))[-1]
        return result


@contextmanager
def in_transaction(connection: StoreConnection, begin: bytes = b"BEGIN", *, is_durable: bool = True) -> Iterator[None]:
    """Run a block as one transaction, and what is queued in it before its end, which goes out with it."""
    try:
        connection.queue(begin)
        if not is_durable:
            connection.queue(b"SET LOCAL synchronous_commit = off")
        yield
        connection.queue(b"COMMIT")
        connection.send()
    finally:  # whatever happened inside, half a transaction must not stay open
        connection.forget_queued()
        if connection.info.transaction_status is not TransactionStatus.IDLE:
            with suppress(psycopg.Error):  # what went wrong before it is told
                connection.run(b"ROLLBACK")


def _received(pgconn: pq.abc.PGconn, commands: deque[Callable[[], None]], count: int) -> PQGen[list[PGresult]]:
    """Carry out commands, and receive as many answers, of which the last one says that all are there."""
    results = [each[-1] for each in (yield from generators.pipeline_communicate(pgconn, commands))]
    while len(results) < count:
        results.append((yield from generators.fetch_many(pgconn))[-1])
    return results


def _rows_of(result: PGresult, values_of: Values) -> ReadRows:
    if not result.nfields:
        return ReadRows((), result.command_tuples or 0)
    values_of.set_pgresult(result)
    return ReadRows(values_of.load_rows(0, result.ntuples, tuple), result.ntuples)
