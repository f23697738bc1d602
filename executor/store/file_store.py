"""An account's data in files: its folder, with the journal in SQLite, beside the tracker, the alerts and the state."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from exitplan.brokers.identity import Identity
from exitplan.executor.accounts.folder import DataFolder
from exitplan.executor.store import alerts, gate_mark, halt, last_journal, last_reading, lease, state
from exitplan.executor.store.files import ensure_writable, write_atomically
from exitplan.executor.store.halt import Halt
from exitplan.executor.store.journal import Journal
from exitplan.executor.store.journal_file import open_journal, opened
from exitplan.executor.store.journal_values import JournalMark
from exitplan.executor.store.last_reading import LastReading
from exitplan.executor.store.port import AccountStore, StoreOpener, Tables
from exitplan.executor.store.state import State, state_to_document
from exitplan.executor.store.tracker import TrackerFile
from exitplan.ruleset.errors import UsageError
from exitplan.ruleset.planning.planner import Draft


@dataclass(frozen=True, slots=True)
class FileStore:
    """The port over the files of one account; see :class:`~exitplan.executor.store.port.AccountStore`."""

    account: str
    folder: DataFolder

    @classmethod
    def of(cls, data: Path, account: str) -> FileStore:
        """Find the store of an account below a data folder."""
        return cls(account, DataFolder.of(data, account))

    @property
    def place(self) -> str:
        """The path of the folder."""
        return str(self.folder.path)

    @property
    def tracker(self) -> TrackerFile:
        """The tracker that is a file in the folder."""
        return TrackerFile(self.folder.tracker)

    # --- the journal ---

    def has_journal(self) -> bool:
        """Check whether there is a journal."""
        return self.folder.journal.exists()

    def may_have_requests(self, *, rejected: bool = False) -> bool:  # noqa: ARG002 - as its protocol
        """Check whether there is a journal, which alone can tell."""
        return self.has_journal()

    def may_have_incidents(self) -> bool:
        """Check whether there is a journal, which alone can tell."""
        return self.has_journal()

    def open_journal(self) -> AbstractContextManager[Journal]:
        """Open the journal, beginning it where there is none."""
        return open_journal(self.folder.journal)

    def open_tables(self, *, may_begin: bool = False) -> AbstractContextManager[Tables]:
        """Open the tables unchecked."""
        return opened(self.folder.journal, is_checked=False, may_begin=may_begin)

    def ensure_journal(self) -> None:
        """Raise FileIsInvalid where a state file was exported by a journal, and no journal is there."""
        state.ensure_journal(self.folder)

    def ensure_ready(self) -> None:
        """Raise DataFolderUnusable unless the folder can be written; FileIsInvalid where the journal is gone."""
        ensure_writable(self.folder.path)
        self.ensure_journal()

    # --- the state ---

    def read_state(self) -> State:
        """Read the state out of the journal, else out of a file from before there was one."""
        if self.has_journal():
            with self.open_journal() as journal:
                return self.load_state(journal)
        self.ensure_journal()
        return state.state_from_file(self.folder.state) if self.folder.state.exists() else State()

    def load_state(self, journal: Journal) -> State:
        """Return the journal's state, where the file is as it was exported."""
        return state.load_state(journal, self.folder.state)

    def take_state(self, journal: Journal) -> State:
        """Load the state in order to change it; an export that a crash cut short is made up for first."""
        return state.take_state(journal, self.folder.state)

    def export_state(self, journal: Journal, known: State, *, over_edits: bool = False) -> None:
        """Write the state file."""
        state.export_state(journal, known, self.folder.state, over_edits=over_edits)

    def change_state(self, change: Callable[[State], State], now: datetime, *, lifts_mark: bool = False) -> State:
        """Change the state under the lease, and write the file."""
        with self.lease(now), self.open_journal() as journal:
            known = change(self.take_state(journal))
            journal.put_state(state_to_document(known))
            self.export_state(journal, known)
            if lifts_mark:
                self.lift_mark()
        return known

    # --- one writer ---

    def lease(self, now: datetime) -> AbstractContextManager[None]:
        """Hold the lock of the folder."""
        return lease.account_lease(self.folder.lock, self.account, now)

    def trading_lease(self, identity: Identity, now: datetime) -> AbstractContextManager[None]:
        """Hold the lock of the folder, and that of the account at its venue on this machine."""
        return lease.trading_lease(self.folder.lock, identity, self.account, now)

    def ensure_leased(self, journal: Journal) -> None:
        """Raise FileIsInvalid where another process has claimed the journal; a lock lasts as long as its holder."""
        journal.ensure_claimed()

    def holder(self, identity: Identity | None = None) -> str | None:
        """Return who holds one of the locks."""
        return next(filter(None, map(lease.holder_of, self._locks(identity))), None)

    def seems_held(self, identity: Identity | None = None) -> str | None:
        """Return who holds one of the locks by the note beside it."""
        return next(filter(None, map(lease.seems_held, self._locks(identity))), None)

    def is_held_by(self, pid: int, host: str) -> bool:
        """Check by the note beside the lock."""
        return lease.seems_held_by(self.folder.lock, pid, host)

    def break_lease(self, identity: Identity | None = None) -> str | None:
        """Take the locks away from whoever holds them."""
        return next(filter(None, [lease.break_lease(lock) for lock in self._locks(identity)]), None)

    def _locks(self, identity: Identity | None) -> Iterator[Path]:
        yield self.folder.lock
        elsewhere = None if identity is None else lease.machine_lock(identity)
        if elsewhere is not None:
            yield elsewhere

    def ensure_newest_traded(self, identity: Identity, mark: JournalMark) -> None:
        """Raise FileIsInvalid where the account was traded from this folder by another journal, or later on."""
        last_journal.ensure_newest_traded(self.folder, identity, mark)

    def note_journal(self, identity: Identity, mark: JournalMark) -> None:
        """Note beside the account's lock on this machine by which journal it is about to be traded."""
        last_journal.note_journal(self.folder, identity, mark)

    # --- halts and marks ---

    def find_halt(self) -> Halt | None:
        """Find the file that halts the account, or every one."""
        return halt.find_halt(self.folder)

    def halt(self, reason: str, now: datetime) -> Halt:
        """Make the file that halts this account; the platform's is that of every account."""
        path = halt.halt(self.folder.path, reason, now)
        return Halt(str(path.absolute()), reason, None if self.folder.path == self.folder.root else self.account)

    def resume(self) -> bool:
        """Remove the file that halts this account."""
        return halt.resume(self.folder.path)

    def mark_gate_closed(self, reason: str, now: datetime) -> None:
        """Let no earlier verification open the gate, by a file in the folder, or in the user's cache."""
        gate_mark.mark_gate_closed(self.folder, reason, now)

    def lift_mark(self) -> None:
        """Remove the mark."""
        gate_mark.lift_mark(self.folder)

    def find_mark(self) -> str | None:
        """Return what the mark says."""
        return gate_mark.find_mark(self.folder)

    # --- what others look at ---

    def raise_alert(
        self, kind: str, now: datetime, figures: Mapping[str, Any], severity: str | None = None
    ) -> dict[str, Any]:
        """Append an alert to the account's file of alerts."""
        return alerts.raise_alert(self.folder.alerts, kind, self.account, now, figures, severity)

    def write_alert(self, alert: Mapping[str, Any]) -> bool:
        """Append an alert that was made before."""
        return alerts.write_alert(self.folder.alerts, alert)

    def keep_reading(self, draft: Draft, *, is_verification: bool = False) -> None:
        """Keep the figures of a reading in a file of their own."""
        last_reading.keep_reading(self.folder, draft, is_verification=is_verification)

    def last_reading(self) -> LastReading | None:
        """Return the figures of the last reading."""
        return last_reading.read_last_reading(self.folder)

    def save_reproducer(self, name: str, content: bytes) -> None:
        """Write a file into the folder of reproducers."""
        write_atomically(self.folder.reproducers / name, content)


def files_below(data: Path) -> StoreOpener:
    """Return what finds the stores of accounts below a data folder."""
    return lambda account: FileStore.of(data, account)


def folder_of(store: AccountStore) -> DataFolder:
    """Return where an account keeps its files; raises UsageError, with what to use instead, where it keeps none."""
    if isinstance(store, FileStore):
        return store.folder
    raise UsageError(
        f"this works on files, and {store.account} is kept in {store.place}",
        hint="a database is copied and restored with its own tools, such as pg_dump; what is remembered is shown by:"
        f" exitplan status --account {store.account}",
    )
