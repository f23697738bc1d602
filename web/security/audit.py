"""What people did in the dashboard: in the log, and in a file of the data folder, with who, from where and when."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from starlette.requests import Request

from exitplan.executor.logs import note
from exitplan.executor.store.files import append_line
from exitplan.ruleset.errors import DataFolderUnusable, ExitplanError
from exitplan.ruleset.model.values import time_text
from exitplan.ruleset.model.visible import printable
from exitplan.web.given import Given, given_of

WEB = logging.getLogger("exitplan.web")
FILE = "web_audit.jsonl"
_LONGEST = 300
_TAIL = 2**20
"""Bytes at the end of the file that are looked at: some 5,000 acts."""


@dataclass(frozen=True, slots=True)
class PastAct:
    """Something that somebody did, as the file has it; what is not told is empty."""

    at: str
    event: str
    person: str
    path: str
    role: str = ""
    address: str = ""
    status: str = ""


def past_acts(data: Path, most: int) -> list[PastAct]:
    """Return what people did, the newest first; a line that was cut short, or spoilt, is passed over.

    Raises DataFolderUnusable where the file cannot be read.
    """
    path = data / FILE
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL))
            lines = file.read().splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise DataFolderUnusable(f"cannot read {path}: {error.strerror or error}") from error
    return list(filter(None, map(_act_of, reversed(lines[-most:]))))


def _act_of(line: bytes) -> PastAct | None:
    try:
        told = orjson.loads(line)
        return PastAct(**{name: str(told.get(name) or "") for name in PastAct.__slots__})
    except (ValueError, AttributeError):
        return None


def tell_act(request: Request, status: int) -> None:
    """Tell that somebody did something; what it was about is in the path."""
    _tell(request, "act", person=request.state.person, role=request.state.role.word, status=status)


def tell_log_in(request: Request, person: str) -> None:
    """Tell that somebody has logged in; logging out is an act as any other."""
    _tell(request, "logged_in", person=person)


def tell_failed_log_in(request: Request, name: str) -> None:
    """Log a wrong name or password; whoever tries can do that often, so it goes into no file."""
    note(WEB, "log_in_failed", level=logging.WARNING, **_fields(request, person=printable(name)[:_LONGEST]))


def tell_refusal(request: Request, problem: ExitplanError) -> None:
    """Log that something was refused; whoever is refused can do that often, so it goes into no file."""
    fields = _fields(request, person=getattr(request.state, "person", None), message=str(problem))
    note(WEB, "refused", level=logging.WARNING, problem=type(problem).__name__, **fields)


def _tell(request: Request, event: str, **more: object) -> None:
    fields = _fields(request, **more)
    note(WEB, event, **fields)
    given: Given = given_of(request)
    line = orjson.dumps({"at": time_text(given.clock()), "event": event, **fields}, option=orjson.OPT_APPEND_NEWLINE)
    try:
        append_line(given.data / FILE, line)
    except DataFolderUnusable as error:  # a halt must be possible on a full disk
        note(WEB, "audit_not_kept", level=logging.WARNING, message=str(error))


def _fields(request: Request, **more: object) -> dict[str, Any]:
    address = None if request.client is None else request.client.host
    path = printable(request.url.path)[:_LONGEST]
    return {"method": request.method, "path": path, "address": address, **more}
