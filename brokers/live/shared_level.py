"""How full a token bucket is, kept in a small file so that all processes of a user draw from the same one.

The file holds one record of numbers, and neither key nor address. It is read and written under a lock that the
operating system frees when its holder dies. Where it cannot be used, a bucket goes on in its own process, and says so.
"""

from __future__ import annotations

import fcntl
import logging
import math
import os
import stat
import struct
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from operator import attrgetter
from pathlib import Path

from exitplan.brokers.private_files import make_private_folder

LOGGER = logging.getLogger("exitplan.venue")

FORGOTTEN_AFTER = 2 * 86_400.0
"""Seconds after its last use when a file says nothing any more: no window of a venue is longer than a day."""

LONGEST_HOLD = 2.0
"""Seconds; the lock is held for some microseconds, so whoever keeps it this long was frozen with it."""

_RECORD = struct.Struct("<8s8s7d")
_CHECKSUM = struct.Struct("<I")
_SIZE = _RECORD.size + _CHECKSUM.size
_NEXT_TRY = 0.0002
_NOBODY = bytes(8)
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(slots=True)
class Level:
    """What is left in a bucket at an instant; durations, so that a clock that jumps takes them along.

    ``level`` are tokens, less those that somebody waits for; ``granted`` is the sum of all that were ever asked for,
    and numbers the places of those who wait. ``ceiling`` is the largest content that the venue's replies allow.
    ``quota`` tokens are left for ``window`` seconds; nobody goes for ``rest`` seconds. ``at`` is in seconds since
    1970, and ``writer`` the process that said so. ``era`` is another one where a file was begun anew.
    """

    era: bytes
    writer: bytes
    at: float
    level: float
    granted: float = 0.0
    ceiling: float = math.inf
    quota: float = math.inf
    window: float = 0.0
    rest: float = 0.0

    def pack(self) -> bytes:
        """Return the bytes of the file."""
        record = _RECORD.pack(*_FIELDS(self))
        return record + _CHECKSUM.pack(zlib.crc32(record))

    @classmethod
    def unpack(cls, content: bytes) -> Level | None:
        """Read the bytes of a file; None where they are none of ours."""
        record, checksum = content[: _RECORD.size], content[_RECORD.size :]
        if len(record) < _RECORD.size or checksum != _CHECKSUM.pack(zlib.crc32(record)):
            return None
        return cls(*_RECORD.unpack(record))


_FIELDS = attrgetter(*(entry.name for entry in fields(Level)))


class SharedLevel:
    """Lends the level of a bucket to one thread at a time; the caller sees to it that it is one.

    Without ``path`` it is in memory. A new bucket holds ``capacity``, one whose file is garbage nothing: nobody knows
    what was taken. ``wall`` gives seconds since 1970.
    """

    def __init__(self, capacity: float, path: Path | None = None, *, wall: Callable[[], float] = time.time) -> None:
        self._capacity, self._path, self._wall = capacity, path, wall
        self._process, self.me = os.getpid(), os.urandom(8)
        self._file: int | None = None
        self._level = self._new(capacity)

    def __del__(self) -> None:
        """Close the file."""
        self._close()

    @contextmanager
    def borrowed(self) -> Iterator[Level]:
        """Lend the level for a change that takes microseconds; nothing changes where the block raises."""
        if self._process != os.getpid():  # a fork: another process with the same memory
            self._process, self.me = os.getpid(), os.urandom(8)
        file = self._locked()
        if file is None:
            yield self._level
            return
        try:
            self._level = self._read(file)
            yield self._level
            self._write(file)
        finally:
            with suppress(OSError):
                fcntl.lockf(file, fcntl.LOCK_UN)

    def _new(self, tokens: float) -> Level:
        return Level(era=os.urandom(8), writer=_NOBODY, at=self._wall(), level=tokens)

    def _locked(self) -> int | None:
        """Return the file, locked; None where there is none to use."""
        try:
            while self._path is not None:
                if self._file is None:
                    self._file = _opened(self._path)
                _lock(self._file)
                if os.fstat(self._file).st_nlink:
                    return self._file
                self._close()  # somebody removed it: the others have another one by now
        except OSError as error:
            self._give_up(error)
        return None

    def _read(self, file: int) -> Level:
        try:
            content = os.pread(file, _SIZE + 1, 0)
            if not content:
                return self._new(self._capacity)
            level = Level.unpack(content)
            if level is not None:
                return level
            os.ftruncate(file, 0)
        except OSError as error:
            self._give_up(error)
            return self._level
        LOGGER.warning("%s does not hold what exitplan wrote: its bucket starts empty", self._path)
        return self._new(0.0)

    def _write(self, file: int) -> None:
        try:
            os.pwrite(file, self._level.pack(), 0)
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        LOGGER.warning(
            "%s cannot be used (%s): other processes do not see what this one takes of the venue's limits",
            self._path,
            error.strerror or error,
        )
        self._path = None

    def _close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _opened(path: Path) -> int:
    """Open a file in a folder that is ours alone, making both; raises OSError."""
    folder = path.parent
    is_new = not path.exists()
    make_private_folder(folder)
    _check_ours(folder.stat())
    if is_new:
        _forget_old(folder)
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
    try:
        status = os.fstat(file)
        _check_ours(status)
        _check_regular(status)
    except OSError:
        os.close(file)
        raise
    return file


def _check_ours(status: os.stat_result) -> None:
    if status.st_uid != os.geteuid():
        raise OSError("it belongs to another user")
    if status.st_mode & _OTHERS:
        raise OSError("it is open to other users")


def _check_regular(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise OSError("it is not a regular file")


def _forget_old(folder: Path) -> None:
    """Remove the files that nobody has used for long."""
    oldest = time.time() - FORGOTTEN_AFTER
    for path in folder.iterdir():
        with suppress(OSError):
            if path.stat().st_mtime < oldest:
                path.unlink()


def _lock(file: int) -> None:
    """Lock a file for this process; a frozen holder is not waited for, but an OSError."""
    give_up_at = time.monotonic() + LONGEST_HOLD
    while True:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):  # both say that another process has it
            if time.monotonic() > give_up_at:
                raise OSError("another process holds it and does not let go") from None
            time.sleep(_NEXT_TRY)
        else:
            return
