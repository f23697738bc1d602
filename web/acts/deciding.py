"""Decide on a plan that waits, and have it applied."""

from __future__ import annotations

from exitplan.executor.apply.staleness import ensure_fresh, ensure_not_halted
from exitplan.executor.approvals.deciding import MOST_WORDS, Found, approve, reject
from exitplan.ruleset.errors import NotWaiting, PlanIsUnusable, UsageError
from exitplan.web.acts.desk import Desk
from exitplan.web.acts.works import Work
from exitplan.web.pages.accounts import is_live


def ensure_meant(found: Found, typed: str) -> None:
    """Raise UsageError unless the account's id was typed, where real money moves."""
    account = found.request.account
    if is_live(found.file) and typed.strip() != account:
        raise UsageError(
            f"real money moves: type {account} to go on", hint="nothing was approved or applied; go back and type it"
        )


def said(text: str, what: str) -> str:
    """Return a reason as it is kept; raises UsageError for none, or one that is too long."""
    words = text.strip()
    if not words:
        raise UsageError(f"{what} needs a reason", hint="go back and write it, for those who look at it later")
    if len(words) > MOST_WORDS:
        raise UsageError(f"the reason is longer than {MOST_WORDS} characters", hint="go back and shorten it")
    return words


def approve_request(desk: Desk, found: Found, person: str, typed: str, seen: str | None = None) -> Found:
    """Write down that a person approves; raises NotWaiting, PlanIsUnsigned, UsageError.

    ``seen`` is the id of the plan that the person looked at, where that is known.
    """
    ensure_meant(found, typed)
    if seen is not None:
        desk.ensure_seen(found, seen)
    decided = approve(found, person, desk.given.clock())
    desk.overview.renew(found.request.account)
    return decided


def reject_request(desk: Desk, found: Found, person: str, why: str) -> Found:
    """Write down that a person rejects, and why; raises NotWaiting, UsageError."""
    decided = reject(found, person, desk.given.clock(), said(why, "a rejection"))
    desk.overview.renew(found.request.account)
    return decided


def apply_request(desk: Desk, found: Found, person: str, typed: str) -> Work:
    """Begin to carry out an approved plan; one that is under way already, or was, is found again.

    Raises NotWaiting, PlanIsUnusable where approvals are missing or it has expired, AccountIsHalted.
    """
    name, request, now = found.request.account, found.request, desk.given.clock()
    under_way = desk.works.under_way(name)
    if under_way is not None and under_way.plan.plan_id == request.plan_id:
        return under_way
    ensure_meant(found, typed)
    if request.standing != "waiting":
        done = desk.works.of_plan(request.plan_id) if request.standing == "applied" else None
        if done is None:
            raise request.no_more()
        return done
    if found.missing(now):
        raise PlanIsUnusable(
            f"{found.missing(now)} more must approve the plan {request.id}", hint="it is applied after that"
        )
    if under_way is not None:
        raise NotWaiting(f"another plan is being applied to {name}", hint="wait until it has ended")
    ensure_fresh(request.plan, found.file.loaded.policy, now)
    account = desk.open(name)
    ensure_not_halted(account)
    work = desk.works.start(account, request.plan, person)
    if work.plan.plan_id != request.plan_id:
        raise NotWaiting(f"another plan is being applied to {name}", hint="wait until it has ended")
    return work
