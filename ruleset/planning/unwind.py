"""The arithmetic of a gradual unwind.

The schedule of the policy says what each cycle leaves. As published, cycle k of n closes down to
initial x (1 - pct)^k; the others close a share of the rest, asked anew in each cycle. The last cycle, and any after it,
closes what is left. With a pct of 0 an unwind stands still. A little growth moves the target and not the cycle; more
of it begins the unwind anew.

Where the market allows less than that, the target of the cycle is raised to what it allows, and the cycle counts: so
cycles may follow the last one, each with as much as the market takes then.
"""

from __future__ import annotations

from datetime import datetime
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal

from msgspec import Struct
from msgspec.structs import replace

from exitplan.ruleset.language.policy import Policy
from exitplan.ruleset.model.position_view import PositionView, reaches_minimum
from exitplan.ruleset.model.progress import UnwindProgress
from exitplan.ruleset.model.values import DEFAULT_STEP, EXACT, ZERO, ceil_to_step, floor_to_step, later
from exitplan.ruleset.planning.actions import UnwindStep
from exitplan.ruleset.planning.pace import allowance, interval_of
from exitplan.ruleset.planning.schedules import bounded, share_of_rest, urgency

GROWTH_PCT = Decimal("0.01")
"""The share of what an unwind began with that may be added to it, all growth together, before it begins anew."""

_MINUTES_PER_DAY = 1440
_SIX_PLACES, _TWELVE_PLACES = Decimal("0.000001"), Decimal("0.000000000001")
MOST_BEYOND = 20
"""How many cycles after those of the schedule are foreseen, where the market allows little."""


def next_step(view: PositionView, progress: UnwindProgress | None, policy: Policy, now: datetime) -> UnwindStep:
    """Find the cycle that comes next, and when it is due."""
    held = view.held
    grown = None if progress is None else with_growth(progress, held, _step(view))
    regrown = progress is not None and grown is None
    if grown is None:
        grown = UnwindProgress(cycle=0, remaining_pct=Decimal(1), initial_quantity=held, started_at=now)
    cycle = grown.cycle + 1
    slice_ = scheduled(grown, policy, volatility_of(view))
    remaining = slice_.remaining
    target = grown.initial_quantity * remaining
    if policy.gradual_unwind_pct == 0:  # it stands still: the day it goes on, it goes on from here
        cycle, remaining, target = grown.cycle, grown.remaining_pct, held
    step = UnwindStep(
        key=view.position.key,
        cycle=cycle,
        cycles=policy.unwind_cycles,
        initial_quantity=grown.initial_quantity,
        remaining_pct=remaining,
        target=target,
        started_at=grown.started_at,
        counts=held <= target,
        regrown=regrown,
        added=grown.added,
        due_at=_due_at(progress, policy, now),
        dated_ahead=_dated_ahead(progress, now),
        schedule=policy.unwind.schedule,
        rest_pct=slice_.rest_pct,
        volatility=slice_.volatility,
    )
    if policy.unwind.max_participation is None or policy.gradual_unwind_pct == 0:
        return step
    most = allowance(view, progress, policy, now)
    return _paced(step, held, grown, most)


class ScheduledSlice(Struct, frozen=True, gc=False):
    """What a schedule leaves of the initial quantity after a cycle, and how it came to that.

    ``rest_pct`` is the share of the rest that the cycle closes, ``volatility`` what it goes by; None where the schedule
    has no use for it.
    """

    remaining: Decimal
    rest_pct: Decimal | None = None
    volatility: Decimal | None = None


