"""Record how attempts ended, whoever found out: the run itself, a later run, or a person."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from exitplan.executor.apply.quantities import amount_step
from exitplan.executor.apply.reconcile import Sent
from exitplan.executor.apply.state_transitions import after_action
from exitplan.executor.store.journal import Journal, Resolution
from exitplan.executor.store.state import State, state_to_document
from exitplan.ruleset.model.snapshot import Snapshot
from exitplan.ruleset.model.values import ZERO
from exitplan.ruleset.planning.plan_types import Plan


def record_outcomes(
    journal: Journal,
    plan: Plan,
    resolved: Sequence[tuple[Sent, Resolution]],
    *,
    state: State,
    snapshot: Snapshot | None,
    now: datetime,
) -> State:
    """Record outcomes and what they change in the state, in one commit; returns the state after them.

    ``snapshot`` is the account for the steps of its markets; an outcome that changes nothing needs none.
    """
    for (action, intent), resolution in resolved:
        if resolution.status in {"done", "refused"}:
            step = None if snapshot is None else amount_step(snapshot, action.symbol)
            state = after_action(state, plan, action, resolution, intent.held_before or ZERO, step, now)
    journal.resolve([(intent, resolution) for (_, intent), resolution in resolved], state_to_document(state), now)
    return state
