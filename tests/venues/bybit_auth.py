"""How bybit knows its clients: an HMAC over time, key, window and what is asked, and so many requests a second.

https://bybit-exchange.github.io/docs/v5/guide and https://bybit-exchange.github.io/docs/v5/rate-limit
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from exitplan.brokers.protocol import Clock
from tests.venues.venue import utc_now
from tests.venues.wire import Credentials, RefusedInWords, Request

AHEAD = 1_000
"""Milliseconds that a timestamp may be ahead of the venue's clock."""
_LIMITS = {"/v5/order/create": 20, "/v5/order/cancel": 20, "/v5/order/cancel-batch": 20}
_READS = 50
_SECOND = timedelta(seconds=1)


def new_credentials() -> Credentials:
    """Make a key pair of the form that bybit generates."""
    return Credentials(secrets.token_urlsafe(14)[:18], secrets.token_hex(18))


def signature(secret: str, text: str) -> str:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


@dataclass
class BybitGate:
    """Lets signed requests in while their window lasts; ``is_strict`` also holds them to the limits a second."""

    credentials: Credentials = field(default_factory=new_credentials)
    clock: Clock = utc_now
    is_strict: bool = False
    _came: dict[str, list[datetime]] = field(default_factory=lambda: defaultdict(list))

    def check(self, request: Request) -> None:
        """Raise RefusedInWords for a request that may not come in."""
        headers = request.headers
        stamp, window = headers.get("x-bapi-timestamp", ""), headers.get("x-bapi-recv-window", "5000")
        if not (stamp.isdigit() and window.isdigit()):
            raise RefusedInWords("10001", "params error: timestamp or recv_window")
        if headers.get("x-bapi-api-key") != self.credentials.key:
            raise RefusedInWords("10003", "API key is invalid.")
        asked = request.body.decode() if request.method == "POST" else request.query
        origin = f"{stamp}{self.credentials.key}{window}{asked}"
        if not hmac.compare_digest(signature(self.credentials.secret, origin), headers.get("x-bapi-sign", "")):
            raise RefusedInWords("10004", f"error sign! origin_string[{origin}]")
        now = self._milliseconds()
        if not now - int(window) <= int(stamp) < now + AHEAD:
            words = "invalid request, please check your server timestamp or recv_window param. "
            numbers = f"req_timestamp[{stamp}],server_timestamp[{now}],recv_window[{window}]"
            raise RefusedInWords("10002", words + numbers)
        self._count(request.path)

    def ends(self, request: Request) -> datetime:
        """Return until when a request may come in."""
        stamp, window = (int(request.headers[name]) for name in ("x-bapi-timestamp", "x-bapi-recv-window"))
        return datetime.fromtimestamp((stamp + window) / 1000, UTC)

    def allowance(self, path: str) -> Mapping[str, str]:
        """Return the headers that tell what may still be asked of a path within the second."""
        limit = _LIMITS.get(path, _READS)
        return {
            "X-Bapi-Limit": str(limit),
            "X-Bapi-Limit-Status": str(max(0, limit - len(self._came[path]))),
            "X-Bapi-Limit-Reset-Timestamp": str(self._milliseconds()),
        }

    def _count(self, path: str) -> None:
        now = self.clock()
        self._came[path] = [moment for moment in self._came[path] if now - _SECOND < moment]
        if self.is_strict and len(self._came[path]) >= _LIMITS.get(path, _READS):
            raise RefusedInWords("10006", "Too many visits. Exceeded the API Rate Limit.")
        self._came[path].append(now)

    def _milliseconds(self) -> int:
        return int(self.clock().timestamp() * 1000)
