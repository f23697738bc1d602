"""What a program may do with a token of a higher role: the same acts as on the pages, in its owner's name."""

from __future__ import annotations

from contextlib import suppress

from exitplan.executor.approvals.documents import request_document
from exitplan.executor.escalation.acknowledging import acknowledge
from exitplan.executor.escalation.climbing import Ack
from exitplan.executor.escalation.ladder import incidents_in
from exitplan.ruleset.errors import ExitplanError
from exitplan.ruleset.model.values import time_text
from exitplan.web.acts.deciding import approve_request, reject_request, said
from exitplan.web.acts.desk import desk_of
from exitplan.web.acts.halting import halt_accounts, resume_accounts
from exitplan.web.api.endpoint import Asked, Document, duration_of
from exitplan.web.api.reading import file_of, requested
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
    for account in asked.given.with_incidents():
        with suppress(ExitplanError):  # what cannot be read hides no incident of another
            if any(one.id == incident for one in incidents_in(asked.given.store_of(account))):
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