def scheduled(progress: UnwindProgress, policy: Policy, volatility: Decimal | None) -> ScheduledSlice:
    """Return what the next cycle leaves by the schedule of the policy, to twelve places."""
    cycle, unwind = progress.cycle + 1, policy.unwind
    last = cycle >= policy.unwind_cycles
    if unwind.schedule == "published":
        return ScheduledSlice(ZERO if last else EXACT.power(1 - policy.gradual_unwind_pct, cycle))
    used = volatility if unwind.schedule == "adaptive" else None
    if last:
        return ScheduledSlice(ZERO, Decimal(1), used)
    k = urgency(unwind, volatility, cycle_days(policy)) if unwind.schedule == "adaptive" else ZERO
    share = share_of_rest(policy.unwind_cycles - progress.cycle, k)
    if unwind.schedule == "adaptive":
        share = bounded(share, unwind)
    left = EXACT.multiply(progress.remaining_pct, EXACT.subtract(Decimal(1), share))
    remaining = min(left.quantize(_TWELVE_PLACES, ROUND_HALF_EVEN, EXACT), progress.remaining_pct)
    return ScheduledSlice(remaining, share.quantize(_SIX_PLACES, ROUND_HALF_EVEN, EXACT), used)


def coming_shares(progress: UnwindProgress, policy: Policy, volatility: Decimal | None) -> list[Decimal]:
    """Return what each cycle of the schedule that is to come leaves of the initial quantity, the market willing."""
    shares: list[Decimal] = []
    while progress.cycle < policy.unwind_cycles:
        left = scheduled(progress, policy, volatility).remaining
        shares.append(left)
        progress = replace(progress, cycle=progress.cycle + 1, remaining_pct=left)
    return shares


def cycle_days(policy: Policy) -> Decimal:
    """Return the days from one cycle of an unwind to the next."""
    return EXACT.divide(policy.unwind_interval_minutes, Decimal(_MINUTES_PER_DAY))


def volatility_of(view: PositionView) -> Decimal | None:
    """Return the volatility of a day of the market that a position is sold in; None where it is not known."""
    return None if view.market is None else view.market.data.volatility_1d


def _paced(step: UnwindStep, held: Decimal, progress: UnwindProgress, most: Decimal | None) -> UnwindStep:
    """Raise the target of a cycle to what the market allows; without a word of the market nothing is allowed."""
    if most is None:
        return replace(step, max_quantity=ZERO, pace_unknown=True)
    before = EXACT.multiply(progress.initial_quantity, progress.remaining_pct)
    if before - most <= step.target:
        return replace(step, max_quantity=most)
    # What is allowed is counted from where the last cycle ended, so that a slice filled in part is not filled anew; the
    # share is rounded up, so that what is held afterwards has not grown.
    target = before - most
    left = EXACT.divide(target, progress.initial_quantity).quantize(_TWELVE_PLACES, ROUND_CEILING, EXACT)
    counts = step.counts or (most > 0 and held <= target)
    return replace(
        step,
        max_quantity=most,
        remaining_pct=min(left, progress.remaining_pct),
        target=target,
        counts=counts,
        is_capped=True,
    )


def with_growth(progress: UnwindProgress, held: Decimal, step: Decimal) -> UnwindProgress | None:
    """Add to an unwind what came to its position since the last cycle; None where that is too much to go on.

    Within one step nothing has grown.
    """
    growth = held - progress.initial_quantity * progress.remaining_pct
    if growth <= step:
        return progress
    added = progress.added + growth
    if added > GROWTH_PCT * (progress.initial_quantity - progress.added):
        return None
    return replace(progress, initial_quantity=progress.initial_quantity + growth, added=added)


def _due_at(progress: UnwindProgress | None, policy: Policy, now: datetime) -> datetime | None:
    """Return when the next cycle may be done; a last one that has not come yet says nothing."""
    if progress is None or progress.last_cycle_at is None or _dated_ahead(progress, now):
        return None
    interval = interval_of(policy)
    waited = now - progress.last_cycle_at
    return later(progress.last_cycle_at, interval) if waited < interval else None


def _dated_ahead(progress: UnwindProgress | None, now: datetime) -> datetime | None:
    """Return when the last cycle was done, where that has not come yet."""
    last = None if progress is None else progress.last_cycle_at
    return last if last is not None and last > now else None


