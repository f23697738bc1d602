"""Binance's JSON for USD-M futures: listings, prices, wallets, positions, orders and those that wait for a trigger.

https://developers.binance.com/docs/derivatives/usds-margined-futures/general-info
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from exitplan.brokers.paper.orders import PaperOrder, average_price, sum_exactly
from exitplan.brokers.protocol import RefusalReason
from exitplan.ruleset.model.snapshot import Market, Position, Side
from exitplan.ruleset.model.values import ZERO, base_of, plain, quote_of
from tests.venues.binance_shapes import Asked, client_id_of, made_up_id, milliseconds, number_of, status_of
from tests.venues.venue import Execution
from tests.venues.wire import Document

LEVERAGE = 10
"""Of every position; what it binds of the wallet is its value by this."""
CONDITIONAL: Mapping[str, bool] = {
    "STOP": True,
    "STOP_MARKET": False,
    "TAKE_PROFIT": True,
    "TAKE_PROFIT_MARKET": False,
    "TRAILING_STOP_MARKET": False,
}
"""What waits for a trigger in a list of its own, and whether it has a price."""
REFUSALS: Mapping[RefusalReason, str] = {
    RefusalReason.UNKNOWN_SYMBOL: "-1121 Invalid symbol.",
    RefusalReason.MARKET_INACTIVE: "-4141 Symbol is closed.",
    RefusalReason.INVALID_QUANTITY: "-4003 Quantity less than or equal to zero.",
    RefusalReason.AMOUNT_STEP: "-1111 Precision is over the maximum defined for this asset.",
    RefusalReason.BELOW_MIN_AMOUNT: "-4004 Quantity less than min quantity.",
    RefusalReason.ABOVE_MAX_AMOUNT: "-4005 Quantity greater than max quantity.",
    RefusalReason.BELOW_MIN_NOTIONAL: "-4164 Order's notional must be no smaller than 5.",
    RefusalReason.INVALID_PRICE: "-4001 Price less than 0.",
    RefusalReason.PRICE_STEP: "-4014 Price not increased by tick size.",
    RefusalReason.TRIGGER_SIDE: "-2021 Order would immediately trigger.",
    RefusalReason.NO_PRICE: "-4131 The counterparty's best price does not meet the PERCENT_PRICE filter limit.",
    RefusalReason.INSUFFICIENT_BALANCE: "-2019 Margin is insufficient.",
    RefusalReason.REDUCE_ONLY: "-2022 ReduceOnly Order is rejected.",
    RefusalReason.DUPLICATE_CLIENT_ORDER_ID: "-4116 ClientOrderId is duplicated.",
    RefusalReason.UNKNOWN_ORDER: "-2011 Unknown order sent.",
    RefusalReason.ORDER_CLOSED: "-2011 Unknown order sent.",
    RefusalReason.UNSUPPORTED: "-1116 Invalid orderType.",
}
"""Binance's code and words for what the matching engine refuses of futures."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What an order that waits for a trigger was asked for beyond what the matching engine keeps.

    ``closes`` is an order for all that is then held; ``callback`` is in percent, ``since`` the best price from which
    it is counted, None before ``activate`` is reached.
    """

    type: str
    closes: bool = False
    callback: Decimal | None = None
    activate: Decimal | None = None
    since: Decimal | None = None


def symbol_id(symbol: str) -> str:
    return symbol.partition(":")[0].replace("/", "")


def settled_in(symbol: str) -> str:
    return symbol.partition(":")[2]


def symbol_document(symbol: str, market: Market) -> Document:
    tick, step = market.price_step or Decimal("0.01"), market.amount_step or Decimal("0.001")
    lots = {"minQty": plain(market.min_amount or step), "stepSize": plain(step)}
    most = market.max_amount or Decimal(10_000_000)
    return {
        "symbol": symbol_id(symbol),
        "pair": symbol_id(symbol),
        "contractType": "PERPETUAL",
        "deliveryDate": 4133404800000,
        "onboardDate": 1569398400000,
        "status": "TRADING" if market.active else "SETTLING",
        "baseAsset": base_of(symbol),
        "quoteAsset": quote_of(symbol),
        "marginAsset": settled_in(symbol),
        "pricePrecision": 8,
        "quantityPrecision": 8,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "triggerProtect": "0.0500",
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": plain(tick), "maxPrice": "1000000", "tickSize": plain(tick)},
            {"filterType": "LOT_SIZE", "maxQty": plain(most), **lots},
            {"filterType": "MARKET_LOT_SIZE", "maxQty": plain(market.market_max_amount or most), **lots},
            {"filterType": "MAX_NUM_ORDERS", "limit": 200},
            {"filterType": "MIN_NOTIONAL", "notional": plain(market.min_notional or ZERO)},
        ],
        "orderTypes": ["LIMIT", "MARKET", *CONDITIONAL],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
    }


def premium_document(symbol: str, market: Market, now: datetime) -> Document:
    price = plain(market.last or ZERO)
    prices = dict.fromkeys(("markPrice", "indexPrice", "estimatedSettlePrice"), price)
    funding = {"lastFundingRate": "0.0001", "interestRate": "0.0001", "nextFundingTime": milliseconds(now)}
    return {"symbol": symbol_id(symbol), **prices, **funding, "time": milliseconds(now)}


def asset_document(name: str, wallet: Decimal, gain: Decimal, margin: Decimal, now: datetime) -> Document:
    """Return one asset of the wallet; what positions gained meanwhile is available too, and not in the wallet."""
    amounts = {
        "walletBalance": wallet,
        "unrealizedProfit": gain,
        "marginBalance": wallet + gain,
        "maintMargin": margin / 2,
        "initialMargin": margin,
        "positionInitialMargin": margin,
        "openOrderInitialMargin": ZERO,
        "crossWalletBalance": wallet,
        "crossUnPnl": gain,
        "availableBalance": max(ZERO, wallet + gain - margin),
        "maxWithdrawAmount": max(ZERO, wallet - margin),
    }
    return {"asset": name, **{key: plain(value) for key, value in amounts.items()}, "updateTime": milliseconds(now)}


def position_document(held: Position, market: Market, now: datetime, *, hedged: bool) -> Document:
    amount = held.quantity if held.side == "long" else -held.quantity
    mark, entry = market.last or ZERO, held.entry_price or ZERO
    amounts = {
        "positionAmt": amount,
        "entryPrice": entry,
        "breakEvenPrice": entry,
        "markPrice": mark,
        "unRealizedProfit": amount * (mark - entry),
        "notional": amount * mark,
        "initialMargin": held.quantity * mark / LEVERAGE,
        "positionInitialMargin": held.quantity * mark / LEVERAGE,
    }
    return {
        "symbol": symbol_id(held.symbol),
        "positionSide": held.side.upper() if hedged else "BOTH",
        **{key: plain(value) for key, value in amounts.items()},
        "liquidationPrice": "0",
        "marginAsset": settled_in(held.symbol),
        "updateTime": milliseconds(now),
    }


def position_side(side: Side, *, hedged: bool) -> str:
    return side.upper() if hedged else "BOTH"


def order_document(order: PaperOrder, asked: Asked, *, hedged: bool) -> Document:
    """Return an order that is, or was, in the book."""
    average = average_price(order.fills) or ZERO
    return {
        "orderId": number_of(order.id),
        "symbol": symbol_id(order.symbol),
        "status": status_of(order, asked),
        "clientOrderId": client_id_of(order),
        "price": plain(order.price or ZERO),
        "avgPrice": plain(average),
        "origQty": plain(order.quantity),
        "executedQty": plain(order.filled),
        "cumQuote": plain(sum_exactly(fill.quantity * fill.price for fill in order.fills)),
        "timeInForce": asked.time_in_force,
        "type": asked.type,
        "origType": asked.type,
        "reduceOnly": order.reduce_only and not hedged,
        "closePosition": False,
        "side": order.side.upper(),
        "positionSide": position_side(order.position_side, hedged=hedged),
        "stopPrice": "0",
        "workingType": "CONTRACT_PRICE",
        "priceProtect": False,
        "priceMatch": "NONE",
        "selfTradePreventionMode": "EXPIRE_MAKER",
        "goodTillDate": 0,
        "time": milliseconds(order.created_at),
        "updateTime": milliseconds(order.updated_at or order.created_at),
    }


def became_of(order: PaperOrder) -> PaperOrder:
    """Return the order that a stop became when its trigger was reached, under a number and an id of its own."""
    name = became_name(order.id)
    return PaperOrder(
        id=name,
        client_order_id=made_up_id(name),
        symbol=order.symbol,
        side=order.side,
        type="market" if order.price is None else "limit",
        quantity=order.quantity,
        position_side=order.position_side,
        created_at=order.updated_at,
        price=order.price,
        reduce_only=order.reduce_only,
        earlier=order.earlier,
        fills=order.fills,
        status=order.status,
        updated_at=order.updated_at,
    )


def became_name(name: str) -> str:
    return f"what {name} became"


def algo_document(order: PaperOrder, terms: Terms, *, fired: bool, hedged: bool) -> Document:
    """Return an order that waits for a trigger, or did; what it then became is told under ``actualOrderId``."""
    status = "NEW" if order.status == "open" else "CANCELED"
    if fired:
        status = "TRIGGERED" if order.status == "open" else "FINISHED"
    trailing = {}
    if terms.callback is not None:
        activate = "" if terms.activate is None else plain(terms.activate)
        trailing = {"activatePrice": activate, "callbackRate": plain(terms.callback)}
    return {
        "algoId": number_of(order.id),
        "clientAlgoId": client_id_of(order),
        "algoType": "CONDITIONAL",
        "orderType": terms.type,
        "symbol": symbol_id(order.symbol),
        "side": order.side.upper(),
        "positionSide": position_side(order.position_side, hedged=hedged),
        "timeInForce": "GTC",
        "quantity": "0" if terms.closes else plain(order.quantity),
        "algoStatus": status,
        "actualOrderId": str(number_of(became_name(order.id))) if fired else "",
        "actualPrice": plain(average_price(order.fills) or ZERO) if fired else "0.00000",
        "triggerPrice": "" if order.trigger_price is None else plain(order.trigger_price),
        "price": plain(order.price or ZERO),
        "workingType": "CONTRACT_PRICE",
        "priceMatch": "NONE",
        "closePosition": terms.closes,
        "priceProtect": False,
        "reduceOnly": order.reduce_only and not hedged and not terms.closes,
        "selfTradePreventionMode": "EXPIRE_MAKER",
        **trailing,
        "createTime": milliseconds(order.created_at),
        "updateTime": milliseconds(order.updated_at or order.created_at),
        "triggerTime": milliseconds(order.updated_at) if fired else 0,
        "goodTillDate": 0,
    }


def trade_document(trade: Execution, number: int, *, side: str) -> Document:
    """Return a trade; ``number`` is that of its order, ``side`` the position that it was about."""
    return {
        "symbol": symbol_id(trade.symbol),
        "id": number_of(f"trade {trade.id}"),
        "orderId": number,
        "side": trade.side.upper(),
        "price": plain(trade.price),
        "qty": plain(trade.quantity),
        "realizedPnl": "0",
        "quoteQty": plain(trade.price * trade.quantity),
        "commission": plain(trade.fee),
        "commissionAsset": trade.fee_currency or settled_in(trade.symbol),
        "time": milliseconds(trade.at),
        "positionSide": side,
        "buyer": trade.side == "buy",
        "maker": trade.maker,
    }
