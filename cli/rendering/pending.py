"""Plans that wait for a person: a table of them, and the end of one of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from rich.console import RenderableType
from rich.table import Table

from exitplan.cli.rendering.screen import rows, section, words
from exitplan.cli.rendering.watching import plan_text
from exitplan.executor.approvals.deciding import Found
from exitplan.executor.approvals.request import Vote
from exitplan.ruleset.planning.words import clock_time, counted, duration


def requests_table(found: Sequence[Found], now: datetime) -> Table:
    """Draw plans that wait, or have waited, one a row; where there is little room, why each waits stands below it."""
    table = rows("l", "l", "l", "l", "l", "l")
    for one in found:
        request = one.request
        is_open = request.standing == "waiting"
        table.add_row(
            words(request.id, "bold"),
            words(request.account),
            words(_standing(one, now), "yellow" if is_open else ""),
            words(_ago(request.asked_at, now)),
            words(plan_text(request.plan)),
            words(_what_it_waits_for(one, now) if is_open else _how_it_ended(one).strip(), "dim"),
        )
    return table


def _standing(found: Found, now: datetime) -> str:
    request = found.request
    if request.standing != "waiting":
        return request.standing
    return "waits" if found.missing(now) else "approved"


def _what_it_waits_for(found: Found, now: datetime) -> str:
    """Say who has approved it and how many are missing, then why they are asked."""
    missing, approvals = found.missing(now), found.approvals(now)
    by = f"approved by {', '.join(vote.person for vote in approvals)}" if approvals else ""
    if not missing:
        return f"{by}; it waits to be carried out"
    reasons = "; ".join(found.request.reasons)
    return "; ".join(filter(None, [by, f"{counted(missing, 'approval')} missing", reasons]))


def request_parts(found: Found, now: datetime) -> Iterator[RenderableType]:
    """Draw what stands beside a plan that waits: since when, why, and what people have said of it."""
    request = found.request
    facts = rows("l", "l")
    facts.add_row("asked", words(f"{clock_time(request.asked_at)}, {_ago(request.asked_at, now)}"))
    facts.add_row("because", words("; ".join(request.reasons)))
    facts.add_row("approved", words(f"by {len(found.approvals(now))} of {request.people}"))
    for vote in request.last_words:
        facts.add_row("", words(vote_text(vote)))
    if request.standing == "waiting":
        facts.add_row("plan", words(_valid_until(request.plan.expires_at, now)))
    note = f"{_standing(found, now)}{_how_it_ended(found)}"
    yield section(f"Request {request.id}", note, facts)


def vote_text(vote: Vote) -> str:
    """Say who has said what, and when."""
    said = {"approve": "approved", "reject": "rejected", "withdraw": "approves no more"}[vote.kind]
    return f"{said} by {vote.person}, {clock_time(vote.at)}" + (f": {vote.why}" if vote.why else "")


def _ago(moment: datetime, now: datetime) -> str:
    return f"{duration((now - moment).total_seconds())} ago"


def _valid_until(moment: datetime, now: datetime) -> str:
    left = (moment - now).total_seconds()
    return f"{f'valid for {duration(left)}' if left > 0 else 'expired'}; each round of the watcher makes it anew"


def _how_it_ended(found: Found) -> str:
    request = found.request
    if request.standing == "superseded":
        return f" by {request.replaced_by}"
    if request.standing == "rejected" and request.votes:
        until = f", until {clock_time(request.until)}" if request.until else ""
        return f" by {request.votes[-1].person}: {request.votes[-1].why}{until}"
    return ""
