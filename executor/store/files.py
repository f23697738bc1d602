"""Write files so that a reader, or a crash, never sees half of one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from exitplan.brokers.private_files import OWN, make_private_folder, private_opener
from exitplan.ruleset.errors import DataFolderUnusable


def write_atomically(path: Path, content: bytes | Iterable[bytes], *, mode: int = OWN, is_durable: bool = True) -> None:
    """Replace a file in one step: written beside it, flushed to the disk, then renamed over it.

    Content may come in pieces; what is raised while they are made is raised, and nothing is replaced. A new file gets
    the ``mode``; one that is replaced keeps its own, so that whoever could read it still can. Where it need not be
    ``is_durable``, as what means nothing once its writer is gone, it is not flushed. Raises DataFolderUnusable where
    the folder cannot be written or the disk is full; the old file is then untouched.
    """
    try:
        path = path.resolve()  # a link stays a link
        make_private_folder(path.parent)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise _unusable(path, error) from error
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.writelines((content,) if isinstance(content, bytes) else content)
            file.flush()
            os.fchmod(file.fileno(), path.stat().st_mode & 0o777 if path.exists() else mode)
            if is_durable:
                os.fsync(file.fileno())
        temporary.replace(path)
        if is_durable:
            _sync_folder(path.parent)
    except OSError as error:
        raise _unusable(path, error) from error
    finally:  # once it has been renamed there is none
        temporary.unlink(missing_ok=True)


def append_line(path: Path, line: bytes) -> None:
    """Append one line to a file and flush it to the disk; raises DataFolderUnusable.

    Where a full disk or a crash has left half a line behind, the new one does not go on in it.
    """
    try:
        make_private_folder(path.parent)
        with open(path, "ab+", opener=private_opener) as file:
            if file.tell() and (file.seek(-1, os.SEEK_END), file.read(1))[1] != b"\n":
                line = b"\n" + line
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise _unusable(path, error) from error


def ensure_writable(folder: Path, room: int = 65536) -> None:
    """Raise DataFolderUnusable unless ``room`` bytes can be written and flushed into a folder, before a run begins."""
    probe = folder / ".write-probe"
    try:
        write_atomically(probe, bytes(room))
    except DataFolderUnusable as error:
        raise DataFolderUnusable(str(error), hint=f"nothing was sent; {error.hint}") from error
    probe.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unusable(path: Path, error: OSError) -> DataFolderUnusable:
    return DataFolderUnusable(
        f"cannot write {path}: {error.strerror or error}",
        hint="free the disk or make the folder writable, or name another with --data",
    )
