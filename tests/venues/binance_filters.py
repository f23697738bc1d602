"""Binance's filters: how the listing tells them, and what of an order they refuse.

https://github.com/binance/binance-spot-api-docs/blob/master/filters.md
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from exitplan.brokers.paper.orders import PaperOrder
from exitplan.brokers.protocol import OrderRequest
from exitplan.ruleset.model.snapshot import Market
from exitplan.ruleset.model.values import plain
from tests.venues.wire import Document

MOST_ORDERS = 200
MOST_STOPS = 5
MOST_LISTS = 20
_FINEST = Decimal("1e-8")
_LARGEST = Decimal(9_000_000)
_DOWN, _UP = Decimal("0.2"), Decimal(5)


def filters_of(market: Market) -> list[Document]:
    """Return the filters of a symbol as the listing tells them."""
    tick, step = market.price_step or _FINEST, market.amount_step or _FINEST
    return [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": f"{tick:.8f}",
            "maxPrice": "1000000.00000000",
            "tickSize": f"{tick:.8f}",
        },
        {
            "filterType": "LOT_SIZE",
            "minQty": f"{market.min_amount or step:.8f}",
            "maxQty": f"{_most(market):.8f}",
            "stepSize": f"{step:.8f}",
        },
        {"filterType": "ICEBERG_PARTS", "limit": 10},
        {
            "filterType": "MARKET_LOT_SIZE",
            "minQty": "0.00000000",
            "maxQty": f"{_most_at_market(market):.8f}",
            "stepSize": "0.00000000",
        },
        {
            "filterType": "PERCENT_PRICE_BY_SIDE",
            "bidMultiplierUp": plain(_UP),
            "bidMultiplierDown": plain(_DOWN),
            "askMultiplierUp": plain(_UP),
            "askMultiplierDown": plain(_DOWN),
            "avgPriceMins": 5,
        },
        {
            "filterType": "NOTIONAL",
            "minNotional": f"{market.min_notional or 0:.8f}",
            "applyMinToMarket": True,
            "maxNotional": f"{market.max_notional or _LARGEST:.8f}",
            "applyMaxToMarket": False,
            "avgPriceMins": 5,
        },
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": MOST_ORDERS},
        {"filterType": "MAX_NUM_ORDER_LISTS", "maxNumOrderLists": MOST_LISTS},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": MOST_STOPS},
    ]


def broken_filter(request: OrderRequest, market: Market, resting: Sequence[PaperOrder]) -> str | None:
    """Name the first filter that an order breaks; ``resting`` are the orders that rest in the same symbol."""
    return next(_broken(request, market, resting), None)


def _broken(request: OrderRequest, market: Market, resting: Sequence[PaperOrder]) -> Iterator[str]:
    prices = [price for price in (request.price, request.trigger_price) if price is not None]
    if any(_is_off(price, market.price_step) for price in prices):
        yield "PRICE_FILTER"
    average = _average(market)
    if average and request.price is not None and not _DOWN <= request.price / average <= _UP:
        yield "PERCENT_PRICE_BY_SIDE"
    step = market.amount_step
    if _is_off(request.quantity, step) or not (market.min_amount or step or 0) <= request.quantity <= _most(market):
        yield "LOT_SIZE"
    if request.price is None and request.quantity > _most_at_market(market):
        yield "MARKET_LOT_SIZE"
    price = request.price or request.trigger_price or average
    if price is not None:
        notional = request.quantity * price
        above = request.price is not None and notional > (market.max_notional or _LARGEST)
        if notional < (market.min_notional or 0) or above:
            yield "NOTIONAL"
    if len(resting) >= MOST_ORDERS:
        yield "MAX_NUM_ORDERS"
    stops = [order for order in resting if order.trigger_price is not None]
    if request.trigger_price is not None and len(stops) >= MOST_STOPS:
        yield "MAX_NUM_ALGO_ORDERS"


def _average(market: Market) -> Decimal | None:
    """Return what stands in for the mean price of the last minutes."""
    return market.mark()[0]


def _is_off(value: Decimal, step: Decimal | None) -> bool:
    return bool(step) and value % (step or 1) != 0


def _most(market: Market) -> Decimal:
    return market.max_amount or _LARGEST * 1000


def _most_at_market(market: Market) -> Decimal:
    return market.market_max_amount or _most(market)
