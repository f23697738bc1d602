"""What a person meant who wrote a unit, a comma or quotes where a plain number belongs."""

from __future__ import annotations

import re
from decimal import Decimal

from exitplan.ruleset.language.problems import Path
from exitplan.ruleset.model.values import plain

_NUMBER = r"[+-]?(?:[0-9]+(?:[.][0-9]*)?|[.][0-9]+)"
_PERCENT = re.compile(rf"({_NUMBER})\s*(?:%|pct|percent)")
_MONEY = re.compile(rf"[$€£]\s*({_NUMBER})|({_NUMBER})\s*(?:[$€£]|USDT?|EUR|usdt?)")
_SPAN = re.compile(rf"({_NUMBER})\s*(s|sec|m|min|mins|minutes?|h|hours?|d|days?)")
_GROUPED = re.compile(r"[0-9]{1,3}(?:[_ ',][0-9]{3})+(?:\.[0-9]+)?")
_COMMA = re.compile(r"([0-9]+),([0-9]+)")
_WHOLE = 100
_MINUTES = {"s": Decimal(1) / 60, "m": Decimal(1), "h": Decimal(60), "d": Decimal(1440)}


def number_hint(value: object, path: Path) -> str | None:
    """Describe how to write what was meant; None where the found value gives no clue."""
    return _meant(value.strip()) or _unit_of(path) if isinstance(value, str) else None


def _meant(word: str) -> str | None:
    if match := _PERCENT.fullmatch(word):
        return f"write {plain(Decimal(match[1]) / 100)} for {match[1]} %"
    if match := _MONEY.fullmatch(word):
        return f"write {match[1] or match[2]}: amounts are plain numbers in the account's quote currency"
    if match := _SPAN.fullmatch(word):
        return _span_hint(Decimal(match[1]), match[2], word)
    return _respelled(word)


def _respelled(word: str) -> str | None:
    if re.fullmatch(_NUMBER, word):
        return f"write {word} without quotes"
    if _GROUPED.fullmatch(word):
        return f"write {re.sub(r'[^0-9.]', '', word)}, digits without separators"
    if match := _COMMA.fullmatch(word):
        return f"write {match[1]}.{match[2]} with a point"
    return None


def range_hint(value: object, high: object) -> str | None:
    """Describe how to write a percentage where a fraction is expected."""
    is_fraction = isinstance(high, int | Decimal) and 0 < high <= 1
    if not is_fraction or isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    number = Decimal(value)
    if high == 1 and not 1 < number <= _WHOLE:
        return None
    return f"1 % is 0.01; write {plain(number / 100)} for {plain(number)} %" if high != 1 else _percent(number)


def _percent(number: Decimal) -> str:
    return f"write {plain(number / 100)} for {plain(number)} %"


def _span_hint(number: Decimal, unit: str, word: str) -> str:
    minutes = number * _MINUTES[unit[0]]
    shown = plain(minutes.quantize(Decimal("0.000001")))
    return f"write {shown}: times are plain numbers of minutes, not {word}"


def _unit_of(path: Path) -> str | None:
    """Return the unit from the name, as facts and parameters are named: ``_pct``, ``_usd``, ``_minutes``."""
    names = [part for part in path if isinstance(part, str)]
    for name in reversed(names):
        if "_pct" in name:
            return "it is a fraction: 0.01 is 1 %"
        if "_usd" in name:
            return "it is an amount, a plain number such as 1.00"
        if "_minutes" in name:
            return "it is a plain number of minutes"
    return None
