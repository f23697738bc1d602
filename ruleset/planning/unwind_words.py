"""One cycle of an unwind in words: how far it goes, by which schedule, and what the market allows."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

from exitplan.ruleset.language.policy import Policy
from exitplan.ruleset.model.values import EXACT, plain, time_text
from exitplan.ruleset.planning.actions import UnwindStep

_SIX_PLACES = Decimal("0.000001")
_WINDOWS = {
    "hour": "of the volume of the last hour, for the time since the last cycle",
    "day": "of the volume of the last day, for the time since the last cycle",
    "book": "of the order book near the mid",
}


def cycle_name(cycle: int, cycles: int) -> str:
    """Name a cycle of an unwind: of so many, or after them where the market allowed less than the schedule."""
    return f"cycle {cycle}, after the {cycles} of the schedule" if cycle > cycles else f"cycle {cycle} of {cycles}"


def step_name(step: UnwindStep) -> str:
    """Name the cycle of a step, as plans do: those without a pace keep the words that they had."""
    is_paced = step.max_quantity is not None
    return cycle_name(step.cycle, step.cycles) if is_paced else f"cycle {step.cycle} of {step.cycles}"


def cycle_text(step: UnwindStep, policy: Policy) -> str:
    """Say what a cycle leaves, and why as much; of the published schedule it is the cycle alone."""
    return "; ".join([_aim_text(step), *_schedule_texts(step, policy), *_cap_texts(step, policy), *_ahead_texts(step)])


def pace_text(step: UnwindStep, policy: Policy) -> str:
    """Say what ``max_participation`` allows a cycle to sell."""
    limit = policy.unwind.max_participation
    if limit is None:
        return ""
    share = f"{_percent(limit.share)} {_WINDOWS[limit.of]}"
    if step.pace_unknown:
        return f"at most {share} may be sold, and that is not known"
    return f"at most {plain(step.max_quantity or Decimal(0))} may be sold now, {share}"


def _aim_text(step: UnwindStep) -> str:
    name = step_name(step)
    if step.remaining_pct == 0:
        return f"{name}: closes what is left"
    remaining = step.remaining_pct
    if step.is_capped or step.rest_pct is not None:
        remaining = remaining.quantize(_SIX_PLACES, ROUND_HALF_EVEN, EXACT)
    return f"{name}: down to {_percent(remaining)} of {plain(step.initial_quantity)}"


def _schedule_texts(step: UnwindStep, policy: Policy) -> list[str]:
    if step.rest_pct is None or step.cycle >= step.cycles:
        return []
    share = f"{step.schedule} schedule: {_percent(step.rest_pct)} of the rest"
    return [f"{share}, {volatility_text(step.volatility, policy)}" if step.goes_by_volatility else share]


def volatility_text(volatility: Decimal | None, policy: Policy) -> str:
    """Say which volatility an adaptive schedule goes by."""
    if volatility is not None:
        return f"at a volatility of {_percent(volatility)} a day"
    return f"volatility unknown: {without_volatility(policy)}"


def without_volatility(policy: Policy) -> str:
    """Say what an adaptive schedule goes by where the volatility is not known."""
    reference = policy.unwind.calibrate
    return "even slices" if reference is None else f"the reference, {_percent(reference.at_volatility)} a day"


def _cap_texts(step: UnwindStep, policy: Policy) -> list[str]:
    if not step.is_capped:
        return []
    rest = "; what is left follows as the market allows" if step.cycle >= step.cycles else ""
    return [f"{pace_text(step, policy)}{rest}"]


def _ahead_texts(step: UnwindStep) -> list[str]:
    if step.dated_ahead is None:
        return []
    return [f"the last cycle is dated {time_text(step.dated_ahead)}, which has not come, so it is due"]


def _percent(share: Decimal) -> str:
    return f"{plain(EXACT.multiply(share, Decimal(100)))} %"
