"""A database that accounts are kept in: how it is reached, what is demanded of it, and its open connections.

Statements run one by one, each durable when it has ended, unless a transaction is begun. A server that does not answer
is given up after some time, so that nobody waits longer than a lease lasts.
"""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus

from exitplan.executor.store.port import Row
from exitplan.executor.store.postgres.connection import LEASE_SECONDS, StoreConnection
from exitplan.executor.store.postgres.failures import told
from exitplan.executor.store.postgres.leases import LeaseKeeper
from exitplan.executor.store.postgres.url import ensure_no_password, is_remote, names_encryption, place_of
from exitplan.ruleset.errors import DataFolderUnusable, UsageError

OLDEST = 14
"""The first version of Postgres that is known to do."""
_OPTIONS: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
    "target_session_attrs": "read-write",
    "application_name": "exitplan",
    "client_encoding": "UTF8",
}
"""Of the connection, where the address says nothing else."""
_SETTINGS = (
    "SET search_path = exitplan_account, exitplan, pg_temp; SET default_transaction_isolation = 'read committed';"
    " SET timezone = 'UTC'; SET standard_conforming_strings = on; SET lock_timeout = '10s';"
    # Whoever hangs in the middle of a transaction, or is cut off, holds an account's row up no longer than this.
    " SET idle_in_transaction_session_timeout = '8s'"
)
_DEMANDED = (
    "SELECT current_setting('server_version_num')::int / 10000, current_setting('server_encoding'),"
    " current_setting('fsync'), current_setting('synchronous_commit'), pg_is_in_recovery(), pg_backend_pid()"
)
_TAKE = b"SELECT set_config('exitplan.account', $1, false)"
_OPEN = b"SELECT set_config('exitplan.account', $1, false), (SELECT writer FROM exitplan.origin WHERE account = $1)"


