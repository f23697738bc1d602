"""The arithmetic of a gradual unwind.

Cycle k of n closes down to initial x (1 - pct)^k; the last cycle, and any after it, closes what is left.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from exitplan.ruleset.language.policy import Policy
from exitplan.ruleset.model.facts import PositionView, reaches_minimum
from exitplan.ruleset.model.progress import UnwindProgress
from exitplan.ruleset.model.values import DEFAULT_STEP, EXACT, ZERO, ceil_to_step, floor_to_step
from exitplan.ruleset.planning.actions import UnwindStep


def next_step(found: PositionView, progress: UnwindProgress | None, policy: Policy, now: datetime) -> UnwindStep:
    """Find the cycle that is due, starting anew where the position has grown."""
    held = found.held
    regrown = progress is not None and has_grown(found, progress)
    if progress is None or regrown:
        progress = UnwindProgress(cycle=0, remaining_pct=Decimal(1), initial_quantity=held, started_at=now)
    cycle = progress.cycle + 1
    last = cycle >= policy.unwind_cycles
    remaining = ZERO if last else EXACT.power(1 - policy.gradual_unwind_pct, cycle)
    target = progress.initial_quantity * remaining
    return UnwindStep(
        key=found.position.key,
        cycle=cycle,
        cycles=policy.unwind_cycles,
        initial_quantity=progress.initial_quantity,
        remaining_pct=remaining,
        target=target,
        started_at=progress.started_at,
        counts=held <= target,
        regrown=regrown,
    )


def has_grown(found: PositionView, progress: UnwindProgress) -> bool:
    """Tell whether more is held than the last cycle left, by more than one step."""
    allowed = progress.initial_quantity * progress.remaining_pct
    return found.held > allowed + _step(found)


def is_reached(held: Decimal, step: UnwindStep, amount_step: Decimal | None) -> bool:
    """Tell whether a cycle's target is reached, but for what rounding down to the step leaves."""
    return held - step.target < (amount_step or DEFAULT_STEP)


def slice_quantity(found: PositionView, step: UnwindStep) -> Decimal:
    """Give what the cycle sells: rounded down, raised to the minimum, everything where the rest is too small.

    The position is taken to be sellable and above the cycle's target.
    """
    amount_step = found.market.amount_step if found.market else None
    everything = floor_to_step(found.held, amount_step)
    if step.target == 0:
        return everything
    wanted = found.held - step.target
    rounded = floor_to_step(wanted, amount_step) if amount_step else ceil_to_step(wanted, None)
    quantity = min(max(rounded, _smallest(found)), everything)
    rest = floor_to_step(found.held - quantity, amount_step)
    return quantity if reaches_minimum(found, rest) else everything


def _smallest(found: PositionView) -> Decimal:
    """Give the smallest multiple of the step that the venue accepts: one step where it names no minimum."""
    market = found.market
    if market is None:
        return ZERO
    wanted = [_step(found)]
    if market.min_amount is not None:
        wanted.append(ceil_to_step(market.min_amount, market.amount_step))
    one = found.notional(Decimal(1))
    if market.min_notional is not None and one is not None:
        wanted.append(_reaching(found, market.min_notional, one))
    return max(wanted)


def _reaching(found: PositionView, notional: Decimal, one: Decimal) -> Decimal:
    """Give the smallest multiple of the step worth at least ``notional``, a unit being worth ``one``."""
    step = _step(found)
    quantity = ceil_to_step(EXACT.divide(notional, one), step)
    # A division that does not end may round either way; the product is exact and decides.
    return quantity if quantity * one >= notional else quantity + step


def _step(found: PositionView) -> Decimal:
    step = found.market.amount_step if found.market else None
    return step or DEFAULT_STEP
