"""What an outcome changes in the account's state: progress, failures and metrics. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from msgspec import structs

from exitplan.brokers.protocol import RefusalReason
from exitplan.executor.store.journal_values import Resolution
from exitplan.executor.store.state import State
from exitplan.ruleset.model.fact_registry import Category
from exitplan.ruleset.model.progress import UnwindProgress
from exitplan.ruleset.model.values import ZERO, floor_to_step, time_text
from exitplan.ruleset.planning.actions import Action, Blocked, Phase, UnwindStep
from exitplan.ruleset.planning.plan_types import Plan
from exitplan.ruleset.planning.unwind import is_reached

V = TypeVar("V")


def after_action(
    state: State,
    plan: Plan,
    action: Action,
    resolution: Resolution,
    held_before: Decimal,
    amount_step: Decimal | None,
    now: datetime,
) -> State:
    """Return the state after an action was resolved.

    ``held_before`` is what was held when the order was sent; progress follows what the venue filled of it.
    """
    if action.kind == "cancel_order":
        return _after_cancel(state, action, resolution)
    if action.kind == "convert_cash":
        return state
    if resolution.status == "refused" or (action.reduces and resolution.filled == 0):
        return state if is_shortage(resolution) else _failed(state, action.key)
    if action.key in state.failed_exits:
        state = replace(state, failed_exits=_without(state.failed_exits, action.key))
    if not action.reduces:
        return state
    held = held_before - resolution.filled
    if action.kind == "unwind":
        state = _after_slice(state, plan.steps[action.key], held, amount_step, now)
    if floor_to_step(held, amount_step) <= 0:
        state = _after_close(state, plan, action)
    return state


def is_shortage(resolution: Resolution) -> bool:
    """Check whether the venue refused for want of balance: fees came out of it, and the exit itself did not fail."""
    reason = (resolution.message or "").partition(":")[0]
    return resolution.status == "refused" and reason == RefusalReason.INSUFFICIENT_BALANCE.value


def after_counting(state: State, step: UnwindStep, now: datetime) -> State:
    """Return the state after a cycle that counts with no order."""
    return _with_cycle(state, step, step.cycle, step.remaining_pct, now)


def after_escalating(state: State, blocked: Iterable[Blocked], now: datetime) -> tuple[State, list[dict[str, str]]]:
    """Return the state once every exit that a person has to look at is told, and the figures of those told now."""
    escalated, told = dict(state.escalated), []
    for one in blocked:
        if one.escalate and one.key not in escalated:
            figures = {"symbol": one.symbol, "rule": one.rule, "reason": str(one.reason)}
            escalated[one.key] = {**figures, "at": time_text(now)}
            told.append(figures)
    return replace(state, escalated=escalated), told


def _after_cancel(state: State, action: Action, resolution: Resolution) -> State:
    if resolution.status != "done" or action.phase != Phase.CANCEL:
        return state
    return state.counting(stale_orders_cancelled=1, capital_freed_usd=action.est_value or ZERO)


def _failed(state: State, key: str) -> State:
    return replace(state, failed_exits={**state.failed_exits, key: state.failed_exits.get(key, 0) + 1})


def _after_slice(state: State, step: UnwindStep, held: Decimal, amount_step: Decimal | None, now: datetime) -> State:
    """Count the cycle once its target is reached; a slice filled in part only keeps the anchor."""
    if is_reached(held, step, amount_step):
        return _with_cycle(state, step, step.cycle, step.remaining_pct, now)
    before = state.unwinds.get(step.key)
    if before is None or step.regrown:
        return _with_cycle(state, step, 0, Decimal(1), None)
    grown = structs.replace(before, initial_quantity=step.initial_quantity, added=step.added)
    return replace(state, unwinds={**state.unwinds, step.key: grown})


def _with_cycle(state: State, step: UnwindStep, cycle: int, remaining: Decimal, now: datetime | None) -> State:
    progress = UnwindProgress(cycle, remaining, step.initial_quantity, step.started_at, now, step.added)
    return replace(state, unwinds={**state.unwinds, step.key: progress})


def _after_close(state: State, plan: Plan, action: Action) -> State:
    if action.key in state.unwinds or action.key in state.escalated:
        unwinds, escalated = _without(state.unwinds, action.key), _without(state.escalated, action.key)
        state = replace(state, unwinds=unwinds, escalated=escalated)
    zombie = plan.by_key[action.key].category is Category.ZOMBIE_LEGACY
    return state.counting(
        total_positions_cleaned=1,
        zombie_positions_closed=int(zombie),
        legacy_positions_unwound=int(action.kind == "unwind"),
    )


def _without(mapping: Mapping[str, V], key: str) -> Mapping[str, V]:
    return {name: value for name, value in mapping.items() if name != key}
