"""From bytes to text: the checks that come before any parser."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path as FilePath

from exitplan.ruleset.language.problems import Problem, did_you_mean
from exitplan.ruleset.model.visible import printable
from exitplan.schemas.loading.diagnostics import Diagnostic, FileHasProblems, Mark, Source, locate

_BOM = b"\xef\xbb\xbf"
_MOST_LISTED = 20
_FOREIGN_BOMS = (b"\xff\xfe", b"\xfe\xff")
# What PyYAML and JSON do not take either; DEL and the C1 range are left to their own rules.
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


_BUFFERS: ContextVar[Mapping[str, bytes]] = ContextVar("_BUFFERS", default={})  # noqa: B039 - it is never changed
"""What an editor holds of files that are not saved, by their real paths; empty but in the language server."""


@contextmanager
def edited(buffers: Mapping[str, str]) -> Iterator[None]:
    """Read texts in place of files within the block; ``buffers`` has them by real path."""
    token = _BUFFERS.set({path: text.encode("utf-8", "surrogatepass") for path, text in buffers.items()})
    try:
        yield
    finally:
        _BUFFERS.reset(token)


def display_name(path: FilePath) -> str:
    """Write a path so that any terminal and any file can hold it."""
    return printable(str(path).encode("utf-8", "backslashreplace").decode("utf-8"))


def read_limited(path: FilePath, limit: int) -> bytes:
    """Read a file of at most ``limit`` bytes.

    Raises FileHasProblems where it is missing, a folder, a pipe or device, unreadable, or larger.
    """
    if (buffers := _BUFFERS.get()) and (buffer := buffers.get(os.path.realpath(path))) is not None:
        return buffer
    try:
        # Without O_NONBLOCK a named pipe would let us wait for ever.
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise _file_problem(path, "this is a pipe or a device, a file is expected")
            content = file.read(limit + 1)
    except FileNotFoundError:
        raise _file_problem(path, "there is no such file", _beside(path)) from None
    except IsADirectoryError:
        raise _file_problem(path, "this is a folder, a file is expected") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise _file_problem(path, f"it cannot be read: {reason}") from None
    if len(content) > limit:
        raise _too_large(path, content, limit)
    return content


def _too_large(path: FilePath, content: bytes, limit: int) -> FileHasProblems:
    """Make the error of a file that goes on after its limit, with the place where it passes it."""
    before = content[:limit]
    line, column = before.count(b"\n") + 1, limit - (before.rfind(b"\n") + 1) + 1
    message = f"the file is larger than {limit:,} bytes, which is the limit for its kind; it passes it here"
    return FileHasProblems([Diagnostic(Mark(display_name(path), line, column), (), message)])


def _file_problem(path: FilePath, message: str, hint: str | None = None) -> FileHasProblems:
    return FileHasProblems([Diagnostic(Mark(display_name(path)), (), message, hint=hint)])


def _beside(path: FilePath) -> str | None:
    """Name the file beside a missing one that was most likely meant, else the ones of its kind."""
    try:
        names = sorted(
            entry.name for entry in path.parent.iterdir() if entry.is_file() and not entry.name.startswith(".")
        )
    except (OSError, ValueError):
        return None
    alike = [name for name in names if FilePath(name).suffix == path.suffix][:_MOST_LISTED]
    return did_you_mean(path.name, names) or (f"beside it are {', '.join(alike)}" if alike else None)


def decoded(content: bytes, name: str) -> Source:
    """Decode UTF-8; a byte order mark is skipped.

    Raises FileHasProblems naming line and byte where it is not UTF-8.
    """
    body = content.removeprefix(_BOM)
    try:
        return Source(name, body.decode("utf-8"))
    except UnicodeDecodeError as error:
        before = Source(name, body[: error.start].decode("utf-8") + "?")
        offset = error.start + len(content) - len(body)
        message = f"the file is not UTF-8: byte {offset} is 0x{body[error.start]:02x}"
        hint = "it looks like UTF-16" if content.startswith(_FOREIGN_BOMS) else None
        raise one_problem(before, error_at(before), message, hint or "save it as UTF-8") from None


def refuse_control_characters(source: Source) -> None:
    """Refuse characters that no editor writes and that terminals obey.

    Raises FileHasProblems naming the first.
    """
    control = CONTROL.search(source.text)
    if control:
        message = f"the character U+{ord(control.group()):04X} is not allowed in a text file"
        raise one_problem(source, source.mark(control.start()), message, "is this a text file?")


def error_at(source: Source) -> Mark:
    """Return the place of the last character of a text."""
    return source.mark(max(0, len(source.text) - 1))


def one_problem(source: Source, mark: Mark, message: str, hint: str | None = None) -> FileHasProblems:
    """Make the error of a single problem that has a place but no key path."""
    return FileHasProblems([locate(Problem((), message, hint=hint), {(): mark}, {source.name: source})])
