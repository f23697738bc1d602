"""Plans that wait for a person: a table of them, the end of one of them, and their JSON form."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from rich.console import RenderableType
from rich.table import Table

from exitplan.cli.rendering.screen import rows, section, titled, words
from exitplan.cli.rendering.words import clock_time, duration, money
from exitplan.executor.approvals.deciding import Found
from exitplan.executor.approvals.request import Vote
from exitplan.ruleset.model.values import plain, time_text
from exitplan.ruleset.planning.self_approval import moved_value


def requests_table(found: Sequence[Found], now: datetime) -> Table:
    """Draw plans that wait, or have waited, one a line."""
    table = titled("id", "account", "asked", "expires", "actions", "value", "approved", "reason", justify="llllrrl")
    for one in found:
        request, plan = one.request, one.request.plan
        is_open = request.standing == "waiting"
        why = "; ".join(request.reasons) if is_open else _how_it_ended(one)
        table.add_row(
            words(request.id, "bold"),
            words(request.account),
            words(_ago(request.asked_at, now)),
            words(_expires(plan.expires_at, now) if is_open else ""),
            words(f"{len(plan.actions):,}"),
            words(money(moved_value(plan), plan.account.quote)),
            words(f"{len(one.approvals(now))} of {request.people}" if is_open else request.standing),
            words(why, "dim"),
        )
    return table


def request_parts(found: Found, now: datetime) -> Iterator[RenderableType]:
    """Draw what stands beside a plan that waits: since when, why, and what people have said of it."""
    request = found.request
    facts = rows("l", "l")
    facts.add_row("asked", words(f"{clock_time(request.asked_at)}, {_ago(request.asked_at, now)}"))
    facts.add_row("because", words("; ".join(request.reasons)))
    facts.add_row("approved", words(f"by {len(found.approvals(now))} of {request.people}"))
    for vote in request.votes:
        facts.add_row("", words(vote_text(vote)))
    note = "waits" if request.standing == "waiting" else f"{request.standing}{_how_it_ended(found)}"
    yield section(f"Request {request.id}", note, facts)


def vote_text(vote: Vote) -> str:
    """Say who has said what, and when."""
    said = {"approve": "approved", "reject": "rejected"}[vote.kind]
    return f"{said} by {vote.person}, {clock_time(vote.at)}" + (f": {vote.why}" if vote.why else "")


def request_document(found: Found, now: datetime) -> dict[str, Any]:
    """Write a request in its JSON form, without its plan."""
    request, plan = found.request, found.request.plan
    value = moved_value(plan)
    return {
        "request": request.id,
        "account": request.account,
        "plan_id": request.plan_id,
        "standing": request.standing,
        "asked_at": time_text(request.asked_at),
        "expires_at": time_text(plan.expires_at),
        "changed_at": time_text(request.changed_at),
        "actions": len(plan.actions),
        "value": None if value is None else plain(value),
        "reasons": list(request.reasons),
        "approvals": len(found.approvals(now)),
        "needed": request.people,
        "replaced_by": request.replaced_by,
        "until": None if request.until is None else time_text(request.until),
        "votes": [
            {"vote": one.kind, "person": one.person, "at": time_text(one.at), "plan_id": one.plan_id, "why": one.why}
            for one in request.votes
        ],
    }


def _ago(moment: datetime, now: datetime) -> str:
    return f"{duration((now - moment).total_seconds())} ago"


def _expires(moment: datetime, now: datetime) -> str:
    left = (moment - now).total_seconds()
    return f"in {duration(left)}" if left > 0 else "expired"


def _how_it_ended(found: Found) -> str:
    request = found.request
    if request.standing == "superseded":
        return f" by {request.replaced_by}"
    if request.standing == "rejected" and request.votes:
        until = f", until {clock_time(request.until)}" if request.until else ""
        return f" by {request.votes[-1].person}: {request.votes[-1].why}{until}"
    return ""
