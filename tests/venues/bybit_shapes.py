"""Bybit's names for things, and its JSON for listings, prices, wallets, positions, orders and executions.

The shapes are those of the examples below https://bybit-exchange.github.io/docs/v5/intro.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Literal

from exitplan.brokers.paper.orders import PaperOrder, money_fee, sum_exactly
from exitplan.brokers.protocol import OrderType, RefusalReason
from exitplan.ruleset.model.snapshot import Cash, Market, Position, Side
from exitplan.ruleset.model.values import ZERO, base_of, is_derivative, plain, quote_of
from tests.venues.venue import Execution
from tests.venues.wire import Document

Category = Literal["spot", "linear"]
TYPES: Mapping[tuple[str, bool], OrderType] = {
    ("Market", False): "market",
    ("Limit", False): "limit",
    ("Market", True): "stop",
    ("Limit", True): "stop_limit",
}
"""The matching engine's types, by bybit's and by whether there is a trigger."""
POSITION_SIDES: Mapping[int, Side] = {1: "long", 2: "short"}
"""The two positions of a symbol in hedge mode, by ``positionIdx``."""
LEVERAGE = 10
"""Of every position; what it binds of the account's money is the value of the position by this."""

_SPOT = {
    RefusalReason.UNKNOWN_SYMBOL: "170121 Invalid symbol.",
    RefusalReason.MARKET_INACTIVE: "170151 The trading pair is not open yet",
    RefusalReason.INVALID_QUANTITY: "170130 Data sent for paramter 'qty' is not valid.",
    RefusalReason.AMOUNT_STEP: "170137 Order volume decimal too long",
    RefusalReason.BELOW_MIN_AMOUNT: "170136 Order quantity lower than the minimum.",
    RefusalReason.ABOVE_MAX_AMOUNT: "170381 Order quantity too large.",
    RefusalReason.ABOVE_MAX_NOTIONAL: "170124 Order amount too large.",
    RefusalReason.BELOW_MIN_NOTIONAL: "170140 Order value exceeded lower limit",
    RefusalReason.INVALID_PRICE: "170130 Data sent for paramter 'price' is not valid.",
    RefusalReason.PRICE_STEP: "170134 Order price decimal too long.",
    RefusalReason.TRIGGER_SIDE: "170202 Please enter the TP/SL price.",
    RefusalReason.NO_PRICE: "170217 Only LIMIT-MAKER order is supported for the current pair.",
    RefusalReason.INSUFFICIENT_BALANCE: "170131 Balance insufficient",
    RefusalReason.DUPLICATE_CLIENT_ORDER_ID: "170141 Duplicate clientOrderId",
    RefusalReason.UNKNOWN_ORDER: "170213 Order does not exist.",
    RefusalReason.ORDER_CLOSED: "170213 Order does not exist.",
    RefusalReason.UNSUPPORTED: "170116 Invalid orderType.",
}
_LINEAR = {
    RefusalReason.UNKNOWN_SYMBOL: "10001 params error: symbol invalid",
    RefusalReason.MARKET_INACTIVE: "110074 This contract is not live",
    RefusalReason.INVALID_QUANTITY: "10001 Qty invalid",
    RefusalReason.AMOUNT_STEP: "10001 Qty invalid",
    RefusalReason.BELOW_MIN_AMOUNT: "10001 The number of contracts below minimum limit allowed: too small",
    RefusalReason.ABOVE_MAX_AMOUNT: "10001 The number of contracts exceeds maximum limit allowed: too large",
    RefusalReason.ABOVE_MAX_NOTIONAL: "10001 The number of contracts exceeds maximum limit allowed: too large",
    RefusalReason.BELOW_MIN_NOTIONAL: "110094 Order notional value below the lower limit",
    RefusalReason.INVALID_PRICE: "10001 Price invalid",
    RefusalReason.PRICE_STEP: "10001 Price invalid",
    RefusalReason.TRIGGER_SIDE: "110093 expect Falling, but trigger_price[XXXXX] >= current[XXXXX]??last",
    RefusalReason.NO_PRICE: "110066 Trading is currently not allowed.",
    RefusalReason.INSUFFICIENT_BALANCE: "110007 Available balance is insufficient",
    RefusalReason.REDUCE_ONLY: "110017 orderQty will be truncated to zero",
    RefusalReason.DUPLICATE_CLIENT_ORDER_ID: "110072 OrderLinkedID is duplicate",
    RefusalReason.UNKNOWN_ORDER: "110001 Order does not exist",
    RefusalReason.ORDER_CLOSED: "110001 Order does not exist",
    RefusalReason.UNSUPPORTED: "10001 orderType invalid",
}
REFUSALS: Mapping[Category, Mapping[RefusalReason, str]] = {"spot": _SPOT, "linear": _LINEAR}
"""Bybit's codes and words for what the matching engine refuses."""


