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
from executor.tracker import update_tracker
from ruleset.actions import SELLING
from ruleset.errors import FileIsInvalid, OutcomeUnknown, PlanIsAltered
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
        plan = _journalled(document)
        state = _settle_plan(account, journal, state, plan, desk, tell)
        if plan.plan_id != keep:
            forget_closed(account, journal, plan)
            journal.end_plan(plan.plan_id, account.clock())
    return state


def forget_closed(account: Account, journal: Journal, plan: SavedPlan) -> None:
    """Take positions that a plan has closed out of the tracker, so that a later one is not taken for them.

    Raises AccountUnreadable, FileIsInvalid for a broken tracker, DataFolderUnusable.
    """
    intents = journal.intents(plan.plan_id)
    selling = [action for action in plan.actions if action.kind in SELLING]
    sold = {action.symbol for action in selling if intents[action.id].status in {"done", "skipped"}}
    if not sold:
        return
    snapshot = read_snapshot(account)
    held = {position.symbol for position in snapshot.positions}
    gone = {symbol for symbol in sold if symbol in snapshot.tracker and symbol not in held}
    if gone:
        update_tracker(account.folder.tracker, snapshot.tracker, dict.fromkeys(gone), account.clock())


def _journalled(document: Mapping[str, Any]) -> SavedPlan:
    try:
        return saved_plan(document)
    except PlanIsAltered as error:
        raise FileIsInvalid(
            f"the journal is damaged: its plan {document.get('plan_id')} does not match its own hash",
            hint="nothing was sent; restore the journal from a backup",
        ) from error


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
        hint="nothing is sent for this account until the venue tells; look there, and tell with `exitplan settle`",
    )
