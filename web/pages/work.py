"""A plan that is being applied: its events as they happen, also for whoever comes back."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any

import anyio
import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from exitplan.ruleset.model.visible import printable
from exitplan.ruleset.planning.unwind_words import cycle_name
from exitplan.ruleset.planning.words import exact
from exitplan.web.acts.desk import desk_of
from exitplan.web.acts.works import Work
from exitplan.web.pages.showing import address, see, show
from exitplan.web.refusals import NoSuchPage, TooManyStreams

_PAUSE = 0.15
_HEARTBEAT = 15.0
_LONGEST = 60.0
"""Seconds after which a stream ends and the browser asks anew: whoever was logged out gets no more of it."""
_MOST_OF_ONE = 20
"""Streams that one person has at once, so that nobody takes all places."""
_TONES = {
    "action_done": ("done", "good"),
    "action_refused": ("refused", "bad"),
    "action_unknown": ("unknown", "bad"),
    "action_skipped": ("skipped", "dim"),
    "action_started": ("sending", "dim"),
    "cycle_counted": ("cycle counts", "good"),
    "alert": ("alert", "warn"),
    "run_started": ("run begun", ""),
    "run_recovering": ("an earlier run is looked into", "warn"),
    "run_recovered": ("an earlier run is resolved", ""),
    "verified": ("verified", ""),
    "run_finished": ("run ended", ""),
}


@dataclass(frozen=True, slots=True)
class EventLine:
    """One event as it is shown."""

    at: str
    word: str
    tone: str
    text: str


def event_line(event: Mapping[str, Any]) -> EventLine:
    """Return an event in words."""
    word, tone = _TONES.get(str(event["event"]), (str(event["event"]).replace("_", " "), ""))
    return EventLine(str(event["at"])[11:19], word, tone, printable(_text_of(event)))


def _text_of(event: Mapping[str, Any]) -> str:
    kind = str(event.get("action") or event.get("alert_type") or "").replace("_", " ").lower()
    is_sent = event["event"] == "action_started"
    amount = f"{event['side']} {exact(str(event['quantity']))}" if is_sent else ""
    about = " ".join(str(part) for part in (event.get("symbol") or event.get("position"), kind, amount) if part)
    figures = []
    if event.get("filled") not in {None, "0"}:
        figures.append(f"filled {exact(str(event['filled']))}")
    if event.get("average_price") is not None:
        figures.append(f"at {exact(str(event['average_price']))}")
    if event.get("state"):
        figures.append(f"the account is {event['state']}")
    if event.get("cycle"):
        figures.append(cycle_name(event["cycle"], event["cycles"]))
    figures += [str(event[name]) for name in ("reason", "message", "because") if event.get(name)]
    return ": ".join(part for part in (about, ", ".join(figures)) if part)


def work_page(request: Request) -> Response:
    """Show what has happened so far; the script adds what comes, and without it the page is loaded again."""
    work = _work(request)
    events = list(work.events)
    done = sum(event["event"] in {"action_done", "action_refused", "action_skipped"} for event in events)
    return show(
        request,
        "work.html",
        work=work,
        lines=[event_line(event) for event in events],
        so_far=len(events),
        done=done,
        total=len(work.plan.actions),
    )


def stop_act(request: Request) -> Response:
    """Ask a run to stop after the orders that are in flight."""
    work = _work(request)
    work.stop()
    return see(address(work.account, "applying", work.id))


async def events_stream(request: Request) -> Response:
    """Send the events from a number on, as they happen, until the run has ended."""
    work, person, streams = _work(request), request.state.person, desk_of(request).streams
    if streams[person] >= _MOST_OF_ONE:
        raise TooManyStreams(f"{person} follows runs in {_MOST_OF_ONE} pages already", hint="close some of them")
    asked = request.headers.get("Last-Event-ID") or request.query_params.get("from", "0")
    begin = int(asked) if asked.isdecimal() and len(asked) < 9 else 0  # noqa: PLR2004 - no run has so many
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(
        _counted(_events(work, begin), streams, person), media_type="text/event-stream", headers=headers
    )


async def _counted(events: AsyncIterator[bytes], streams: Counter[str], person: str) -> AsyncIterator[bytes]:
    streams[person] += 1
    try:
        async for event in events:
            yield event
    finally:
        streams[person] -= 1


async def _events(work: Work, number: int) -> AsyncIterator[bytes]:
    quiet, ends_at = 0.0, monotonic() + _LONGEST
    while monotonic() < ends_at:
        is_over = work.is_over  # before the events are looked at: none comes after it
        for event in work.events[number:]:
            number += 1
            quiet = 0.0
            line = event_line(event)
            told = {"at": line.at, "word": line.word, "tone": line.tone, "text": line.text}
            yield b"id: %d\nevent: line\ndata: %s\n\n" % (number, orjson.dumps(told))
        if is_over:
            yield b"event: over\ndata: {}\n\n"
            return
        quiet += _PAUSE
        if quiet >= _HEARTBEAT:
            quiet = 0.0
            yield b": still there\n\n"
        await anyio.sleep(_PAUSE)


def _work(request: Request) -> Work:
    asked = request.path_params
    work = desk_of(request).works.find(asked["work"])
    if work is None or work.account != asked["account"]:
        raise NoSuchPage("this run is not known here any more", hint="the account's history has it")
    return work
