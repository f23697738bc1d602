"""Amounts, times and symbols: the few value types everything else is built on.

Money is :class:`~decimal.Decimal`, computed under :data:`EXACT`; time is an aware UTC :class:`~datetime.datetime`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from decimal import (
    MAX_EMAX,
    MIN_EMIN,
    ROUND_CEILING,
    ROUND_FLOOR,
    Context,
    Decimal,
    DivisionByZero,
    InvalidOperation,
    Overflow,
)

EXACT = Context(prec=120, Emin=MIN_EMIN, Emax=MAX_EMAX, traps=[DivisionByZero, InvalidOperation, Overflow])
"""The arithmetic of the core: 120 digits, so that sums and products of what a venue sends are exact."""

MICRO = 1_000_000
"""Facts are numbers with six decimal places, held as integers of this unit."""

ZERO, ONE, TWO = Decimal(0), Decimal(1), Decimal(2)
DEFAULT_STEP = Decimal("0.00000001")
"""The step of a market that names none: eight decimal places."""

_DECIMAL = re.compile(r"[+-]?[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,2})?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_SEPARATOR = re.compile("[-_]")
_OPTION = re.compile(r":(\w+)-\d+-[\w.]+-[CP]", re.ASCII)
"""The end of an option's symbol: what it is settled in, when it expires, its strike, and whether it is a call."""
_TIME = re.compile(r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2})(\.\d{1,9})?(Z|z|[+-]\d{2}:\d{2})", re.ASCII)


def parse_decimal(text: str) -> Decimal:
    """Read a decimal such as ``0.5`` or ``1e-8`` exactly.

    Raises ValueError for anything else, NaN and infinities among them.
    """
    if _DECIMAL.fullmatch(text) is None:
        raise ValueError(f"{text!r} is not a decimal number")
    return Decimal(text)


def plain(value: Decimal) -> str:
    """Write a decimal without exponent and without zeros that say nothing: ``312.50`` becomes ``312.5``."""
    text = str(value)
    if "E" in text:
        text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def to_micro(value: Decimal) -> int:
    """Scale to millionths, rounded toward minus infinity: facts have six places."""
    return math.floor(value.scaleb(6, EXACT))


def micro_text(value: int) -> str:
    """Write millionths as a decimal with six places."""
    if value == 0:  # as many facts are
        return "0.000000"
    if value < 0:
        return f"-{micro_text(-value)}"
    digits = str(value)
    return f"{digits[:-6]}.{digits[-6:]}" if value >= MICRO else f"0.{digits:0>6}"


def floor_to_step(quantity: Decimal, step: Decimal | None) -> Decimal:
    """Round down to a multiple of step; no step, no rounding."""
    if not step:
        return quantity
    return EXACT.multiply(EXACT.divide(quantity, step).to_integral_value(ROUND_FLOOR, EXACT), step)


def ceil_to_step(quantity: Decimal, step: Decimal | None) -> Decimal:
    """Round up to a multiple of step; without a step to eight places."""
    unit = step or DEFAULT_STEP
    return EXACT.multiply(EXACT.divide(quantity, unit).to_integral_value(ROUND_CEILING, EXACT), unit)


def parse_time(text: str) -> datetime:
    """Read an ISO 8601 time with ``Z`` or an offset as aware UTC.

    Raises ValueError for a naive time: a time without a zone means nothing.
    """
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not an ISO 8601 time in UTC, such as 2026-02-18T22:00:00Z")
    day, clock, fraction, zone = match.groups()
    if fraction is None and zone == "Z":
        return datetime.fromisoformat(text)
    fraction = (fraction or "")[:7]
    zone = "+00:00" if zone in "Zz" else zone
    try:
        return datetime.fromisoformat(f"{day}T{clock}{fraction}{zone}").astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{text!r} is out of the calendar's range") from error


def parse_moment(text: str) -> datetime:
    """Read a time as a person writes it: as :func:`parse_time` does, or a date, which is its midnight in UTC."""
    return parse_time(f"{text}T00:00:00Z" if _DATE.fullmatch(text) else text)


def time_text(moment: datetime) -> str:
    """Write a time as ISO 8601 in UTC with ``Z``, without a fraction where it is zero."""
    utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return f"{utc.isoformat()[:-6]}Z"


def unified_symbol(text: str) -> str:
    """Return ccxt's unified form of a symbol, however it is written: ``ETH-USD`` and ``ETH_USD`` become ``ETH/USD``."""
    symbol = text.strip()
    return symbol if "/" in symbol else _SEPARATOR.sub("/", symbol, count=1)


def meant_symbol(text: str, known: Collection[str]) -> str:
    """Return the known symbol that a person means: ``eth-usd``, ``ETHUSD`` and ``ETH`` are ``ETH/USD``.

    Its unified form where none fits, or several do.
    """
    symbol = unified_symbol(text)
    if symbol in known:
        return symbol
    letters = _letters(text)
    spelled = [name for name in known if _letters(name) == letters]
    fitting = spelled or [name for name in known if base_of(name).upper() == symbol.upper()]
    return fitting[0] if len(fitting) == 1 else symbol


def _letters(symbol: str) -> str:
    return re.sub(r"[\s/_-]", "", symbol.upper())


def base_of(symbol: str) -> str:
    """Return the base currency of a unified symbol: the ``ETH`` of ``ETH/USD``."""
    return symbol.partition("/")[0]


def quote_of(symbol: str) -> str | None:
    """Return the currency that prices of a unified symbol are in; None where it names none (``DUSTCOIN``).

    It is the quote currency, but an option is priced in what it is settled in: ``BTC/USD:BTC-261225-60000-C`` in BTC.
    """
    _, slash, rest = symbol.partition("/")
    quote, colon, _ = rest.partition(":")
    option = _OPTION.fullmatch(rest, len(quote)) if colon else None
    if option is not None:
        return option[1]
    return quote if slash else None


def is_option(symbol: str) -> bool:
    """Check whether a unified symbol is that of an option."""
    return _OPTION.search(symbol) is not None


def is_derivative(symbol: str) -> bool:
    """Check whether a unified symbol is that of a derivative (``BTC/USDT:USDT``) and not of spot."""
    return ":" in symbol


def later(moment: datetime, interval: timedelta) -> datetime:
    """Return a moment this much later, or the last one of the calendar."""
    try:
        return moment + interval
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)
