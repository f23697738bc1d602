"""How much markets move, trade and take: asked once a day, shared and kept, and no harm where nobody answers."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from exitplan.brokers.live import buckets
from exitplan.brokers.live.market_data import forget_candles
from exitplan.brokers.live.market_replies import Book
from exitplan.brokers.protocol import ToldMarkets
from exitplan.brokers.retrying import RetryingBroker
from exitplan.ruleset.model.market_data import MarketData, MarketDemand
from tests.brokers.live.accounts import VENUES, holding, priced
from tests.brokers.live.conftest import Opener
from tests.brokers.venues import binance_replies
from tests.brokers.venues.recorded import GATEWAY_PAGE, Recorded, Reply, Sent, at_venue
from tests.builders import position, snapshot
from tests.venues.faults import fault

d = Decimal
NOON = datetime(2026, 2, 18, 12, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
KLINES, DEPTH = "GET /api/v3/klines", "GET /api/v3/depth"
SYMBOL = "SOL/USDT"
DAYS = MarketDemand(volatility_days=4)
TODAY = MarketDemand(volume=frozenset({"day"}))
THIS_HOUR = MarketDemand(volume=frozenset({"hour"}))


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXITPLAN_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(buckets, "_BUCKETS", {})
    forget_candles()


class Wall:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


def kline(begins: datetime, close: str, volume: str = "20") -> list[Any]:
    milliseconds = int(begins.timestamp() * 1000)
    return [milliseconds, close, close, close, close, volume, milliseconds + 1, "9", 1, "5", "5", "0"]


def days_before(today: datetime, *closes: str) -> list[list[Any]]:
    midnight = today.replace(hour=0, minute=0)
    return [kline(midnight - DAY * (len(closes) - at), close) for at, close in enumerate(closes)]


@contextmanager
def venue(wall: Wall, *candles: list[Any]) -> Iterator[Recorded]:
    with at_venue("binance", binance_replies.SPOT, clock=wall) as recorded:
        recorded.answer(KLINES, list(candles))
        yield recorded


def asked(recorded: Recorded) -> int:
    return len(recorded.all(KLINES))


def read(recorded: Recorded, demand: MarketDemand = DAYS) -> MarketData:
    told = recorded.broker.read_market_data({SYMBOL: demand})
    assert told.failed == frozenset()
    return told.data[SYMBOL]


FIVE = days_before(NOON, "100", "110", "99", "110", "100")


def test_a_day_is_asked_for_once_by_all_processes_and_the_next_one_anew() -> None:
    wall = Wall()
    with venue(wall, *FIVE) as recorded:
        first = read(recorded)
        assert first.volatility_days == 4
        wall.now += 11 * HOUR
        forget_candles()  # as another process would begin
        assert read(recorded) == first
        assert asked(recorded) == 1
        wall.now += HOUR  # midnight: the venue may still count
        assert read(recorded) == first
        assert asked(recorded) == 1
        wall.now += timedelta(minutes=6)
        recorded.answer(KLINES, days_before(wall.now, "100", "100", "100", "100", "100"))
        assert read(recorded).volatility_1d == 0
        assert asked(recorded) == 2


def test_fewer_days_are_in_what_is_known_and_more_are_asked_for() -> None:
    with venue(Wall(), *FIVE) as recorded:
        read(recorded)
        assert read(recorded, MarketDemand(volatility_days=3)).volatility_days == 3
        assert read(recorded, TODAY).volume_1d == 20
        assert asked(recorded) == 1
        read(recorded, MarketDemand(volatility_days=8))
        assert asked(recorded) == 2
        assert recorded.all(KLINES)[-1].query["limit"] == "10"


@pytest.mark.parametrize(
    "damage", [b"", b"{", b"[]", b'{"end": 1}', b'{"end": "2026-02-18T00:00:00Z", "most": 9, "candles": [[1]]}']
)
def test_a_damaged_file_is_asked_for_again(damage: bytes, tmp_path: Path) -> None:
    with venue(Wall(), *FIVE) as recorded:
        told = read(recorded)
        (kept,) = (tmp_path / "cache" / "candles").rglob("1d.json")
        assert kept.stat().st_mode & 0o077 == 0
        assert kept.parent.stat().st_mode & 0o077 == 0
        kept.write_bytes(damage)
        forget_candles()
        assert read(recorded) == told
        assert asked(recorded) == 2


def test_a_cache_that_cannot_be_written_is_asked_for_again(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "candles").write_text("in the way")
    with venue(Wall(), *FIVE) as recorded:
        told = read(recorded)
        assert read(recorded) == told
        assert asked(recorded) == 1
        forget_candles()
        assert read(recorded) == told
        assert asked(recorded) == 2


@pytest.mark.parametrize("reply", [GATEWAY_PAGE, Reply("no"), {"code": -1121, "msg": "Invalid symbol."}, Reply("{}")])
def test_a_question_that_fails_is_named_and_leaves_the_others(reply: Any) -> None:
    with venue(Wall()) as recorded:
        recorded.answer(KLINES, reply)
        recorded.answer(DEPTH, {"lastUpdateId": 1, "bids": [["99", "2"]], "asks": [["101", "3"]]})
        told = recorded.broker.read_market_data({SYMBOL: MarketDemand(30, depth_within=d("0.02"))})
        assert told.failed == {SYMBOL}
        assert told.data[SYMBOL] == MarketData(bid_depth=d(2), ask_depth=d(3), depth_within=d("0.02"))


def test_an_unknown_market_and_a_venue_that_is_gone_harm_nobody() -> None:
    with venue(Wall(), *FIVE) as recorded:
        assert recorded.broker.read_market_data({"NONE/USDT": DAYS}) == ToldMarkets()
        assert asked(recorded) == 0
    with venue(Wall(), *FIVE) as recorded:
        recorded.answer("GET /api/v3/exchangeInfo", GATEWAY_PAGE)
        assert recorded.broker.read_market_data({SYMBOL: DAYS}) == ToldMarkets(failed=frozenset({SYMBOL}))


def test_a_venue_that_tells_nothing_is_left_alone_for_a_while() -> None:
    wall = Wall()
    with venue(wall) as recorded:
        for _ in range(2):
            assert read(recorded) == MarketData()
        assert asked(recorded) == 1
        wall.now += timedelta(minutes=11)
        recorded.answer(KLINES, FIVE)
        assert read(recorded).volatility_days == 4
        assert asked(recorded) == 2


def test_many_accounts_at_once_ask_once() -> None:
    with venue(Wall(), *FIVE) as recorded, ThreadPoolExecutor(8) as pool:
        recorded.broker.read_account()
        told = list(pool.map(lambda _: read(recorded), range(16)))
        assert len(set(map(str, told))) == 1
        assert asked(recorded) == 1


def test_a_venue_without_candles_or_books_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with venue(Wall(), *FIVE) as recorded:
        exchange = recorded.broker._exchange
        monkeypatch.setattr(exchange, "has", {**exchange.has, "fetchOHLCV": "emulated", "fetchOrderBook": None})
        everything = MarketDemand(30, frozenset({"hour", "day"}), d("0.01"))
        assert read(recorded, everything) == MarketData()
        assert asked(recorded) == 0


# --- volume ---


@pytest.mark.parametrize(
    ("told", "volume"),
    [
        ((-2, -1, 0), d(20)),
        ((-1,), d(20)),
        ((-2, 0), d(0)),  # the venue tells of what was before and after, so nothing was traded
        ((-2,), None),
        ((0,), None),
        ((), None),
    ],
)
@pytest.mark.parametrize(("demand", "length"), [(TODAY, DAY), (THIS_HOUR, HOUR)])
def test_the_volume_is_that_of_the_last_stretch_that_is_over(
    told: tuple[int, ...], volume: Decimal | None, demand: MarketDemand, length: timedelta
) -> None:
    wall = Wall()
    wall.now += timedelta(minutes=30)
    current = NOON.replace(hour=0) if length == DAY else NOON
    with venue(wall, *(kline(current + length * at, "100", "20" if at == -1 else "7") for at in told)) as recorded:
        data = read(recorded, demand)
        assert (data.volume_1d if length == DAY else data.volume_1h) == volume


def test_each_hour_is_asked_for_once() -> None:
    wall = Wall()
    wall.now += timedelta(minutes=10)

    def candles(sent: Sent) -> Any:
        begin = datetime.fromtimestamp(int(sent.query["startTime"]) / 1000, UTC)
        return [kline(begin + HOUR * at, "1", str(at + 1)) for at in range(4)]

    with venue(wall) as recorded:
        recorded.answer(KLINES, candles)
        for _ in range(2):
            assert read(recorded, THIS_HOUR).volume_1h == 3
        assert asked(recorded) == 1
        wall.now += HOUR
        assert read(recorded, THIS_HOUR).volume_1h == 3
        assert asked(recorded) == 2
        assert recorded.all(KLINES)[-1].query["interval"] == "1h"


# --- depth ---


@pytest.mark.parametrize(
    ("bids", "asks", "depth"),
    [
        ([("99", "2"), ("98", "5")], [("101", "3"), ("102", "1")], ("2", "3")),
        ([("9", "2"), ("98", "5"), ("99", "1")], [("1000", "3"), ("101", "1")], ("1", "1")),  # in any order
        ([], [("101", "3")], None),
        ([("99", "2")], [], None),
        ([("101", "2")], [("100", "3")], None),
        ([("50", "2")], [("150", "3")], ("0", "0")),
    ],
)
def test_the_depth_is_what_rests_near_the_mid(
    bids: list[tuple[str, str]], asks: list[tuple[str, str]], depth: tuple[str, str] | None
) -> None:
    book = Book(tuple((d(price), d(size)) for price, size in bids), tuple((d(price), d(size)) for price, size in asks))
    assert book.depth(d("0.01")) == (None if depth is None else (d(depth[0]), d(depth[1])))


# --- over HTTP ---

SWINGS = ("100", "110") * 20
A_SWING = d("0.095310")  # ln(1.1)
EVERYTHING = MarketDemand(30, frozenset({"hour", "day"}), d("0.02"))
READ = MarketData(A_SWING, 30, d(20), d(20), d(3), d(4), d("0.02"))


@pytest.mark.parametrize("name", VENUES)
def test_each_venue_tells_all_of_it_in_three_questions(open_at: Opener, name: str) -> None:
    opened = open_at(name, holding("AAA/USD", "BBB/USD"))
    opened.handle.venue.history["AAA/USD"] = SWINGS
    opened.ready()
    asked = {"AAA/USD": EVERYTHING, "BBB/USD": DAYS, "ZZZ/USD": DAYS}
    told = opened.broker.read_market_data(asked)
    assert told == ToldMarkets({"AAA/USD": READ, "BBB/USD": MarketData()})
    assert len(opened.calls()) == 4
    opened.forget_calls()
    assert opened.broker.read_market_data(asked) == told
    assert len(opened.calls()) == 1, "the book alone is asked for as it is now"


def test_contracts_are_counted_as_the_position_is(open_at: Opener) -> None:
    swap = "SOL/USDT:USDT"
    account = snapshot(position(swap, 12), markets={swap: priced()}, quote="USDT")
    opened = open_at("binance", account, broker={"quote": "USDT", "market_types": ["spot", "swap"]})
    opened.handle.venue.history[swap] = SWINGS
    assert opened.ready().broker.read_market_data({swap: EVERYTHING}) == ToldMarkets({swap: READ})


def test_a_market_that_the_venue_does_not_answer_for_is_asked_again_and_given_up(open_at: Opener) -> None:
    opened = open_at("kraken", holding("AAA/USD")).ready()
    opened.handle.venue.history["AAA/USD"] = SWINGS
    slept: list[float] = []
    broker = RetryingBroker(opened.broker, slept.append)
    opened.plan_faults("reads", *[fault("error_before", where="OHLC")] * 3)
    assert broker.read_market_data({"AAA/USD": DAYS}) == ToldMarkets(failed=frozenset({"AAA/USD"}))
    assert opened.paths() == ["OHLC"] * 3
    opened.plan_faults("reads", fault("error_before", where="OHLC"))
    assert broker.read_market_data({"AAA/USD": DAYS}).data["AAA/USD"].volatility_1d == A_SWING
