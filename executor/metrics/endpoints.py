"""Name the endpoint of a call so that there are few: what differs from order to order is left out."""

from __future__ import annotations

import re

_VERSION = re.compile(r"v[0-9]+[a-z]*[0-9]*")
_SYMBOL = re.compile(r"[A-Z0-9]{2,}(?:[-_/:.]?[A-Z0-9]+)*")
_SHORT = 3
_LONGEST = 40


def endpoint_of(call: str) -> str:
    """Return the name of a call as a label: ``GET /orders/8f3a-91`` becomes ``GET /orders/:id``.

    A call that is no path, such as a method of a program's own broker, keeps its name.
    """
    method, space, path = call.partition(" ")
    if not space or not path.startswith("/"):
        return call[:_LONGEST]
    return f"{method} {'/'.join(map(_part, path.split('/')))}"


def _part(segment: str) -> str:
    """Return a segment of a path, or what stands for it: an id has figures in it, a symbol has no small letters."""
    if _VERSION.fullmatch(segment) or not segment:
        return segment
    has_digit = any(letter.isdigit() for letter in segment)
    if has_digit and (len(segment) > _SHORT or segment.isdigit()):
        return segment if segment == "0" else ":symbol" if _is_symbol(segment) else ":id"
    if _is_symbol(segment):
        return ":symbol"
    return segment if len(segment) <= _LONGEST else ":id"


def _is_symbol(segment: str) -> bool:
    letters = sum(letter.isalpha() for letter in segment)
    return letters > len(segment) / 2 and _SYMBOL.fullmatch(segment) is not None
