"""Figures and times as a person reads them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal

from exitplan.ruleset.model.values import ZERO, parse_decimal, parse_time, plain
from exitplan.ruleset.planning.actions import BLOCKED_REASONS, Blocked
from exitplan.ruleset.planning.conversion import NOT_CONVERTED
from exitplan.ruleset.planning.exits import HELD_BY

_REASONS = {str(reason): text for reason, text in BLOCKED_REASONS.items()}
_CENTS = Decimal("0.01")
_TENTH = Decimal("0.1")
_DIGITS_OF_LITTLE = 3
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_MEGABYTE = 2**20


def money(amount: Decimal | str | None, currency: str = "") -> str:
    """Format an amount of money: two decimals, below one three digits that say something; ``?`` where unknown."""
    if amount is None:
        return "?"
    value = parse_decimal(amount) if isinstance(amount, str) else amount
    if value == 0 or abs(value) >= 1:
        text = f"{value.quantize(_CENTS, ROUND_HALF_EVEN):,f}"
    else:
        place = Decimal(1).scaleb(value.adjusted() - _DIGITS_OF_LITTLE + 1)
        text = plain(value.quantize(min(place, _CENTS), ROUND_HALF_EVEN))
    return f"{text} {currency}".rstrip()


def exact(amount: Decimal | str) -> str:
    """Write a quantity or price with all its digits, thousands apart."""
    value = parse_decimal(amount) if isinstance(amount, str) else amount
    return f"{Decimal(plain(value)):,f}"


def percent(share: Decimal | str) -> str:
    """Write a fraction as per cent, exactly."""
    value = parse_decimal(share) if isinstance(share, str) else share
    return f"{plain(value * 100)} %"


def rounded_percent(share: Decimal) -> str:
    """Write a fraction as per cent with one decimal; what rounds to nothing is told as less than that."""
    value = (share * 100).quantize(_TENTH, ROUND_HALF_EVEN)
    if value == 0 and share != 0:
        return f"{'<' if share > 0 else '>'} {plain(_TENTH.copy_sign(share))} %"
    return f"{value:,f} %"


def total(amounts: Iterable[Decimal | None]) -> Decimal:
    """Add up estimated values; what is unknown counts as nothing."""
    return sum((amount for amount in amounts if amount is not None), ZERO)


def clock_time(moment: datetime | str) -> str:
    """Write a time to the minute."""
    at = parse_time(moment) if isinstance(moment, str) else moment
    return f"{at:%Y-%m-%d %H:%M} UTC"


def duration(seconds: float) -> str:
    """Write how long something takes, in its largest fitting unit."""
    size = abs(int(seconds))
    for unit, word in ((_DAY, "day"), (_HOUR, "hour"), (_MINUTE, "minute")):
        if size >= unit:
            return counted(size // unit, word)
    return counted(size, "second")


def reason_text(reason: str) -> str:
    """Format in words why an exit is blocked; a reason that this version does not know speaks for itself."""
    return _REASONS.get(reason, reason)


def blocked_text(blocked: Blocked) -> str:
    """Return why an exit is blocked.

    Of a locked balance what holds it, of dust why it is not converted either, of a waiting exit until when it waits, of
    what a group keeps why.
    """
    _, held, holders = blocked.because.partition(HELD_BY)
    if blocked.reason == "locked" and held:
        return f"the balance is {held}{holders}"
    _, separator, why = blocked.because.partition(NOT_CONVERTED)
    if blocked.reason == "group":  # which pair it is of, and why that stays
        return blocked.because
    until = f", until {clock_time(blocked.until)}" if blocked.until else ""
    return reason_text(blocked.reason) + until + (f"; {separator}{why}" if separator else "")


def data_size(size: int) -> str:
    """Write how many bytes something takes: ``120 bytes``, ``1.5 MB``."""
    return f"{size / _MEGABYTE:,.1f} MB" if size >= _MEGABYTE else f"{size:,} bytes"


def counted(number: int, word: str, words: str | None = None) -> str:
    """Write a number with its word: ``1 order``, ``2 orders``."""
    return f"{number:,} {word if number == 1 else words or f'{word}s'}"
