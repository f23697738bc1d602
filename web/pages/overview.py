"""The rows of all accounts, kept in memory and read anew where something of an account has changed.

A page must not open thousands of journals. So a thread looks after them for as long as somebody looks at pages; what
the dashboard itself does to an account is read anew at once.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from threading import Condition, Thread
from time import monotonic
from typing import TYPE_CHECKING

from exitplan.executor.accounts.account import AccountFile, AccountFiles
from exitplan.executor.logs import RUN, note
from exitplan.executor.store.file_store import FileStore
from exitplan.executor.store.port import AccountStore
from exitplan.ruleset.errors import ExitplanError
from exitplan.web.known_accounts import Progress
from exitplan.web.observed import Observed
from exitplan.web.pages.accounts import AccountRow, account_row, broken_row, sort_rows

if TYPE_CHECKING:  # a dashboard of files needs none of it
    from exitplan.fleet.place import FleetPlace
    from exitplan.web.pages.fleet_rows import FleetRows

PAUSE = 3.0
"""Seconds between two looks at all accounts."""
UNWATCHED = 600.0
"""Seconds without anybody looking after which the thread ends."""
FIRST_WAIT = 20.0
"""Seconds that the first page waits for the first look."""
_SHOWN_EVERY = 1.0
"""Seconds between two lists of those that were read so far."""
_ANEW = 30.0
"""Seconds after which an account is read again whose changes cannot be seen."""


@dataclass(frozen=True, slots=True)
class Seen:
    """All accounts as they were at a time, in the order of the list.

    While many are read for the first time, ``progress`` tells how far that is, and the rows are those that were read.
    ``problem`` is why they could not be looked at since.
    """

    rows: tuple[AccountRow, ...] = ()
    at: datetime | None = None
    is_whole: bool = False
    progress: Progress | None = None
    problem: ExitplanError | None = None


@dataclass(slots=True)
class Overview:
    """The rows of the accounts of a dashboard."""

    given: Observed
    _known: dict[str, tuple[Hashable, AccountRow]] = field(default_factory=dict)
    _seen: Seen = field(default_factory=Seen)
    _changed: Condition = field(default_factory=Condition)
    _asked_at: float = 0.0
    _thread: Thread | None = None
    _fleet: FleetRows | None = None
    _next_shown: float = 0.0

    def now(self) -> Seen:
        """Return the rows; the first to ask waits until all accounts were looked at, but not for many.

        Raises what keeps them from being looked at, where nothing is known of them.
        """
        with self._changed:
            self.begin()
            self._changed.wait_for(lambda: self._seen.is_whole or self._seen.progress is not None, FIRST_WAIT)
            if self._seen.problem is not None and self._seen.at is None:
                raise self._seen.problem
            return self._seen

    def begin(self) -> None:
        """Begin to look after the accounts, unless that is done."""
        with self._changed:
            self._asked_at = monotonic()
            if self._thread is None or not self._thread.is_alive():
                self._seen = Seen(self._seen.rows, self._seen.at)  # what nobody looked after is looked at first
                self._thread = Thread(target=self._look_after, name="overview", daemon=True)
                self._thread.start()

    def renew(self, account: str) -> None:
        """Read one account anew now: something was done to it here, and stays done where it cannot be read."""
        try:
            file = self.given.accounts.find(account)
        except ExitplanError:
            self._known.pop(account, None)  # the next look reads it
            return
        if file is None:
            self._look_now()
            return
        store = self.given.store_of(account)
        entry = _mark_of(file, store), account_row(file, store, self.given.clock())
        with self._changed:
            self._known[account] = entry
            others = [row for row in self._seen.rows if row.id != account]
            self._seen = replace(self._seen, rows=tuple(sort_rows([*others, entry[1]])))

    def renew_all(self) -> None:
        """Read all accounts anew now: something was done to all of them."""
        self._known.clear()
        self._look_now()

    def _look_now(self) -> None:
        try:
            self.look()
        except ExitplanError as problem:  # what was done is done; the next look may well do it
            self._note(problem)

    def look(self) -> None:
        """Look at all accounts, and read those anew that have changed."""
        given, rows = self.given, list[AccountRow]()
        files: AccountFiles = given.accounts.read(self._add)
        known: dict[str, tuple[Hashable, AccountRow]] = {}
        if given.fleet is not None:
            rows += self._of_fleet(given.fleet, files)
        else:
            known = {name: self._row(file, given.store_of(name)) for name, file in files.sound.items()}
            rows += [row for _, row in known.values()]
        rows += [broken_row(broken) for broken in files.broken]
        with self._changed:
            self._known = known
            self._seen = Seen(tuple(sort_rows(rows)), given.clock(), is_whole=True)
            self._changed.notify_all()

    def _add(self, progress: Progress, file: AccountFile | None) -> None:
        """Add an account to the rows while all are read for the first time."""
        if file is not None:
            self._known[file.id] = self._row(file, self.given.store_of(file.id))
        if file is None or monotonic() >= self._next_shown:
            rows = tuple(sort_rows(row for _, row in self._known.copy().values()))
            with self._changed:
                self._seen = Seen(rows, self.given.clock(), progress=progress)
                self._changed.notify_all()
            self._next_shown = monotonic() + _SHOWN_EVERY

    def _note(self, problem: Exception) -> None:
        """Note that the accounts could not be looked at: the rows stay as they were, and say so."""
        note(RUN, "accounts_not_looked_at", level=logging.ERROR, message=str(problem))
        told = problem if isinstance(problem, ExitplanError) else ExitplanError("the accounts cannot be looked at")
        with self._changed:
            self._seen = Seen(self._seen.rows, self._seen.at, is_whole=True, problem=told)
            self._changed.notify_all()

    def _of_fleet(self, fleet: FleetPlace, files: AccountFiles) -> list[AccountRow]:
        """Read what has changed of a fleet in a few questions, rather than account by account."""
        from exitplan.web.pages.fleet_rows import FleetRows  # noqa: PLC0415 - a dashboard of files needs none of it

        if self._fleet is None:
            self._fleet = FleetRows(fleet)
        return self._fleet.look(files.sound, self.given.clock())

    def _row(self, file: AccountFile, store: AccountStore) -> tuple[Hashable, AccountRow]:
        mark = _mark_of(file, store)
        old = self._known.get(file.id)
        if old is not None and old[0] == mark:
            return old
        return mark, account_row(file, store, self.given.clock())

    def _look_after(self) -> None:
        while monotonic() - self._asked_at < UNWATCHED:
            try:
                self.look()
            except Exception as problem:  # noqa: BLE001 - the next look may well do it, and nobody waits for this thread
                self._note(problem)
            with self._changed:
                self._changed.wait(PAUSE)


def _mark_of(file: AccountFile, store: AccountStore) -> Hashable:
    """Return what differs when an account has changed: of files their times, else the time in steps."""
    if not isinstance(store, FileStore):
        return id(file), int(monotonic() / _ANEW)
    folder = store.folder
    wal = folder.journal.with_name(folder.journal.name + "-wal")
    places = (folder.journal, wal, folder.reading, folder.path / "HALT", folder.root / "HALT", folder.lock)
    return (id(file), int(monotonic() / (10 * _ANEW)), *map(_look_at, places))


def _look_at(path: Path) -> Hashable:
    try:
        status = os.stat(path)  # noqa: PTH116 - thousands of times
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
