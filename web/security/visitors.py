"""Who asks: found by the session's cookie, by what a proxy says, or by a token; without log-in somebody who looks."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from starlette.requests import Request

from exitplan.web.given import Given, given_of
from exitplan.web.refusals import NotLoggedIn, RoleTooLow, TokenRefused
from exitplan.web.security.csrf import mark_of
from exitplan.web.security.roles import Role
from exitplan.web.security.sessions import Sessions
from exitplan.web.security.users_file import UsersFile

NOBODY = "somebody on this machine"
TOKEN_PREFIX = "exitplan"  # noqa: S105 - what each token begins with
_LOG_IN = "log in, and do it again"
_SEND_TOKEN = "send the header Authorization: Bearer TOKEN; exitplan users token NAME makes one"  # noqa: S105 - a sentence


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks, what they may do, and what the marks in their forms are made of."""

    name: str
    role: Role
    bearer: str

    @property
    def csrf(self) -> str:
        """The mark for the forms on a page."""
        return mark_of(self.bearer)


def cookie_name(given: Given) -> str:
    """Return the name of the session's cookie; the prefix lets a browser take it from this host alone, over TLS."""
    return "__Host-exitplan" if given.is_https else "exitplan"


def sessions_of(request: Request) -> Sessions:
    """Return the sessions of the dashboard that answers."""
    sessions: Sessions = request.app.state.sessions
    return sessions


def visitor_of(request: Request) -> Visitor:
    """Return who looks at a page; raises NotLoggedIn, and RoleTooLow for somebody of a proxy who is no user."""
    given = given_of(request)
    if given.users is None:
        return Visitor(NOBODY, Role.VIEWER, "")
    if given.proxy is not None:
        return _of_proxy(given.proxy.name_in(request), given.users)
    return _of_session(request, given.users, request.cookies.get(cookie_name(given)))


def _of_session(request: Request, users: UsersFile, secret: str | None) -> Visitor:
    if not secret:
        raise NotLoggedIn("nobody is logged in", hint=_LOG_IN)
    session = sessions_of(request).use(secret)
    user = None if session is None else users.find(session.name)
    if session is None or user is None or not hmac.compare_digest(user.stamp, session.stamp):
        sessions_of(request).end(secret)
        raise NotLoggedIn("the session has ended: nothing was done", hint=_LOG_IN)
    return Visitor(user.name, user.role, secret)


def _of_proxy(name: str | None, users: UsersFile) -> Visitor:
    if name is None:
        raise NotLoggedIn("the proxy names nobody", hint="come through the proxy that logs people in")
    user = users.find(name)
    if user is None:
        raise RoleTooLow(f"{name} is no user here", hint="an admin adds people: exitplan users add NAME --role viewer")
    return Visitor(user.name, user.role, f"proxy {user.name}")


def owner_of_token(request: Request) -> Visitor:
    """Return on whose behalf a program asks, with no more than its token may; raises TokenRefused."""
    given = given_of(request)
    if given.users is None:
        return Visitor(NOBODY, Role.VIEWER, "")
    shown = request.headers.getlist("Authorization")
    if not shown:
        raise TokenRefused(
            "there is no token", hint="send the header Authorization: Bearer TOKEN; exitplan users token makes one"
        )
    scheme, _, token = shown[0].partition(" ")
    prefix, _, rest = token.strip().partition("_")
    token_id, _, secret = rest.partition("_")
    if len(shown) != 1 or scheme.lower() != "bearer" or prefix != TOKEN_PREFIX:
        raise TokenRefused("this is no token", hint=_SEND_TOKEN)
    known = given.users.token(token_id)
    expected = "" if known is None else known[1].sha256
    is_right = hmac.compare_digest(hash_of_token(secret), expected)
    if known is None or not is_right or known[1].expires_at <= given.clock():
        raise TokenRefused("the token is unknown or has expired", hint="exitplan users token NAME makes a new one")
    user, entry = known
    return Visitor(user.name, min(user.role, entry.role), f"token {entry.id}")


def hash_of_token(secret: str) -> str:
    """Return the hash by which a token is known; its secret is long and random, so that it needs no slow one."""
    return hashlib.sha256(secret.encode()).hexdigest()
