"""What all pages share: the halt of all accounts, addresses, and the way to the next page after an act."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from exitplan.executor.accounts.folder import DataFolder
from exitplan.executor.store.halt import find_halt
from exitplan.ruleset.model.values import parse_time
from exitplan.ruleset.planning.words import duration
from exitplan.web.given import given_of
from exitplan.web.rendering import render


def show(request: Request, template: str, **values: Any) -> Response:  # noqa: ANN401 - what templates show
    """Write a page with its frame, which tells of a halt of all accounts."""
    given = given_of(request)
    now = given.clock()

    def ago(moment: Any) -> str:  # noqa: ANN401 - a time, or its text
        at = parse_time(moment) if isinstance(moment, str) else moment
        seconds = (now - at).total_seconds()
        return f"in {duration(seconds)}" if seconds < 0 else f"{duration(seconds)} ago"

    told: dict[str, Any] = {
        "halt_of_all": find_halt(DataFolder(given.data, given.data)),
        "ago": ago,
        "now": now,
        "here": request.url.path,
    }
    return render(request, template, **{**told, **values})


def address(*parts: str, under: str = "accounts") -> str:
    """Return the address of something of an account: ``/accounts/main/runs/3``."""
    return "/" + "/".join([under, *(quote(part, safe="") for part in parts)])


def see(place: str) -> Response:
    """Send a browser on to a page, so that loading it again does nothing twice."""
    return RedirectResponse(place, 303)


def place_in(request: Request, default: str) -> str:
    """Return the page that a form was sent from, where it is one of ours."""
    wanted = str(request.state.form.get("from", ""))
    is_ours = wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and wanted.isprintable()
    return wanted if is_ours else default