def category_of(symbol: str) -> Category:
    return "linear" if is_derivative(symbol) else "spot"


def symbol_id(symbol: str) -> str:
    """Name a market as bybit does: ``SOLUSDT`` on the spot market as among contracts, ``SOLPERP`` settled in USDC."""
    pair, _, settle = symbol.partition(":")
    base, quote = pair.split("/")
    return f"{base}PERP" if settle == "USDC" else f"{base}{quote}"


def settled_in(symbol: str) -> str:
    return symbol.partition(":")[2]


def order_id(name: str) -> str:
    """Return an order an id as bybit's look: ``1321003749386327552``."""
    return str(10**18 + int(hashlib.sha256(name.encode()).hexdigest()[:15], 16))


def milliseconds(moment: datetime | None) -> str:
    return "0" if moment is None else str(int(moment.timestamp() * 1000))


def _amounts(market: Market, extra: Mapping[str, Decimal | None]) -> dict[str, str]:
    limit, at_market = market.max_amount or Decimal(10**9), market.market_max_amount or market.max_amount
    known = {"minOrderQty": market.min_amount or ZERO, "maxOrderQty": limit, **extra}
    known["maxMarketOrderQty"] = at_market or limit
    return {name: plain(amount) for name, amount in known.items() if amount is not None}


def spot_market(symbol: str, market: Market) -> Document:
    lots = {
        "basePrecision": market.amount_step or Decimal("1e-8"),
        "quotePrecision": Decimal("1e-8"),
        "minOrderAmt": market.min_notional or ZERO,
        "maxOrderAmt": market.max_notional or Decimal(10**12),
        "maxLimitOrderQty": market.max_amount or Decimal(10**9),
    }
    return {
        "symbol": symbol_id(symbol),
        "baseCoin": base_of(symbol),
        "quoteCoin": quote_of(symbol),
        "innovation": "0",
        "status": "Trading" if market.active else "Closed",
        "marginTrading": "utaOnly",
        "stTag": "0",
        "lotSizeFilter": _amounts(market, lots),
        "priceFilter": {"tickSize": plain(market.price_step or Decimal("1e-8"))},
        "riskParameters": {"priceLimitRatioX": "0.01", "priceLimitRatioY": "0.02"},
        "symbolType": "",
    }


def linear_market(symbol: str, market: Market) -> Document:
    lots = _amounts(
        market, {"qtyStep": market.amount_step or Decimal("0.001"), "minNotionalValue": market.min_notional}
    )
    lots["maxMktOrderQty"] = lots.pop("maxMarketOrderQty")
    return {
        "symbol": symbol_id(symbol),
        "contractType": "LinearPerpetual",
        "status": "Trading" if market.active else "Closed",
        "baseCoin": base_of(symbol),
        "quoteCoin": quote_of(symbol),
        "launchTime": "1585526400000",
        "deliveryTime": "0",
        "deliveryFeeRate": "",
        "priceScale": "2",
        "leverageFilter": {"minLeverage": "1", "maxLeverage": "100.00", "leverageStep": "0.01"},
        "priceFilter": {
            "minPrice": "0.0001",
            "maxPrice": "1999999.80",
            "tickSize": plain(market.price_step or Decimal("0.0001")),
        },
        "lotSizeFilter": lots,
        "unifiedMarginTrade": True,
        "fundingInterval": 480,
        "settleCoin": settled_in(symbol),
        "copyTrading": "none",
        "isPreListing": False,
        "preListingInfo": None,
        "symbolType": "",
    }


