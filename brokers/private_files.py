"""Files and folders of our own: nobody else reads them, and nobody else puts others in their place."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

OWN = 0o600
"""The mode of a file that we make."""
_FOLDER = 0o700
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_WRITABLE = stat.S_IWGRP | stat.S_IWOTH


def make_private_folder(folder: Path) -> None:
    """Make a folder, and those above it that are missing, for nobody else; one that is there stays as it is.

    Raises OSError.
    """
    missing = [folder]
    while not missing[-1].parent.exists():
        missing.append(missing[-1].parent)
    for place in reversed(missing):
        place.mkdir(mode=_FOLDER, exist_ok=True)


def ensure_ours(folder: Path) -> None:
    """Make a folder in the cache for nobody else; raises OSError where another user could put something into it.

    The cache may lie below a folder of all users, such as /tmp: there its folders may be made before us.
    """
    make_private_folder(folder)
    if folder.is_symlink():
        raise OSError("it is a link")
    status = folder.stat()
    if status.st_uid != os.geteuid():
        raise OSError("it belongs to another user")
    if status.st_mode & _OTHERS:
        folder.chmod(_FOLDER)
    above = folder.parent.stat()
    is_sticky = above.st_mode & stat.S_ISVTX
    if above.st_uid not in {os.geteuid(), 0} or (above.st_mode & _WRITABLE and not is_sticky):
        raise OSError(f"another user can replace it in {folder.parent}")


def create_private(path: Path) -> None:
    """Make an empty file that nobody else reads, unless it is there; raises OSError."""
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, OWN))


def keep_private(path: Path) -> None:
    """Take from others what they may do with a file of ours; nothing where it is not there or not ours to change."""
    with suppress(OSError):
        mode = path.stat().st_mode
        if mode & _OTHERS:
            path.chmod(stat.S_IMODE(mode) & ~_OTHERS)


def writers_besides_us(folder: Path) -> str | None:
    """Return who else can change what is in a folder, in words; None where nobody can, or it is not there."""
    try:
        status = folder.stat()
    except OSError:
        return None
    if status.st_uid not in {os.geteuid(), 0}:
        return "another user, who owns it"
    if status.st_mode & stat.S_IWOTH:
        return "every user of this machine"
    return "the users of its group" if status.st_mode & stat.S_IWGRP else None


def private_opener(name: str, flags: int) -> int:
    """Open a file as ``open`` does; one that is made is for nobody else."""
    return os.open(name, flags, OWN)
