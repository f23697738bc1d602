"""Leases as rows: one holder each, by the time of the database, renewed while the holder lives, and fenced.

A row stays when its lease ends, so that its fencing number grows with each taking. The holder trusts a lease by its own
clock, which no one sets, from the moment it asked for it, less a margin: what another one may take by now is not used.
Of a holder on this machine that has died a lease is taken at once. Takings and renewals need not be durable: whatever
is acted on under a lease is committed after it, durably, in the same log, and checks the holder's own token.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import psycopg
from psycopg.pq import TransactionStatus

from exitplan.executor.logs import JOURNAL, note
from exitplan.executor.store.postgres.connection import StoreConnection
from exitplan.executor.store.postgres.failures import text_of, told
from exitplan.executor.store.postgres.holders import Holder, this_process
from exitplan.ruleset.errors import AccountIsLocked, FileIsInvalid

T = TypeVar("T")

_MARGIN = 6
"""The part of a lease's time that is not trusted, as a divisor; also how often it is renewed in that time."""
_TAKE = b"""
INSERT INTO exitplan.leases AS held (name, token, holder, host, pid, process, fence, taken_at, until)
VALUES ($1, $2, $3, $4, $5, $6, 1, clock_timestamp(), clock_timestamp() + make_interval(secs => $7))
ON CONFLICT (name) DO UPDATE SET token = excluded.token, holder = excluded.holder, host = excluded.host,
    pid = excluded.pid, process = excluded.process, fence = held.fence + 1, taken_at = excluded.taken_at,
    until = excluded.until
WHERE held.until <= clock_timestamp() OR held.token IN ($8, $2)
RETURNING fence
"""
_RENEW = """
UPDATE exitplan.leases SET until = clock_timestamp() + make_interval(secs => %s)
WHERE name = ANY(%s) AND token = %s RETURNING name
"""
_END = b"UPDATE exitplan.leases SET until = 'epoch', token = '' WHERE name IN ($1, $2) AND token = $3"
_LOOK = (
    "SELECT token, holder, host, pid, process, taken_at, until > clock_timestamp() FROM exitplan.leases WHERE name = %s"
)
_BREAK = "UPDATE exitplan.leases SET until = 'epoch', token = '', fence = fence + 1 WHERE name = %s"


@dataclass(eq=False)
class Lease:
    """A lease, or several at once, that this process holds; ``fences`` has its number for each name."""

    names: tuple[str, ...]
    token: str
    fences: dict[str, int]
    deadline: float
    keeper: LeaseKeeper = field(repr=False)

    @property
    def fence(self) -> int:
        """The fencing number, of the first of the names."""
        return self.fences[self.names[0]]

    @property
    def seconds_left(self) -> float:
        """How long it can be trusted from now on without being renewed, in seconds."""
        return self.deadline - _clock()

    def ensure(self) -> None:
        """Raise FileIsInvalid where another one may hold it by now."""
        if self.seconds_left <= 0:
            raise self._ended

    def lost(self) -> FileIsInvalid:
        """Note that another one may hold it, by the time of the database, and return what to raise."""
        self.deadline = float("-inf")
        return self._ended

    @property
    def _ended(self) -> FileIsInvalid:
        return FileIsInvalid(
            f"the lease of {self.names[0]} has ended while this process was held up",
            hint="nothing more was written or sent; the next run resolves what this one left open",
        )

    def release(self) -> None:
        """Give it back; where the database is away, it ends by itself."""
        self.keeper.release(self)


