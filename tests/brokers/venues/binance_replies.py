"""What Binance answers, in its own JSON."""

from __future__ import annotations

from typing import Any

from tests.brokers.venues.recorded import Replies

ACCOUNT = "GET /api/v3/account"
ORDERS = "GET /api/v3/openOrders"
ORDER = "/api/v3/order"
FUTURES_ACCOUNT = "GET /fapi/v3/account"
TIME = 1771452000000


def spot_market(base: str, quote: str = "USDT", status: str = "TRADING") -> dict[str, Any]:
    return {
        "symbol": f"{base}{quote}",
        "status": status,
        "baseAsset": base,
        "quoteAsset": quote,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT"],
        "isSpotTradingAllowed": True,
        "permissions": ["SPOT"],
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "100000", "tickSize": "0.01"},
            {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "9000", "stepSize": "0.001"},
            {"filterType": "NOTIONAL", "minNotional": "5", "applyMinToMarket": True, "maxNotional": "9000000"},
        ],
    }


SWAP_MARKET = {
    "symbol": "SOLUSDT",
    "pair": "SOLUSDT",
    "contractType": "PERPETUAL",
    "deliveryDate": 4133404800000,
    "status": "TRADING",
    "baseAsset": "SOL",
    "quoteAsset": "USDT",
    "marginAsset": "USDT",
    "pricePrecision": 4,
    "quantityPrecision": 0,
    "orderTypes": ["LIMIT", "MARKET", "STOP", "STOP_MARKET"],
    "filters": [
        {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "100000", "tickSize": "0.01"},
        {"filterType": "LOT_SIZE", "minQty": "1", "maxQty": "9000", "stepSize": "1"},
        {"filterType": "MIN_NOTIONAL", "notional": "5"},
    ],
}


def ticker(symbol: str, last: str) -> dict[str, Any]:
    return {"symbol": symbol, "lastPrice": last, "bidPrice": last, "askPrice": last, "closeTime": TIME, "volume": "9"}


def order(number: int, **parts: Any) -> dict[str, Any]:
    """Return a limit sell of 2 SOL as the spot API tells it."""
    return {
        "symbol": "SOLUSDT",
        "orderId": number,
        "orderListId": -1,
        "clientOrderId": f"client{number}",
        "price": "200.00",
        "origQty": "2.000",
        "executedQty": "0.000",
        "cummulativeQuoteQty": "0.00",
        "status": "NEW",
        "timeInForce": "GTC",
        "type": "LIMIT",
        "side": "SELL",
        "stopPrice": "0.00",
        "time": TIME,
        "updateTime": TIME,
        "isWorking": True,
        **parts,
    }


STOP = order(12, type="STOP_LOSS_LIMIT", stopPrice="120.00", price="119.00", isWorking=False)

FILLED: dict[str, Any] = {
    "symbol": "SOLUSDT",
    "orderId": 77,
    "orderListId": -1,
    "clientOrderId": "xp0001",
    "transactTime": TIME,
    "price": "0.00",
    "origQty": "1.500",
    "executedQty": "1.500",
    "cummulativeQuoteQty": "225.00",
    "status": "FILLED",
    "timeInForce": "GTC",
    "type": "MARKET",
    "side": "SELL",
    "fills": [
        {"price": "150.00", "qty": "1.000", "commission": "0.15", "commissionAsset": "USDT", "tradeId": 1},
        {"price": "150.00", "qty": "0.500", "commission": "0.075", "commissionAsset": "USDT", "tradeId": 2},
    ],
}

SPOT = Replies(
    {
        "GET /api/v3/exchangeInfo": {
            "symbols": [spot_market("SOL"), spot_market("BTC"), spot_market("LDO"), spot_market("SOL", "USDC", "BREAK")]
        },
        "GET /api/v3/ticker/24hr": [ticker("SOLUSDT", "150"), ticker("BTCUSDT", "60000"), ticker("LDOUSDT", "2")],
        ACCOUNT: {
            "updateTime": TIME,
            "balances": [
                {"asset": "USDT", "free": "1000.00", "locked": "20.00"},
                {"asset": "SOL", "free": "3.00000000", "locked": "2.00000000"},
                {"asset": "BTC", "free": "0.10000000", "locked": "0.00000000"},
                {"asset": "LDBTC", "free": "0.40000000", "locked": "0.00000000"},
                {"asset": "LDO", "free": "7.00000000", "locked": "0.00000000"},
            ],
        },
        ORDERS: [order(11), STOP],
    }
)


def position(amount: str, side: str = "BOTH") -> dict[str, Any]:
    return {
        "symbol": "SOLUSDT",
        "positionSide": side,
        "positionAmt": amount,
        "entryPrice": "140.5",
        "breakEvenPrice": "140.6",
        "markPrice": "150",
        "notional": "600",
        "marginAsset": "USDT",
        "updateTime": TIME,
    }


FUTURES = Replies(
    {
        "GET /fapi/v1/exchangeInfo": {"symbols": [SWAP_MARKET]},
        "GET /fapi/v1/ticker/24hr": [ticker("SOLUSDT", "151")],
        FUTURES_ACCOUNT: {
            "assets": [
                {
                    "asset": "USDT",
                    "walletBalance": "500.0",
                    "marginBalance": "540.0",
                    "initialMargin": "60.0",
                    "availableBalance": "480.0",
                    "updateTime": TIME,
                }
            ],
            "positions": [],
        },
        "GET /fapi/v1/openOrders": [
            {**order(31), "positionSide": "BOTH", "cumQuote": "0", "reduceOnly": True, "avgPrice": "0"}
        ],
        "GET /fapi/v1/openAlgoOrders": [
            {
                "algoId": 41,
                "clientAlgoId": "stop41",
                "algoType": "CONDITIONAL",
                "orderType": "STOP_MARKET",
                "symbol": "SOLUSDT",
                "side": "SELL",
                "positionSide": "BOTH",
                "quantity": "4",
                "algoStatus": "NEW",
                "triggerPrice": "130.00",
                "price": "0",
                "reduceOnly": True,
                "createTime": TIME,
                "updateTime": TIME,
            }
        ],
        "GET /fapi/v3/positionRisk": [position("4")],
    }
)
