"""Settle what earlier runs have left open, before anything new is sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from executor.accounts import Account
from executor.alerts import raise_alert
from executor.journal import Intent, Journal, Settlement
from executor.outcomes import after_action
from executor.planning import read_snapshot
from executor.saved_plan import PlannedAction, SavedPlan, saved_plan
from executor.settle import Desk, NotSent
from executor.sizing import amount_step
from executor.state import State, state_to_document
from ruleset.errors import OutcomeUnknown
from ruleset.snapshot import Snapshot
from ruleset.values import ZERO

Tell = Callable[[str, Mapping[str, Any]], None]


def settle_open_plans(
    account: Account, journal: Journal, state: State, desk: Desk, tell: Tell, *, keep: str | None = None
) -> State:
    """Resolve every order that may have been sent, end the plans, and give the state after it.

    The plan with the id ``keep`` is resolved and stays open: it is about to be resumed. Raises OutcomeUnknown, after a
    CRITICAL alert, where the venue cannot tell what became of an order; the account stays stopped.
    """
    for document in journal.open_plans():
        plan = saved_plan(document)
        state = _settle_plan(account, journal, state, plan, desk, tell)
        if plan.plan_id != keep:
            journal.end_plan(plan.plan_id, account.clock())
    return state


def _settle_plan(account: Account, journal: Journal, state: State, plan: SavedPlan, desk: Desk, tell: Tell) -> State:
    intents = journal.intents(plan.plan_id)
    unresolved = [action for action in plan.actions if intents[action.id].status in {"sending", "needs_human"}]
    if unresolved:
        snapshot = read_snapshot(account)
        for action in unresolved:
            state = _settle_action(account, journal, state, plan, action, intents[action.id], desk, snapshot)
    left = sum(1 for intent in journal.intents(plan.plan_id).values() if intent.status == "planned")
    tell("run_recovered", {"plan_id": plan.plan_id, "settled": len(unresolved), "left": left})
    return state


def _settle_action(  # noqa: PLR0913, PLR0917 - as above
    account: Account,
    journal: Journal,
    state: State,
    plan: SavedPlan,
    action: PlannedAction,
    intent: Intent,
    desk: Desk,
    snapshot: Snapshot,
) -> State:
    if action.kind == "adopt":  # the tracker's file was replaced or it was not; doing it again does no harm
        journal.back_to_planned(intent, "interrupted", account.clock())
        return state
    resolved = desk.resolve(action, intent)
    now = account.clock()
    if isinstance(resolved, NotSent):
        journal.back_to_planned(intent, "it never reached the venue", now)
        return state
    if resolved.status == "needs_human":
        _stop(account, journal, action, intent, resolved)
    step = amount_step(snapshot, action.symbol)
    state = after_action(state, plan, action, resolved, intent.held_before or ZERO, step, now)
    journal.settle(intent, resolved, state_to_document(state), now)
    return state


def _stop(account: Account, journal: Journal, action: PlannedAction, intent: Intent, resolved: Settlement) -> None:
    now = account.clock()
    journal.settle(intent, resolved, None, now)
    figures = {"symbol": action.symbol, "client_order_id": action.client_order_id, "reason": resolved.message}
    raise_alert(account.folder.alerts, "OUTCOME_UNKNOWN", account.id, now, figures)
    raise OutcomeUnknown(
        f"nobody can tell what became of {action.kind} {action.symbol} (client order id {action.client_order_id}): "
        f"{resolved.message}",
        hint="look at the venue's orders; nothing is sent for this account until the order is found or surely gone",
    )
