"""What Bybit answers, in its own JSON."""

from __future__ import annotations

from typing import Any

from tests.brokers.venues.recorded import Replies, Reply, Sent

WALLET = "GET /v5/account/wallet-balance"
OPEN = "GET /v5/order/realtime"
HISTORY = "GET /v5/order/history"
POSITIONS = "GET /v5/position/list"
CREATE = "POST /v5/order/create"
CANCEL = "POST /v5/order/cancel"
CANCEL_BATCH = "POST /v5/order/cancel-batch"
TIME = 1771452000000


def told(result: Any, **parts: Any) -> dict[str, Any]:
    return {"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": TIME, **parts}


def listed(*entries: Any, cursor: str = "", category: str = "spot") -> dict[str, Any]:
    return told({"category": category, "list": list(entries), "nextPageCursor": cursor})


def refused(code: int, message: str, status: int = 200) -> Reply:
    return Reply({"retCode": code, "retMsg": message, "result": {}, "retExtInfo": {}, "time": TIME}, status)


def spot_market(base: str, quote: str = "USDT") -> dict[str, Any]:
    return {
        "symbol": f"{base}{quote}",
        "baseCoin": base,
        "quoteCoin": quote,
        "status": "Trading",
        "marginTrading": "none",
        "lotSizeFilter": {
            "basePrecision": "0.001",
            "quotePrecision": "0.00000001",
            "minOrderQty": "0.01",
            "maxOrderQty": "5000",
            "minOrderAmt": "5",
            "maxOrderAmt": "4000000",
        },
        "priceFilter": {"tickSize": "0.01"},
    }


SWAP_MARKET = {
    "symbol": "SOLUSDT",
    "contractType": "LinearPerpetual",
    "status": "Trading",
    "baseCoin": "SOL",
    "quoteCoin": "USDT",
    "settleCoin": "USDT",
    "deliveryTime": "0",
    "lotSizeFilter": {"qtyStep": "0.1", "minOrderQty": "0.1", "maxOrderQty": "90000", "minNotionalValue": "5"},
    "priceFilter": {"tickSize": "0.01", "minPrice": "0.01", "maxPrice": "10000"},
    "leverageFilter": {"minLeverage": "1", "maxLeverage": "50"},
}


def ticker(symbol: str, last: str, **parts: str) -> dict[str, Any]:
    return {"symbol": symbol, "lastPrice": last, "bid1Price": last, "ask1Price": last, **parts}


def order(number: int, **parts: Any) -> dict[str, Any]:
    """Return a limit sell of 2 SOL; the venue names what is for contracts in the orders of the spot market as well."""
    return {
        "orderId": f"id-{number}",
        "orderLinkId": f"client{number}",
        "symbol": "SOLUSDT",
        "price": "200",
        "qty": "2",
        "side": "Sell",
        "orderStatus": "New",
        "avgPrice": "",
        "leavesQty": "2",
        "cumExecQty": "0",
        "cumExecValue": "0",
        "cumExecFee": "0",
        "orderType": "Limit",
        "stopOrderType": "",
        "triggerPrice": "0.0",
        "tpslMode": "",
        "timeInForce": "GTC",
        "reduceOnly": False,
        "positionIdx": 0,
        "createdTime": str(TIME + number),
        "updatedTime": str(TIME + number),
        **parts,
    }


def stop(number: int, **parts: Any) -> dict[str, Any]:
    return order(
        number,
        **{
            "orderStatus": "Untriggered",
            "orderType": "Market",
            "stopOrderType": "tpslOrder",
            "price": "0",
            "triggerPrice": "120",
            **parts,
        },
    )


def filled(number: int = 77, **parts: Any) -> dict[str, Any]:
    return order(
        number,
        **{
            "orderLinkId": "xp0001",
            "orderStatus": "Filled",
            "orderType": "Market",
            "price": "0",
            "qty": "1.5",
            "leavesQty": "0",
            "cumExecQty": "1.5",
            "cumExecValue": "225",
            "avgPrice": "150",
            "cumExecFee": "0.225",
            "cumFeeDetail": {"USDT": "0.225"},
            **parts,
        },
    )


def position(size: str, **parts: Any) -> dict[str, Any]:
    return {
        "symbol": "SOLUSDT",
        "positionIdx": 0,
        "side": "Buy",
        "size": size,
        "avgPrice": "140.5",
        "positionValue": "562",
        "markPrice": "151",
        "leverage": "3",
        "liqPrice": "",
        "unrealisedPnl": "42",
        "createdTime": str(TIME - 86_400_000),
        "updatedTime": str(TIME + 9),
        "openTime": TIME,
        **parts,
    }


def _markets(sent: Sent) -> dict[str, Any]:
    if sent.query["category"] == "spot":
        return listed(spot_market("SOL"), spot_market("BTC"))
    return listed(*([] if "status" in sent.query else [SWAP_MARKET]), category="linear")


def _tickers(sent: Sent) -> dict[str, Any]:
    if sent.query["category"] == "spot":
        return listed(ticker("SOLUSDT", "150"), ticker("BTCUSDT", "60000"))
    return listed(ticker("SOLUSDT", "151", openInterestValue="1"), category="linear")


def coin(name: str, total: str, locked: str = "0", **parts: str) -> dict[str, str]:
    return {
        "coin": name,
        "walletBalance": total,
        "locked": locked,
        "availableToWithdraw": "",
        "totalOrderIM": "0",
        "totalPositionIM": "0",
        "borrowAmount": "0",
        "accruedInterest": "0",
        **parts,
    }


BYBIT = Replies(
    {
        "GET /v5/market/instruments-info": _markets,
        "GET /v5/market/tickers": _tickers,
        WALLET: told(
            {
                "list": [
                    {
                        "accountType": "UNIFIED",
                        "coin": [
                            coin("USDT", "1080", "20", totalPositionIM="60"),
                            coin("SOL", "5", "2"),
                            coin("BTC", "0.5"),
                        ],
                    }
                ]
            }
        ),
        OPEN: listed(order(11), stop(12)),
        HISTORY: listed(),
        "GET /v5/account/fee-rate": told(
            {"list": [{"symbol": "SOLUSDT", "takerFeeRate": "0.0018", "makerFeeRate": "0.001"}]}
        ),
    }
)
SWAPS = Replies(
    {
        **dict(BYBIT._known),
        OPEN: listed(category="linear"),
        POSITIONS: listed(category="linear"),
        f"{OPEN}?settleCoin=USDT": listed(order(31, reduceOnly=True), stop(32, reduceOnly=True), category="linear"),
        f"{POSITIONS}?settleCoin=USDT": listed(position("4"), category="linear"),
    }
)
