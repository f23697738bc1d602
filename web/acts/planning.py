"""Have a plan made: the account is read at its venue, and what is to be done is asked of people."""

from __future__ import annotations

from dataclasses import dataclass

from exitplan.executor.accounts.account import Account
from exitplan.executor.approvals.book import open_book
from exitplan.executor.approvals.request import Request as Question
from exitplan.executor.escalation.ladder import tended_after
from exitplan.executor.plan import Planned, plan_account
from exitplan.executor.standing import remember
from exitplan.ruleset.errors import AccountIsLocked, UsageError
from exitplan.ruleset.planning.plan_types import Plan
from exitplan.ruleset.planning.planner import PlanScope
from exitplan.ruleset.planning.self_approval import may_apply_alone
from exitplan.web.acts.desk import Desk, Look


@dataclass(frozen=True, slots=True)
class Made:
    """A plan that was made, and the question to people; None where nobody needs to be asked."""

    planned: Planned
    question: Question | None = None


def make_plan(desk: Desk, name: str, person: str, scope: PlanScope = PlanScope()) -> Made:  # noqa: B008 - it is frozen
    """Plan for an account as it is now, and ask people about what there is to do; as a round of the watcher does.

    Raises AccountIsLocked where somebody is at work on it, and what reading it raises.
    """
    account = desk.open(name)
    _ensure_alone(account)
    with tended_after(account):
        planned = plan_account(account, scope)
        remember(account, planned.draft.checks.state, blocked=planned.draft.blocked)
    desk.keep(Look(planned, desk.file(name), person, account.clock()))
    question = None
    if planned.has_changes and not planned.refusals:
        question = _ask(account, planned.plan, person)
    desk.overview.renew(name)
    return Made(planned, question)


def _ensure_alone(account: Account) -> None:
    holder = account.store.holder() if account.store.seems_held() else None
    if holder is not None:
        raise AccountIsLocked(f"the account {account.id} is in use {holder}", hint="wait until that has ended")


def _ask(account: Account, plan: Plan, person: str) -> Question:
    policy, now = account.loaded.policy, account.clock()
    rule = account.signature_rule
    signed = () if rule is None else (rule.wanted(account.id),)
    reasons = (*may_apply_alone(plan, policy.approval, now), *signed, f"{person} had it made in the dashboard")
    with open_book(account.store) as book:
        asked = book.ask(plan, reasons, policy.approval.people, now)
        book.raise_alerts()
    return asked.request


def narrowed(plan: Plan, kept: list[str], known: list[str]) -> PlanScope:
    """Return the scope of a plan for the symbols that a person has kept of those it acts on; raises UsageError."""
    left_out = [symbol for symbol in known if symbol not in kept]
    if not kept:
        raise UsageError("nothing is left of the plan", hint="to do nothing of it, reject it")
    if not left_out:
        raise UsageError("nothing was left out", hint="clear the box of what is not to be done")
    scope = plan.scope
    return PlanScope(scope.targets, (*scope.excludes, *left_out), scope.rules, scope.phase)
