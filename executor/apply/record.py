"""Record how attempts ended, whoever found out: the run itself, a later run, or a person."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal

from exitplan.executor.apply.reconcile import Sent
from exitplan.executor.apply.state_transitions import after_action
from exitplan.executor.store.journal import Journal
from exitplan.executor.store.journal_values import Resolution, Settlement
from exitplan.executor.store.state import State, changes_between
from exitplan.ruleset.model.values import ZERO
from exitplan.ruleset.planning.plan_types import Plan

Ended = tuple[Sent, Resolution]
"""An attempt, and how it ended."""

StepOf = Callable[[str], Decimal | None]
"""Tells the amount step of a symbol's market; asked only where an outcome changes progress."""


def settle(
    plan: Plan, ended: Sequence[Ended], *, state: State, step_of: StepOf, now: datetime
) -> tuple[State, Settlement]:
    """Return the state after outcomes, and what the journal has to record of them."""
    before = state
    for (action, intent), resolution in ended:
        if resolution.status in {"done", "refused"}:
            held = intent.held_before or ZERO
            state = after_action(state, plan, action, resolution, held, step_of(action.symbol), now)
    changes = changes_between(before, state, {action.key for (action, _), _ in ended})
    return state, Settlement([(intent, resolution, now) for (_, intent), resolution in ended], changes)


def record_outcomes(
    journal: Journal,
    plan: Plan,
    ended: Sequence[Ended],
    *,
    state: State,
    step_of: StepOf,
    now: datetime,
) -> State:
    """Record outcomes and what they change in the state, in one commit; returns the state after them."""
    state, settlement = settle(plan, ended, state=state, step_of=step_of, now=now)
    journal.settle(settlement)
    return state
