"""The accounts of the project, each read anew only where a file of its own has changed: there may be thousands."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Protocol

from exitplan.executor.accounts.account import (
    AccountFile,
    AccountFiles,
    find_account_files,
    load_account_file,
    read_account_files,
)
from exitplan.web.refusals import AccountsBeingRead

_PATIENCE = 5
"""How many times as long as the last look took is waited before the next: with 10,000 files that is half a second."""
_LONGEST = 1.0
"""Seconds that are waited at most."""
_NEW = 2.0
"""Seconds; a file system may give two writes within that the same time."""
MANY = 500
"""More files than these are read for the first time beside the requests: that takes seconds, or a minute."""
_MOMENT = 0.05
"""Seconds that a request waits for the first reading of many files."""
_Seen = tuple[int, int, int] | None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the first reading of many files is."""

    read: int
    total: int


Tell = Callable[[Progress, AccountFile | None], None]
"""Hears how far the first reading is, with the account that was read last; None before the first."""


class Accounts(Protocol):
    """The accounts that the dashboard serves, as they are now."""

    def files(self) -> AccountFiles:
        """Return all accounts; one that is broken does not hide the others. Raises AccountsBeingRead."""
        ...

    def read(self, tell: Tell) -> AccountFiles:
        """Return all accounts, however long that takes; where it takes long, it is told how far that is."""
        ...

    def find(self, account: str) -> AccountFile | None:
        """Return one account; None, or NoSuchAccount raised, where it is not there. Raises AccountsBeingRead."""
        ...


@dataclass(slots=True)
class KnownAccounts:
    """The account files below a folder as they are now, give or take what a look at all of them takes."""

    root: Path
    _loaded: dict[Path, AccountFile] = field(default_factory=dict)
    _marks: dict[Path, _Seen] = field(default_factory=dict)
    _looked: dict[Path, _Seen] = field(default_factory=dict)
    _files: AccountFiles | None = None
    _next_look: float = 0.0
    _lock: Lock = field(default_factory=Lock)
    _is_read: Event = field(default_factory=Event)
    _progress: Progress | None = None
    _tell: Tell | None = None
    _reader: Thread | None = None

    def files(self) -> AccountFiles:
        """Return the account files; a broken one does not hide the others.

        Raises AccountsBeingRead while many are read for the first time.
        """
        if not self._is_read.is_set():
            self._ensure_few()
        return self._all()

    def read(self, tell: Tell) -> AccountFiles:
        """Return the account files, and tell each of many as it is read for the first time."""
        self._tell = tell
        return self._all()

    def _all(self) -> AccountFiles:
        with self._lock:
            if self._files is None or time.monotonic() >= self._next_look:
                begun = time.monotonic()
                self._looked = {}
                if self._files is None:
                    self._begin()
                self._files = read_account_files(self.root, self._load)
                self._marks = self._looked
                ended = time.monotonic()
                self._next_look = ended + min(_PATIENCE * (ended - begun), _LONGEST)
                self._progress = self._tell = None
                self._is_read.set()
            return self._files

    def _begin(self) -> None:
        total = len(find_account_files(self.root))
        if total > MANY:
            self._progress = Progress(0, total)
            if self._tell is not None:
                self._tell(self._progress, None)

    def _ensure_few(self) -> None:
        """Raise AccountsBeingRead where the first reading takes longer than a request may; it goes on beside it."""
        progress = self._progress
        if progress is None:
            total = len(find_account_files(self.root))
            if total <= MANY:
                return
            progress = Progress(0, total)
            if not self._lock.locked() and self._reader is None:
                self._reader = Thread(target=self._all, name="accounts", daemon=True)
                self._reader.start()
        if not self._is_read.wait(_MOMENT):
            raise AccountsBeingRead(progress.read, progress.total)

    def find(self, account: str) -> AccountFile | None:
        """Return the file of an account; of thousands the others are not looked at, unless it has changed."""
        files, marks = self._files, self._marks
        known = None if files is None else files.sound.get(account)
        if known is not None and all(_is_as(marks.get(file), file) for file in (known.path, *known.loaded.read_from)):
            return known
        return self.files().sound.get(account)

    def _load(self, path: Path) -> AccountFile:
        """Return a file as it was loaded, unless it or a policy that it extends has changed; a broken one is tried."""
        known = self._loaded.get(path)
        if known is not None and all(self._is_same(file) for file in (path, *known.loaded.read_from)):
            return known
        self._loaded.pop(path, None)
        progress = self._progress
        if progress is not None:
            self._progress = progress = Progress(progress.read + 1, progress.total)
        loaded = load_account_file(path)
        for file in (path, *loaded.loaded.read_from):
            self._look(file)
        self._loaded[path] = loaded
        if progress is not None and self._tell is not None:
            self._tell(progress, loaded)
        return loaded

    def _is_same(self, file: Path) -> bool:
        mark = self._look(file)
        return mark is not None and mark == self._marks.get(file)

    def _look(self, file: Path) -> _Seen:
        """Return what changes with a file; looked up once in each reading of all of them."""
        if file not in self._looked:
            self._looked[file] = _mark_of(file)
        return self._looked[file]


def _is_as(mark: _Seen, file: Path) -> bool:
    return mark is not None and mark == _mark_of(file)


def _mark_of(file: Path) -> _Seen:
    """Return a file's mark; None for one that is not there, or so new that it may change within the same moment."""
    try:
        status = file.stat()
    except OSError:
        return None
    if time.time() - status.st_mtime < _NEW:
        return None
    return (status.st_ino, status.st_mtime_ns, status.st_size)
