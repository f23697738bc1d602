"""Resolve an order by a person's word, where the venue cannot report its outcome."""

from __future__ import annotations

from decimal import Decimal, localcontext

from exitplan.executor.accounts.account import Account
from exitplan.executor.apply.quantities import amount_step
from exitplan.executor.apply.record import record_outcomes
from exitplan.executor.plan import read_account
from exitplan.executor.store.journal import Journal
from exitplan.executor.store.journal_values import Intent, Resolution
from exitplan.ruleset.errors import UsageError
from exitplan.ruleset.language.problems import nearest
from exitplan.ruleset.model.values import EXACT, plain
from exitplan.ruleset.planning.actions import Action
from exitplan.ruleset.planning.plan import read_plan
from exitplan.ruleset.planning.plan_types import Plan


def unresolved_orders(account: Account) -> dict[str, Action]:
    """Return the orders of open plans that may have reached the venue without a clear answer, by client order id."""
    if not account.store.has_journal():
        return {}
    with account.store.open_journal() as journal:
        return {action.client_order_id: action for _, action, _ in unresolved_in(journal)}


def resolve_by_hand(account: Account, client_order_id: str, filled: Decimal) -> Action:
    """Resolve an order as a person found it at the venue: filled by so much, zero if it never traded.

    The plan it is of stays open and can be applied again. Raises UsageError for an order that is not unresolved, or a
    quantity above what was sent; AccountIsLocked; AccountUnreadable, since progress depends on the market's step.
    """
    now = account.clock()
    with localcontext(EXACT), account.store.lease(now), account.store.open_journal() as journal:
        journal.claim()
        state = account.store.take_state(journal)
        plan, action, intent = _find(journal, client_order_id)
        sent = intent.quantity if intent.quantity is not None else action.quantity
        if not 0 <= filled <= sent:
            raise UsageError(f"the order was for {plain(sent)}: {plain(filled)} cannot have been filled")
        resolution = Resolution("done" if filled else "skipped", filled, intent.order_id, "resolved by hand")

        def step_of(symbol: str) -> Decimal | None:
            return amount_step(read_account(account), symbol)

        told = [((action, intent), resolution)]
        state = record_outcomes(journal, plan, told, state=state, step_of=step_of, now=now)
        account.store.export_state(journal, state)
    return action


def _find(journal: Journal, client_order_id: str) -> tuple[Plan, Action, Intent]:
    waiting = {entry[1].client_order_id: entry for entry in unresolved_in(journal)}
    if client_order_id in waiting:
        return waiting[client_order_id]
    if not waiting:
        raise UsageError("no order of this account is unresolved")
    near = nearest(client_order_id, waiting)
    hint = f"did you mean {near!r}?" if near else f"unresolved are {', '.join(waiting)}"
    raise UsageError(f"no unresolved order carries the id {client_order_id!r}", hint=hint)


def unresolved_in(journal: Journal) -> list[tuple[Plan, Action, Intent]]:
    """List the actions of open plans that may have reached the venue without a clear answer."""
    unresolved: list[tuple[Plan, Action, Intent]] = []
    for plan_id in journal.open_plan_ids():
        plan = read_plan(journal.plan_document(plan_id))
        waiting = journal.unresolved(plan_id)
        unresolved.extend((plan, act, waiting[act.id]) for act in plan.actions if act.id in waiting)
    return unresolved
