"""Binance's names for things, and its JSON for listings, prices, orders and trades.

https://github.com/binance/binance-spot-api-docs/blob/master/rest-api.md and errors.md
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from exitplan.brokers.paper.orders import PaperOrder, sum_exactly
from exitplan.brokers.protocol import OrderType, RefusalReason
from exitplan.ruleset.model.snapshot import Market
from exitplan.ruleset.model.values import ZERO, floor_to_step
from tests.venues.binance_filters import filters_of
from tests.venues.venue import Execution
from tests.venues.wire import Document

_FINEST = Decimal("1e-8")

TYPES: Mapping[str, OrderType] = {
    "MARKET": "market",
    "LIMIT": "limit",
    "LIMIT_MAKER": "limit",
    "STOP_LOSS": "stop",
    "STOP_LOSS_LIMIT": "stop_limit",
}
_BINANCE_TYPES: Mapping[str, str] = {
    "market": "MARKET",
    "limit": "LIMIT",
    "stop": "STOP_LOSS",
    "stop_limit": "STOP_LOSS_LIMIT",
}

REFUSALS = {
    RefusalReason.UNKNOWN_SYMBOL: "-1121 Invalid symbol.",
    RefusalReason.MARKET_INACTIVE: "-1013 Market is closed.",
    RefusalReason.INVALID_QUANTITY: "-1013 Invalid quantity.",
    RefusalReason.INVALID_PRICE: "-1013 Invalid price.",
    RefusalReason.TRIGGER_SIDE: "-2010 Order would trigger immediately.",
    RefusalReason.NO_PRICE: "-1112 No orders on book for symbol.",
    RefusalReason.INSUFFICIENT_BALANCE: "-2010 Account has insufficient balance for requested action.",
    RefusalReason.DUPLICATE_CLIENT_ORDER_ID: "-2010 Duplicate order sent.",
    RefusalReason.UNKNOWN_ORDER: "-2011 Unknown order sent.",
    RefusalReason.ORDER_CLOSED: "-2011 Unknown order sent.",
    RefusalReason.UNSUPPORTED: "-1116 Invalid orderType.",
}
"""Binance's code and words for what the matching engine refuses; what filters refuse never gets there."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What an order was asked for that the matching engine does not keep.

    ``list_id`` is that of its order list. ``expired`` tells that the venue ended it, for the other one of its list.
    """

    type: str
    time_in_force: str = "GTC"
    quote_quantity: Decimal = ZERO
    strategy: Mapping[str, int] | None = None
    list_id: int = -1
    expired: bool = False


def symbol_id(symbol: str) -> str:
    return symbol.replace("/", "")


def number_of(name: str) -> int:
    """Return an order, a trade or a conversion a number as binance's look."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:5])


def client_id_of(order: PaperOrder) -> str:
    """Return the client's id of an order, one that binance made up where the client gave none."""
    return order.client_order_id or made_up_id(order.id)


def made_up_id(name: str) -> str:
    return hashlib.sha256(f"id of {name}".encode()).hexdigest()[:22]


def milliseconds(moment: datetime | None) -> int:
    return 0 if moment is None else int(moment.timestamp() * 1000)


def amount(value: Decimal) -> str:
    """Write an amount as binance does, never more of it than there is."""
    return f"{floor_to_step(value, _FINEST):.8f}"


def symbol_document(symbol: str, market: Market) -> Document:
    base, quote = symbol.split("/")
    return {
        "symbol": symbol_id(symbol),
        "status": "TRADING" if market.active else "BREAK",
        "baseAsset": base,
        "baseAssetPrecision": 8,
        "quoteAsset": quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": list(TYPES),
        "icebergAllowed": False,
        "ocoAllowed": True,
        "otoAllowed": False,
        "opoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": False,
        "cancelReplaceAllowed": False,
        "amendAllowed": False,
        "pegInstructionsAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": filters_of(market),
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": ["EXPIRE_MAKER"],
    }


def book_document(symbol: str, market: Market) -> Document:
    """Return the top of a book; a side that the account's file does not know is where the last trade was."""
    bid, ask = (market.last if price is None else price for price in (market.bid, market.ask))
    return {
        "symbol": symbol_id(symbol),
        "bidPrice": amount(bid or ZERO),
        "bidQty": "1.00000000",
        "askPrice": amount(ask or ZERO),
        "askQty": "1.00000000",
    }


