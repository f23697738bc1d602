"""The accounts of the project, read anew only where a file has changed: thousands of them are asked for often."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from exitplan.executor.accounts.account import AccountFile, AccountFiles, find_account_files, read_account_files

_Mark = tuple[object, ...] | None
"""What differs when a file has changed; None of one that is not there."""


@dataclass(slots=True)
class KnownAccounts:
    """The account files below a folder, as they were when one of them, or a policy they extend, changed last."""

    root: Path
    _seen: Mapping[Path, _Mark] | None = None
    _files: AccountFiles = field(default_factory=lambda: AccountFiles({}, ()))
    _lock: Lock = field(default_factory=Lock)

    def files(self) -> AccountFiles:
        """Return the account files; a broken one does not hide the others."""
        with self._lock:
            if self._seen is None or self._seen != self._look():
                self._files = read_account_files(self.root)
                self._seen = self._look()
            return self._files

    def find(self, account: str) -> AccountFile | None:
        """Return the file of an account; of thousands the others are not looked at, unless it has changed."""
        seen, known = self._seen, self._files.sound.get(account)
        if seen is not None and known is not None:
            paths = (known.path, *known.loaded.files)
            if all(seen.get(path) == _look_at(path) for path in paths):
                return known
        return self.files().sound.get(account)

    def _look(self) -> Mapping[Path, _Mark]:
        """Return what changes with a file that the accounts were made of."""
        extended = {path for file in self._files.sound.values() for path in file.loaded.files}
        return {path: _look_at(path) for path in {*find_account_files(self.root), *extended}}


def _look_at(path: Path) -> _Mark:
    try:
        status = path.stat()
    except OSError:
        return None
    return (status.st_ino, status.st_mtime_ns, status.st_size)
