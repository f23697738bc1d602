"""What an unquoted word of YAML means: the core schema of YAML 1.2, with decimals instead of floats.

``NO``, ``yes``, ``on``, ``12:30``, ``2026-02-18`` and ``1_000`` are text; ``1e-8`` is a number.
Source: https://yaml.org/spec/1.2.2/#1032-tag-resolution
"""

from __future__ import annotations

import re
from decimal import Decimal

Scalar = str | int | Decimal | bool | None
LONGEST_NUMBER = 80
"""Digits of a number, exponent at most two digits: more is nobody's amount, and would cost gigabytes written out."""

_CONSTANTS: dict[str, Scalar] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_DECIMAL = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_EXPONENT = re.compile(r"[eE][-+]?0*[0-9]{1,2}$")
_BARE = re.compile(r"\$?[A-Za-z][A-Za-z0-9_./-]*( [A-Za-z][A-Za-z0-9_-]*)*")
_MEANINGFUL = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


class NotANumber(ValueError):
    """A word that YAML takes for a number and that is not one exitplan can work with."""


def plain_scalar(word: str) -> Scalar:
    """Return the value of an unquoted word.

    Raises NotANumber for infinities, NaN and numbers of absurd length.
    """
    if word in _CONSTANTS:
        return _CONSTANTS[word]
    if _NOT_FINITE.fullmatch(word):
        raise NotANumber(f"{word} is not a number that can be worked with; in quotes it would be text")
    if _OCTAL.fullmatch(word) or _HEXADECIMAL.fullmatch(word):
        return int(_short_enough(word), 0)
    if _INTEGER.fullmatch(word):
        return int(_short_enough(word))
    if _DECIMAL.fullmatch(word):
        return exact_decimal(word)
    return word


def is_bare_text(text: str) -> bool:
    """Check whether a text needs no quotes: no reader of YAML, old or new, can take it for anything else."""
    return _BARE.fullmatch(text) is not None and text.lower() not in _MEANINGFUL


def exact_decimal(word: str) -> Decimal:
    """Read a decimal number as it is written.

    Raises NotANumber where it has more digits, or a larger exponent, than any amount could need.
    """
    _short_enough(word)
    if ("e" in word or "E" in word) and _EXPONENT.search(word) is None:
        raise NotANumber(f"the exponent of {word} is too large")
    return Decimal(word)


def _short_enough(word: str) -> str:
    if len(word) > LONGEST_NUMBER:
        raise NotANumber(f"a number of {len(word)} characters is too long; at most {LONGEST_NUMBER} are allowed")
    return word
