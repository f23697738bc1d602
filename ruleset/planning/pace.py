"""How much one cycle of an unwind may sell: at most a share of what its market trades, or of what its book takes.

A share of the volume is a pace: a cycle may sell that share of what was traded since the last one, as far as that can
be told from the volume of one hour or day, and never the share of more than that. However often cycles come, they
together keep the pace; and what one cycle does not use, because the venue takes no order so small, is there for the
next.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from exitplan.ruleset.language.policy import Policy
from exitplan.ruleset.model.position_view import PositionView
from exitplan.ruleset.model.progress import UnwindProgress
from exitplan.ruleset.model.values import DEFAULT_STEP, EXACT, ONE, floor_to_step

_WINDOWS = {"hour": timedelta(hours=1), "day": timedelta(days=1)}
_MICROSECOND = timedelta(microseconds=1)
MICROS_PER_MINUTE = 60_000_000


def interval_of(policy: Policy) -> timedelta:
    """Return the least time between two cycles of an unwind."""
    return timedelta(microseconds=int(policy.unwind_interval_minutes * MICROS_PER_MINUTE))


def allowance(view: PositionView, progress: UnwindProgress | None, policy: Policy, now: datetime) -> Decimal | None:
    """Return the most that a cycle may sell, in the position's units and rounded down to the step.

    None where the market has not told what it is a share of. The policy is taken to have a ``max_participation``.
    """
    limit, whole = policy.unwind.max_participation, _whole(view, policy)
    if limit is None or whole is None:
        return None
    share = EXACT.multiply(limit.share, whole)
    if limit.of != "book":
        share = EXACT.multiply(share, _part_passed(_WINDOWS[limit.of], progress, policy, now))
    return floor_to_step(share, view.amount_step or DEFAULT_STEP)


def _whole(view: PositionView, policy: Policy) -> Decimal | None:
    """Return what the share is of: the volume of the hour or day, or the depth on the side that an exit hits."""
    limit = policy.unwind.max_participation
    if limit is None or view.market is None:
        return None
    data = view.market.data
    if limit.of == "book":
        return data.bid_depth if view.position.exit_side == "sell" else data.ask_depth
    return data.volume_1h if limit.of == "hour" else data.volume_1d


def _part_passed(window: timedelta, progress: UnwindProgress | None, policy: Policy, now: datetime) -> Decimal:
    """Return the part of a window that has passed since the last cycle, at most 1; all of it before the first.

    A last cycle that has not come yet is taken to be one interval ago.
    """
    last = None if progress is None else progress.last_cycle_at
    if last is None:
        return ONE
    passed = now - last if last <= now else interval_of(policy)
    return min(EXACT.divide(Decimal(passed // _MICROSECOND), Decimal(window // _MICROSECOND)), ONE)
