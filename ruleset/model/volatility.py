"""How much a market moves in a day, out of its daily closes: the same digits on every machine.

The formula is that of realised volatility around a mean of zero: the root of the mean squared daily log returns.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import MAX_EMAX, MIN_EMIN, ROUND_HALF_EVEN, Context, Decimal, DivisionByZero, InvalidOperation, Overflow

from msgspec import Struct

_DIGITS = Context(
    prec=40,
    rounding=ROUND_HALF_EVEN,
    Emin=MIN_EMIN,
    Emax=MAX_EMAX,
    traps=[DivisionByZero, InvalidOperation, Overflow],
)
"""Enough digits that the six that are kept are right; what decimal arithmetic rounds is the same everywhere."""
_SIX_PLACES = Decimal("0.000001")
_A_DAY = timedelta(days=1)
LEAST_PART = 2
"""One day in so many must have been told for a volatility to be one."""
MOST_VOLATILITY = Decimal(10)
"""The most that is believed, 1,000 %: a price that goes up or down 22,000-fold on a usual day is a mistake."""


class Volatility(Struct, frozen=True, gc=False):
    """A daily volatility, a fraction with six places, and of how many days it is."""

    value: Decimal
    days: int


def volatility(closes: Iterable[tuple[date, Decimal]], *, days: int, today: date) -> Volatility | None:
    """Compute the daily volatility of the last closed days; None where too few of them were told.

    ``closes`` are last prices by day, in any order; ``today`` is not over and does not count, nor does what comes
    after it. ``days`` returns need one close more. A price that is not above zero is none, and a day that is told twice
    in different ways is not believed, and neither is a result above :data:`MOST_VOLATILITY`. Over days without a close
    the price is taken to have stood still, as it does at venues that tell of such days. Where less than half of the
    days were told, nothing is known.
    """
    told = _believed(closes, today - _A_DAY * (days + 1), today)
    ends = sorted(told)
    if len(ends) < 2 or len(ends) * LEAST_PART < days:  # noqa: PLR2004 - one return takes two closes
        return None
    logs = [_DIGITS.ln(told[day]) for day in ends]
    total = Decimal(0)
    for before, after in itertools.pairwise(logs):
        step = _DIGITS.subtract(after, before)
        total = _DIGITS.fma(step, step, total)
    spanned = (ends[-1] - ends[0]).days
    exact = _DIGITS.sqrt(_DIGITS.divide(total, Decimal(spanned)))
    return None if exact > MOST_VOLATILITY else Volatility(exact.quantize(_SIX_PLACES, context=_DIGITS), spanned)


def _believed(closes: Iterable[tuple[date, Decimal]], first: date, today: date) -> dict[date, Decimal]:
    told: dict[date, Decimal] = {}
    doubtful = set[date]()
    for day, close in closes:
        if not first <= day < today or not close.is_finite() or close <= 0:
            continue
        if told.setdefault(day, close) != close:
            doubtful.add(day)
    return {day: close for day, close in told.items() if day not in doubtful}
