"""What a venue tells of the orders that an account has had: one page of them, and whether there are more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from exitplan.brokers.live.parsing import amount_of
from exitplan.brokers.protocol import PastOrders


def past_orders_in(page: Sequence[Mapping[str, Any]], id_field: str, most: int) -> PastOrders:
    """Read the client order ids of a page that begins at the time asked for; a full one may have left some out."""
    names = frozenset(str(order[id_field]) for order in page if order.get(id_field))
    return PastOrders(names, is_complete=len(page) < most)


def past_orders_since(
    page: Sequence[Mapping[str, Any]], id_field: str, time_field: str, since: Decimal | int, most: int
) -> PastOrders:
    """Read the ids of a page of the newest orders, those since a time: older ones say that no newer one is left out.

    An order whose time cannot be read counts as new.
    """
    new = [order for order in page if (amount_of(order.get(time_field)) or since) >= since]
    told = past_orders_in(new, id_field, most)
    return PastOrders(told.client_order_ids, is_complete=len(page) < most or len(new) < len(page))