@dataclass
class Database:
    """The connections to a database that was looked at by :func:`open_database`; to be used by one process alone.

    Up to ``most`` of them are kept open while nobody uses them. Once it was closed none is: a thread that still asks it
    something then leaves nothing open.
    """

    url: str = field(repr=False)
    most: int = 8
    lease_seconds: float = LEASE_SECONDS
    _idle: list[StoreConnection] = field(default_factory=list, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _pid: int = field(default_factory=os.getpid, repr=False)
    _is_closed: bool = field(default=False, repr=False)

    def __enter__(self) -> Self:
        """Use it for the time of a block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    @cached_property
    def place(self) -> str:
        """Where it is, for messages."""
        return place_of(self.url)

    @cached_property
    def leases(self) -> LeaseKeeper:
        """The leases that this process holds in it."""
        return LeaseKeeper(self.connect, self.place, self.lease_seconds)

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        """Lend a connection for the time of the block, of no account; each statement is a transaction by itself.

        What fails in the block raises DataFolderUnusable, and FileIsInvalid for damage.
        """
        with told(self.place), self.session("") as connection:
            yield connection

    @contextmanager
    def session(self, account: str | None) -> Iterator[StoreConnection]:
        """Lend a connection in which the tables of one account are seen; the driver's errors come out as they are.

        With None it does not matter which: for statements that name their account.
        """
        connection = self._taken(account)
        try:
            yield connection
        finally:
            self._put_back(connection)

    @contextmanager
    def opened(self, account: str) -> Iterator[tuple[StoreConnection, int | None]]:
        """Lend a connection as :meth:`session` does, with the number of the journal's last writer.

        That is None where there is no journal.
        """
        connection = self._idle_one(account) or self.connect()
        try:
            row = self._asked(connection, account, _OPEN)
            yield connection, None if row is None else row[1]
        finally:
            self._put_back(connection)

    def connect(self) -> StoreConnection:
        """Open a further connection, to be closed by whoever asked for it; raises the driver's errors."""
        options = {**_OPTIONS, **conninfo_to_dict(self.url)}
        if is_remote(self.url) and not names_encryption(self.url):
            options["sslmode"] = "require"
        connection = StoreConnection.connect(**options, autocommit=True)
        connection.patience = self.lease_seconds
        connection.prepare_threshold = 2
        try:
            connection.execute(_SETTINGS)
        except BaseException:
            connection.close()
            raise
        return connection

    def close(self) -> None:
        """Give up the leases that are held, and close the connections: those in use when they are given back."""
        if "leases" in self.__dict__:
            self.leases.close()
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _taken(self, account: str | None) -> StoreConnection:
        """Take a connection in which the account is set: one that the server has closed meanwhile is replaced."""
        connection = self._idle_one(account) or self.connect()
        if account is not None and connection.account != account:
            self._asked(connection, account, _TAKE)
        return connection

    @staticmethod
    def _asked(connection: StoreConnection, account: str, sql: bytes) -> Row | None:
        """Set the account by a statement; where that fails, nobody can tell which one is set."""
        try:
            row = connection.run(sql, (account,)).fetchone()
        except BaseException:
            connection.close()
            raise
        connection.account = account
        return row

    def _idle_one(self, account: str | None) -> StoreConnection | None:
        """Take one that lies idle, best one that was last used for the same account; None where there is none.

        One that is of no account is left to those who ask across accounts.
        """
        if os.getpid() != self._pid:
            raise RuntimeError("a database must be opened by the process that uses it")
        while True:
            with self._lock:
                if not self._idle:
                    return None
                fit = [(one.account == account, bool(one.account), at) for at, one in enumerate(self._idle)]
                connection = self._idle.pop(max(fit)[-1])
            if not _has_news(connection):
                return connection
            connection.close()

    def _put_back(self, connection: StoreConnection) -> None:
        if connection.info.transaction_status is not TransactionStatus.IDLE:
            with suppress(psycopg.Error):
                connection.rollback()
        is_fit = connection.info.transaction_status is TransactionStatus.IDLE and not connection.broken
        with self._lock:
            if is_fit and not self._is_closed and len(self._idle) < self.most:
                self._idle.append(connection)
                return
        connection.close()


def _has_news(connection: StoreConnection) -> bool:
    """Check whether the server has said something that nobody asked for: mostly that it closes the connection."""
    asked = select.poll()
    asked.register(connection.fileno(), select.POLLIN | select.POLLHUP)
    return bool(asked.poll(0))


def open_database(url: str, *, most: int = 8, lease_seconds: float = LEASE_SECONDS) -> Database:
    """Reach a database and check what is demanded of it: its version, its encoding, that it can be written, durably.

    Raises UsageError for an address that carries a password or is none, DataFolderUnusable for what does not do.
    """
    ensure_no_password(url)
    database = Database(url, most, lease_seconds)
    try:
        conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        raise UsageError(
            f"the address of the database, {database.place}, cannot be read",
            hint="write it as postgresql://ROLE@HOST:PORT/DATABASE, or postgresql:///DATABASE?host=/folder/of/socket",
        ) from None
    with database.connection() as connection:
        row = connection.execute(_DEMANDED).fetchone()
        problem = _problem(connection, row or ())
    if problem is not None:
        database.close()
        what, hint = problem
        raise DataFolderUnusable(f"the database {database.place} does not do: {what}", hint=f"nothing was sent; {hint}")
    return database


def _problem(connection: psycopg.Connection[Any], row: tuple[Any, ...]) -> tuple[str, str] | None:
    """Return what is wrong with a server, and what to do."""
    version, encoding, fsync, commit, is_standby, pid = row
    utf8 = "create one with: CREATE DATABASE exitplan ENCODING 'UTF8' TEMPLATE template0"
    lost = "an order in the journal could be lost"
    problems = (
        (version < OLDEST, f"it is Postgres {version}", f"use Postgres {OLDEST} or later"),
        (encoding != "UTF8", f"its encoding is {encoding}", utf8),
        (fsync != "on", "the server runs with fsync = off", f"{lost} in a power cut: switch it on"),
        (
            commit == "off",
            "synchronous_commit is off, for the server, the database or the role",
            f"{lost} in a crash: ALTER ROLE ... RESET synchronous_commit",
        ),
        (is_standby, "it is a standby, which cannot be written", "name the primary"),
        (
            pid != connection.info.backend_pid,
            "there is a pooler in between, which mixes sessions up",
            "name the server itself: exitplan keeps connections on its own",
        ),
    )
    return next(((what, hint) for is_wrong, what, hint in problems if is_wrong), None)
