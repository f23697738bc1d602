"""Logging for the command line: to stderr for people, and into a file as JSON, one object per line."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from io import TextIOWrapper
from pathlib import Path
from typing import Any, TextIO

from exitplan.brokers.private_files import OWN
from exitplan.ruleset.errors import ExitplanError
from exitplan.ruleset.model.values import time_text
from exitplan.ruleset.model.visible import printable

ROOT = logging.getLogger("exitplan")
_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_OWN: list[logging.Handler] = []
"""The handlers of the command line that is at work."""


class _ToStderr(logging.StreamHandler[TextIO]):
    """Logs to what stderr is by then; where nobody reads it any more, the work goes on."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override] # looked up, as in logging's own handler of last resort
        """The stream of the moment: a run puts one that waits for no reader in its place."""
        return sys.stderr

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - as its base
        """Lose the record: Python would write a traceback."""


class _ToFile(logging.FileHandler):
    """Logs into a file; where the disk is full, the work goes on."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - as its base
        """Lose the record: Python would write a traceback."""

    def _open(self) -> TextIOWrapper:
        """Open the file; one that is made is for nobody else, since it tells what an account holds and does."""
        file = os.open(self.baseFilename, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, OWN)
        return os.fdopen(file, "a", encoding=self.encoding)

    def close(self) -> None:
        """Close the file, whether or not what is left can be written."""
        with suppress(OSError):
            super().close()


class JsonFormatter(logging.Formatter):
    """Writes a record as one JSON object: time, level, logger, event, and the fields of the case."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record in its JSON form."""
        document = {"at": _time_of(record), "level": record.levelname, "logger": record.name, **_parts(record)}
        if record.exc_info:
            document["exception"] = self.formatException(record.exc_info)
        return json.dumps(document, default=str)


class PlainFormatter(logging.Formatter):
    """Writes a record as one line for a person."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as a line."""
        return f"{_time_of(record)} {record.levelname:<8} {record.name}: {printable(record.getMessage())}"


class _Redacting(logging.Filter):
    """The last net: takes out what looks signed or secret, whoever logged it."""

    def __init__(self) -> None:
        from exitplan.brokers.live.redaction import Redactor  # noqa: PLC0415 - only where something is logged

        super().__init__()
        self._redact = Redactor()

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, without what looks like a secret."""
        from exitplan.executor.logs import Entry  # noqa: PLC0415 - `exitplan --help` logs nothing

        if isinstance(record.msg, Entry):
            record.msg = Entry(record.msg.event, {key: self._clean(part) for key, part in record.msg.fields.items()})
        else:
            record.msg, record.args = self._redact(record.getMessage()), ()
        for key in set(vars(record)) - _STANDARD:
            setattr(record, key, self._clean(getattr(record, key)))
        return True

    def _clean(self, value: object) -> object:
        return self._redact(value) if isinstance(value, str) else value


def start_logging(verbosity: int, file: Path | None) -> None:
    """Log to stderr (``verbosity`` 0 nothing, 1 what is done, 2 every step) and into a file; raises ExitplanError."""
    handlers: list[logging.Handler] = []
    if verbosity:
        handlers.append(_handler(_ToStderr(), PlainFormatter(), _LEVELS[min(verbosity, 2)]))
    if file is not None:
        handlers.append(_handler(_opened(file), JsonFormatter(), logging.DEBUG))
    for handler in handlers or [logging.NullHandler()]:  # with none at all, Python would write warnings to stderr
        ROOT.addHandler(handler)
        _OWN.append(handler)
    ROOT.setLevel(min((handler.level for handler in handlers), default=logging.NOTSET))


def stop_logging() -> None:
    """Close what was opened, and leave logging to whoever configures it next."""
    while _OWN:
        handler = _OWN.pop()
        ROOT.removeHandler(handler)
        handler.close()
    ROOT.setLevel(logging.NOTSET)


_CHDIR = "-chdir="
_ONE_DASH = frozenset({"-no-color", "-quiet", "-verbose"})


def globals_first(words: list[str]) -> list[str]:
    """Move the options of ``exitplan`` itself to the front of a command line: they may stand anywhere in it.

    Those that users of Terraform type with one dash are read as meant: ``-no-color``, ``-chdir=DIR``.
    """
    front: list[str] = []
    rest: list[str] = []
    left = iter(words)
    for word in left:
        if word == "--":
            return [*front, *rest, word, *left]
        if word.startswith(_CHDIR):
            front.extend(["-C", word.removeprefix(_CHDIR)])
            continue
        word = f"-{word}" if word in _ONE_DASH else word  # noqa: PLW2901 - from here on it is spelled so
        if word in {"-v", "-vv", "--verbose", "-q", "--quiet", "--no-color"} or word.startswith("--log-file="):
            front.append(word)
        elif word in {"--log-file", "-C"}:
            front.extend([word, *([] if (value := next(left, None)) is None else [value])])
        else:
            rest.append(word)
    return [*front, *rest]


def _handler(handler: logging.Handler, formatter: logging.Formatter, level: int) -> logging.Handler:
    handler.setFormatter(formatter)
    handler.setLevel(level)
    handler.addFilter(_Redacting())
    return handler


def _opened(file: Path) -> logging.Handler:
    from exitplan.cli.streams import ensure_output  # noqa: PLC0415 - as above

    ensure_output(file)
    if file.is_fifo():
        raise ExitplanError(f"cannot write the log {file}: it is a named pipe", hint="name a file with --log-file")
    try:
        return _ToFile(file, encoding="utf-8")
    except OSError as problem:
        raise ExitplanError(
            f"cannot write the log {file}: {problem.strerror or problem}", hint="name another file with --log-file"
        ) from problem


def _time_of(record: logging.LogRecord) -> str:
    return time_text(datetime.fromtimestamp(record.created, UTC).replace(microsecond=int(record.msecs) * 1000))


def _parts(record: logging.LogRecord) -> Mapping[str, Any]:
    from exitplan.executor.logs import Entry  # noqa: PLC0415 - as above

    if isinstance(record.msg, Entry):
        return {"event": record.msg.event, **record.msg.fields}
    extra = {key: value for key, value in vars(record).items() if key not in _STANDARD}
    return {"event": record.getMessage(), **extra}
