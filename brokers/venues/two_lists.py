"""Orders at venues that keep those which wait for a trigger in a list of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def in_either_list(do: Callable[[bool], T], *, is_trigger: bool) -> T:
    """Do something in the list where an order should be, and in the other one where it is not found there.

    A trigger that was reached moves an order, and who just started does not know which list an order was in. ``do``
    gets true for the list of those that wait.
    """
    from ccxt.base.errors import OrderNotFound  # noqa: PLC0415 - ccxt is loaded only where a live venue is used

    try:
        return do(is_trigger)
    except OrderNotFound:
        return do(not is_trigger)
