"""The shapes of what `watch`, `pending`, `approve` and `reject` print with ``--json``."""

from __future__ import annotations

from exitplan.schemas.shapes.common import (
    Schema,
    amount,
    flag,
    format_version,
    listed,
    moment,
    name,
    one_of,
    record,
    schema,
    text,
)

_COUNT: Schema = {"type": "integer", "minimum": 0}
_OBJECT: Schema = {"type": ["object", "null"]}
_STANDINGS = {
    "waiting": "it waits.",
    "superseded": "a plan with other content took its place.",
    "rejected": "a person has rejected it.",
    "applied": "it was applied, or begun.",
    "withdrawn": "nothing is left to do, no approval is needed, or another plan was applied.",
}
_KINDS = {
    "quiet": "there was nothing to do.",
    "applied": "a plan was applied.",
    "waits": "a plan waits for approval.",
    "rejected": "a person has rejected the plan.",
    "halted": "the account is halted.",
    "locked": "another process was at work.",
    "stale": "the account changed while it was planned.",
    "stopped": "the watcher is stopping, or the round was cut off.",
    "failed": "something went wrong.",
    "hangs": "it took too long and was cut off.",
    "back": "the round that was cut off has ended.",
    "removed": "the account file is gone.",
}


def _count(about: str, *, optional: bool = False) -> Schema:
    kind = ["integer", "null"] if optional else "integer"
    return {**_COUNT, "type": kind, "description": about}


def _request() -> dict[str, Schema]:
    vote = {
        "vote": one_of({"approve": "", "reject": "", "withdraw": ""}, "The decision."),
        "person": text("Who decided."),
        "at": moment("When.", optional=False),
        "plan_id": text("The plan that the person saw."),
        "why": text("Why.", optional=True),
    }
    return {
        "request": name("The id of the request."),
        "account": name("The account."),
        "plan_id": name("Its newest plan."),
        "standing": one_of(_STANDINGS, "How it stands:"),
        "asked_at": moment("Since when it waits.", optional=False),
        "expires_at": moment("When its plan expires.", optional=False),
        "changed_at": moment("When it came to stand so.", optional=False),
        "actions": _count("How many actions it has."),
        "value": amount("The value of what it closes, unwinds and converts, in quote; null if unknown."),
        "reasons": listed(text(), "Why it waits."),
        "approvals": _count("How many approvals count now."),
        "needed": _count("How many it needs."),
        "replaced_by": text("The request that took its place.", optional=True),
        "until": moment("Until when it is rejected; null for as long as the plan stays the same."),
        "votes": listed(record(vote, tuple(vote), extra=True), "What people decided, the oldest first."),
    }


def pending_schema() -> Schema:
    """Describe what ``exitplan pending --json`` prints."""
    request = _request()
    keys = {
        "format_version": format_version(),
        "requests": listed(record(request, tuple(request), extra=True), "The requests, the oldest first."),
    }
    return schema("pending", "Pending", "The plans that wait for a person.", record(keys, tuple(keys), extra=True))


def request_schema() -> Schema:
    """Describe what ``pending ID``, ``approve`` and ``reject`` print with ``--json``."""
    keys = {"format_version": format_version(), **_request()}
    plan: Schema = {**_OBJECT, "description": "With `pending`: the plan."}
    more = {"event": text("With `approve`: plan_approved."), "plan": plan}
    about = "One plan that waits for a person, or has waited."
    return schema("request", "Request", about, record({**keys, **more}, tuple(keys), extra=True))


def round_schema() -> Schema:
    """Describe one line of ``exitplan watch --json``."""
    keys = {
        "format_version": format_version(),
        "event": one_of({"round": ""}, "Always `round`."),
        "account": text("The account, or the path of its file if its id cannot be read."),
        "venue": text("Its venue.", optional=True),
        "at": moment("When.", optional=False),
        "kind": one_of(_KINDS, "The result of the round:"),
        "news": flag("Whether it differs from the account's round before.", optional=False),
        "seconds": {"type": "number", "minimum": 0, "description": "How long it took."},
        "exit_code": _count("Its exit code."),
        "account_state": text("How the account stands.", optional=True),
        "plan_id": text("The plan.", optional=True),
        "actions": _count("How many actions the plan has.", optional=True),
        "value": amount("The value of what it closes, unwinds and converts, in quote; null if unknown."),
        "request": text("The request under which the plan waits, or was approved.", optional=True),
        "approvals": _count("How many approvals count now.", optional=True),
        "needed": _count("How many it needs.", optional=True),
        "replaces": text("The request that it replaces.", optional=True),
        "result": {**_OBJECT, "description": "The outcome of each action, if the plan was applied."},
        "error": {**_OBJECT, "description": "What went wrong."},
    }
    return schema("round", "Round", "A round of one account.", record(keys, tuple(keys), extra=True))
