"""Write a file so that a crash leaves either the old one or the new one, never half of one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from exitplan.brokers.private_files import OWN, make_private_folder
from exitplan.ruleset.errors import AccountIsLocked, DataFolderUnusable

if TYPE_CHECKING:  # loaded by who changes something
    from filelock import FileLock

LOCK_SECONDS = 10
"""A change of a paper account takes milliseconds; whoever waits this long waits for something stuck."""


class AccountLock:
    """Keeps every other process from changing a file, through a lock file beside it; not for several threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock: FileLock | None = None

    @contextmanager
    def held(self, patience: float | None = None) -> Iterator[None]:
        """Hold the lock for the time of the block.

        ``patience`` are the seconds that another process is waited for. Raises AccountIsLocked where it does not let
        go, DataFolderUnusable where no lock can be made.
        """
        from filelock import Timeout  # noqa: PLC0415 - who only reads locks nothing

        try:
            lock = self._lock or self._made()
            lock.acquire(LOCK_SECONDS if patience is None else patience)
        except Timeout as problem:
            raise AccountIsLocked(
                f"another process is changing {self._path}", hint="wait until it has ended, or stop it"
            ) from problem
        except OSError as problem:
            raise unusable(self._path, problem) from problem
        try:
            yield
        finally:
            lock.release()

    def _made(self) -> FileLock:
        from filelock import FileLock  # noqa: PLC0415 - as above

        make_private_folder(self._path.parent)
        self._lock = FileLock(self._path.with_name(f".{self._path.name}.lock"), mode=OWN)
        return self._lock


def replace_file(path: Path, content: bytes) -> None:
    """Put content in the place of a file, on disk before this returns.

    Raises DataFolderUnusable; the file is then what it was, or already the new one where only the last sync
    failed.
    """
    try:
        _replace(path.resolve(), content)  # a link stays a link
    except OSError as problem:
        raise unusable(path, problem) from problem


def unusable(path: Path, problem: OSError) -> DataFolderUnusable:
    """Return the error that a file cannot be written, and why."""
    reason = problem.strerror or str(problem)
    return DataFolderUnusable(f"{path} cannot be written: {reason}", hint="make its folder writable and not full")


def _replace(path: Path, content: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            if path.exists():
                os.fchmod(file.fileno(), path.stat().st_mode & 0o777)
            os.fsync(file.fileno())
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Put on disk which files a folder has. Raises OSError."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
