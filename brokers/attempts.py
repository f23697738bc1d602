"""The border to what may break in any way: somebody's object, ccxt, a plug-in.

Errors of ours pass such borders only where their caller says so. What was raised is never lost: ``failed`` words it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
U = TypeVar("U")


def attempt(do: Callable[[], T], failed: Callable[[Exception], U]) -> T | U:
    """Do something; whatever it raises becomes what ``failed`` makes of it, such as an outcome that is unknown."""
    try:
        return do()
    except Exception as error:  # noqa: BLE001 - nobody knows what may be raised; the caller says what it means
        return failed(error)
