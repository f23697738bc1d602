"""What a program's own objects hand over, read exactly: numbers of any type, times in local time, symbols."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Context, Decimal, InvalidOperation
from numbers import Real

from exitplan.ruleset.model.values import unified_symbol

EDGE = 20
"""Amounts beyond ten to this power, or below its inverse, are no amounts of money."""

_SYMBOL = re.compile(r"[^\s\x00-\x1f\x7f#]{1,64}")
_WIDE = Context(prec=60)
_UNKNOWN = "UNKNOWN"


def amount_of(value: object) -> Decimal | None:
    """Read a number exactly as it prints: 0.1 is a tenth; None for what is no finite number, or an absurd one."""
    if isinstance(value, bool) or not isinstance(value, Decimal | Real | str):
        return None
    try:
        number = _WIDE.create_decimal(str(value).strip())
    except InvalidOperation:
        return None
    if not number.is_finite() or (number and abs(number.adjusted()) > EDGE):
        return None
    return number


def first_amount(entry: Mapping[str, object], *keys: str) -> Decimal | None:
    """Return the first of these amounts that is there and not zero; zero where one is, None where none can be read."""
    amounts = [amount for key in keys if (amount := amount_of(entry.get(key))) is not None]
    return next((amount for amount in amounts if amount), amounts[0] if amounts else None)


def moment_of(value: object) -> datetime | None:
    """Read an ISO 8601 text or a datetime as UTC, one without a zone as local time; None for anything else."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    try:
        return value.astimezone(UTC)
    except (OverflowError, ValueError):
        return None


def symbol_of(name: object) -> str | None:
    """Return the unified form of a symbol; None for what names no market, such as ``UNKNOWN``."""
    if not isinstance(name, str) or name.strip().upper() == _UNKNOWN or not _SYMBOL.fullmatch(name.strip()):
        return None
    symbol = unified_symbol(name)
    base, slash, quote = symbol.partition("/")
    return symbol if base and (quote or not slash) else None
