"""Rounds of `exitplan watch`: one line each for people, one document each for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from rich.table import Table

from exitplan.cli.failures import error_document
from exitplan.cli.rendering.screen import rows, words
from exitplan.executor.watching.rounds import Kind, Round
from exitplan.ruleset.model.values import plain, time_text
from exitplan.ruleset.planning.plan_types import Plan
from exitplan.ruleset.planning.self_approval import moved_value
from exitplan.ruleset.planning.words import clock_time, counted, duration, money

_STYLES: Mapping[Kind, str] = {
    "quiet": "green",
    "applied": "green",
    "back": "green",
    "waits": "yellow",
    "rejected": "yellow",
    "halted": "yellow",
    "locked": "yellow",
    "stale": "yellow",
    "stopped": "yellow",
    "removed": "yellow",
    "failed": "bold red",
    "hangs": "bold red",
}


def round_row(done: Round) -> Table:
    """Draw a round: when, which account, what it came to; what does not fit goes on below that."""
    table = rows("l", "l")
    line = words("").append_text(words(done.account, "bold")).append(f"  {done.kind}  ", _STYLES[done.kind])
    line.append_text(words(_TEXTS[done.kind](done)))
    table.add_row(words(f"{done.at:%H:%M:%S} UTC", "dim"), line)
    return table


def round_line(done: Round) -> str:
    """Write a round in one line of a log, however long."""
    return f"{done.at:%Y-%m-%d %H:%M:%S} UTC  {done.account}  {done.kind}  {_TEXTS[done.kind](done)}"


def plan_text(plan: Plan) -> str:
    """Say in few words what a plan does."""
    value = moved_value(plan)
    worth = "" if value == 0 else f", ~ {money(value, plan.account.quote)}"
    return f"{counted(len(plan.actions), 'action')}{worth}"


def _plan_of(done: Round) -> str:
    return "nothing" if done.plan is None else plan_text(done.plan)


def _quiet(done: Round) -> str:
    return f"nothing to do; the account is {_state(done)}"


def _state(done: Round) -> str:
    return "UNKNOWN" if done.state is None else done.state.value


def _applied(done: Round) -> str:
    outcomes = () if done.result is None else done.result.outcomes
    statuses = Counter(outcome.status.replace("_", " ") for outcome in outcomes)
    ended = ", ".join(f"{count:,} {status}" for status, count in statuses.items())
    by = "" if done.request is None else f" (approved: {done.request.id})"
    return f"{_plan_of(done)}{by}: {ended or 'nothing to send'}; the account is {_state(done)}"


def _waits(done: Round) -> str:
    if done.request is None:
        return _plan_of(done)
    request = done.request
    said = f"approved by {done.approvals} of {request.people}" if done.approvals else request.reasons[0]
    replaced = "" if done.replaced is None else f"; it replaces {done.replaced}"
    return f"{_plan_of(done)}: exitplan pending {request.id} ({said}{replaced})"


def _rejected(done: Round) -> str:
    request = done.request
    by = request.votes[-1].person if request and request.votes else "somebody"
    until = f" until {clock_time(request.until)}" if request and request.until else " while the plan is the same"
    return f"{_plan_of(done)}: by {by}; it is not asked for again{until}"


def _problem(done: Round) -> str:
    lines = str(done.problem).splitlines() or [""]
    return lines[0] + (f" (and {counted(len(lines) - 1, 'line')} more)" if len(lines) > 1 else "")


def _hangs(done: Round) -> str:
    return f"cut off after {duration(done.seconds)}: it sends nothing more, and the account waits until it ends"


_TEXTS: Mapping[Kind, Callable[[Round], str]] = {
    "quiet": _quiet,
    "applied": _applied,
    "waits": _waits,
    "rejected": _rejected,
    "halted": _problem,
    "locked": _problem,
    "stale": _problem,
    "stopped": _problem,
    "failed": _problem,
    "hangs": lambda done: (
        f"its round has taken {duration(done.seconds)}; it sends nothing more, and the account waits until it ends"
    ),
    "back": lambda done: f"the round that was cut off ended after {duration(done.seconds)}",
    "removed": lambda _: "its account file is gone; it is no longer watched",
}


def round_document(done: Round) -> dict[str, Any]:
    """Write a round in its JSON form."""
    plan, request = done.plan, done.request
    value = None if plan is None else moved_value(plan)
    return {
        "event": "round",
        "account": done.account,
        "venue": done.venue,
        "at": time_text(done.at),
        "kind": done.kind,
        "news": done.is_news,
        "seconds": done.seconds,
        "exit_code": int(done.exit_code),
        "account_state": None if done.state is None else done.state.value,
        "plan_id": None if plan is None else plan.plan_id,
        "actions": None if plan is None else len(plan.actions),
        "value": None if value is None else plain(value),
        "request": None if request is None else request.id,
        "approvals": None if request is None else done.approvals,
        "needed": None if request is None else request.people,
        "replaces": done.replaced,
        "result": None if done.result is None else done.result.to_document(),
        "error": None if done.problem is None else error_document(done.problem),
    }
