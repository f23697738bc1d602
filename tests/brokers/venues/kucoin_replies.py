"""What KuCoin answers, in its own JSON."""

from __future__ import annotations

from typing import Any

from tests.brokers.venues.recorded import Replies, Reply


def ok(data: Any) -> dict[str, Any]:
    return {"code": "200000", "data": data}


def refused(code: str, message: str, status: int = 200) -> Reply:
    return Reply({"code": code, "msg": message}, status)


def pair(base: str, step: str, tick: str) -> dict[str, Any]:
    return {
        "symbol": f"{base}-USDT",
        "name": f"{base}-USDT",
        "baseCurrency": base,
        "quoteCurrency": "USDT",
        "feeCurrency": "USDT",
        "baseMinSize": step,
        "quoteMinSize": "0.01",
        "baseIncrement": step,
        "quoteIncrement": "0.000001",
        "priceIncrement": tick,
        "minFunds": "0.1",
        "isMarginEnabled": False,
        "enableTrading": True,
    }


def contract(name: str, base: str, multiplier: str, *, expiry: int | None = None) -> dict[str, Any]:
    funded = {"nextFundingRateTime": 9_000} if expiry is None else {}
    return {
        "symbol": name,
        "baseCurrency": base,
        "quoteCurrency": "USDT",
        "settleCurrency": "USDT",
        "multiplier": multiplier,
        "lotSize": 1,
        "tickSize": 0.1,
        "isInverse": False,
        "status": "Open",
        "expireDate": expiry,
        "lastTradePrice": 60_100.5,
        **funded,
    }


def account(currency: str, free: str, held: str, kind: str = "trade") -> dict[str, Any]:
    total = f"{float(free) + float(held):.4f}"
    return {
        "id": f"a-{currency}-{kind}",
        "currency": currency,
        "type": kind,
        "balance": total,
        "available": free,
        "holds": held,
    }


def ticker(symbol: str, bid: str, ask: str, last: str) -> dict[str, Any]:
    return {"symbol": symbol, "symbolName": symbol, "buy": bid, "sell": ask, "last": last}


def order(name: str, **changed: Any) -> dict[str, Any]:
    return {
        "id": name,
        "symbol": "SOL-USDT",
        "opType": "DEAL",
        "type": "market",
        "side": "sell",
        "price": "0",
        "size": "2.5",
        "funds": "0",
        "dealSize": "0",
        "dealFunds": "0",
        "fee": "0",
        "feeCurrency": "USDT",
        "timeInForce": "GTC",
        "clientOid": "xp-1",
        "cancelExist": False,
        "createdAt": 1_767_312_000_000,
        "lastUpdatedAt": 1_767_312_001_000,
        "tradeType": "TRADE",
        "active": True,
        **changed,
    }


def stop_order(name: str, **changed: Any) -> dict[str, Any]:
    return {
        "id": name,
        "symbol": "SOL-USDT",
        "status": "NEW",
        "type": "limit",
        "side": "sell",
        "price": "118.5",
        "size": "2.5",
        "timeInForce": "GTC",
        "clientOid": "xp-stop",
        "tradeType": "TRADE",
        "feeCurrency": "USDT",
        "createdAt": 1_767_312_000_000,
        "stop": "loss",
        "stopPrice": "120",
        **changed,
    }


def page(items: list[Any], number: int = 1, of: int = 1) -> dict[str, Any]:
    return ok({"currentPage": number, "pageSize": 500, "totalNum": len(items), "totalPage": of, "items": items})


def position(name: str = "XBTUSDTM", quantity: int = -7) -> dict[str, Any]:
    return {
        "id": "p-1",
        "symbol": name,
        "openingTimestamp": 1_767_200_000_000,
        "currentTimestamp": 1_767_312_000_000,
        "currentQty": quantity,
        "isOpen": quantity != 0,
        "crossMode": True,
        "avgEntryPrice": 58_000.5,
        "markPrice": 60_100.0,
        "settleCurrency": "USDT",
        "isInverse": False,
    }


def replies() -> Replies:
    """An account with SOL, some of it held, a dust of ADA, cash, and no orders."""
    return Replies(
        {
            "GET /api/v3/currencies": ok([]),
            "GET /api/v2/symbols": ok([pair("SOL", "0.01", "0.001"), pair("ADA", "0.1", "0.0001")]),
            "GET api-futures.kucoin.com/api/v1/contracts/active": ok(
                [contract("XBTUSDTM", "XBT", "0.001"), contract("XBTMZ26", "XBT", "0.001", expiry=1_798_000_000_000)]
            ),
            "GET /api/ua/v1/account/mode": ok({"selfAccountMode": "CLASSIC"}),
            "GET /api/v1/base-fee": ok({"takerFeeRate": "0.001", "makerFeeRate": "0.001"}),
            "GET /api/v1/accounts": ok(
                [
                    account("SOL", "2.5", "1"),
                    account("ADA", "0.04", "0", "trade_hf"),
                    account("USDT", "1000.25", "10"),
                    account("SOL", "99", "0", "main"),
                    account("BTC", "3", "0", "main"),
                ]
            ),
            "GET /api/v1/hf/orders/active/symbols": ok({"symbols": []}),
            "GET /api/v1/stop-order": page([]),
            "GET /api/v3/oco/orders": page([]),
            "GET /api/v1/market/allTickers": ok(
                {
                    "time": 1_767_312_000_000,
                    "ticker": [
                        ticker("SOL-USDT", "139.9", "140.1", "140"),
                        ticker("ADA-USDT", "0.449", "0.451", "0.45"),
                    ],
                }
            ),
        }
    )