def ticker_document(symbol: str, market: Market, now: datetime) -> Document:
    last = amount(market.last or ZERO)
    return {
        **book_document(symbol, market),
        "priceChange": "0.00000000",
        "priceChangePercent": "0.000",
        "weightedAvgPrice": last,
        "prevClosePrice": last,
        "lastPrice": last,
        "lastQty": "1.00000000",
        "openPrice": last,
        "highPrice": last,
        "lowPrice": last,
        "volume": "10.00000000",
        "quoteVolume": amount(10 * (market.last or ZERO)),
        "openTime": milliseconds(now) - 86_400_000,
        "closeTime": milliseconds(now),
        "firstId": 1,
        "lastId": 10,
        "count": 10,
    }


def status_of(order: PaperOrder, asked: Asked) -> str:
    """Return how binance names the state of an order; what its own rules end is expired."""
    if order.status == "open":
        return "PARTIALLY_FILLED" if order.filled else "NEW"
    if order.status == "closed":
        return "FILLED"
    is_expired = asked.expired or asked.type == "MARKET" or asked.time_in_force != "GTC"
    return "EXPIRED" if is_expired else "CANCELED"


def asked_of(order: PaperOrder) -> Asked:
    """Return what an order was asked for that was there before the account came here."""
    return Asked(_BINANCE_TYPES.get(order.type, "MARKET"))


def report_document(order: PaperOrder, asked: Asked) -> Document:
    """Return an order as the reply that it was taken tells it: what rests works, what waits for a trigger does not."""
    document: Document = {
        "symbol": symbol_id(order.symbol),
        "orderId": number_of(order.id),
        "orderListId": asked.list_id,
        "clientOrderId": client_id_of(order),
        "transactTime": milliseconds(order.updated_at),
        "price": amount(order.price or ZERO),
        "origQty": amount(order.quantity),
        "executedQty": amount(order.filled),
        "origQuoteOrderQty": amount(asked.quote_quantity),
        "cummulativeQuoteQty": amount(_cost(order)),
        "status": status_of(order, asked),
        "timeInForce": asked.time_in_force,
        "type": asked.type,
        "side": order.side.upper(),
        "workingTime": milliseconds(order.created_at) if order.fires_above is None else -1,
        "selfTradePreventionMode": "EXPIRE_MAKER",
        **(asked.strategy or {}),
    }
    stops = {} if order.trigger_price is None else {"stopPrice": amount(order.trigger_price)}
    return {**document, **stops}


def order_document(order: PaperOrder, asked: Asked) -> Document:
    """Return an order as it is told when it is asked for."""
    document = report_document(order, asked)
    del document["transactTime"]
    return {
        **document,
        "stopPrice": amount(order.trigger_price or ZERO),
        "icebergQty": "0.00000000",
        "time": milliseconds(order.created_at),
        "updateTime": milliseconds(order.updated_at or order.created_at),
        "isWorking": order.fires_above is None,
    }


def fill_documents(trades: Sequence[Execution]) -> list[Document]:
    """Return the fills of an order as the reply that it was taken tells them."""
    return [
        {
            "price": amount(trade.price),
            "qty": amount(trade.quantity),
            "commission": amount(trade.fee),
            "commissionAsset": _fee_asset(trade),
            "tradeId": number_of(f"trade {trade.id}"),
        }
        for trade in trades
    ]


def trade_document(trade: Execution, list_id: int) -> Document:
    return {
        "symbol": symbol_id(trade.symbol),
        "id": number_of(f"trade {trade.id}"),
        "orderId": number_of(trade.order),
        "orderListId": list_id,
        "price": amount(trade.price),
        "qty": amount(trade.quantity),
        "quoteQty": amount(trade.price * trade.quantity),
        "commission": amount(trade.fee),
        "commissionAsset": _fee_asset(trade),
        "time": milliseconds(trade.at),
        "isBuyer": trade.side == "buy",
        "isMaker": trade.maker,
        "isBestMatch": True,
    }


def _fee_asset(trade: Execution) -> str:
    return trade.fee_currency or trade.symbol.partition("/")[2]


def _cost(order: PaperOrder) -> Decimal:
    """Return what was paid; what was filled before the account came here is told at its own price."""
    earlier = order.earlier * (order.price or order.trigger_price or ZERO)
    return sum_exactly(fill.quantity * fill.price for fill in order.fills) + earlier
