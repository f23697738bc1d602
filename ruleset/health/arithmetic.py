"""The functions that a score is made of, in Decimal: the same digits on every machine.

Square root, logarithm and exponential are rounded correctly by :mod:`decimal`, and everything here is computed under
one context of its own, whatever the caller's is.
"""

from __future__ import annotations

from decimal import (
    MAX_EMAX,
    MIN_EMIN,
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DivisionByZero,
    InvalidOperation,
    Overflow,
    localcontext,
)
from functools import lru_cache

from exitplan.ruleset.model.values import ONE, TWO, ZERO

DIGITS = Context(
    prec=34,
    rounding=ROUND_HALF_EVEN,
    Emin=MIN_EMIN,
    Emax=MAX_EMAX,
    traps=[DivisionByZero, InvalidOperation, Overflow],
)
"""The arithmetic of scores: 34 digits, of which six are shown."""
MOST_LOG_ODDS = Decimal(20)
"""Log-odds beyond this are cut: a probability of two in a thousand millions is as good as none."""
LEAST_PROBABILITY = Decimal("0.000001")
"""Probabilities are kept this far from 0 and from 1, so that their log-odds are finite."""

_ROOT_OF_TWO_PI = Decimal("2.506628274631000502415765284811045253006986740610")
_FARTHEST = Decimal(5)
_MOST_KEPT = 4096


def probability_of(log_odds: Decimal) -> Decimal:
    """Return the probability that has these log-odds: 1 / (1 + exp(-z))."""
    with localcontext(DIGITS):
        kept = min(max(log_odds, -MOST_LOG_ODDS), MOST_LOG_ODDS)
        return ONE / (ONE + (-kept).exp())


def log_odds_of(probability: Decimal) -> Decimal:
    """Return ln(p / (1 - p)) of a probability, which is kept a millionth away from 0 and 1."""
    with localcontext(DIGITS):
        kept = min(max(probability, LEAST_PROBABILITY), ONE - LEAST_PROBABILITY)
        return (kept / (ONE - kept)).ln()


def both_tails(distance: Decimal) -> Decimal:
    """Return 2 Phi(-d), the chance that a standard normal number lies further from 0 than ``distance``.

    By the series Phi(d) = 1/2 + phi(d) (d + d^3/3 + d^5/15 + ...): Marsaglia, J. of Statistical Software 11 (2004).
    Beyond 5, where it is below a millionth, it is taken for 0.
    """
    if distance > _FARTHEST:
        return ZERO
    with localcontext(DIGITS):
        square, term, total, odd = distance * distance, distance, distance, ONE
        while term > total.scaleb(-DIGITS.prec):
            odd += TWO
            term = term * square / odd
            total += term
        density = (-square / TWO).exp() / _ROOT_OF_TWO_PI
        return max(ONE - TWO * density * total, ZERO)


@lru_cache(_MOST_KEPT)
def barrier_log_odds(volatility: Decimal, days: int, *, fall: Decimal, is_short: bool = False) -> Decimal:
    """Return the log-odds that a price without drift goes against a position by ``fall`` within ``days``.

    ``volatility`` is that of a day. By the reflection principle the chance is 2 Phi(ln(1 - x) / (sigma sqrt(h))) for a
    long, and with -ln(1 + x) for a short (Karatzas and Shreve, Brownian Motion and Stochastic Calculus, 2.6).
    """
    with localcontext(DIGITS):
        spread = volatility * Decimal(days).sqrt()
        return log_odds_of(both_tails(_way(fall, is_short=is_short) / spread) if spread > 0 else ZERO)


@lru_cache
def _way(fall: Decimal, *, is_short: bool) -> Decimal:
    """Return how far the logarithm of the price is from going against a position by ``fall``."""
    with localcontext(DIGITS):
        return (ONE + fall).ln() if is_short else -((ONE - fall).ln())
