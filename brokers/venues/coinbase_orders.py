"""What Coinbase's orders hold: their kinds, and what was ordered, which ccxt reads of the plainest kinds alone."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_DOWN, Decimal
from typing import Any

from exitplan.brokers.live.dialect import Exchange, MarketType, Order
from exitplan.brokers.live.parsing import BadReply, amount_of, only_mappings
from exitplan.ruleset.model.values import ZERO

_ORDERS: Mapping[str, tuple[str, str | None]] = {
    "market_market_ioc": ("market", None),
    "market_market_fok": ("market", None),
    "sor_limit_ioc": ("limit", None),
    "limit_limit_gtc": ("limit", None),
    "limit_limit_gtd": ("limit", None),
    "limit_limit_fok": ("limit", None),
    "stop_limit_stop_limit_gtc": ("limit", "stop_price"),
    "stop_limit_stop_limit_gtd": ("limit", "stop_price"),
    "trigger_bracket_gtc": ("bracket", "stop_trigger_price"),
    "trigger_bracket_gtd": ("bracket", "stop_trigger_price"),
    "twap_limit_gtd": ("twap", None),
    "scaled_limit_gtc": ("scaled", None),
}
"""Kinds of orders, https://docs.cdp.coinbase.com/api-reference/advanced-trade-api/rest-api/orders/list-orders.

Each with what it is called here, and the field that holds its trigger.
"""
_EIGHT_PLACES = Decimal("1e-8")
PRODUCTS = {"spot": "SPOT", "swap": "FUTURE", "future": "FUTURE"}
"""The venue's kinds of products, by our kinds of markets: its perpetuals are futures as well."""


def is_for(market_type: MarketType, order: Order) -> bool:
    """Check whether an open order is for this kind of market.

    Raises BadReply for an order or a product of an unknown kind: what it holds could only be guessed.
    """
    name, product = order.get("id"), (order.get("info") or {}).get("product_type")
    if product not in PRODUCTS.values():
        raise BadReply(f"the order {name} is for a product of the kind {product}, which exitplan can't read")
    if product != PRODUCTS[market_type]:
        return False
    kinds = _configuration(order).keys()
    if len(kinds) != 1 or not kinds <= _ORDERS.keys():
        told = ", ".join(sorted(kinds)) or "no kind"
        raise BadReply(f"the order {name} is of the kind {told}, which exitplan can't read")
    return True


def completed(order: Order, exchange: Exchange) -> Order:
    """Add what ccxt leaves out: the fields of most kinds of orders, and the currency of a fee, the market's quote."""
    market = exchange.markets.get(order.get("symbol")) or {}
    completed = {**order, "fee": {**(order.get("fee") or {}), "currency": market.get("quote")}}
    for name, fields in _configuration(order).items():
        word, trigger = _ORDERS.get(name, (None, None))
        if word is None:
            continue
        price = fields.get("limit_price") or order.get("price")
        size = _size(fields, amount_of(fields.get("limit_price")))
        completed |= {
            "type": word,
            "price": price,
            "amount": order.get("amount") if size is None else size,
            "triggerPrice": fields.get(trigger) if trigger else None,
        }
    return completed


def _configuration(order: Order) -> Mapping[str, Mapping[str, Any]]:
    """Return what was ordered, by kind: one entry, beside which there may be empty ones."""
    told = (order.get("info") or {}).get("order_configuration") or {}
    return {name: fields for name, fields in told.items() if fields and isinstance(fields, Mapping)}


def _size(fields: Mapping[str, Any], price: Decimal | None) -> Decimal | None:
    """Return what was ordered, in base; an amount of quote is worth what its limit buys of it, or cannot be told."""
    size, cost = amount_of(fields.get("base_size")), amount_of(fields.get("quote_size"))
    if size is None and fields.get("orders"):  # a scaled order: a ladder of limits
        rungs = [amount_of(rung.get("base_size")) for rung in only_mappings(fields["orders"], "orders")]
        return None if None in rungs else sum((rung for rung in rungs if rung is not None), ZERO)
    if size is None and cost is not None and price:
        return (cost / price).quantize(_EIGHT_PLACES, ROUND_DOWN)
    return size
