"""What a person can do where exitplan cannot: the lines to write into a policy."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from itertools import islice

_FEW = 3
_MANY = 8
_BARE = re.compile(r"[A-Za-z][A-Za-z0-9._/:~-]*(?<!:)")


def protect_line(symbols: Iterable[str], reason: str = "...") -> str:
    """Return the ``protect`` line that keeps symbols out of the protocol; of many it names the first few."""
    known = list(dict.fromkeys(symbols))
    entries = ", ".join(f"{{symbol: {_scalar(symbol)}, reason: {reason}}}" for symbol in islice(known, _FEW))
    return f"protect: [{entries}]{_rest(known)}"


def protect_lines(symbols: Iterable[str]) -> list[str]:
    """Return the same to be copied from a screen, however narrow it is: one symbol a line."""
    known = list(dict.fromkeys(symbols))
    if len(known) == 1:
        return [protect_line(known)]
    rest = [f"  # and {len(known) - _MANY} more"] if len(known) > _MANY else []
    return ["protect:", *(f"  - {{symbol: {_scalar(symbol)}, reason: ...}}" for symbol in known[:_MANY]), *rest]


def _rest(symbols: Sequence[str]) -> str:
    return f" (and {len(symbols) - _FEW} more)" if len(symbols) > _FEW else ""


def _scalar(symbol: str) -> str:
    """Write a symbol so that YAML reads back the same text."""
    return symbol if _BARE.fullmatch(symbol) else json.dumps(symbol)
