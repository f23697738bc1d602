"""What requests weigh at binance, by address and minute: headers that tell it, and what is refused beyond the limit.

https://github.com/binance/binance-spot-api-docs/blob/master/rest-api.md#ip-limits and what it says of each endpoint;
https://developers.binance.com/docs/derivatives/usds-margined-futures/general-info
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from tests.venues.venue import Venue
from tests.venues.wire import Reply, Request, in_json

LIMIT, FUTURES_LIMIT = 6_000, 2_400
_MINUTE = 60
_SYMBOLS = 20
_PATIENCE = 5
_BAN = 120
"""Requests that are refused in a minute before an address is banned (not documented), and seconds of a first ban."""
_ALL = {
    "GET /api/v3/ticker/24hr": 80,
    "GET /api/v3/ticker/bookTicker": 4,
    "GET /api/v3/openOrders": 80,
    "GET /fapi/v1/ticker/24hr": 40,
    "GET /fapi/v1/ticker/bookTicker": 5,
    "GET /fapi/v1/premiumIndex": 10,
    "GET /fapi/v1/openOrders": 40,
    "GET /fapi/v1/openAlgoOrders": 40,
}
"""What is heavier without a symbol."""
_WEIGHTS: Mapping[str, int] = {
    "GET /api/v3/exchangeInfo": 20,
    "GET /api/v3/ticker/24hr": 2,
    "GET /api/v3/ticker/bookTicker": 2,
    "GET /api/v3/klines": 2,
    "GET /api/v3/depth": 5,
    "GET /api/v3/account": 20,
    "GET /api/v3/order": 4,
    "GET /api/v3/openOrders": 6,
    "GET /api/v3/allOrders": 20,
    "GET /api/v3/myTrades": 20,
    "GET /api/v3/orderList": 4,
    "GET /api/v3/openOrderList": 6,
    "GET /fapi/v1/ticker/bookTicker": 2,
    "GET /fapi/v1/depth": 5,
    "GET /fapi/v3/account": 5,
    "GET /fapi/v3/positionRisk": 5,
    "GET /fapi/v1/positionSide/dual": 30,
    "GET /fapi/v1/allOrders": 5,
    "GET /fapi/v1/allAlgoOrders": 5,
    "GET /fapi/v1/userTrades": 5,
    "POST /fapi/v1/order": 0,
    "POST /fapi/v1/algoOrder": 0,
}
"""All others weigh 1; conversions are counted by account, and tell nothing in these headers."""


@dataclass
class Weights:
    """Counts what an address has used in a minute of the venue's clock; who goes on beyond the limit is banned."""

    venue: Venue
    limit: int = LIMIT
    minute: int = 0
    used: int = 0
    refused: int = 0
    banned_until: float = 0.0
    is_told: bool = True

    def add(self, request: Request) -> Reply | None:
        """Count a request; a reply refuses it, and says how many seconds to rest."""
        now = self.venue.now().timestamp()
        if now < self.banned_until:
            return self._banned(now)
        if int(now) // _MINUTE != self.minute:
            self.minute, self.used, self.refused = int(now) // _MINUTE, 0, 0
        self.used += weight_of(request)
        if self.used <= self.limit:
            return None
        self.refused += 1
        if self.refused > _PATIENCE:
            self.banned_until = now + _BAN
            return self._banned(now)
        words = f"Too much request weight used; current limit is {self.limit} request weight per 1 MINUTE."
        return self._refusal(words, 429, (self.minute + 1) * _MINUTE - now)

    def _banned(self, now: float) -> Reply:
        words = f"Way too much request weight used; IP banned until {self.banned_until * 1000:.0f}."
        return self._refusal(words, 418, self.banned_until - now)

    def _refusal(self, words: str, status: int, seconds: float) -> Reply:
        reply = in_json({"code": -1003, "msg": words}, status)
        return replace(reply, headers={**self.headers(), "Retry-After": str(max(1, math.ceil(seconds)))})

    def headers(self) -> dict[str, str]:
        if not self.is_told:
            return {}
        return {"x-mbx-used-weight": str(self.used), "x-mbx-used-weight-1m": str(self.used)}


def weight_of(request: Request) -> int:
    """Return what a request weighs."""
    if request.path.startswith("/sapi/"):
        return 0
    endpoint, params = f"{request.method} {request.path}", request.params()
    if endpoint == "GET /api/v3/ticker/24hr" and "symbols" in params:
        return 2 if params["symbols"].count(",") < _SYMBOLS else 40
    if "symbol" not in params and endpoint in _ALL:
        return _ALL[endpoint]
    return _WEIGHTS.get(endpoint, 1)
