"""The accounts of the project, read anew only where a file has changed: thousands of them are asked for often."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from exitplan.executor.accounts.account import AccountFiles, find_account_files, read_account_files

_Seen = tuple[object, ...]


@dataclass(slots=True)
class KnownAccounts:
    """The account files below a folder, as they were when one of them, or a policy they extend, changed last."""

    root: Path
    _seen: _Seen | None = None
    _files: AccountFiles = field(default_factory=lambda: AccountFiles({}, ()))
    _lock: Lock = field(default_factory=Lock)

    def files(self) -> AccountFiles:
        """Return the account files; a broken one does not hide the others."""
        with self._lock:
            if self._seen is None or self._seen != self._look():
                self._files = read_account_files(self.root)
                self._seen = self._look()
            return self._files

    def _look(self) -> _Seen:
        """Return what changes with a file that the accounts were made of."""
        extended = {path for file in self._files.sound.values() for path in file.loaded.files}
        return tuple(map(_look_at, sorted({*find_account_files(self.root), *extended})))


def _look_at(path: Path) -> tuple[object, ...]:
    try:
        status = path.stat()
    except OSError:
        return (path, None)
    return (path, status.st_ino, status.st_mtime_ns, status.st_size)
