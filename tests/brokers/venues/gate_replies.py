"""What Gate answers, in its own JSON."""

from __future__ import annotations

from typing import Any

from tests.brokers.venues.recorded import Replies, Reply


def refused(label: str, message: str = "", status: int = 400) -> Reply:
    return Reply({"label": label, "message": message}, status)


def pair(base: str, amount_digits: int, price_digits: int) -> dict[str, Any]:
    return {
        "id": f"{base}_USDT",
        "base": base,
        "quote": "USDT",
        "fee": "0.2",
        "min_base_amount": "0.01",
        "min_quote_amount": "3",
        "amount_precision": amount_digits,
        "precision": price_digits,
        "trade_status": "tradable",
        "sell_start": 0,
        "buy_start": 0,
    }


def contract(name: str, multiplier: str) -> dict[str, Any]:
    return {
        "name": name,
        "type": "direct",
        "quanto_multiplier": multiplier,
        "order_price_round": "0.1",
        "order_size_min": 1,
        "order_size_max": 1_000_000,
        "order_price_deviate": "0.5",
        "mark_price": "60100",
        "leverage_min": "1",
        "leverage_max": "100",
        "status": "trading",
    }


def balance(currency: str, free: str, held: str) -> dict[str, Any]:
    return {"currency": currency, "available": free, "locked": held, "update_id": 1}


def ticker(name: str, bid: str, ask: str, last: str) -> dict[str, Any]:
    return {"currency_pair": name, "highest_bid": bid, "lowest_ask": ask, "last": last}


def order(name: str, **changed: Any) -> dict[str, Any]:
    return {
        "id": name,
        "text": "t-xp-1",
        "create_time_ms": 1_767_312_000_000,
        "update_time_ms": 1_767_312_001_000,
        "status": "open",
        "finish_as": "open",
        "currency_pair": "SOL_USDT",
        "type": "limit",
        "account": "spot",
        "side": "sell",
        "amount": "2.5",
        "price": "150",
        "time_in_force": "gtc",
        "left": "2.5",
        "filled_amount": "0",
        "filled_total": "0",
        "fee": "0",
        "fee_currency": "USDT",
        "gt_fee": "0",
        "rebated_fee": "0",
        "rebated_fee_currency": "USDT",
        **changed,
    }


FILLED = {
    "type": "market",
    "price": "0",
    "time_in_force": "ioc",
    "status": "closed",
    "finish_as": "filled",
    "left": "0",
    "filled_amount": "2.5",
    "filled_total": "350",
    "avg_deal_price": "140",
    "fee": "0.7",
}


def trigger(name: int, **changed: Any) -> dict[str, Any]:
    return {
        "id": name,
        "market": "SOL_USDT",
        "user": 7,
        "trigger": {"price": "120", "rule": "<=", "expiration": 2_592_000},
        "put": {
            "type": "limit",
            "side": "sell",
            "price": "118.5",
            "amount": "1",
            "account": "normal",
            "time_in_force": "gtc",
        },
        "ctime": 1_767_312_000,
        "status": "open",
        **changed,
    }


def position(size: int = -7) -> dict[str, Any]:
    return {
        "contract": "BTC_USDT",
        "size": size,
        "entry_price": "58000.5",
        "mark_price": "60100",
        "leverage": "0",
        "value": "42.07",
        "margin": "5",
        "open_time": 1_767_200_000,
        "update_time": 1_767_312_000,
        "mode": "single",
    }


def working(*orders: dict[str, Any]) -> dict[str, Any]:
    """Return a list of swap orders that move by themselves."""
    data = {"orders": list(orders), "total": len(orders)}
    return {"code": 0, "message": "success", "data": data, "timestamp": 1_767_312_000_000}


def replies() -> Replies:
    """A classic account with SOL, some of it held, a dust of ADA, cash, and no orders."""
    return Replies(
        {
            "GET /api/v4/spot/currencies": [],
            "GET /api/v4/margin/currency_pairs": [],
            "GET /api/v4/spot/currency_pairs": [pair("SOL", 2, 3), pair("ADA", 1, 4)],
            "GET /api/v4/futures/usdt/contracts": [contract("BTC_USDT", "0.0001")],
            "GET /api/v4/futures/btc/contracts": [contract("BTC_USD", "0")],
            "GET /api/v4/account/detail": {"user_id": 7, "key": {"mode": 1}},
            "GET /api/v4/unified/unified_mode": {"mode": "classic", "settings": {}},
            "GET /api/v4/wallet/fee": {
                "user_id": 7,
                "taker_fee": "0.002",
                "maker_fee": "0.002",
                "gt_discount": False,
                "gt_taker_fee": "0.0015",
                "futures_taker_fee": "0.0005",
            },
            "GET /api/v4/spot/accounts": [
                balance("SOL", "2.5", "1"),
                balance("ADA", "0.04", "0"),
                balance("USDT", "1000.25", "10"),
            ],
            "GET /api/v4/spot/open_orders": [],
            "GET /api/v4/spot/price_orders": [],
            "GET /api/v4/futures/usdt/autoorder/v1/trail/list": working(),
            "GET /api/v4/futures/usdt/autoorder/v1/chase/list": working(),
            "GET /api/v4/futures/btc/autoorder/v1/trail/list": working(),
            "GET /api/v4/futures/btc/autoorder/v1/chase/list": working(),
            "GET /api/v4/spot/tickers": [
                ticker("SOL_USDT", "139.9", "140.1", "140"),
                ticker("ADA_USDT", "0.449", "0.451", "0.45"),
            ],
        }
    )
