"""What may be asked of a venue before orders are sent: whether it would take them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from exitplan.brokers.protocol import OrderRequest, Refused, Unknown


@dataclass(frozen=True, slots=True)
class NotChecked:
    """The venue checks no such orders, or none for an account in this mode: that says nothing against the order."""

    why: str


Rehearsed = Refused | Unknown | NotChecked | None
"""Why an order would not be taken, that nobody knows, or that it cannot be checked; None where the venue would take it.
"""


@runtime_checkable
class RehearsesOrders(Protocol):
    """A broker of which it can be asked, once it has read the account."""

    def rehearse_orders(self, requests: Sequence[OrderRequest]) -> tuple[Rehearsed, ...]:
        """Have orders checked without sending them, by the venue where it can, else by its steps and minimums alone.

        One answer for each; nothing is placed, and nothing is raised.
        """
        ...
