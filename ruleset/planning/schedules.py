"""The formulas of unwind schedules: how much each cycle closes, and what that is expected to cost.

After Almgren and Chriss, Optimal Execution of Portfolio Transactions, Journal of Risk 3 (2000), in discrete time, with
what is sold as a share of the position. ``I`` is the share of its value that a position loses to impact when it is sold
at once, ``sigma`` the volatility of a day, ``tau`` the days from one cycle to the next, ``A`` the risk aversion. Fee
and spread are paid once for each unit whatever the schedule, and do not shape it. What minimises
``cost + A x variance`` is, with ``k = A sigma^2 tau / I``::

    s(0) = 0    s(1) = 1    s(m + 1) = (2 + k) s(m) - s(m - 1)
    left after cycle j of n:                     s(n - j) / s(n)
    closed of the rest with m cycles to go:      p(m, k) = 1 - s(m - 1) / s(m)

All shares are fractions, and exact to 50 digits.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, DivisionByZero, InvalidOperation, Overflow, localcontext

from msgspec import Struct

from exitplan.ruleset.language.unwinding import Unwind
from exitplan.ruleset.model.values import ONE, ZERO

DIGITS = Context(prec=50, Emin=MIN_EMIN, Emax=MAX_EMAX, traps=[DivisionByZero, InvalidOperation, Overflow])
"""The arithmetic of schedules: their roots and quotients do not end, so they are rounded to 50 digits."""

_TWO = Decimal(2)


def share_of_rest(cycles: int, k: Decimal) -> Decimal:
    """Return the share of what is left that the next of so many cycles closes: ``p(m, k)``, from above 0 to 1.

    ``k`` of 0 gives even slices. Raises ValueError for no cycle at all, or a ``k`` below 0.
    """
    if cycles < 1 or k < 0:
        raise ValueError(f"{cycles} cycles with k = {k}: at least one cycle, and a k from 0, are expected")
    with localcontext(DIGITS):
        if k == 0:
            return ONE / cycles
        # s(m - 1) / s(m) rises to a fixed point, where it stays: s itself would outgrow every number.
        left = ZERO
        for _ in range(cycles - 1):
            following = ONE / (_TWO + k - left)
            if following == left:
                break
            left = following
        return ONE - left


def calibrated(pct: Decimal) -> Decimal:
    """Return the ``k`` with which an endless unwind closes this share of the rest in each cycle: ``p^2 / (1 - p)``.

    ``pct`` is above 0 and below 1.
    """
    with localcontext(DIGITS):
        return pct * pct / (ONE - pct)


def urgency(unwind: Unwind, volatility: Decimal | None, tau: Decimal) -> Decimal:
    """Return the ``k`` of an adaptive schedule at the volatility of a day; ``tau`` is the days of a cycle.

    A calibration is made for the policy's own cycles, however long they are, so that ``tau`` cancels out:
    ``k = k_ref (sigma / sigma_ref)^2``. Without a volatility it is the reference; where there is none either, a
    risk aversion gives even slices.
    """
    with localcontext(DIGITS):
        if unwind.calibrate is not None:
            reference = calibrated(unwind.calibrate.pct)
            if volatility is None:
                return reference
            relative = volatility / unwind.calibrate.at_volatility
            return reference * relative * relative
        if volatility is None or unwind.risk_aversion is None or unwind.impact is None:
            return ZERO
        return unwind.risk_aversion * volatility * volatility * tau / unwind.impact


def bounded(share: Decimal, unwind: Unwind) -> Decimal:
    """Return a share of the rest within the policy's ``min_pct`` and ``max_pct``."""
    return min(max(share, unwind.min_pct), unwind.max_pct)


class Outlook(Struct, frozen=True, gc=False):
    """What a schedule is expected to do: what is left after each cycle, as shares of what is held before them."""

    left: tuple[Decimal, ...]

    @property
    def impact(self) -> Decimal:
        """The impact as a share of what selling at once has: ``sum (w(j-1) - w(j))^2``, from above 0 to 1."""
        with localcontext(DIGITS):
            before = (ONE, *self.left[:-1])
            return sum(((one - two) ** 2 for one, two in zip(before, self.left, strict=True)), ZERO)

    @property
    def exposure(self) -> Decimal:
        """What the schedule leaves at risk: ``sqrt(sum w(j)^2)``, in standard deviations of the price over a cycle."""
        with localcontext(DIGITS):
            return sum((share * share for share in self.left), ZERO).sqrt()

    def deviation(self, volatility: Decimal, tau: Decimal) -> Decimal:
        """Return the standard deviation of the proceeds, as a share of the value at the decision."""
        with localcontext(DIGITS):
            return volatility * tau.sqrt() * self.exposure

    def cost(self, impact: Decimal, half_spread: Decimal, fee: Decimal) -> Decimal:
        """Return the expected cost as a share of the value, all three being shares of it."""
        with localcontext(DIGITS):
            return half_spread + fee + impact * self.impact


AT_ONCE = Outlook((ZERO,))
"""Everything is sold in the first cycle."""


def outlook(shares: Sequence[Decimal]) -> Outlook:
    """Return what comes of closing these shares of the rest, one a cycle."""
    left, rest = [], ONE
    with localcontext(DIGITS):
        for share in shares:
            rest *= ONE - share
            left.append(rest)
    return Outlook(tuple(left))


def published(cycles: int, pct: Decimal) -> Outlook:
    """Foresee the published protocol: this share of the rest in each cycle, all of it in the last."""
    return outlook([*[pct] * (cycles - 1), ONE])


def even(cycles: int) -> Outlook:
    """Foresee even slices."""
    return outlook([share_of_rest(cycles - done, ZERO) for done in range(cycles)])


def adaptive(cycles: int, k: Decimal, unwind: Unwind | None = None) -> Outlook:
    """Foresee an adaptive schedule whose volatility stays as it is, within the bounds of the policy."""
    shares = [share_of_rest(cycles - done, k) for done in range(cycles)]
    if unwind is not None:
        shares = [*(bounded(share, unwind) for share in shares[:-1]), ONE]
    return outlook(shares)
