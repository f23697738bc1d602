"""Which of Alpaca's positions and orders are of crypto, and what its resting orders mean."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_DOWN, Decimal
from typing import Any

from exitplan.brokers.live.dialect import Order
from exitplan.brokers.live.parsing import BadReply, amount_of

_CRYPTO, _LEFT_ALONE = "crypto", frozenset({"us_equity", "us_option"})
_SEVERAL_LEGS = "mleg"
"""The class of an order for several options at once, which names no kind of asset."""
_CLASSES = frozenset({None, "", "simple"})
"""Classes of orders for crypto; the others have legs, https://alpaca.markets/sdks/python/api_reference/trading/enums.html."""
_ORDERS = {"market": "market", "limit": "limit", "stop": "stop", "stop_limit": "stop_limit", "trailing_stop": "stop"}
"""Kinds of orders and what each is called here: one that trails sends a market order, and tells its trigger of now."""
_EIGHT_PLACES = Decimal("1e-8")


def is_crypto(entry: Mapping[str, Any]) -> bool:
    """Check whether a position or an order is of crypto; raises BadReply for a kind that is not known here."""
    kind = entry.get("asset_class")
    if kind == _CRYPTO:
        return True
    if kind not in _LEFT_ALONE and entry.get("order_class") != _SEVERAL_LEGS:
        raise BadReply(f"{entry.get('symbol')} is of the kind {kind}, which exitplan can't read")
    return False


def completed(order: Order) -> Order:
    """Correct what ccxt makes of a resting order; raises BadReply for one of a kind that is not known here.

    An order for an amount of money has no quantity: it is worth what its limit buys, or that cannot be told.
    """
    entry = order["info"]
    kind, group = entry.get("order_type"), entry.get("order_class")
    if kind not in _ORDERS or group not in _CLASSES:
        raise BadReply(f"the order {order['id']} is of the kind {group or 'simple'} {kind}, which exitplan can't read")
    cost, limit = amount_of(entry.get("notional")), amount_of(entry.get("limit_price"))
    if amount_of(entry.get("qty")) is None and cost is not None and limit:
        order = {**order, "amount": (cost / limit).quantize(_EIGHT_PLACES, ROUND_DOWN)}
    return {**order, "type": _ORDERS[kind]}
