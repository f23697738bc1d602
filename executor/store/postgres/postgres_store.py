"""An account's data in Postgres: the journal over its views, and a row for each thing that is a file elsewhere."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from exitplan.brokers.identity import Identity
from exitplan.executor.logs import RUN, note
from exitplan.executor.store.alerts import make_alert
from exitplan.executor.store.halt import Halt
from exitplan.executor.store.journal import Journal
from exitplan.executor.store.journal_values import JournalMark
from exitplan.executor.store.last_reading import LastReading, kept_reading, next_reading
from exitplan.executor.store.lease import account_lease, machine_lock, venue_account
from exitplan.executor.store.port import StoreOpener, Tables
from exitplan.executor.store.postgres.connection import StoreConnection
from exitplan.executor.store.postgres.database import Database
from exitplan.executor.store.postgres.failures import told
from exitplan.executor.store.postgres.holders import Holder
from exitplan.executor.store.postgres.leases import Lease
from exitplan.executor.store.postgres.migrations import ensure_version
from exitplan.executor.store.postgres.records import LAZILY, PUT_READING, Records
from exitplan.executor.store.postgres.schema import UPGRADES
from exitplan.executor.store.postgres.tables import PostgresTables
from exitplan.executor.store.postgres.tracker_row import TrackerRow
from exitplan.executor.store.state import State, state_to_document, understood
from exitplan.ruleset.errors import DataFolderUnusable, FileIsInvalid
from exitplan.ruleset.model.values import time_text
from exitplan.ruleset.planning.planner import Draft

_BEGIN = (
    "INSERT INTO origin (journal_id) VALUES (substr(replace(gen_random_uuid()::text, '-', ''), 1, 16))"
    " ON CONFLICT DO NOTHING"
)
_STANDING = (
    "SELECT (SELECT version FROM exitplan.versions WHERE part = 'journal'), current_setting('transaction_read_only'),"
    " NOT EXISTS (SELECT FROM origin) AND EXISTS (SELECT FROM exitplan.last_traded WHERE account = %s)"
)
_LAST_READING = "SELECT (SELECT document FROM exitplan.readings WHERE account = %s) FROM origin"
_IS_BEGUN = b"SELECT 1 FROM origin"
_LAST_TRADED = b"SELECT account, journal, revision FROM exitplan.last_traded WHERE venue_account = $1"
_NOTE_TRADED = (
    "INSERT INTO exitplan.last_traded (venue_account, account, journal, revision) SELECT $1, $2, $3, $4 FROM "  # noqa: S608 - our own words
    + LAZILY
    + " ON CONFLICT (venue_account) DO UPDATE SET account = excluded.account, journal = excluded.journal,"
    " revision = excluded.revision"
).encode()


@dataclass(slots=True)
class PostgresStore:
    """The port over the rows of one account; see :class:`~exitplan.executor.store.port.AccountStore`."""

    database: Database
    account: str
    _lease: Lease | None = field(default=None, repr=False)
    _open: tuple[int, StoreConnection] | None = field(default=None, repr=False)

    @property
    def place(self) -> str:
        """The database, without a password."""
        return self.database.place

    @property
    def tracker(self) -> TrackerRow:
        """The tracker that is a row."""
        return TrackerRow(self.database, self.account, self._lent)

    # --- the journal ---

    def has_journal(self) -> bool:
        """Check whether a journal was begun."""
        with told(self.place), self._session() as connection:
            return connection.run(_IS_BEGUN).fetchone() is not None

    def may_have_requests(self, *, rejected: bool = False) -> bool:  # noqa: ARG002 - as its protocol
        """Check whether there is a journal, whose tables are asked next."""
        return self.has_journal()

    def may_have_incidents(self) -> bool:
        """Check whether there is a journal, whose tables are asked next."""
        return self.has_journal()

    @contextmanager
    def open_journal(self) -> Iterator[Journal]:
        """Open the journal, beginning it where there is none; what is written under a lease needs it to last."""
        with self._opened(may_begin=True) as (connection, writer):
            before, self._open = self._open, (threading.get_ident(), connection)
            try:
                yield Journal(PostgresTables(connection, self._lease), writer=writer)
            finally:
                self._open = before

    @contextmanager
    def open_tables(self, *, may_begin: bool = False) -> Iterator[Tables]:
        """Open the tables beside whoever holds the lease."""
        with self._opened(may_begin=may_begin) as (connection, _):
            yield PostgresTables(connection)

    @contextmanager
    def _opened(self, *, may_begin: bool) -> Iterator[tuple[StoreConnection, int | None]]:
        with told(self.place), self.database.opened(self.account) as (connection, writer):
            if writer is None:
                if not may_begin:
                    raise DataFolderUnusable(f"the account {self.account} has no journal in {self.place}")
                connection.execute(_BEGIN)
            yield connection, writer

    def _session(self) -> AbstractContextManager[StoreConnection]:
        """Lend a connection of the account."""
        return self._lent(self.account)

    def _lent(self, account: str | None = None) -> AbstractContextManager[StoreConnection]:
        """Lend a connection: that of the journal, where this thread has it open and asks it nothing."""
        thread, connection = self._open or (None, None)
        if connection is not None and thread == threading.get_ident() and connection.is_at_rest:
            return nullcontext(connection)
        return self.database.session(account)

    def ensure_journal(self) -> None:
        """Raise FileIsInvalid where the account was traded by a journal that is not here any more."""
        self._ensure(is_ready=False)

    def ensure_ready(self) -> None:
        """Raise DataFolderUnusable unless rows can be written and the schema is of this version."""
        self._ensure(is_ready=True)

    def _ensure(self, *, is_ready: bool) -> None:
        with told(self.place), self.database.session(self.account) as connection:
            version, read_only, is_gone = connection.execute(_STANDING, (self.account,)).fetchone() or (0, "on", False)
        if is_ready and version != len(UPGRADES):
            ensure_version(self.database)
        if is_ready and read_only != "off":
            raise DataFolderUnusable(f"the database {self.place} is read-only", hint="nothing was sent")
        if is_gone:
            raise FileIsInvalid(
                f"the journal of {self.account}, by which it was traded, is gone from {self.place}",
                hint="restore the database; if that is lost, look at the orders at the venue first",
            )

    # --- the state ---

    def read_state(self) -> State:
        """Read the state, where there is a journal."""
        if not self.has_journal():
            self.ensure_journal()
            return State()
        with self.open_journal() as journal:
            return self.load_state(journal)

    def load_state(self, journal: Journal) -> State:
        """Return the journal's state."""
        known = journal.state()
        return State() if known is None else understood(known, f"{self.place}: the state of {self.account}")

    def take_state(self, journal: Journal) -> State:
        """Return the journal's state; nothing is beside it that could be undone."""
        return self.load_state(journal)

    def export_state(self, journal: Journal, state: State, *, over_edits: bool = False) -> None:
        """Do nothing: the state is shown to who asks."""

    def change_state(self, change: Callable[[State], State], now: datetime, *, lifts_mark: bool = False) -> State:
        """Change the state under the lease."""
        with self.lease(now), self.open_journal() as journal:
            known = change(self.take_state(journal))
            journal.put_state(state_to_document(known))
            if lifts_mark:
                self.lift_mark()
        return known

    # --- one writer ---

    @contextmanager
    def lease(self, now: datetime) -> Iterator[None]:  # noqa: ARG002 - the database's time counts
        """Hold the account's lease."""
        with self._leased(self._names(None)):
            yield

    @contextmanager
    def trading_lease(self, identity: Identity, now: datetime) -> Iterator[None]:
        """Hold the account's lease and that of the account at its venue, for all machines.

        Where the account was traded from files on this machine, whoever does so again is kept out too.
        """
        lock = machine_lock(identity)
        was_in_files = lock is not None and os.path.exists(lock)  # noqa: PTH110 - a folder of others is no error here
        in_files = account_lease(lock, self.account, now) if lock is not None and was_in_files else nullcontext()
        with in_files, self._leased(self._names(identity)):
            yield

    @contextmanager
    def _leased(self, names: list[str]) -> Iterator[None]:
        hint = "wait for it to end: the lease ends soon after its process; if it hangs, use `exitplan unlock`"
        lease = self.database.leases.take(names, f"the account {self.account} is in use", hint=hint)
        self._lease = lease
        try:
            yield
        finally:
            self._lease = None
            lease.release()

    def ensure_leased(self, journal: Journal) -> None:
        """Raise FileIsInvalid where the journal was claimed by another one, or the lease may be by now.

        The clock of this process is looked at last: whatever held it up before, the answer included, counts.
        """
        journal.ensure_claimed()
        if self._lease is not None:
            self._lease.ensure()

    def holder(self, identity: Identity | None = None) -> str | None:
        """Return who holds one of the leases."""
        return next((str(who) for who in self._holders(identity) if who is not None), None)

    def seems_held(self, identity: Identity | None = None) -> str | None:
        """Return who holds one of the leases: to look at a row is in nobody's way."""
        return self.holder(identity)

    def is_held_by(self, pid: int, host: str) -> bool:
        """Check whether a process holds the account's lease."""
        who = self.database.leases.holder(self._names(None)[0])
        return who is not None and (who.pid, who.host) == (pid, host)

    def break_lease(self, identity: Identity | None = None) -> str | None:
        """Take the leases away from whoever holds them."""
        broken = [self.database.leases.break_lease(name) for name in self._names(identity)]
        return next((str(who) for who in broken if who is not None), None)

    def _holders(self, identity: Identity | None) -> Iterator[Holder | None]:
        return map(self.database.leases.holder, self._names(identity))

    def _names(self, identity: Identity | None) -> list[str]:
        traded = None if identity is None else venue_account(identity)
        return [f"account:{self.account}", *([] if traded is None else [f"venue:{traded}"])]

    def ensure_newest_traded(self, identity: Identity, mark: JournalMark) -> None:
        """Raise FileIsInvalid where the account was traded by another journal under its name, or by this one later."""
        key = venue_account(identity)
        if key is None:
            return
        with told(self.place), self._lent() as connection:
            row = connection.run(_LAST_TRADED, (key,)).fetchone()
        if row is None:
            return
        account, last = row[0], JournalMark(row[1], row[2])
        if not mark.follows(last) and (account == self.account or mark.journal == last.journal):
            raise FileIsInvalid(
                f"the journal of {self.account} in {self.place} is older than the journal that the account was"
                " last traded by, or another one",
                hint="restore the newest backup of the whole database; if it is lost, look at the orders at the venue,"
                " then go on with: exitplan accept-balance",
            )

    def note_journal(self, identity: Identity, mark: JournalMark) -> None:
        """Note by which journal the account is about to be traded."""
        key = venue_account(identity)
        if key is not None:
            with told(self.place), self._lent() as connection:
                connection.run(_NOTE_TRADED, (key, self.account, mark.journal, mark.revision))

    # --- halts and marks ---

    def find_halt(self) -> Halt | None:
        """Find the row that halts the account, or every one."""
        return self._records.find_halt()

    def halt(self, reason: str, now: datetime) -> Halt:
        """Halt this account alone."""
        return self._records.halt(reason, now)

    def resume(self) -> bool:
        """End the account's own halt."""
        return self._records.resume()

    def mark_gate_closed(self, reason: str, now: datetime) -> None:
        """Let no earlier verification open the gate."""
        self._records.put_mark(f"{reason} ({time_text(now.replace(microsecond=0))})")

    def lift_mark(self) -> None:
        """Take the mark away."""
        self._records.lift_mark()

    def find_mark(self) -> str | None:
        """Return what the mark says."""
        return self._records.find_mark()

    # --- what others look at ---

    def raise_alert(
        self, kind: str, now: datetime, figures: Mapping[str, Any], severity: str | None = None
    ) -> dict[str, Any]:
        """Add an alert."""
        alert = make_alert(kind, self.account, now, figures, severity)
        self.write_alert(alert)
        return alert

    def write_alert(self, alert: Mapping[str, Any]) -> bool:
        """Add an alert that was made before."""
        return self._records.write_alert(alert)

    def keep_reading(self, draft: Draft, *, is_verification: bool = False) -> None:
        """Keep the figures of a reading."""
        try:
            with told(self.place), self._session() as connection:
                row = connection.execute(_LAST_READING, (self.account,)).fetchone()
                if row is not None:  # there is a journal
                    content = next_reading(draft, row[0], is_verification=is_verification)
                    connection.execute(PUT_READING, (self.account, content))
        except (DataFolderUnusable, FileIsInvalid) as error:
            note(RUN, "reading_not_kept", level=logging.DEBUG, message=str(error))

    def last_reading(self) -> LastReading | None:
        """Return the figures of the last reading."""
        content = self._records.reading()
        return None if content is None else kept_reading(content)

    def save_reproducer(self, name: str, content: bytes) -> None:
        """Keep a case in which the rule engine could not be trusted."""
        self._records.put_reproducer(name, content)

    @property
    def _records(self) -> Records:
        return Records(self.database, self.account, self._lent)


def stores_in(database: Database) -> StoreOpener:
    """Return what finds the stores of accounts in a database; raises DataFolderUnusable where it is not set up."""
    ensure_version(database)
    return lambda account: PostgresStore(database, account)
