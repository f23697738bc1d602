"""The accounts of the project, each read anew only where a file of its own has changed: there may be thousands."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Protocol

from exitplan.executor.accounts.account import AccountFile, AccountFiles, load_account_file, read_account_files

_PATIENCE = 5
"""How many times as long as the last look took is waited before the next: with 10,000 files that is half a second."""
_LONGEST = 1.0
"""Seconds that are waited at most."""
_NEW = 2.0
"""Seconds; a file system may give two writes within that the same time."""
_Seen = tuple[int, int, int] | None


class Accounts(Protocol):
    """The accounts that the dashboard serves, as they are now."""

    def files(self) -> AccountFiles:
        """Return all accounts; one that is broken does not hide the others."""
        ...

    def find(self, account: str) -> AccountFile | None:
        """Return one account; None, or NoSuchAccount raised, where it is not there."""
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

    def files(self) -> AccountFiles:
        """Return the account files; a broken one does not hide the others."""
        with self._lock:
            if self._files is None or time.monotonic() >= self._next_look:
                begun = time.monotonic()
                self._looked = {}
                self._files = read_account_files(self.root, self._load)
                self._marks = self._looked
                ended = time.monotonic()
                self._next_look = ended + min(_PATIENCE * (ended - begun), _LONGEST)
            return self._files

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
        loaded = load_account_file(path)
        for file in (path, *loaded.loaded.read_from):
            self._look(file)
        self._loaded[path] = loaded
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
