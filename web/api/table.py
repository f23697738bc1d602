"""The endpoints of the API: the one list that routes and their description are made of."""

from __future__ import annotations

from exitplan.executor.approvals.deciding import MOST_WORDS
from exitplan.schemas.shapes.common import Schema, record
from exitplan.web.api import acting, reading
from exitplan.web.api.endpoint import DURATION, Endpoint, Parameter
from exitplan.web.security.roles import Role

_FLAG: Schema = {"type": "boolean"}
_WHY: Schema = {
    "type": "string",
    "description": "The reason; it is kept and told.",
    "pattern": r"[^\s\u0000-\u001f\u007f\u0085\ufeff]",
    "maxLength": MOST_WORDS,
}
_REASON = record({"why": _WHY}, ("why",))
_NAMED = record(
    {
        "account": {"type": "string", "description": "The account's id, typed once more where it is live."},
        "plan_id": {"type": "string", "description": "The plan that was looked at: no other is approved."},
    }
)
_APPLIED = record(
    {
        "account": {"type": "string", "description": "The account's id, typed once more where it is live."},
        "plan_id": {"type": "string", "description": "The plan that is meant: no other is applied, and it once."},
    },
    ("plan_id",),
)
_SYMBOLS: Schema = {
    "type": "array",
    "items": {"type": "string", "minLength": 1, "maxLength": 100},
    "minItems": 1,
    "maxItems": 500,
    "description": "The symbols that are not to be touched.",
}
_NARROWED = record(
    {
        "leave_out": _SYMBOLS,
        "plan_id": {"type": "string", "description": "The plan that was looked at: no other is narrowed."},
    },
    ("leave_out",),
)
_SPAN: Schema = {**DURATION, "description": "For how long, such as 4h; else until it is over."}
_TAKEN: Schema = {
    "type": "object",
    "oneOf": [
        record({"why": _WHY, "for": _SPAN}, ("why",)),
        record({"undo": {"const": True, "description": "Give it back: its ladder goes on."}}, ("undo",)),
    ],
}


def _limit(most: int, default: int) -> Parameter:
    about = f"How many at most, 1 to {most}."
    return Parameter("limit", about, {"type": "integer", "minimum": 1, "maximum": most}, default)


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        *("GET", "/accounts", "List accounts, a page at a time.", reading.accounts, "account-list"),
        query=(
            _limit(200, 50),
            Parameter("after", "The id after which the page begins.", {"type": "string", "maxLength": 300}, ""),
            Parameter("search", "A part of the id.", {"type": "string", "maxLength": 100}, ""),
            Parameter("tag", "A tag that the account carries.", {"type": "string", "maxLength": 100}),
        ),
    ),
    Endpoint("GET", "/accounts/{account}", "Show how an account stood after its last run.", reading.status, "status"),
    Endpoint(
        *("GET", "/accounts/{account}/gate", "Say whether a bot may start trading.", reading.gate, "gate"),
        query=(Parameter("max_age", "How old a verification may be, such as 15m or 1h.", DURATION, "1h"),),
    ),
    Endpoint(
        *("GET", "/accounts/{account}/history", "List past runs, the newest first.", reading.history, "history"),
        query=(_limit(1000, 20),),
    ),
    Endpoint("GET", "/accounts/{account}/history/{run}", "Show one run.", reading.run, "run"),
    Endpoint(
        *("GET", "/accounts/{account}/report", "Tell what was closed, and what that cost.", reading.report, "report"),
        query=(Parameter("since", "How far back it goes, such as 30d or 12h.", DURATION, "30d"),),
    ),
    Endpoint(
        *("GET", "/accounts/{account}/applying/{work}", "Follow a plan that is being applied.", reading.applying),
        "applying",
    ),
    Endpoint(
        *("GET", "/accounts/{account}/policy", "Show the merged policy of an account.", reading.policy, "policy-shown"),
    ),
    Endpoint(
        *("GET", "/accounts/{account}/alerts", "List the newest alerts.", reading.alerts, "alerts-shown"),
        query=(
            _limit(1000, 20),
            Parameter(
                *("severity", "This bad or worse.", {"type": "string", "enum": ["info", "warning", "critical"]}, "info")
            ),
        ),
    ),
    Endpoint(
        *("GET", "/requests", "List the plans that wait for a person.", reading.requests, "pending"),
        query=(Parameter("closed", "Also those that wait no more.", _FLAG, default=False),),
    ),
    Endpoint("GET", "/requests/{request}", "Show one, with its plan.", reading.request, "request"),
    Endpoint(
        *("GET", "/incidents", "List what has gone wrong for too long.", reading.incidents, "incidents"),
        query=(_limit(1000, 200), Parameter("ended", "Those that are over instead.", _FLAG, default=False)),
    ),
    Endpoint(
        *("POST", "/requests/{request}/approve", "Approve a plan that waits.", acting.approve, "request"),
        role=Role.APPROVER,
        body=_NAMED,
    ),
    Endpoint(
        *("POST", "/requests/{request}/reject", "Reject a plan that waits.", acting.reject, "request"),
        role=Role.APPROVER,
        body=_REASON,
    ),
    Endpoint(
        *(
            "POST",
            "/requests/{request}/narrow",
            "Leave some symbols out of a plan.",
            acting.narrow,
            "request",
        ),
        role=Role.APPROVER,
        body=_NARROWED,
    ),
    Endpoint(
        *("POST", "/requests/{request}/apply", "Apply an approved plan, once.", acting.apply, "applying"),
        role=Role.APPROVER,
        body=_APPLIED,
    ),
    Endpoint(
        *("POST", "/incidents/{incident}/ack", "Acknowledge an incident.", acting.take_incident, "acknowledged"),
        role=Role.OPERATOR,
        body=_TAKEN,
    ),
    Endpoint(*("POST", "/halt", "Halt all accounts.", acting.halt_all, "halted"), role=Role.OPERATOR, body=_REASON),
    Endpoint("POST", "/resume", "End the halt of all accounts.", acting.resume_all, "halted", role=Role.OPERATOR),
    Endpoint(
        *("POST", "/accounts/{account}/halt", "Halt an account.", acting.halt_one, "halted"),
        role=Role.OPERATOR,
        body=_REASON,
    ),
    Endpoint(
        *("POST", "/accounts/{account}/resume", "End the halt of an account.", acting.resume_one, "halted"),
        role=Role.OPERATOR,
    ),
)
