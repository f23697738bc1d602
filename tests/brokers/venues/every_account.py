"""A good account of every venue: its replies to each question, and one to whatever is written or looked up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.brokers.venues import alpaca_replies as alpaca
from tests.brokers.venues import binance_replies as binance
from tests.brokers.venues import bybit_replies as bybit
from tests.brokers.venues import coinbase_replies as coinbase
from tests.brokers.venues import gate_replies as gate
from tests.brokers.venues import kucoin_replies as kucoin
from tests.brokers.venues import okx_replies as okx
from tests.brokers.venues.recorded import MADE_UP_WORDS, Replies


@dataclass(frozen=True)
class Told:
    """What a venue tells of an account, and how the account is opened."""

    replies: Replies
    taken: Any
    """The reply to all requests that ``replies`` does not know."""
    symbol: str = "SOL/USDT"
    opened: Mapping[str, Any] = field(default_factory=dict)


def _with(replies: Replies, further: Mapping[str, Any]) -> Replies:
    for pattern, reply in further.items():
        replies.add(pattern, reply)
    return replies


_SWAPS = ("swap",)
_BOTH = ("spot", "swap")
_COINBASE_LIMIT = {"base_size": "2.5", "limit_price": "150", "post_only": False}
_COINBASE_TAKEN = {
    "success": True,
    "success_response": {"order_id": "order-1"},
    "order": coinbase.order("market_market_ioc", {"base_size": "2.5"}, status="FILLED", filled_size="2.5"),
    "results": [{"success": True, "order_id": "order-1"}],
}
_KUCOIN = {
    "GET /api/v1/hf/orders/active/symbols": kucoin.ok({"symbols": ["SOL-USDT"]}),
    "GET /api/v1/hf/orders/active": kucoin.ok([kucoin.order("8", type="limit", price="150", size="1")]),
    "GET /api/v1/stop-order": kucoin.page([kucoin.stop_order("vs1")]),
}
_KUCOIN_FUTURES = {
    "GET api-futures.kucoin.com/api/v1/account-overview": kucoin.ok({"accountEquity": 520, "availableBalance": 400}),
    "GET api-futures.kucoin.com/api/v1/orders": kucoin.page([]),
    "GET api-futures.kucoin.com/api/v1/stopOrders": kucoin.page([]),
    "GET api-futures.kucoin.com/api/v1/positions": kucoin.ok([kucoin.position()]),
    "GET api-futures.kucoin.com/api/v2/position/getMarginMode": kucoin.ok(
        {"symbol": "XBTUSDTM", "marginMode": "CROSS"}
    ),
}
_KUCOIN_TAKEN = kucoin.ok({**kucoin.order("7", active=False, dealSize="2.5", dealFunds="350"), "orderId": "7"})
_GATE = {
    "GET /api/v4/spot/open_orders": [{"currency_pair": "SOL_USDT", "total": 1, "orders": [gate.order("8")]}],
    "GET /api/v4/spot/price_orders": [gate.trigger(9)],
}
_GATE_FUTURES = {
    "GET /api/v4/futures/usdt/tickers": [gate.ticker("BTC_USDT", "60099", "60101", "60100")],
    "GET /api/v4/futures/btc/tickers": [{"contract": "BTC_USD", "last": "60100"}],
    **{
        f"GET /api/v4/futures/{settled}/{name}": reply
        for settled in ("usdt", "btc")
        for name, reply in {
            "accounts": {"currency": settled.upper(), "total": "520", "available": "400"},
            "positions": [gate.position()] if settled == "usdt" else [],
            "orders": [],
            "price_orders": [],
        }.items()
    },
}
_GATE_ORDER = {
    "contract": "BTC_USDT",
    "size": 7,
    "left": 0,
    "fill_price": "60100",
    "tif": "ioc",
    "create_time": 1_767_312_000.5,
}
_ALPACA_ORDERS = {
    "GET /v2/orders?status=open": [alpaca.order(1, type="limit", order_type="limit", limit_price="150", status="new")]
}

EVERY_ACCOUNT: Mapping[str, Told] = {
    "alpaca": Told(
        _with(alpaca.replies(), _ALPACA_ORDERS), alpaca.order(7, **alpaca.FILLED), "SOL/USD", {"quote": "USD"}
    ),
    "binance": Told(binance.SPOT, {**binance.order(77), **binance.FILLED}),
    "binance swaps": Told(binance.FUTURES, binance.order(77), "SOL/USDT:USDT", {"market_types": _SWAPS}),
    "bybit": Told(bybit.BYBIT, bybit.listed(bybit.filled())),
    "bybit swaps": Told(bybit.SWAPS, bybit.listed(bybit.filled()), "SOL/USDT:USDT", {"market_types": _SWAPS}),
    "coinbase": Told(
        _with(
            coinbase.replies(), {coinbase.ORDERS: coinbase.orders(coinbase.order("limit_limit_gtc", _COINBASE_LIMIT))}
        ),
        _COINBASE_TAKEN,
        "SOL/USD",
        {"quote": "USD", "secret": coinbase.secret()},
    ),
    "gate": Told(_with(gate.replies(), _GATE), gate.order("7", **gate.FILLED)),
    "gate swaps": Told(
        _with(gate.replies(), _GATE | _GATE_FUTURES),
        gate.order("7", **_GATE_ORDER),
        "BTC/USDT:USDT",
        {"market_types": _BOTH},
    ),
    "kucoin": Told(_with(kucoin.replies(), _KUCOIN), _KUCOIN_TAKEN, opened={"password": MADE_UP_WORDS}),
    "kucoin swaps": Told(
        _with(kucoin.replies(), _KUCOIN | _KUCOIN_FUTURES),
        _KUCOIN_TAKEN,
        "BTC/USDT:USDT",
        {"password": MADE_UP_WORDS, "market_types": _BOTH},
    ),
    "okx": Told(okx.OKX, okx.told(okx.filled()), opened={"password": MADE_UP_WORDS}),
    "okx swaps": Told(
        okx.OKX, okx.told(okx.filled()), "SOL/USDT:USDT", {"password": MADE_UP_WORDS, "market_types": _BOTH}
    ),
}