def ticker(symbol: str, market: Market) -> Document:
    """Return the prices of a market; a side that the account's file does not know is where the last trade was."""
    sides = (market.last if price is None else price for price in (market.bid, market.ask))
    last, bid, ask = (plain(price or ZERO) for price in (market.last, *sides))
    document = {
        "symbol": symbol_id(symbol),
        "bid1Price": bid,
        "bid1Size": "2",
        "ask1Price": ask,
        "ask1Size": "1.862172",
        "lastPrice": last,
        "prevPrice24h": last,
        "price24hPcnt": "0",
        "highPrice24h": last,
        "lowPrice24h": last,
        "turnover24h": "243765620.65899866",
        "volume24h": "11801.27771",
    }
    if category_of(symbol) == "spot":
        return document
    contract = {"indexPrice": last, "markPrice": last, "openInterest": "49461.752", "openInterestValue": "1373423.02"}
    return document | contract | {"fundingRate": "0.0001", "nextFundingTime": "1673280000000", "deliveryTime": "0"}


def coin(name: str, held: Cash, interest: Decimal, margin: Decimal) -> Document:
    """Return one currency of the wallet, what is borrowed included; the interest is a part of what is owed."""
    total, borrowed = held.free + held.locked, held.debt - interest
    return {
        "coin": name,
        "equity": plain(total - borrowed),
        "usdValue": plain(total - borrowed),
        "walletBalance": plain(total),
        "locked": plain(held.locked),
        "spotHedgingQty": "0",
        "borrowAmount": plain(borrowed),
        "spotBorrow": plain(borrowed),
        "accruedInterest": plain(interest),
        "totalOrderIM": "0",
        "totalPositionIM": plain(margin),
        "totalPositionMM": "0",
        "unrealisedPnl": "0",
        "cumRealisedPnl": "0",
        "bonus": "0",
        "marginCollateral": True,
        "collateralSwitch": True,
        "availableToWithdraw": "",
        "availableToBorrow": "",
    }


def account(coins: list[Document]) -> Document:
    """Return a unified account; of its sums, which nobody here needs, each is that of a bybit account without risk."""
    sums = ("totalEquity", "totalWalletBalance", "totalMarginBalance", "totalAvailableBalance", "totalPerpUPL")
    rates = ("accountIMRate", "accountMMRate", "totalInitialMargin", "totalMaintenanceMargin", "accountLTV")
    return {"accountType": "UNIFIED", **dict.fromkeys((*sums, *rates), "0"), "coin": coins}


def position(symbol: str, side: Side, held: Position | None, market: Market, created: datetime) -> Document:
    """Return one of the two positions of a symbol; ``created`` is when the symbol had its first one ever."""
    size = ZERO if held is None else held.quantity
    mark = plain(market.last or ZERO)
    return {
        "positionIdx": 1 if side == "long" else 2,
        "riskId": 1,
        "riskLimitValue": "150",
        "symbol": symbol_id(symbol),
        "side": "" if held is None else {"long": "Buy", "short": "Sell"}[side],
        "size": plain(size),
        "avgPrice": plain((held.entry_price if held else None) or ZERO),
        "positionValue": plain(size * (market.last or ZERO)),
        "tradeMode": 0,
        "positionStatus": "Normal",
        "autoAddMargin": 0,
        "leverage": str(LEVERAGE),
        "positionBalance": "0",
        "markPrice": mark,
        "liqPrice": "",
        "bustPrice": "",
        "positionMM": "0",
        "positionIM": plain(size * (market.last or ZERO) / LEVERAGE),
        "tpslMode": "Full",
        "takeProfit": "",
        "stopLoss": "",
        "trailingStop": "0",
        "unrealisedPnl": "0",
        "curRealisedPnl": "0",
        "cumRealisedPnl": "0",
        "seq": 5723621632,
        "isReduceOnly": False,
        "createdTime": milliseconds(created),
        "updatedTime": milliseconds(held.opened_at if held else created),
        "openTime": int(milliseconds(held.opened_at if held else None)),
    }


