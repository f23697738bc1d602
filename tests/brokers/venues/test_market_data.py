"""Candles and books of every venue, in the venue's own words: volatility, volume and depth in the position's units."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from exitplan.brokers.live.market_data import forget_candles
from exitplan.ruleset.model.market_data import MarketData, MarketDemand
from tests.brokers.venues import kucoin_replies as kucoin
from tests.brokers.venues.every_account import EVERY_ACCOUNT
from tests.brokers.venues.recorded import Sent, at_venue

d = Decimal
NOW = datetime(2026, 2, 18, 12, 30, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
CLOSES = ("100", "110", "99")
VOLATILITY = d("0.100461")
WITHIN = d("0.01")
EVERYTHING = MarketDemand(2, frozenset({"hour", "day"}), WITHIN)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXITPLAN_CACHE_DIR", str(tmp_path / "cache"))
    forget_candles()


@dataclass(frozen=True)
class Bar:
    """What was traded in a stretch of time: ``base`` units, ``contracts``, and their worth."""

    begins: datetime
    close: str
    base: str = "20"
    contracts: str = "200"
    worth: str = "2000"

    @property
    def seconds(self) -> int:
        return int(self.begins.timestamp())


def bars(length: timedelta) -> list[Bar]:
    """Return three bars that are over, and one that is not."""
    midnight = NOW.replace(hour=0, minute=0)
    begins = midnight + (NOW - midnight) // length * length
    told = [Bar(begins - length * (3 - number), close) for number, close in enumerate(CLOSES)]
    return [*told, Bar(begins, "5000", "1", "1", "1")]


Shape = Callable[[Bar], Any]


@dataclass(frozen=True)
class Words:
    """How a venue tells candles and its book, and what comes of a position's units."""

    account: str
    candles: str
    candle: Shape
    book: str
    levels: Any
    frame: Callable[[Sent], timedelta]
    wrap: Callable[[list[Any]], Any] = list
    newest_first: bool = False
    volume: str = "20"


def frame_by(name: str, of_day: str) -> Callable[[Sent], timedelta]:
    return lambda sent: DAY if sent.query[name] == of_day else HOUR


