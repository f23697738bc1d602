"""Settle what earlier runs have left open, before anything new is sent."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from exitplan.executor.accounts.account import Account
from exitplan.executor.apply.quantities import amount_step
from exitplan.executor.apply.reconcile import NotSent, OrderReconciler, Sent
from exitplan.executor.apply.record import record_outcomes
from exitplan.executor.plan import read_account
from exitplan.executor.store.journal import Journal
from exitplan.executor.store.journal_values import Resolution
from exitplan.executor.store.state import State
from exitplan.ruleset.errors import FileIsInvalid, OutcomeUnknown, PlanIsAltered
from exitplan.ruleset.model.account_view import AccountView
from exitplan.ruleset.model.progress import Kept
from exitplan.ruleset.model.snapshot import Side, Snapshot, TrackerRecord
from exitplan.ruleset.planning.actions import Action
from exitplan.ruleset.planning.plan import read_plan
from exitplan.ruleset.planning.plan_types import Plan

V = TypeVar("V")

Tell = Callable[[str, Mapping[str, Any]], None]


def reconcile_open_plans(
    account: Account,
    journal: Journal,
    state: State,
    reconciler: OrderReconciler,
    tell: Tell,
    *,
    keep: Plan,
) -> State:
    """Resolve every order that may have been sent, end the plans, and give the state after it.

    The plan to ``keep`` is resolved and stays open: it is about to be resumed, and is the one that was begun under its
    id. Raises OutcomeUnknown, after a CRITICAL alert, where the outcome of an order stays unknown; the account stays
    stopped.
    """
    for plan_id in journal.open_plan_ids():
        plan = keep if plan_id == keep.plan_id else _journalled(journal.plan_document(plan_id))
        state = _reconcile_plan(account, journal, state, plan, reconciler, tell)
        if plan is not keep:
            intents = journal.intents(plan.plan_id)
            forget_closed(account, {name: intent.status for name, intent in intents.items()}, plan)
            journal.end_plan(plan.plan_id, account.clock())
    return state


def forget_closed(
    account: Account, statuses: Mapping[str, str], plan: Plan, snapshot: Snapshot | None = None
) -> Collection[str]:
    """Take positions that a plan has closed out of the tracker, so that a later one is not taken for them.

    ``statuses`` are those of the plan's actions, by id. Returns the symbols that were there. ``snapshot`` is the
    account after the plan; it is read where not given. Raises AccountUnreadable, FileIsInvalid for a broken tracker,
    DataFolderUnusable.
    """
    reducing = [action for action in plan.actions if action.reduces]
    sold = {action.symbol for action in reducing if statuses.get(action.id) in {"done", "skipped"}}
    if not sold:
        return ()
    now = snapshot or read_account(account)
    names = account.rulebook.policy.names.of_positions(now.positions)
    held = {(names.of_position(position), position.side) for position in now.positions}
    assets = {names.of_symbol(symbol) for symbol in sold}
    gone = {
        symbol
        for symbol, record in now.tracker.items()
        if names.of_symbol(symbol) in assets and not _is_held(names.of_symbol(symbol), record, held)
    }
    if gone:
        account.tracker.update(now.tracker, dict.fromkeys(gone), account.clock())
    return gone


def _is_held(asset: str, record: TrackerRecord, held: Collection[tuple[str, Side]]) -> bool:
    """Check whether what a record is about is held, in whatever market."""
    sides: tuple[Side, ...] = ("long", "short") if record.side is None else (record.side,)
    return any((asset, side) in held for side in sides)


def still_held(state: State, account: AccountView) -> State:
    """Forget the progress of assets that are gone: what is opened later is another position.

    What is held under another market than before takes its progress along. An account that is told as empty, or whose
    positions could not be read, says nothing about any of them.
    """
    held = {(view.asset, view.position.side) for view in account.positions}
    if "positions" in account.snapshot.unread or not account.holdings.quantities:
        return state

    def is_held(key: str) -> bool:
        symbol, mark, _ = key.partition("#")
        return (account.names.of_symbol(symbol), "short" if mark else "long") in held

    return replace(
        state,
        unwinds=_under_their_keys({key: unwind for key, unwind in state.unwinds.items() if is_held(key)}, account),
        failed_exits=_under_their_keys(state.failed_exits, account),
        price_missing={key: entry for key, entry in state.price_missing.items() if is_held(key)},
        last_prices={key: price for key, price in state.last_prices.items() if is_held(key)},
    )


def _under_their_keys(entries: Mapping[str, V], account: AccountView) -> dict[str, V]:
    """Name entries by the markets that their positions are held under now, unless several positions share one."""
    kept = Kept.of(entries, account.names)
    claims: dict[str | None, list[str]] = {}
    for view in account.positions:
        claims.setdefault(kept.key_of(view.position, view.asset), []).append(view.position.key)
    return {claims[key][0] if len(claims.get(key, ())) == 1 else key: entry for key, entry in entries.items()}


def _journalled(document: Mapping[str, Any]) -> Plan:
    try:
        return read_plan(document)
    except PlanIsAltered as error:
        raise FileIsInvalid(
            f"the journal is damaged: its plan {document.get('plan_id')} does not match its own hash",
            hint="nothing was sent; restore the journal from a backup",
        ) from error


def _reconcile_plan(
    account: Account, journal: Journal, state: State, plan: Plan, reconciler: OrderReconciler, tell: Tell
) -> State:
    unresolved = journal.unresolved(plan.plan_id)
    open_ones = [(action, unresolved[action.id]) for action in plan.actions if action.id in unresolved]
    for action, intent in open_ones:
        if action.kind == "adopt":  # the tracker's file was replaced or it was not; doing it again does no harm
            journal.back_to_planned(intent, "interrupted", account.clock())
    sent = [(action, intent) for action, intent in open_ones if action.kind != "adopt"]
    if sent:
        tell("run_recovering", {"plan_id": plan.plan_id, "orders": len(sent)})
        state = _reconcile_sent(account, journal, state, plan, sent, reconciler)
    left = journal.count_planned(plan.plan_id)
    tell("run_recovered", {"plan_id": plan.plan_id, "settled": len(open_ones), "left": left})
    return state


def _reconcile_sent(
    account: Account, journal: Journal, state: State, plan: Plan, sent: Sequence[Sent], reconciler: OrderReconciler
) -> State:
    """Resolve every order that may have been sent, also those behind one whose outcome is unknown."""
    step_of = partial(amount_step, read_account(account))
    stuck: list[OutcomeUnknown] = []
    for (action, intent), resolved in itertools.chain.from_iterable(reconciler.resolve_all(sent)):
        now = account.clock()
        if isinstance(resolved, NotSent):
            journal.back_to_planned(intent, "it never reached the venue", now)
            continue
        found = [((action, intent), resolved)]
        state = record_outcomes(journal, plan, found, state=state, step_of=step_of, now=now)
        if resolved.status == "needs_human":
            stuck.append(_alerted(account, action, resolved))
    if stuck:
        raise stuck[0]
    return state


def _alerted(account: Account, action: Action, resolved: Resolution) -> OutcomeUnknown:
    """Raise the alert of an order whose outcome is unknown, and return the error that stops the account."""
    figures = {"symbol": action.symbol, "client_order_id": action.client_order_id, "reason": resolved.message}
    account.store.raise_alert("OUTCOME_UNKNOWN", account.clock(), figures)
    return OutcomeUnknown(
        f"the outcome of {action.kind} {action.symbol} (client order id {action.client_order_id}) is unknown: "
        f"{resolved.message}",
        hint="nothing is sent for this account until that is known; look at the venue, then use `exitplan resolve`",
    )