def status_of(order: PaperOrder) -> str:
    if order.status == "closed":
        return "Filled"
    if order.status == "open":
        return "Untriggered" if order.fires_above is not None else "PartiallyFilled" if order.filled else "New"
    if order.filled:
        return "PartiallyFilledCanceled" if category_of(order.symbol) == "spot" else "Cancelled"
    return "Deactivated" if order.trigger_price is not None else "Cancelled"


def order(order: PaperOrder) -> Document:
    """Return an order; what was filled before the account came here is told at its own price."""
    earlier = order.earlier * (order.price or order.trigger_price or ZERO)
    cost = sum_exactly(fill.quantity * fill.price for fill in order.fills) + earlier
    spot, fee, stops = category_of(order.symbol) == "spot", money_fee(order.fills), order.trigger_price is not None
    left = ZERO if order.status != "open" else order.remaining
    rises = order.fires_above if order.fires_above is not None else order.side == "buy"
    return {
        "orderId": order_id(order.id),
        "orderLinkId": order.client_order_id or "",
        "blockTradeId": "",
        "symbol": symbol_id(order.symbol),
        "price": plain(order.price or ZERO),
        "qty": plain(order.quantity),
        "side": order.side.capitalize(),
        "isLeverage": "0" if spot else "",
        "positionIdx": 0 if spot else {"long": 1, "short": 2}[order.position_side],
        "orderStatus": status_of(order),
        "cancelType": "CancelByUser" if order.status == "cancelled" else "UNKNOWN",
        "rejectReason": "EC_NoError",
        "avgPrice": plain(cost / order.filled) if order.filled else "",
        "leavesQty": plain(left),
        "leavesValue": plain(left * (order.price or ZERO)),
        "cumExecQty": plain(order.filled),
        "cumExecValue": plain(cost),
        "cumExecFee": plain(fee),
        "timeInForce": "GTC" if order.price is not None else "IOC",
        "orderType": "Market" if order.price is None else "Limit",
        "stopOrderType": ("tpslOrder" if spot else "Stop") if stops else "",
        "orderIv": "",
        "marketUnit": "baseCoin" if spot and order.price is None else "",
        "triggerPrice": plain(order.trigger_price or ZERO) if stops or spot else "",
        "takeProfit": "",
        "stopLoss": "",
        "tpTriggerBy": "",
        "slTriggerBy": "",
        "triggerDirection": (1 if rises else 2) if stops and not spot else 0,
        "triggerBy": "LastPrice" if stops and not spot else "",
        "lastPriceOnCreated": "",
        "reduceOnly": order.reduce_only,
        "closeOnTrigger": False,
        "smpType": "None",
        "smpGroup": 0,
        "smpOrderId": "",
        "tpslMode": "",
        "tpLimitPrice": "",
        "slLimitPrice": "",
        "placeType": "",
        "createdTime": milliseconds(order.created_at),
        "updatedTime": milliseconds(order.updated_at or order.created_at),
        "cumFeeDetail": {settled_in(order.symbol) or str(quote_of(order.symbol)): plain(fee)} if order.fills else {},
    }


def execution(trade: Execution) -> Document:
    value = trade.price * trade.quantity
    return {
        "symbol": symbol_id(trade.symbol),
        "orderType": "Market" if trade.type in {"market", "stop"} else "Limit",
        "underlyingPrice": "",
        "orderLinkId": "",
        "side": trade.side.capitalize(),
        "indexPrice": "",
        "orderId": order_id(trade.order),
        "stopOrderType": "UNKNOWN",
        "leavesQty": "0",
        "execTime": milliseconds(trade.at),
        "feeCurrency": quote_of(trade.symbol) if category_of(trade.symbol) == "spot" else "",
        "isMaker": trade.maker,
        "execFee": plain(trade.fee),
        "feeRate": plain(trade.fee / value) if value else "0",
        "execId": order_id(f"execution {trade.id}"),
        "tradeIv": "",
        "blockTradeId": "",
        "markPrice": plain(trade.price),
        "execPrice": plain(trade.price),
        "markIv": "",
        "orderQty": plain(trade.quantity),
        "orderPrice": plain(trade.price),
        "execValue": plain(value),
        "execType": "Trade",
        "execQty": plain(trade.quantity),
        "closedSize": "",
        "extraFees": "",
        "seq": 4688002127,
    }
