"""What a program may do with a token of a higher role: the same acts as on the pages, in its owner's name."""

from __future__ import annotations

from exitplan.executor.approvals.deciding import Found
from exitplan.executor.approvals.documents import request_document
from exitplan.executor.escalation.acknowledging import acknowledge
from exitplan.executor.escalation.climbing import Ack
from exitplan.ruleset.errors import NotWaiting, PlanIsUnusable, UsageError
from exitplan.ruleset.language.problems import did_you_mean
from exitplan.ruleset.model.values import time_text
from exitplan.web.acts.deciding import apply_request, approve_request, reject_request, said
from exitplan.web.acts.desk import desk_of
from exitplan.web.acts.halting import halt_accounts, resume_accounts
from exitplan.web.acts.planning import make_plan, narrowed
from exitplan.web.api.endpoint import Asked, Document, duration_of
from exitplan.web.api.reading import file_of, requested, work_document
from exitplan.web.pages.plan_sections import symbols_of
from exitplan.web.refusals import NoSuchPage


def approve(asked: Asked) -> Document:
    """Approve a plan; raises NotWaiting, PlanIsUnsigned, UsageError unless a live account is named."""
    desk = desk_of(asked.request)
    typed, seen = asked.body.get("account", ""), asked.body.get("plan_id")
    decided = approve_request(desk, requested(asked), asked.person, typed, seen)
    return request_document(decided, asked.given.clock())


def reject(asked: Asked) -> Document:
    """Reject a plan, with a reason; raises NotWaiting."""
    decided = reject_request(desk_of(asked.request), requested(asked), asked.person, asked.body["why"])
    return request_document(decided, asked.given.clock())


def narrow(asked: Asked) -> Document:
    """Have a plan made anew without some symbols; tells the request that waits in place of the other.

    Raises NotWaiting, UsageError for symbols that it does not act on, PlanIsUnusable where nothing waits then, and what
    reading the account raises.
    """
    desk, found = desk_of(asked.request), requested(asked)
    request, known = found.request, symbols_of(found.request.plan)
    if request.standing != "waiting":
        raise request.no_more()
    _ensure_same(found, asked.body.get("plan_id", request.plan_id))
    left_out = asked.body["leave_out"]
    for symbol in left_out:
        if symbol not in known:
            hint = did_you_mean(symbol, known) or f"it acts on {', '.join(known)}"
            raise UsageError(f"the plan does not act on {symbol!r}", hint=hint)
    scope = narrowed(request.plan, [symbol for symbol in known if symbol not in left_out], known)
    made = make_plan(desk, request.account, asked.person, scope)
    if made.question is None:
        refused = ", ".join(guard.name for guard in made.planned.refusals)
        why = f"it is refused by {refused}" if refused else "it does nothing"
        raise PlanIsUnusable(f"nothing was asked of the plan without them: {why}", hint=f"{request.id} is as it was")
    return request_document(desk.request(request.account, made.question.id), asked.given.clock())


def apply(asked: Asked) -> Document:
    """Begin to apply an approved plan; the same once more finds it, under way or over, and does nothing twice.

    Raises NotWaiting, also where the plan was made anew, PlanIsUnusable where approvals are missing, AccountIsHalted.
    """
    found = requested(asked)
    _ensure_same(found, asked.body["plan_id"])
    work = apply_request(desk_of(asked.request), found, asked.person, asked.body.get("account", ""))
    return work_document(work)


def _ensure_same(found: Found, plan_id: str) -> None:
    if found.request.plan_id != plan_id:
        raise NotWaiting(
            f"{found.request.id} has another plan now: nothing was done",
            hint=f"GET /api/v1/requests/{found.request.id} shows it",
        )


def take_incident(asked: Asked) -> Document:
    """Acknowledge an open incident, or give it back; raises NoSuchPage, and UsageError where nobody had taken it."""
    now, name, undo = asked.given.clock(), asked.path["incident"], asked.body.get("undo", False)
    span = asked.body.get("for")
    until = None if span is None else now + duration_of(span)
    why = "" if undo else said(asked.body["why"], "an acknowledgement")
    account = _account_of(asked, name)
    stores = {account: asked.given.store_of(account)}
    acknowledge(stores, name, Ack(0, asked.person, now, why, until, undo))
    desk_of(asked.request).overview.renew(account)
    until_text = None if until is None else time_text(until)
    return {"account": account, "id": name, "by": asked.person, "until": until_text, "undone": undo}


def _account_of(asked: Asked, incident: str) -> str:
    """Return the account of an open incident, by its whole id; raises NoSuchPage."""
    shown, _ = asked.given.incidents()  # what cannot be read hides no incident of another
    account = next((one.account for one in shown if one.incident.id == incident), None)
    if account is not None:
        return account
    raise NoSuchPage(f"no open incident has the id {incident!r}", hint="GET /api/v1/incidents lists them")


def halt_all(asked: Asked) -> Document:
    """Send nothing for any account until somebody resumes."""
    halt_accounts(desk_of(asked.request), None, said(asked.body["why"], "a halt"))
    return {"account": None, "halted": True, "changed": True}


def resume_all(asked: Asked) -> Document:
    """End the halt of all accounts; those of single ones stay."""
    return {"account": None, "halted": False, "changed": resume_accounts(desk_of(asked.request), None)}


def halt_one(asked: Asked) -> Document:
    """Send nothing for an account until somebody resumes; raises NoSuchAccount."""
    name = file_of(asked).id
    halt_accounts(desk_of(asked.request), name, said(asked.body["why"], "a halt"))
    return {"account": name, "halted": True, "changed": True}


def resume_one(asked: Asked) -> Document:
    """End the halt of an account; one of all accounts stays. Raises NoSuchAccount."""
    name = file_of(asked).id
    changed = resume_accounts(desk_of(asked.request), name)
    return {"account": name, "halted": asked.given.store_of(name).find_halt() is not None, "changed": changed}
