"""What Kraken's resting orders mean: those that trail, offsets in the place of prices, volumes in quote."""

from __future__ import annotations

from decimal import Decimal

from exitplan.brokers.live.dialect import Order
from exitplan.brokers.live.parsing import BadReply, amount_of

_UNLEVERED = frozenset({"none", "0", "1:1", "1"})
_STOPS = {
    "stop-loss": "stop",
    "take-profit": "stop",
    "trailing-stop": "stop",
    "stop-loss-limit": "stop_limit",
    "take-profit-limit": "stop_limit",
    "trailing-stop-limit": "stop_limit",
}
"""What waits for a trigger, and sends this, https://docs.kraken.com/api-reference/account-data/get-open-orders."""
_OTHERS = {"limit": "limit", "iceberg": "limit", "market": "market"}
_TRAILS = "trailing-"
_IN_QUOTE = "viqc"
"""The flag of an order whose volume is in quote; what of it is executed is in base all the same."""


def completed(order: Order) -> Order:
    """Correct what ccxt makes of a resting order: the trigger is no limit, and a price with a sign is an offset.

    Raises BadReply for one with leverage, which opens a margin position, or of a kind that is not known here.
    """
    info = order.get("info") or {}
    told = info.get("descr") or {}
    leverage, kind = str(told.get("leverage") or "none"), str(told.get("ordertype"))
    if leverage not in _UNLEVERED:
        raise BadReply(f"the order {order.get('id')} is a margin order ({leverage}), which exitplan can't read")
    if kind not in _STOPS and kind not in _OTHERS:
        raise BadReply(f"the order {order.get('id')} is of the kind {kind}, which exitplan can't read")
    word, trails = _STOPS.get(kind) or _OTHERS[kind], kind.startswith(_TRAILS)
    price, second = (None if trails else _absolute(told.get(name)) for name in ("price", "price2"))
    corrected = {**order, "type": word}
    if kind in _STOPS:
        corrected["triggerPrice"] = price or amount_of(info.get("stopprice"))
        price = second
    if word == "limit" or (word == "stop_limit" and not trails):
        corrected["price"] = price or amount_of(info.get("limitprice"))
    else:
        corrected["price"] = None  # of what trails the limit is an offset as well, and limitprice the best price so far
    if _IN_QUOTE in str(info.get("oflags") or ""):
        corrected |= {"amount": None, "remaining": None}
    if not info.get("cl_ord_id") and str(info.get("userref") or "0") == "0":
        corrected["clientOrderId"] = None
    return corrected


def _absolute(price: object) -> Decimal | None:
    """Return a price where it is one, and no offset such as +1.0000%; None where it is zero."""
    text = str(price or "0")
    return None if text[0] in "+-#" or text.endswith("%") else amount_of(text) or None
