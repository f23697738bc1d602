"""Record how attempts ended, whoever found out: the run itself, a later run, or a person."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from exitplan.executor.apply.quantities import amount_step
from exitplan.executor.apply.reconcile import Sent
from exitplan.executor.apply.state_transitions import after_action
from exitplan.executor.store.journal import Journal
from exitplan.executor.store.journal_values import Resolution, Settlement
from exitplan.executor.store.state import State, changes_between
from exitplan.ruleset.model.snapshot import Snapshot
from exitplan.ruleset.model.values import ZERO
from exitplan.ruleset.planning.plan_types import Plan

Ended = tuple[Sent, Resolution]
"""An attempt, and how it ended."""


def settle(
    plan: Plan, ended: Sequence[Ended], *, state: State, snapshot: Snapshot | None, now: datetime
) -> tuple[State, Settlement]:
    """Return the state after outcomes, and what the journal has to record of them.

    ``snapshot`` is the account for the steps of its markets; an outcome that changes nothing needs none.
    """
    before = state
    for (action, intent), resolution in ended:
        if resolution.status in {"done", "refused"}:
            step = None if snapshot is None else amount_step(snapshot, action.symbol)
            state = after_action(state, plan, action, resolution, intent.held_before or ZERO, step, now)
    changes = changes_between(before, state, {action.key for (action, _), _ in ended})
    return state, Settlement([(intent, resolution, now) for (_, intent), resolution in ended], changes)


def record_outcomes(
    journal: Journal,
    plan: Plan,
    ended: Sequence[Ended],
    *,
    state: State,
    snapshot: Snapshot | None,
    now: datetime,
) -> State:
    """Record outcomes and what they change in the state, in one commit; returns the state after them."""
    state, settlement = settle(plan, ended, state=state, snapshot=snapshot, now=now)
    journal.settle(settlement)
    return state
