"""Write pages: what venues, symbols, policies and people say is shown as text, and nothing of it is obeyed."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from exitplan.ruleset.model.visible import printable_lines
from exitplan.ruleset.planning.words import clock_time, duration, exact, money, percent, rounded_percent
from exitplan.ruleset.version import VERSION
from exitplan.web.security.roles import Role

TEMPLATES = Path(__file__).parent / "templates"

_FILTERS = {
    "clock_time": clock_time,
    "duration": duration,
    "exact": exact,
    "money": money,
    "percent": percent,
    "rounded_percent": rounded_percent,
}


def visible(value: object) -> object:
    """Show controls and marks of direction in a text as question marks; what is markup of ours stays."""
    return printable_lines(value) if isinstance(value, str) and not isinstance(value, Markup) else value


@cache
def environment() -> Environment:
    """Return the templates: every value is made visible, then escaped; one that is missing is an error."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"visible": visible, "capitalize_first": _capitalised, **_FILTERS}
    made.globals |= {"Role": Role, "version": VERSION}
    for name in made.list_templates(["html"]):
        made.get_template(name)  # compiled now, and not while somebody waits for the first page
    return made


def render(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:  # noqa: ANN401 - what templates show
    """Write a page from a template, which also has ``request``, ``has_fleet``, ``person``, ``role``, ``csrf``.

    Where nobody is logged in ``person`` and ``role`` are None.
    """
    app = request.scope.get("app")
    has_fleet = app is not None and app.state.given.fleet is not None
    known = {name: getattr(request.state, name, None) for name in ("person", "role", "csrf")}
    text = environment().get_template(template).render({"request": request, "has_fleet": has_fleet, **known, **values})
    return HTMLResponse(text, status)


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]
