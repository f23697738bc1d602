"""Plans that wait for a person, in their JSON form."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from exitplan.executor.approvals.deciding import Found
from exitplan.ruleset.model.values import plain, time_text
from exitplan.ruleset.planning.self_approval import moved_value


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
