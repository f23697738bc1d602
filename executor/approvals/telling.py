"""The alerts of requests: that a plan waits, and what a person has decided. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from exitplan.executor.approvals.request import Request, Vote
from exitplan.executor.store.untold import Told
from exitplan.ruleset.model.values import plain, time_text
from exitplan.ruleset.planning.self_approval import moved_value


def waiting_alert(request: Request, replaced: str | None) -> Told:
    """Tell that a plan waits, and in the place of which request."""
    plan = request.plan
    value = moved_value(plan)
    figures = {
        "request": request.id,
        "plan_id": request.plan_id,
        "actions": len(plan.actions),
        "value": None if value is None else plain(value),
        "reason": "; ".join(request.reasons),
        "expires_at": time_text(plan.expires_at),
        "replaces": replaced,
        "hint": f"exitplan pending {request.id}",
    }
    return Told(f"approval-{request.id}", "APPROVAL_WAITING", None, figures)


def approved_alert(request: Request, vote: Vote, approvals: int) -> Told:
    """Tell that a person has approved a plan, and how many have by now."""
    return _decided("PLAN_APPROVED", request, vote, {"approvals": approvals, "needed": request.people})


def rejected_alert(request: Request, vote: Vote, until: datetime | None) -> Told:
    """Tell that a person has rejected a plan, why, and until when."""
    moment = None if until is None else time_text(until)
    return _decided("PLAN_REJECTED", request, vote, {"why": vote.why, "until": moment})


def _decided(kind: str, request: Request, vote: Vote, figures: Mapping[str, object]) -> Told:
    about = {"request": request.id, "plan_id": request.plan_id, "person": vote.person, **figures}
    return Told(f"{vote.kind}-{request.id}-{len(request.votes)}", kind, None, about)
