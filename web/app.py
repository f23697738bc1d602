"""The dashboard as an application: every route of the tables, each behind the guard, all of it behind the shield."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Route

from exitplan.web.acts.desk import Desk
from exitplan.web.api.rows import API_ROWS
from exitplan.web.delivering import Deliveries
from exitplan.web.given import Given
from exitplan.web.pages.rows import PAGES
from exitplan.web.routes import Row
from exitplan.web.security.guard import guarded, nothing_here
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
        exception_handlers={HTTPException: nothing_here},
    )
    app.router.redirect_slashes = False
    app.state.given = given
    app.state.desk = Desk(given)
    app.state.sessions = Sessions(given.clock, given.idle, given.longest)
    app.state.limits = LogInLimits(given.clock)
    app.state.deliveries = Deliveries(given)
    return app
