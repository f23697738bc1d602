"""What OKX answers, in its own JSON."""

from __future__ import annotations

from typing import Any

from tests.brokers.venues.recorded import Replies, Reply, Sent

FEES = "GET /api/v5/account/trade-fee"
BALANCE = "GET /api/v5/account/balance"
PENDING = "GET /api/v5/trade/orders-pending"
WAITING = "GET /api/v5/trade/orders-algo-pending"
ORDER = "/api/v5/trade/order"
ALGO = "/api/v5/trade/order-algo"
POSITIONS = "GET /api/v5/account/positions"
CONFIG = "GET /api/v5/account/config"
TIME = 1771452000000


def told(*data: Any, code: str = "0") -> dict[str, Any]:
    return {"code": code, "msg": "", "data": list(data)}


def refused(code: str, message: str) -> dict[str, Any]:
    """Return the refusal of one order, told inside of a failed operation."""
    return {
        "code": "1",
        "msg": "All operations failed",
        "data": [{"ordId": "", "clOrdId": "xp0001", "sCode": code, "sMsg": message}],
    }


def error(code: str, message: str, status: int = 200) -> Reply:
    return Reply({"code": code, "msg": message, "data": []}, status)


def spot_market(base: str, quote: str = "USDT") -> dict[str, Any]:
    return {
        "instId": f"{base}-{quote}",
        "instType": "SPOT",
        "baseCcy": base,
        "quoteCcy": quote,
        "settleCcy": "",
        "ctVal": "",
        "lotSz": "0.0001",
        "minSz": "0.01",
        "tickSz": "0.01",
        "lever": "10",
        "state": "live",
        "uly": "",
    }


SWAP_MARKET = {
    "instId": "SOL-USDT-SWAP",
    "instType": "SWAP",
    "baseCcy": "",
    "quoteCcy": "",
    "settleCcy": "USDT",
    "ctVal": "0.1",
    "ctType": "linear",
    "lotSz": "1",
    "minSz": "1",
    "tickSz": "0.01",
    "lever": "50",
    "state": "live",
    "uly": "SOL-USDT",
}


def ticker(name: str, last: str, kind: str = "SPOT") -> dict[str, Any]:
    return {"instType": kind, "instId": name, "last": last, "bidPx": last, "askPx": last, "ts": str(TIME)}


def order(number: int, **parts: Any) -> dict[str, Any]:
    """Return a limit sell of 2 SOL."""
    return {
        "instType": "SPOT",
        "instId": "SOL-USDT",
        "ordId": str(number),
        "clOrdId": f"client{number}",
        "px": "200",
        "sz": "2",
        "accFillSz": "0",
        "avgPx": "",
        "ordType": "limit",
        "side": "sell",
        "state": "live",
        "fee": "0",
        "feeCcy": "USDT",
        "tgtCcy": "",
        "reduceOnly": "false",
        "cTime": str(TIME + number),
        "uTime": str(TIME + number),
        **parts,
    }


def filled(number: int = 77, **parts: Any) -> dict[str, Any]:
    return order(
        number,
        **{
            "clOrdId": "xp0001",
            "ordType": "market",
            "px": "",
            "sz": "1.5",
            "accFillSz": "1.5",
            "avgPx": "150",
            "state": "filled",
            "fee": "-0.225",
            **parts,
        },
    )


def stop(number: int, **parts: Any) -> dict[str, Any]:
    """Return a stop-loss of 2 SOL at market that waits for its trigger."""
    return {
        "instType": "SPOT",
        "instId": "SOL-USDT",
        "algoId": str(number),
        "algoClOrdId": f"stop{number}",
        "clOrdId": "",
        "ordId": "",
        "ordType": "conditional",
        "side": "sell",
        "sz": "2",
        "state": "live",
        "slTriggerPx": "120",
        "slOrdPx": "-1",
        "tpTriggerPx": "",
        "tpOrdPx": "",
        "triggerPx": "",
        "ordPx": "",
        "actualSz": "",
        "actualPx": "",
        "reduceOnly": "false",
        "cTime": str(TIME),
        **parts,
    }


def _instruments(sent: Sent) -> dict[str, Any]:
    if sent.query["instType"] == "SPOT":
        return told(spot_market("SOL"), spot_market("BTC"))
    return told(SWAP_MARKET)


def _waiting(sent: Sent) -> dict[str, Any]:
    lists = {
        "conditional,oco": [stop(41), stop(42, slOrdPx="118")],
        "trigger": [stop(43, ordType="trigger", slTriggerPx="", slOrdPx="", triggerPx="110", ordPx="109")],
        "move_order_stop": [stop(44, ordType="move_order_stop", slTriggerPx="", slOrdPx="", moveTriggerPx="125")],
    }
    return told(*(lists.get(sent.query["ordType"], []) if "instType" not in sent.query else []))


def _tickers(sent: Sent) -> dict[str, Any]:
    if sent.query["instType"] == "SPOT":
        return told(ticker("SOL-USDT", "150"), ticker("BTC-USDT", "60000"))
    return told(ticker("SOL-USDT-SWAP", "151", "SWAP"))


def position(contracts: str, **parts: Any) -> dict[str, Any]:
    return {
        "instId": "SOL-USDT-SWAP",
        "instType": "SWAP",
        "posSide": "net",
        "pos": contracts,
        "avgPx": "140.5",
        "mgnMode": "isolated",
        "lever": "3",
        "margin": "20",
        "markPx": "151",
        "notionalUsd": "60",
        "upl": "1",
        "uplRatio": "0.1",
        "imr": "",
        "mmr": "1",
        "liqPx": "",
        "cTime": str(TIME),
        "uTime": str(TIME + 9),
        **parts,
    }


OKX = Replies(
    {
        "GET /api/v5/public/instruments": _instruments,
        "GET /api/v5/market/tickers": _tickers,
        CONFIG: told({"acctLv": "1", "posMode": "net_mode", "type": "0", "uid": "7", "mainUid": "7"}),
        FEES: told({"level": "Lv1", "taker": "-0.001", "takerUSDC": "-0.0012", "maker": "-0.0008", "takerU": ""}),
        BALANCE: told(
            {
                "uTime": str(TIME),
                "details": [
                    {
                        "ccy": "USDT",
                        "eq": "1025",
                        "upl": "5",
                        "cashBal": "1020",
                        "availBal": "1000",
                        "availEq": "",
                        "frozenBal": "25",
                    },
                    {"ccy": "SOL", "eq": "5", "cashBal": "5", "availBal": "3", "availEq": "", "frozenBal": "2"},
                    {"ccy": "BTC", "eq": "0.5", "cashBal": "0.5", "availBal": "0.5", "availEq": "", "frozenBal": ""},
                ],
            }
        ),
        PENDING: told(order(11)),
        WAITING: _waiting,
        POSITIONS: told(position("4")),
    }
)