def is_reached(held: Decimal, step: UnwindStep, amount_step: Decimal | None) -> bool:
    """Check that a cycle's target is reached, but for what rounding down to the step leaves."""
    return held - step.target < (amount_step or DEFAULT_STEP)


class Slice(Struct, frozen=True, gc=False):
    """What a cycle sells; ``price`` is the order's own, None means the mark."""

    view: PositionView
    step: UnwindStep
    price: Decimal | None = None

    @property
    def everything(self) -> Decimal:
        """All that can be sold of the position."""
        return self.view.everything

    @property
    def quantity(self) -> Decimal:
        """What the cycle sells: rounded down, raised to the minimum, everything where the rest is too small.

        The position is taken to be sellable and above the cycle's target.
        """
        if self.step.target == 0:
            return self.everything
        amount_step = self.view.amount_step
        wanted = self.view.held - self.step.target
        rounded = floor_to_step(wanted, amount_step) if amount_step else ceil_to_step(wanted, None)
        quantity = min(max(rounded, self._smallest()), self.everything)
        rest = floor_to_step(self.view.held - quantity, amount_step)
        return quantity if reaches_minimum(self.view, rest, self.price) else self.everything

    @property
    def is_too_thin(self) -> bool:
        """Check whether the market allows less than the venue takes as an order."""
        most = self.step.max_quantity
        return most is not None and most < min(self._smallest(), self.everything)

    def _smallest(self) -> Decimal:
        """Return the smallest multiple of the step that the venue accepts: one step where it names no minimum."""
        market = self.view.market
        if market is None:
            return ZERO
        wanted = [_step(self.view)]
        if market.min_amount is not None:
            wanted.append(ceil_to_step(market.min_amount, market.amount_step))
        one = self.view.notional(Decimal(1), self.price)
        if market.min_notional is not None and one is not None:
            wanted.append(self._reaching(market.min_notional, one))
        return max(wanted)

    def _reaching(self, notional: Decimal, one: Decimal) -> Decimal:
        """Return the smallest multiple of the step worth at least ``notional``, a unit being worth ``one``."""
        step = _step(self.view)
        quantity = ceil_to_step(EXACT.divide(notional, one), step)
        # A division that does not end may round either way; the product is exact and decides.
        return quantity if quantity * one >= notional else quantity + step


def _step(view: PositionView) -> Decimal:
    return view.amount_step or DEFAULT_STEP


class ComingCycle(Struct, frozen=True, gc=False):
    """A cycle to come: when it can be done at the earliest, what it sells and leaves, in the position's units."""

    at: datetime
    step: UnwindStep
    quantity: Decimal
    left: Decimal


def coming_cycles(
    view: PositionView, progress: UnwindProgress | None, policy: Policy, now: datetime, price: Decimal | None
) -> list[ComingCycle]:
    """Foresee the rest of an unwind, each cycle as early as it is due, at today's price and filled whole.

    ``price`` is the order's own, None means the mark. With a pct of 0 nothing is to come. Where the market allows
    little, the list ends before everything is sold: with the first cycle that it allows nothing to, or after some.
    """
    cycles: list[ComingCycle] = []
    at = now
    while policy.gradual_unwind_pct > 0 and len(cycles) <= policy.unwind_cycles + MOST_BEYOND:
        step = next_step(view, progress, policy, at)
        if step.due_at is not None:
            at = step.due_at
            step = next_step(view, progress, policy, at)
        if not step.counts and Slice(view, step, price).is_too_thin:
            break
        left = view.held if step.counts else view.held - Slice(view, step, price).quantity
        cycles.append(ComingCycle(at, step, view.held - left, left))
        if floor_to_step(left, view.amount_step) <= 0:
            break
        progress = UnwindProgress(
            step.cycle, step.remaining_pct, step.initial_quantity, step.started_at, at, step.added
        )
        view = replace(view, position=replace(view.position, quantity=left))
    return cycles
