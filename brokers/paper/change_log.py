"""The log beside a paper account file: changes that the file does not show yet, each on disk before its answer.

Its first line names the file's content that the changes are of, by hash, and the account's options. Then come
the changes, a line each, every line written at once. The last line, ``becomes``, names the content that the file is
about to be replaced by: once it is, the log has done its work and goes. A last line that was cut off belongs to a
change that was never answered.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson

from exitplan.brokers.paper.changes import Change, change_from_document, change_to_document
from exitplan.brokers.paper.options import PaperOptions, options_to_document, read_options
from exitplan.brokers.paper.storage import sync_folder, unusable
from exitplan.brokers.private_files import OWN
from exitplan.ruleset.errors import FileIsInvalid


@dataclass(frozen=True, slots=True)
class Pending:
    """A log as it stands: the hash of the content it goes on from, and what has happened since.

    ``becomes`` is the hash of the content that holds all of it, where that was about to be written; ``size`` are the
    bytes of the whole lines before that.
    """

    base: str
    options: PaperOptions
    changes: tuple[Change, ...]
    size: int
    becomes: str | None = None


class ChangeLog:
    """The log of one account file. Whoever writes holds the file's lock."""

    def __init__(self, account: Path) -> None:
        self.path = account.with_name(f".{account.name}.log")

    def read(self) -> Pending | None:
        """Read what the file does not show; None where there is nothing.

        Raises FileIsInvalid for a log that is broken before its end, OSError where it cannot be read.
        """
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return None
        whole = content[: content.rfind(b"\n") + 1]
        lines = whole.splitlines()
        if not lines:
            return None
        try:
            head, *rest = [orjson.loads(line) for line in lines]
            becomes = rest.pop()["becomes"] if rest and "becomes" in rest[-1] else None
            size = len(whole) - (0 if becomes is None else len(lines[-1]) + 1)
            changes = tuple(change_from_document(entry) for entry in rest)
            return Pending(head["base"], read_options(head["options"]), changes, size, becomes)
        except (AttributeError, KeyError, TypeError, ValueError, FileIsInvalid) as problem:
            raise FileIsInvalid(
                f"{self.path}, which holds the latest changes of the paper account beside it, is broken",
                hint="put back a copy of both files; without the log the account is as it was at its last reading",
            ) from problem

    def size(self) -> int:
        """Return the bytes of the log, 0 where there is none."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    def begin(self, content: bytes, options: PaperOptions, changes: Sequence[Change]) -> int:
        """Begin a log on a file's content with its first changes, and return its size in bytes.

        Raises DataFolderUnusable; there is then no log.
        """
        head = {"base": hash_of(content), "options": options_to_document(options)}
        try:
            self.remove()
            size = self._append(0, _line(head) + _lines(changes))
            sync_folder(self.path.parent)
        except OSError as problem:
            raise unusable(self.path, problem) from problem
        return size

    def add(self, size: int, changes: Sequence[Change]) -> int:
        """Add changes behind the first ``size`` bytes, and return the bytes there are then.

        Raises DataFolderUnusable; the log is then what it was, but where the disk failed after the writing.
        """
        return self._written(size, _lines(changes))

    def close(self, size: int, content: bytes) -> None:
        """Note the content that is about to replace the file. Raises DataFolderUnusable."""
        self._written(size, _line({"becomes": hash_of(content)}))

    def remove(self) -> None:
        """Remove the log, if there is one. Raises OSError."""
        self.path.unlink(missing_ok=True)

    def _written(self, size: int, lines: bytes) -> int:
        try:
            return self._append(size, lines)
        except OSError as problem:
            raise unusable(self.path, problem) from problem

    def _append(self, size: int, lines: bytes) -> int:
        handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, OWN)
        try:
            os.ftruncate(handle, size)  # what was cut off
            os.lseek(handle, size, os.SEEK_SET)
            _write_whole(handle, lines)
            os.fsync(handle)
        except OSError:
            os.ftruncate(handle, size)
            raise
        finally:
            os.close(handle)
        return size + len(lines)


def hash_of(content: bytes) -> str:
    """Return the SHA-256 of a file's content."""
    return sha256(content).hexdigest()


def _write_whole(handle: int, lines: bytes) -> None:
    while lines:
        lines = lines[os.write(handle, lines) :]


def _lines(changes: Sequence[Change]) -> bytes:
    return b"".join(_line(change_to_document(change)) for change in changes)


def _line(entry: dict[str, Any]) -> bytes:
    return orjson.dumps(entry) + b"\n"
