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
    "superseded": "a later plan wants something else.",
    "rejected": "a person has rejected it.",
    "applied": "it was carried out, or begun.",
    "withdrawn": "nothing of it is wanted any more, or another plan was carried out.",
}
_KINDS = {
    "quiet": "there was nothing to do.",
    "applied": "a plan was carried out.",
    "waits": "a plan waits for people.",
    "rejected": "people have rejected what there is to do.",
    "halted": "the account is halted.",
    "locked": "another process was at work.",
    "stale": "the account moved while it was planned.",
    "stopped": "the watch ends, or the round was cut off.",
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
        "vote": one_of({"approve": "", "reject": ""}, "What was said."),
        "person": text("By whom."),
        "at": moment("When.", optional=False),
        "plan_id": text("Of which plan."),
        "why": text("Why.", optional=True),
    }
    return {
        "request": name("The id of the request."),
        "account": name("The account."),
        "plan_id": name("Its newest plan."),
        "standing": one_of(_STANDINGS, "How it stands:"),
        "asked_at": moment("Since when it waits.", optional=False),
        "expires_at": moment("When its plan expires.", optional=False),
        "changed_at": moment("Since when it stands so.", optional=False),
        "actions": _count("How many actions it has."),
        "value": amount("What it closes, unwinds and converts is worth this much in quote; null where not known."),
        "reasons": listed(text(), "Why it waits."),
        "approvals": _count("How many approvals count now."),
        "needed": _count("How many it needs."),
        "replaced_by": text("The request that took its place.", optional=True),
        "until": moment("Until when it is rejected; null as long as it is the same."),
        "votes": listed(record(vote, tuple(vote), extra=True), "What people have said, the first first."),
    }


def pending_schema() -> Schema:
    """Describe what ``exitplan pending --json`` prints."""
    request = _request()
    keys = {
        "format_version": format_version(),
        "requests": listed(record(request, tuple(request), extra=True), "Them."),
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
        "account": text("The account; the path of its file where that tells no id."),
        "venue": text("Its venue.", optional=True),
        "at": moment("When.", optional=False),
        "kind": one_of(_KINDS, "What the round came to:"),
        "news": flag("Whether it differs from what was told of the account before.", optional=False),
        "seconds": {"type": "number", "minimum": 0, "description": "How long it took."},
        "exit_code": _count("Its exit code."),
        "account_state": text("How the account stands.", optional=True),
        "plan_id": text("The plan.", optional=True),
        "actions": _count("How many actions the plan has.", optional=True),
        "value": amount("What it closes, unwinds and converts is worth this much in quote; null where not known."),
        "request": text("The request that it waits under, or was approved under.", optional=True),
        "approvals": _count("How many approvals count now.", optional=True),
        "needed": _count("How many it needs.", optional=True),
        "replaces": text("The request whose place it took.", optional=True),
        "result": {**_OBJECT, "description": "What became of each action, where it was carried out."},
        "error": {**_OBJECT, "description": "What went wrong."},
    }
    return schema("round", "Round", "A round of one account.", record(keys, tuple(keys), extra=True))
