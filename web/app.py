"""The dashboard as an application: every route of the tables, each behind the guard, all of it behind the shield."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from exitplan.web.api.rows import API_ROWS
from exitplan.web.delivering import Deliveries
from exitplan.web.given import Given
from exitplan.web.pages.rows import PAGES
from exitplan.web.refusals import NoSuchPage
from exitplan.web.routes import API, Row
from exitplan.web.security.guard import failure, guarded
from exitplan.web.security.headers import Shield
from exitplan.web.security.limits import LogInLimits
from exitplan.web.security.rows import SECURITY
from exitplan.web.security.sessions import Sessions
from exitplan.web.static_files import STATIC

ROWS: tuple[Row, ...] = (*SECURITY, *STATIC, *API_ROWS, *PAGES)
"""The route table: there is no other way in."""


def make_app(given: Given, rows: tuple[Row, ...] = ROWS) -> Starlette:
    """Make the application; it holds the sessions and the counts of log-ins."""
    app = Starlette(
        routes=[Route(row.path, guarded(row), methods=[row.method]) for row in rows],
        middleware=[Middleware(Shield, given=given)],
        exception_handlers={HTTPException: _nothing_here},  # type: ignore[dict-item] # handlers take the class they are listed for
    )
    app.router.redirect_slashes = False
    app.state.given = given
    app.state.sessions = Sessions(given.clock, given.idle, given.longest)
    app.state.limits = LogInLimits(given.clock)
    app.state.deliveries = Deliveries(given)
    return app


def _nothing_here(request: Request, problem: HTTPException) -> Response:
    """Tell that there is no such page, or that it is not asked for so."""
    as_json = request.url.path.startswith(API)
    said = failure(request, NoSuchPage("there is no such page", hint="begin at /"), as_json=as_json)
    said.status_code = problem.status_code
    return said
