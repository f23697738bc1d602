"""What binance tells of a market's past and of its book, on the spot market and of futures alike."""

from __future__ import annotations

from typing import Any

from exitplan.ruleset.model.snapshot import Market
from tests.venues.history import bars, book
from tests.venues.venue import Venue
from tests.venues.wire import Document, RefusedInWords

_LENGTHS = {"15m": 900, "1h": 3600, "1d": 86400}


def klines(venue: Venue, symbol: str, params: Document) -> list[list[Any]]:
    """Return the candles from a time on, oldest first, the one that goes on among them."""
    length = _LENGTHS.get(params.get("interval", ""))
    if length is None:
        raise RefusedInWords("-1120 Invalid interval.")
    since = -(-int(params.get("startTime", 0)) // 1000)
    return [
        [bar.second * 1000, *[bar.close] * 4, bar.volume, (bar.second + length) * 1000 - 1, "1", 1, "1", "1", "0"]
        for bar in bars(venue, symbol, length, since=since, most=int(params.get("limit", 500)))
    ]


def depth(market: Market, params: Document) -> dict[str, Any]:
    """Return the book of a market."""
    bids, asks = book(market, int(params.get("limit", 100)))
    return {"lastUpdateId": 1, "bids": bids, "asks": asks}