BIDS = [["99.9", "1"], ["99.5", "2"], ["90", "50"]]
ASKS = [["100.1", "4"], ["110", "60"]]
WORDS = [
    Words(
        "binance",
        "GET /api/v3/klines",
        lambda bar: [bar.seconds * 1000, "1", "1", "1", bar.close, bar.base, 0, bar.worth, 1, "5", "5", "0"],
        "GET /api/v3/depth",
        {"lastUpdateId": 1, "bids": BIDS, "asks": ASKS},
        frame=frame_by("interval", "1d"),
    ),
    Words(
        "binance swaps",
        "GET /fapi/v1/klines",
        lambda bar: [bar.seconds * 1000, "1", "1", "1", bar.close, bar.base, 0, bar.worth, 1, "5", "5", "0"],
        "GET /fapi/v1/depth",
        {"lastUpdateId": 1, "T": 1, "bids": BIDS, "asks": ASKS},
        frame=frame_by("interval", "1d"),
    ),
    Words(
        "bybit",
        "GET /v5/market/kline",
        lambda bar: [str(bar.seconds * 1000), "1", "1", "1", bar.close, bar.base, bar.worth],
        "GET /v5/market/orderbook",
        {"retCode": 0, "retMsg": "OK", "result": {"s": "SOLUSDT", "b": BIDS, "a": ASKS, "ts": 1, "u": 1}},
        wrap=lambda told: {"retCode": 0, "retMsg": "OK", "result": {"category": "spot", "list": told}},
        newest_first=True,
        frame=frame_by("interval", "D"),
    ),
    Words(
        "bybit swaps",
        "GET /v5/market/kline",
        lambda bar: [str(bar.seconds * 1000), "1", "1", "1", bar.close, bar.base, bar.worth],
        "GET /v5/market/orderbook",
        {"retCode": 0, "retMsg": "OK", "result": {"s": "SOLUSDT", "b": BIDS, "a": ASKS, "ts": 1, "u": 1}},
        wrap=lambda told: {"retCode": 0, "retMsg": "OK", "result": {"category": "linear", "list": told}},
        newest_first=True,
        frame=frame_by("interval", "D"),
    ),
    Words(
        "coinbase",
        "GET /api/v3/brokerage/market/products/SOL-USD/candles",
        lambda bar: {
            "start": str(bar.seconds),
            "low": "1",
            "high": "1",
            "open": "1",
            "close": bar.close,
            "volume": bar.base,
        },
        "GET /api/v3/brokerage/market/product_book",
        {
            "pricebook": {
                "product_id": "SOL-USD",
                "bids": [{"price": price, "size": size} for price, size in BIDS],
                "asks": [{"price": price, "size": size} for price, size in ASKS],
                "time": "2026-02-18T12:30:00Z",
            }
        },
        wrap=lambda told: {"candles": told},
        newest_first=True,
        frame=frame_by("granularity", "ONE_DAY"),
    ),
    Words(
        "gate",
        "GET /api/v4/spot/candlesticks",
        lambda bar: [str(bar.seconds), bar.worth, bar.close, "1", "1", "1", bar.base, "true"],
        "GET /api/v4/spot/order_book",
        {"id": 1, "current": 1, "update": 1, "bids": BIDS, "asks": ASKS},
        frame=frame_by("interval", "1d"),
    ),
    Words(
        "gate swaps",
        "GET /api/v4/futures/usdt/candlesticks",
        lambda bar: {
            "t": bar.seconds,
            "v": int(bar.contracts),
            "c": bar.close,
            "h": "1",
            "l": "1",
            "o": "1",
            "sum": "9",
        },
        "GET /api/v4/futures/usdt/order_book",
        {
            "id": 1,
            "current": 1.5,
            "update": 1.5,
            "bids": [{"p": price, "s": int(size)} for price, size in BIDS],
            "asks": [{"p": price, "s": int(size)} for price, size in ASKS],
        },
        frame=frame_by("interval", "1d"),
        volume="200",
    ),
    Words(
        "kucoin",
        "GET /api/v1/market/candles",
        lambda bar: [str(bar.seconds), "1", bar.close, "1", "1", bar.base, bar.worth],
        "GET /api/v1/market/orderbook/level2_100",
        kucoin.ok({"sequence": "1", "time": 1, "bids": BIDS, "asks": ASKS}),
        wrap=kucoin.ok,
        newest_first=True,
        frame=frame_by("type", "1day"),
    ),
    Words(
        "kucoin swaps",
        "GET api-futures.kucoin.com/api/v1/kline/query",
        lambda bar: [bar.seconds * 1000, 1, 1, 1, float(bar.close), int(bar.contracts)],
        "GET api-futures.kucoin.com/api/v1/level2/depth100",
        kucoin.ok({"symbol": "XBTUSDTM", "sequence": 1, "bids": BIDS, "asks": ASKS, "ts": 1}),
        wrap=kucoin.ok,
        frame=frame_by("granularity", "1440"),
        volume="200",
    ),
    Words(
        "okx",
        "GET /api/v5/market/candles",
        lambda bar: [str(bar.seconds * 1000), "1", "1", "1", bar.close, bar.base, bar.worth, bar.worth, "1"],
        "GET /api/v5/market/books",
        {"code": "0", "msg": "", "data": [{"bids": BIDS, "asks": ASKS, "ts": "1"}]},
        wrap=lambda told: {"code": "0", "msg": "", "data": told},
        newest_first=True,
        frame=frame_by("bar", "1Dutc"),
    ),
    Words(
        "okx swaps",
        "GET /api/v5/market/candles",
        lambda bar: [str(bar.seconds * 1000), "1", "1", "1", bar.close, bar.contracts, bar.base, bar.worth, "1"],
        "GET /api/v5/market/books",
        {"code": "0", "msg": "", "data": [{"bids": BIDS, "asks": ASKS, "ts": "1"}]},
        wrap=lambda told: {"code": "0", "msg": "", "data": told},
        newest_first=True,
        frame=frame_by("bar", "1Dutc"),
        volume="200",  # of contracts of 0.1 SOL
    ),
    Words(
        "alpaca",
        "GET /v1beta3/crypto/us/bars",
        lambda bar: {
            "t": f"{bar.begins:%Y-%m-%dT%H:%M:%SZ}",
            "o": 1,
            "h": 1,
            "l": 1,
            "c": float(bar.close),
            "v": float(bar.base),
        },
        "GET /v1beta3/crypto/us/latest/orderbooks",
        {
            "orderbooks": {
                "SOL/USD": {
                    "b": [{"p": float(price), "s": float(size)} for price, size in BIDS],
                    "a": [{"p": float(price), "s": float(size)} for price, size in ASKS],
                    "t": "2026-02-18T12:30:00Z",
                }
            }
        },
        wrap=lambda told: {"bars": {"SOL/USD": told}, "next_page_token": None},
        frame=frame_by("timeframe", "1D"),
    ),
]


@pytest.mark.parametrize("words", WORDS, ids=lambda words: words.account)
def test_candles_and_book_are_read_in_the_units_of_a_position(words: Words) -> None:
    told = EVERY_ACCOUNT[words.account]

    def candles(sent: Sent) -> Any:
        entries = [words.candle(bar) for bar in bars(words.frame(sent))]
        return words.wrap(entries[::-1] if words.newest_first else entries)

    with at_venue(words.account.split()[0], told.replies, clock=lambda: NOW, **told.opened) as recorded:
        recorded.answer(words.candles, candles)
        recorded.answer(words.book, words.levels)
        read = recorded.broker.read_market_data({told.symbol: EVERYTHING})
        assert not read.failed
        assert read.data == {
            told.symbol: MarketData(
                VOLATILITY, 2, d(words.volume), d(words.volume), bid_depth=d(3), ask_depth=d(4), depth_within=WITHIN
            )
        }
        assert len(recorded.all(words.candles)) == 2, "one for days, one for hours"
        assert len(recorded.all(words.book)) == 1
        recorded.forget()
        assert recorded.broker.read_market_data({told.symbol: EVERYTHING}) == read
        assert not recorded.all(words.candles), "what is over is asked for once"
        assert len(recorded.all(words.book)) == 1, "the book is asked for as it is now"
