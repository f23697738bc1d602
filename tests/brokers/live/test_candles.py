"""The prices of markets that have been, out of a venue's candles: asked for once a market and day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from exitplan.brokers.live.candles import Candles
from tests.brokers.venues import binance_replies
from tests.brokers.venues.recorded import Recorded, Reply, at_venue

DAY = datetime(2026, 2, 18, tzinfo=UTC)
KLINES = "GET /api/v3/klines"
d = Decimal


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXITPLAN_CACHE_DIR", str(tmp_path / "cache"))


def candle(minute: int, price: str) -> list[Any]:
    begin = int(DAY.timestamp() * 1000) + minute * 60_000
    return [begin, price, "9", "1", "5", "10", begin + 899_999, "10", 1, "5", "5", "0"]


def candles(folder: Path, now: datetime) -> Candles:
    return Candles({"id": "a", "venue": "binance", "quote": "USDT"}, lambda: now, folder / "prices")


def asked(recorded: Recorded) -> int:
    return sum(sent.path == "/api/v3/klines" for sent in recorded.sent)


def test_a_day_is_asked_for_once_and_kept_where_it_is_over(tmp_path: Path) -> None:
    with at_venue("binance", binance_replies.SPOT) as recorded:
        recorded.answer(KLINES, [candle(0, "100"), candle(15, "101"), candle(45, "103")])
        source = candles(tmp_path, DAY + timedelta(days=3))
        told = [source.price("SOL/USDT", DAY + timedelta(minutes=minute)) for minute in (0, 16, 44, 50)]
        assert told == [d(100), d(101), d(101), d(103)]
        assert asked(recorded) == 1
        assert candles(tmp_path, DAY + timedelta(days=3)).price("SOL/USDT", DAY + timedelta(minutes=20)) == d(101)
        assert asked(recorded) == 1


def test_a_day_that_goes_on_is_not_kept_and_an_unknown_market_not_asked_for(tmp_path: Path) -> None:
    with at_venue("binance", binance_replies.SPOT) as recorded:
        recorded.answer(KLINES, [candle(15, "101")])
        source = candles(tmp_path, DAY + timedelta(hours=1))
        assert source.price("SOL/USDT", DAY + timedelta(minutes=5)) is None
        assert source.price("NONE/USDT", DAY) is None
        assert not list((tmp_path / "prices").rglob("*.json"))
        assert source.problem is None


def test_a_venue_that_does_not_answer_is_asked_no_more(tmp_path: Path) -> None:
    with at_venue("binance", binance_replies.SPOT) as recorded:
        recorded.answer(KLINES, Reply("no", status=500))
        source = candles(tmp_path, DAY + timedelta(days=3))
        assert source.price("SOL/USDT", DAY) is None
        assert source.problem is not None
        assert source.price("SOL/USDT", DAY + timedelta(days=1)) is None
        assert asked(recorded) == 1
