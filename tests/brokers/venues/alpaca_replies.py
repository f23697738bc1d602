"""What Alpaca answers, in its own JSON."""

from __future__ import annotations

from typing import Any

from tests.brokers.venues.recorded import Replies, Reply

NAME = "5b0e7c1a-0000-4000-8000-00000000000"
CANCELLED = Reply("", 204)


def refused(code: int, message: str, status: int) -> Reply:
    return Reply({"code": code, "message": message}, status)


def asset(symbol: str, least: str, step: str, tick: str) -> dict[str, Any]:
    return {
        "id": f"asset-{symbol}",
        "class": "crypto",
        "exchange": "CRYPTO",
        "symbol": symbol,
        "status": "active",
        "tradable": True,
        "fractionable": True,
        "min_order_size": least,
        "min_trade_increment": step,
        "price_increment": tick,
    }


def position(symbol: str, quantity: str, free: str, kind: str = "crypto") -> dict[str, Any]:
    return {
        "asset_id": f"asset-{symbol}",
        "symbol": symbol,
        "exchange": "CRYPTO",
        "asset_class": kind,
        "qty": quantity,
        "qty_available": free,
        "avg_entry_price": "100",
        "side": "long",
        "market_value": "490",
    }


def order(number: int, **changed: Any) -> dict[str, Any]:
    return {
        "id": f"{NAME}{number}",
        "client_order_id": "xp-1",
        "created_at": "2026-01-02T00:00:00.5Z",
        "updated_at": "2026-01-02T00:00:01.5Z",
        "submitted_at": "2026-01-02T00:00:00.5Z",
        "filled_at": None,
        "asset_class": "crypto",
        "symbol": "SOL/USD",
        "notional": None,
        "qty": "2.5",
        "filled_qty": "0",
        "filled_avg_price": None,
        "order_type": "market",
        "type": "market",
        "side": "sell",
        "time_in_force": "gtc",
        "limit_price": None,
        "stop_price": None,
        "status": "pending_new",
        **changed,
    }


FILLED = {
    "status": "filled",
    "filled_qty": "2.5",
    "filled_avg_price": "140",
    "filled_at": "2026-01-02T00:00:02Z",
}


def snapshot(bid: float, ask: float, last: float) -> dict[str, Any]:
    return {
        "latestQuote": {"bp": bid, "ap": ask, "bs": 1, "as": 1, "t": "2026-01-02T00:00:00Z"},
        "latestTrade": {"p": last, "s": 1, "t": "2026-01-02T00:00:00Z"},
        "dailyBar": {"c": last, "h": last, "l": last, "o": last, "v": 1, "vw": last},
        "prevDailyBar": {"c": last},
    }


def replies() -> Replies:
    """An account with SOL, some of it held, a dust of ADA, shares, cash, and no orders."""
    return Replies(
        {
            "GET /v2/assets": [
                asset("SOL/USD", "0.01", "0.000001", "0.001"),
                asset("ADA/USD", "1", "0.1", "0.0001"),
            ],
            "GET /v2/account": {
                "id": "account",
                "currency": "USD",
                "cash": "1000.25",
                "equity": "1510.25",
                "position_market_value": "500",
            },
            "GET /v2/positions": [
                position("SOLUSD", "3.5", "2.5"),
                position("ADAUSD", "0.04", "0.04"),
                position("TSLA", "2", "2", "us_equity"),
            ],
            "GET /v2/orders?status=open": [],
            "GET data.alpaca.markets/v1beta3/crypto/us/snapshots": {
                "snapshots": {"SOL/USD": snapshot(139.9, 140.1, 140), "ADA/USD": snapshot(0.449, 0.451, 0.45)}
            },
        }
    )
