"""Logging in and out."""

from __future__ import annotations

import math
import re
import secrets
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from exitplan.web.given import Given, given_of
from exitplan.web.refusals import FormIsForeign, NoSuchPage, TooManyTries
from exitplan.web.rendering import render
from exitplan.web.security.audit import tell_failed_log_in, tell_log_in
from exitplan.web.security.csrf import comes_from_here, is_mark, mark_of
from exitplan.web.security.limits import LogInLimits
from exitplan.web.security.passwords import is_password
from exitplan.web.security.users_file import User, UsersFile
from exitplan.web.security.visitors import cookie_name, sessions_of

_OWN_PATH = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*")
"""A path of this site: what begins with two slashes, or has a backslash, leads elsewhere in some browsers."""


def log_in_page(request: Request) -> Response:
    """Show the form; its mark belongs to a cookie that is set with it."""
    _users(request)
    return _form(request, next_page=_own_path(request.query_params.get("next")))


def log_in(request: Request) -> Response:
    """Compare name and password, and begin a session under a new secret, whatever cookie came along."""
    users, given, form = _users(request), given_of(request), request.state.form
    _ensure_own_form(request, given)
    name, next_page = str(form.get("name", "")).strip(), _own_path(form.get("next"))
    user = _checked(request, users, name, str(form.get("password", "")))
    if user is None:
        tell = "The name or the password is wrong."
        return _form(request, next_page=next_page, name=name, problem=tell, status=401)
    secret = sessions_of(request).begin(user)
    tell_log_in(request, user.name)
    response = RedirectResponse(next_page, 303)
    _set_cookie(response, given, cookie_name(given), secret)
    _drop_cookie(response, given, _form_cookie(given))
    return response


def log_out(request: Request) -> Response:
    """End the session."""
    given = given_of(request)
    sessions_of(request).end(request.cookies.get(cookie_name(given), ""))
    response = RedirectResponse("/login" if given.users is not None and given.proxy is None else "/", 303)
    _drop_cookie(response, given, cookie_name(given))
    return response


def _users(request: Request) -> UsersFile:
    """Return those who may log in; where nobody does, there is no such page."""
    given = given_of(request)
    if given.users is None or given.proxy is not None:
        raise NoSuchPage("there is no log-in here", hint="open / instead")
    return given.users


def _ensure_own_form(request: Request, given: Given) -> None:
    cookie = request.cookies.get(_form_cookie(given))
    is_ours = cookie and is_mark(request.state.form.get("csrf"), _bearer(cookie))
    if not is_ours or not comes_from_here(request, is_https=given.is_https):
        raise FormIsForeign("the log-in was not begun here", hint="open the log-in page anew; cookies must be allowed")


def _checked(request: Request, users: UsersFile, name: str, password: str) -> User | None:
    """Return who that is; None for a wrong name or password. Raises TooManyTries."""
    limits: LogInLimits = request.app.state.limits
    address = "" if request.client is None else request.client.host
    wait = limits.begin_try(name, address)
    if wait is not None:
        raise TooManyTries(f"too many tries: try again {_in(wait)}", math.ceil(wait.total_seconds()))
    user = users.find(name)
    if not is_password(password, None if user is None else user.password):
        tell_failed_log_in(request, name)
        return None
    limits.forgive(name, address)
    return user


def _form(request: Request, *, next_page: str, name: str = "", problem: str = "", status: int = 200) -> Response:
    given = given_of(request)
    cookie = request.cookies.get(_form_cookie(given)) or secrets.token_urlsafe(32)
    values = {"csrf": mark_of(_bearer(cookie)), "next_page": next_page, "name": name, "problem": problem}
    page = render(request, "login.html", status=status, **values)
    _set_cookie(page, given, _form_cookie(given), cookie)
    return page


def _form_cookie(given: Given) -> str:
    return f"{cookie_name(given)}-form"


def _bearer(cookie: str) -> str:
    return f"form {cookie}"


def _set_cookie(response: Response, given: Given, name: str, value: str) -> None:
    """Set a cookie that no script reads; it goes with links from elsewhere, and with no form from elsewhere."""
    response.set_cookie(name, value, path="/", secure=given.is_https, httponly=True, samesite="lax")


def _drop_cookie(response: Response, given: Given, name: str) -> None:
    response.delete_cookie(name, path="/", secure=given.is_https, httponly=True, samesite="lax")


def _own_path(wanted: str | None) -> str:
    return wanted if wanted and _OWN_PATH.fullmatch(wanted) else "/"


def _in(wait: timedelta) -> str:
    minutes = math.ceil(wait.total_seconds() / 60)
    return "in a minute" if minutes == 1 else f"in {minutes} minutes"
