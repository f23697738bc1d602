"""What may be asked of a venue before orders are sent: whether it would take them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from exitplan.brokers.protocol import OrderRequest, Refused, Unknown

Rehearsed = Refused | Unknown | None
"""Why an order would not be taken, or that nobody knows; None where nothing speaks against it."""


@runtime_checkable
class RehearsesOrders(Protocol):
    """A broker of which it can be asked, once it has read the account."""

    def rehearse_orders(self, requests: Sequence[OrderRequest]) -> tuple[Rehearsed, ...]:
        """Have orders checked without sending them, by the venue where it can, else by its steps and minimums alone.

        One answer for each; nothing is placed, and nothing is raised.
        """
        ...
