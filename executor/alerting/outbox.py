"""What is to be delivered and what was, kept over restarts: ``deliveries.db`` in the data folder, or rows of a fleet.

An alert is taken in, and the place in its file moved on, in one transaction; it is marked after it was sent. So it is
delivered at least once, and one with an id never again once it is marked.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from exitplan.brokers.private_files import create_private, keep_private, make_private_folder
from exitplan.executor.accounts.folder import DELIVERIES
from exitplan.executor.store.port import Rows, StoreError, Tables
from exitplan.executor.store.sqlite_tables import SqliteTables
from exitplan.ruleset.errors import DataFolderUnusable

_VERSION = 1
_TABLES = """
CREATE TABLE started (only INTEGER PRIMARY KEY CHECK (only = 1), since INTEGER NOT NULL) STRICT;
CREATE TABLE cursors (
    account TEXT PRIMARY KEY, position INTEGER NOT NULL, inode INTEGER NOT NULL, newest INTEGER NOT NULL
) STRICT;
CREATE TABLE entries (
    id INTEGER PRIMARY KEY, channel TEXT NOT NULL, repeat_key TEXT, alert BLOB NOT NULL, is_named INTEGER NOT NULL,
    raised_at INTEGER NOT NULL, last_at INTEGER NOT NULL, times INTEGER NOT NULL DEFAULT 1,
    is_repeat INTEGER NOT NULL DEFAULT 0, held TEXT, until INTEGER
) STRICT;
CREATE UNIQUE INDEX entries_by_key ON entries (channel, repeat_key);
CREATE TABLE known_ids (
    channel TEXT NOT NULL, alert_id TEXT NOT NULL, taken_at INTEGER NOT NULL, PRIMARY KEY (channel, alert_id)
) STRICT;
CREATE TABLE channels (
    name TEXT PRIMARY KEY, failures INTEGER NOT NULL DEFAULT 0, next_try INTEGER NOT NULL DEFAULT 0, problem TEXT,
    failed_since INTEGER, sent_at INTEGER, is_told INTEGER NOT NULL DEFAULT 0, claimed_until INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE messages (channel TEXT NOT NULL, sent_at INTEGER NOT NULL) STRICT;
"""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_IDS_KEPT = timedelta(days=90)
_LONGEST_PERIOD = timedelta(days=1)
Alert = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """An alert that waits for a channel: how often it was raised, since when, and whether it is a repeat."""

    number: int
    alert: Alert
    is_named: bool
    raised_at: datetime
    last_at: datetime
    times: int
    is_repeat: bool
    held: str | None


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far an alert file was read: the place, which file it was, and its newest alert."""

    position: int = 0
    inode: int = 0
    newest: datetime = _EPOCH


@dataclass(frozen=True, slots=True)
class ChannelState:
    """How a channel stands: its failures in a row, when it is tried next, and why it failed."""

    name: str
    failures: int = 0
    next_try: datetime = _EPOCH
    problem: str | None = None
    failed_since: datetime | None = None
    sent_at: datetime | None = None
    is_told: bool = False
    claimed_until: datetime = _EPOCH
    waiting: int = 0


class Outbox:
    """The open tables of deliveries; every method that writes is called within :meth:`transaction`."""

    def __init__(self, tables: Tables, prefix: str = "") -> None:
        """Work on open tables, whose names begin with a prefix."""
        self._tables, self._prefix = tables, prefix

    def transaction(self) -> AbstractContextManager[None]:
        """Make all that is written in the block one step, one writer at a time."""
        return self._tables.writing()

    def _run(self, sql: str, values: Sequence[object] = ()) -> Rows:
        """Run a statement, in which ``{}`` stands before the name of each table."""
        return self._tables.execute(sql.replace("{}", self._prefix), values)

    def _one(self, sql: str, values: Sequence[object] = ()) -> Any:  # noqa: ANN401 - a value of a table
        """Return the first value of the first row; None where there is none."""
        row = self._run(sql, values).fetchone()
        return None if row is None else row[0]

    def since(self) -> datetime | None:
        """Return since when alerts are delivered; None before the first delivery."""
        known = self._one("SELECT since FROM {}started")
        return None if known is None else _time(known)

    def start(self, since: datetime) -> None:
        """Note since when alerts are delivered."""
        self._run("INSERT INTO {}started VALUES (1, ?)", (_number(since),))

    def cursor(self, account: str) -> Cursor:
        """Return how far an account's file was read."""
        row = self._run("SELECT position, inode, newest FROM {}cursors WHERE account = ?", (account,)).fetchone()
        return Cursor() if row is None else Cursor(row[0], row[1], _time(row[2]))

    def move_cursor(self, account: str, cursor: Cursor) -> None:
        """Note how far an account's file was read."""
        values = (account, cursor.position, cursor.inode, _number(cursor.newest))
        self._run(
            "INSERT INTO {}cursors (account, position, inode, newest) VALUES (?, ?, ?, ?) ON CONFLICT (account)"
            " DO UPDATE SET position = excluded.position, inode = excluded.inode, newest = excluded.newest",
            values,
        )

    def take(self, channel: str, alert: Alert, raised_at: datetime, *, key: str | None, is_named: bool) -> None:
        """Take in an alert for a channel; where the same is there already, it is counted."""
        at = _number(raised_at)
        self._run(
            "INSERT INTO {}entries AS known (channel, repeat_key, alert, is_named, raised_at, last_at)"
            " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (channel, repeat_key)"
            " DO UPDATE SET times = known.times + 1, last_at = excluded.last_at",
            (channel, key, orjson.dumps(alert), int(is_named), at, at),
        )

    def is_new_id(self, channel: str, alert_id: str, now: datetime) -> bool:
        """Note an id that a channel gets; false where it had it before."""
        statement = "INSERT INTO {}known_ids VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
        return self._run(statement, (channel, alert_id, _number(now))).rowcount == 1

    def end_repeats(self, now: datetime) -> None:
        """End the windows that are over: what was raised again in one waits as a repeat, the rest is forgotten."""
        at = _number(now)
        self._run("DELETE FROM {}entries WHERE until <= ? AND times = 0", (at,))
        self._run("UPDATE {}entries SET until = NULL, is_repeat = 1 WHERE until <= ?", (at,))
        self._run("DELETE FROM {}known_ids WHERE taken_at < ?", (_number(now - _IDS_KEPT),))
        self._run("DELETE FROM {}messages WHERE sent_at < ?", (_number(now - _LONGEST_PERIOD),))

    def waiting(self, channel: str) -> list[Entry]:
        """List what waits for a channel, the oldest first."""
        rows = self._run(
            "SELECT id, alert, is_named, raised_at, last_at, times, is_repeat, held FROM {}entries"
            " WHERE channel = ? AND until IS NULL ORDER BY raised_at, id",
            (channel,),
        )
        return [
            Entry(number, orjson.loads(alert), bool(is_named), _time(raised), _time(last), times, bool(is_repeat), held)
            for number, alert, is_named, raised, last, times, is_repeat, held in rows
        ]

    def hold(self, numbers: Iterable[int], why: str) -> None:
        """Note why entries wait; the first reason stays."""
        for number in numbers:
            self._run("UPDATE {}entries SET held = coalesce(held, ?) WHERE id = ?", (why, number))

    def mark_sent(self, channel: str, entries: Sequence[Entry], now: datetime, repeat: timedelta) -> None:
        """Mark entries as sent: each is forgotten, or kept for as long as its repeats are only counted."""
        for entry in entries:
            if entry.is_named or not repeat:
                self._run("DELETE FROM {}entries WHERE id = ?", (entry.number,))
            else:
                self._run(
                    "UPDATE {}entries SET until = ?, times = times - ?, is_repeat = 0, held = NULL, raised_at = ?"
                    " WHERE id = ?",
                    (_number(now + repeat), entry.times, _number(now), entry.number),
                )
        self._run("INSERT INTO {}messages VALUES (?, ?)", (channel, _number(now)))

    def sent_since(self, channel: str, since: datetime) -> int:
        """Count the messages that a channel got after a moment."""
        count = "SELECT count(*) FROM {}messages WHERE channel = ? AND sent_at > ?"
        return int(self._one(count, (channel, _number(since))))

    def state(self, channel: str) -> ChannelState:
        """Return how a channel stands."""
        waiting = int(self._one("SELECT count(*) FROM {}entries WHERE channel = ? AND until IS NULL", (channel,)))
        row = self._run(
            "SELECT failures, next_try, problem, failed_since, sent_at, is_told, claimed_until FROM {}channels"
            " WHERE name = ?",
            (channel,),
        ).fetchone()
        if row is None:
            return ChannelState(channel, waiting=waiting)
        failures, next_try, problem, failed_since, sent_at, is_told, claimed_until = row
        return ChannelState(
            channel,
            failures,
            _time(next_try),
            problem,
            None if failed_since is None else _time(failed_since),
            None if sent_at is None else _time(sent_at),
            bool(is_told),
            _time(claimed_until),
            waiting,
        )

    def put_state(self, state: ChannelState) -> None:
        """Note how a channel stands."""
        self._run("DELETE FROM {}channels WHERE name = ?", (state.name,))
        self._run(
            "INSERT INTO {}channels"
            " (name, failures, next_try, problem, failed_since, sent_at, is_told, claimed_until)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                state.name,
                state.failures,
                _number(state.next_try),
                state.problem,
                None if state.failed_since is None else _number(state.failed_since),
                None if state.sent_at is None else _number(state.sent_at),
                int(state.is_told),
                _number(state.claimed_until),
            ),
        )

    def drop_others(self, channels: Iterable[str]) -> dict[str, int]:
        """Forget channels that are no longer named; returns how much waited for each."""
        names = list(channels)
        gone = f"NOT IN ({', '.join('?' * len(names))})" if names else "IS NOT NULL"
        counts = f"SELECT channel, count(*) FROM {{}}entries WHERE until IS NULL AND channel {gone} GROUP BY channel"  # noqa: S608 - no value is in it
        dropped = {str(name): int(count) for name, count in self._run(counts, names)}
        self._run(f"DELETE FROM {{}}entries WHERE channel {gone}", names)  # noqa: S608 - as above
        self._run(f"DELETE FROM {{}}channels WHERE name {gone}", names)  # noqa: S608 - as above
        return dropped