class LeaseKeeper:
    """Takes leases and renews them, from a thread of its own and by a connection of its own, until they are released.

    ``seconds`` is how long one lasts without that.
    """

    def __init__(self, connect: Callable[[], StoreConnection], place: str, seconds: float) -> None:
        self.seconds = seconds
        self._connect, self._place = connect, place
        self._connection: StoreConnection | None = None
        self._held: set[Lease] = set()
        self._left: list[Lease] = []  # given back while the database was away
        self._lock = threading.RLock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    def take(self, names: Sequence[str], what: str, *, hint: str | None = None) -> Lease:
        """Take leases all together; raises AccountIsLocked, naming the holder, where one is held.

        ``what`` says in the message what is held then. Raises DataFolderUnusable where the database is away.
        """
        asked_at, token = _clock(), uuid.uuid4().hex
        with told(self._place), self._lock:
            fences = self._at_work(lambda connection: self._taken(connection, sorted(names), token))
            if isinstance(fences, Holder):
                raise AccountIsLocked(f"{what} {fences}", hint=hint)
            lease = Lease(tuple(names), token, fences, asked_at + self._trusted, self)
            self._held.add(lease)
            self._ensure_renewed()
        for name in names:
            note(JOURNAL, "lease_taken", level=logging.DEBUG, lease=name, fence=fences[name])
        return lease

    def release(self, lease: Lease) -> None:
        """Give leases back."""
        with self._lock:
            if lease not in self._held:
                return
            self._held.discard(lease)
            lease.deadline = float("-inf")
            try:
                self._at_work(partial(_ended, lease=lease))
            except psycopg.Error as error:
                self._left.append(lease)
                note(JOURNAL, "lease_not_released", level=logging.WARNING, lease=lease.names[0], why=text_of(error))
                return
        note(JOURNAL, "lease_released", level=logging.DEBUG, lease=lease.names[0])

    def holder(self, name: str) -> Holder | None:
        """Return who holds a lease; None where nobody does, or who did has died. Raises DataFolderUnusable."""
        with told(self._place), self._lock:
            return self._at_work(lambda connection: _look(connection, name))

    def break_lease(self, name: str) -> Holder | None:
        """Take a lease away from whoever holds it; gives who that was. Raises DataFolderUnusable."""
        with told(self._place), self._lock:
            who = self._at_work(lambda connection: _look(connection, name))
            if who is not None:
                note(JOURNAL, "lease_broken", level=logging.WARNING, lease=name, holder=str(who))
                self._at_work(lambda connection: connection.execute(_BREAK, (name,)))
        return who

    def close(self) -> None:
        """Give all back, and end."""
        for lease in list(self._held):
            self.release(lease)
        with self._lock:
            thread, self._thread = self._thread, None
            self._wake.set()
        if thread is not None:
            thread.join(self.seconds)
        with self._lock:
            self._drop()

    @property
    def _trusted(self) -> float:
        return self.seconds - self.seconds / _MARGIN

    def _taken(self, connection: StoreConnection, names: Sequence[str], token: str) -> dict[str, int] | Holder:
        """Take leases in one transaction; gives who holds one of them instead, where one is held."""
        if len(names) == 1:
            return self._taken_one(connection, names[0], token)
        fences: dict[str, int] = {}
        with _transaction(connection):
            for name in names:
                taken = self._taken_one(connection, name, token)
                if isinstance(taken, Holder):
                    connection.execute("ROLLBACK")
                    return taken
                fences |= taken
        return fences

    def _taken_one(self, connection: StoreConnection, name: str, token: str) -> dict[str, int] | Holder:
        values = (name, token, *this_process(os.getpid()).values(), self.seconds)
        row = connection.run(_TAKE, (*values, token)).fetchone()
        if row is None:
            who = _look_at(connection, name)
            if who is None or who.is_dead:  # it ended just now, or its holder did
                row = connection.run(_TAKE, (*values, token if who is None else who.token)).fetchone()
            if row is None:
                return _look_at(connection, name) or Holder("", "?", "?", 0, "", "a moment ago")
        return {name: int(row[0])}

    def _renew(self) -> None:
        """Renew all that are held, each token with one statement; what could not be given back before is now."""
        with self._lock:
            while self._left:
                self._at_work(partial(_ended, lease=self._left[-1]))
                self._left.pop()
            for lease in list(self._held):
                asked_at = _clock()
                values = (self.seconds, list(lease.names), lease.token)
                rows = self._at_work(partial(_renewed, values=values))
                if len(rows) == len(lease.names):
                    lease.deadline = asked_at + self._trusted
                else:  # it was taken, or broken
                    lease.deadline = float("-inf")
                    self._held.discard(lease)
                    note(JOURNAL, "lease_lost", level=logging.WARNING, lease=lease.names[0])

    def _ensure_renewed(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._wake.clear()
            self._thread = threading.Thread(target=self._keep, name="exitplan-leases", daemon=True)
            self._thread.start()

    def _keep(self) -> None:
        """Renew until it is closed; while the database is away, try again soon."""
        pause = self.seconds / _MARGIN
        while not self._wake.wait(pause):
            try:
                self._renew()
                pause = self.seconds / _MARGIN
            except psycopg.Error as error:
                pause = min(1.0, self.seconds / _MARGIN)
                note(JOURNAL, "leases_not_renewed", level=logging.WARNING, why=text_of(error))

    def _at_work(self, act: Callable[[StoreConnection], T]) -> T:
        """Do something by the keeper's connection; one that the server has closed meanwhile is replaced, once."""
        for is_last in (False, True):
            is_new = self._connection is None
            try:
                if self._connection is None:
                    self._connection = self._connect()
                    self._connection.execute("SET synchronous_commit = off")
                return act(self._connection)
            except (psycopg.OperationalError, psycopg.InterfaceError):
                self._drop()
                if is_new or is_last:
                    raise
        raise AssertionError

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg.Error):
                connection.close()


@contextmanager
def _transaction(connection: StoreConnection) -> Iterator[None]:
    connection.execute("BEGIN")
    try:
        yield
        if connection.info.transaction_status is not TransactionStatus.IDLE:
            connection.execute("COMMIT")
    except BaseException:
        with suppress(psycopg.Error):
            connection.execute("ROLLBACK")
        raise


def _renewed(connection: StoreConnection, values: Sequence[object]) -> list[Any]:
    return connection.execute(_RENEW, values).fetchall()


def _ended(connection: StoreConnection, lease: Lease) -> None:
    connection.run(_END, (lease.names[0], lease.names[-1], lease.token))


def _look(connection: StoreConnection, name: str) -> Holder | None:
    who = _look_at(connection, name)
    return None if who is None or who.is_dead else who


def _look_at(connection: StoreConnection, name: str) -> Holder | None:
    row = connection.execute(_LOOK, (name,)).fetchone()
    if row is None or not row[-1]:
        return None
    token, command, host, pid, process, since, _ = row
    return Holder(token, command, host, pid, process, f"{since:%Y-%m-%dT%H:%M:%SZ}")


def _clock() -> float:
    """Return seconds that go on while the machine sleeps, and that nobody sets."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()
