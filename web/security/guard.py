"""The guard that every route stands behind: who asks, whether they may, and whether the form is ours."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from contextlib import suppress
from urllib.parse import parse_qsl, quote

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import ImmutableMultiDict
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response

from exitplan.executor.people import acting_as
from exitplan.ruleset.errors import ExitplanError
from exitplan.web.given import given_of
from exitplan.web.refusals import (
    AGAIN,
    FormIsForeign,
    NoSuchPage,
    NotLoggedIn,
    OnlyLooking,
    RequestTooLarge,
    RequestUnreadable,
    RoleTooLow,
    error_document,
    passes,
    status_of,
)
from exitplan.web.rendering import render
from exitplan.web.routes import API, READING, Handler, Row
from exitplan.web.security.audit import WEB, tell_act, tell_refusal
from exitplan.web.security.csrf import comes_from_here, is_mark
from exitplan.web.security.visitors import NOBODY, Visitor, owner_of_token, visitor_of

MOST_BYTES = 65_536
"""Of a form or document; the longest reason is 500 characters."""
LONGEST = 20.0
"""Seconds that sending one may take."""
_MOST_FIELDS = 600
_OF_OURS = 500
"""Where the statuses begin of what is wrong with us, and not with the request."""
_HUSHED = ExitplanError("nobody can be let in now", hint="the log of exitplan serve says why")
_FORM, _JSON = "application/x-www-form-urlencoded", "application/json"


def guarded(row: Row) -> Callable[[Request], Awaitable[Response]]:
    """Return the endpoint of a route: it lets in whoever may, and tells failures as a page or as JSON."""

    async def endpoint(request: Request) -> Response:
        try:
            await _admit(row, request)
            with acting_as(getattr(request.state, "person", NOBODY)):
                response = await _run(row.handler, request)
        except ClientDisconnect:
            raise
        except Exception as problem:  # noqa: BLE001 - the last place where it can be worded
            return _told(row, request, problem)
        if row.changes and row.role is not None:
            await run_in_threadpool(tell_act, request, response.status_code)
            request.app.state.deliveries.soon()
        return response

    return endpoint


async def nothing_here(request: Request, problem: Exception) -> Response:
    """Tell that there is no such page, or that it is not asked for so; who is logged in stays so."""
    as_json = request.url.path.startswith(API)
    if not as_json:
        with suppress(ExitplanError):
            _note(request, await run_in_threadpool(visitor_of, request))
    said = failure(request, NoSuchPage("there is no such page", hint="begin at /"), as_json=as_json)
    said.status_code = problem.status_code if isinstance(problem, HTTPException) else said.status_code
    return said


async def _admit(row: Row, request: Request) -> None:
    """Let a request in, with who asks and what they send in its state; raises Refused, and UsageError."""
    request.state.form, request.state.body = ImmutableMultiDict(), {}
    if row.role is None:
        if request.method not in READING:
            request.state.form = await _form(request)
        return
    find = owner_of_token if row.is_for_programs else visitor_of
    visitor = await run_in_threadpool(find, request)
    _note(request, visitor)
    _ensure_may(row, request, visitor)
    if request.method in READING:
        return
    if row.is_for_programs:
        request.state.body = await _document(request)
    else:
        request.state.form = await _form(request)
        _ensure_ours(request, visitor)


def _note(request: Request, visitor: Visitor) -> None:
    request.state.person, request.state.role, request.state.csrf = visitor.name, visitor.role, visitor.csrf


def _ensure_may(row: Row, request: Request, visitor: Visitor) -> None:
    if row.role is not None and visitor.role < row.role:
        if given_of(request).users is None:
            raise OnlyLooking("without log-in one can only look", hint="start exitplan serve without --no-login")
        raise RoleTooLow(
            f"{visitor.name} is {visitor.role.word}; this takes {row.role.word}",
            hint="somebody with that role can do it; an admin gives roles with exitplan users role",
        )


def _ensure_ours(request: Request, visitor: Visitor) -> None:
    if not comes_from_here(request, is_https=given_of(request).is_https):
        raise FormIsForeign(
            "the form was sent by another site: nothing was done", hint="open the page here, and do it again"
        )
    if not is_mark(request.state.form.get("csrf"), visitor.bearer):
        raise FormIsForeign(
            "the form has no mark of this session: nothing was done", hint="open the page anew, and do it again"
        )


async def _form(request: Request) -> ImmutableMultiDict[str, str]:
    text = (await _body(request, _FORM)).decode(errors="replace")
    try:
        return ImmutableMultiDict(parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError:
        raise RequestTooLarge(f"the form has more than {_MOST_FIELDS} fields") from None


async def _document(request: Request) -> dict[str, object]:
    try:
        body = orjson.loads(await _body(request, _JSON) or b"{}")
    except orjson.JSONDecodeError as error:
        raise RequestUnreadable(f"the body is not JSON: {error}") from None
    if not isinstance(body, dict):
        raise RequestUnreadable("the body is not a JSON object")
    return body


async def _body(request: Request, kind: str) -> bytes:
    sent = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    body = bytearray()
    try:
        async with asyncio.timeout(LONGEST):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MOST_BYTES:
                    raise RequestTooLarge(f"the request has more than {MOST_BYTES:,} bytes")
    except TimeoutError:
        raise RequestUnreadable(f"the request was not sent within {LONGEST:g} seconds: nothing was done") from None
    if body and sent != kind:
        raise RequestUnreadable(f"the request is {sent or 'of no kind'}; {kind} is taken here")
    return bytes(body)


async def _run(handler: Handler, request: Request) -> Response:
    if inspect.iscoroutinefunction(handler):
        response: Response = await handler(request)
        return response
    answer = await run_in_threadpool(handler, request)
    return await answer if inspect.isawaitable(answer) else answer


def _told(row: Row, request: Request, problem: Exception) -> Response:
    """Tell a failure: as JSON to programs, as a page to people, who are sent to log in where they only looked."""
    if isinstance(problem, ExitplanError):
        known = problem if _may_hear(request, problem) else _HUSHED
        tell_refusal(request, problem)
    else:
        known = ExitplanError("something went wrong here", hint="the log of exitplan serve has the details")
        WEB.error("unexpected %s at %s", type(problem).__name__, row.path, exc_info=problem)
    is_page = not row.is_for_programs
    wants_page = "text/event-stream" not in request.headers.get("Accept", "")
    if is_page and wants_page and isinstance(problem, NotLoggedIn) and request.method in READING:
        return _to_log_in(request)
    return failure(request, known, as_json=not is_page)


def _may_hear(request: Request, problem: ExitplanError) -> bool:
    """Check whether somebody may be told what is wrong here: who is not let in learns of no file."""
    return getattr(request.state, "person", None) is not None or status_of(problem) < _OF_OURS


def failure(request: Request, problem: ExitplanError, *, as_json: bool) -> Response:
    """Answer with a failure, as a page or as JSON."""
    status, headers = status_of(problem), dict(getattr(problem, "headers", {}))
    if passes(problem):
        headers["Retry-After"] = str(AGAIN)
    if as_json:
        return Response(orjson.dumps(error_document(problem)), status, headers, media_type="application/json")
    again = AGAIN if passes(problem) and request.method in READING else None
    page = render(request, "error.html", status=status, problem=problem, again=again)
    page.headers.update(headers)
    return page


def _to_log_in(request: Request) -> Response:
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse("/login" if wanted == "/" else f"/login?next={quote(wanted, safe='')}", 303)