@contextmanager
def open_outbox(data: Path) -> Iterator[Outbox]:
    """Open (or create) the deliveries of a data folder, with full synchronisation; raises DataFolderUnusable."""
    path = data / DELIVERIES
    connection: sqlite3.Connection | None = None
    try:
        make_private_folder(data)
        create_private(path)
        keep_private(path)
        connection = sqlite3.connect(path, isolation_level=None, timeout=10)
        _prepare(connection, path)
        yield Outbox(SqliteTables(connection))
    except OSError as error:
        raise DataFolderUnusable(f"cannot open {path}: {error.strerror or error}") from error
    except (sqlite3.Error, StoreError, UnicodeDecodeError) as error:  # SQLite quotes broken bytes in its messages
        hint = "move it away: then only new alerts are delivered; the alert files keep the old ones"
        raise DataFolderUnusable(f"cannot use {path}: {error}", hint=hint) from error
    finally:
        if connection is not None:
            connection.close()


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("PRAGMA synchronous = FULL")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > _VERSION:
        raise DataFolderUnusable(f"{path} was written by a later version of exitplan")
    if version == 0:
        connection.execute("BEGIN IMMEDIATE")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version == 0:  # nobody else was faster
            for statement in filter(str.strip, _TABLES.split(";")):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {_VERSION}")
        connection.execute("COMMIT")


def _number(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def _time(number: int) -> datetime:
    try:
        return _EPOCH + number * _MICROSECOND
    except OverflowError as error:
        raise StoreError(f"{number} is no time") from error
