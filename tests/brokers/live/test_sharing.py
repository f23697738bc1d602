"""Accounts that are read among many share the prices of their venue, and each tells how old those are."""

from __future__ import annotations

import cProfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from exitplan.brokers.live.buckets import LevelsUnknown
from exitplan.brokers.live.prices import TickerReply
from exitplan.brokers.live.sharing import AMONG_MANY, Manner, SharedPrices, reading_as
from exitplan.brokers.protocol import RefusalReason, Refused
from exitplan.ruleset.errors import AccountUnreadable
from exitplan.ruleset.model.snapshot import Snapshot
from tests.brokers.live.accounts import VENUES, Opened, Watch, named, open_account, sell
from tests.brokers.live.conftest import Opener
from tests.builders import NOW
from tests.venues.faults import Fault, Kind
from tests.venues.venue import utc_now

PRICES = {"kraken": "Ticker", "coinbase": "best_bid_ask", "binance": "24hr", "bybit": "tickers"}


@pytest.fixture
def among_many() -> Iterator[None]:
    with reading_as(AMONG_MANY):
        yield


@pytest.mark.usefixtures("among_many")
@pytest.mark.parametrize("venue", VENUES)
def test_prices_are_asked_for_once_and_the_snapshot_is_as_old_as_they_are(
    open_at: Opener, account: Snapshot, venue: str
) -> None:
    opened = open_at(venue, account)
    first = opened.broker.read_account()
    between = utc_now()
    second = open_account(opened.handle).read_account()
    assert opened.paths().count(PRICES[venue]) == 1
    assert second.markets == first.markets
    assert first.taken_at <= second.taken_at < between


@pytest.mark.usefixtures("among_many")
def test_prices_that_are_a_second_old_are_asked_for_again(open_at: Opener, account: Snapshot) -> None:
    opened, later = open_at("kraken", account), Watch()
    first, broker = opened.broker.read_account(), open_account(opened.handle, later)
    later.ahead += timedelta(seconds=1.1)
    assert broker.read_account().taken_at - first.taken_at > timedelta(seconds=1)
    assert opened.paths().count("Ticker") == 2


def test_an_account_that_is_read_alone_asks_for_its_own(kraken: Opened) -> None:
    with reading_as(Manner(in_turn=True)):
        kraken.broker.read_account()
        kraken.broker.read_account()
    assert kraken.paths().count("Ticker") == 2


@pytest.mark.usefixtures("among_many")
def test_questions_go_in_turn(open_at: Opener, account: Snapshot) -> None:
    opened = open_at("coinbase", account)
    threads: set[int] = set()
    wait = opened.handle.front.act

    def act(request: object) -> object:
        threads.add(threading.active_count())
        return wait(request)  # type: ignore[arg-type] # a request

    opened.handle.front.act = act  # type: ignore[method-assign,assignment] # of this one venue
    before = threading.active_count()
    opened.broker.read_account()
    opened.forget_calls()
    threads.clear()
    open_account(opened.handle).read_account()
    assert opened.paths() == ["accounts", "batch"]
    assert max(threads) <= before + 2  # the venue's own, one for each connection


@pytest.mark.usefixtures("among_many")
def test_prices_that_could_not_be_read_are_not_kept(open_at: Opener, account: Snapshot) -> None:
    opened = open_at("kraken", account).ready()
    broker = open_account(opened.handle, Watch(timedelta(seconds=2)))
    opened.plan_faults("reads", *([Fault(Kind.NONE)] * 3), Fault(Kind.ERROR_BEFORE))
    assert {market.price_status for market in broker.read_account().markets.values()} == {"unavailable"}
    assert {market.price_status for market in broker.read_account().markets.values()} == {None}


def test_many_that_ask_at_the_same_time_get_one_answer() -> None:
    shared, asked, everyone = SharedPrices(), list[int](), threading.Barrier(8)

    def ask() -> TickerReply:
        asked.append(1)
        return TickerReply({})

    def read(_: int) -> TickerReply:
        everyone.wait()
        return shared.read(ask, lambda: NOW, timedelta(seconds=1))

    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(read, range(8)))
    assert (len(asked), len({id(reply) for reply in replies}), replies[0].asked_at) == (1, 1, NOW)


def test_a_question_that_breaks_is_answered_with_no_price_to_those_who_waited() -> None:
    shared, under_way, go_on = SharedPrices(), threading.Event(), threading.Event()

    def breaks() -> TickerReply:
        under_way.set()
        go_on.wait()
        raise KeyboardInterrupt

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(shared.read, breaks, lambda: NOW, timedelta(seconds=1))
        under_way.wait()
        second = pool.submit(shared.read, breaks, lambda: NOW, timedelta(seconds=1))
        while len(shared._last.answered._cond._waiters) < 1:  # type: ignore[union-attr] # it waits
            pass
        go_on.set()
        assert isinstance(first.exception(), KeyboardInterrupt)
        assert second.result().failed
    assert not shared.read(lambda: TickerReply({}), lambda: NOW, timedelta(seconds=1)).failed


@pytest.mark.parametrize("hours", [-1, 1])
def test_prices_of_another_hour_are_asked_for_again_whatever_the_clock_did(hours: int) -> None:
    shared, second = SharedPrices(), timedelta(seconds=1)
    shared.read(lambda: TickerReply({}), lambda: NOW, second)
    reply = shared.read(lambda: TickerReply({}, failed=True), lambda: NOW + timedelta(hours=hours), second)
    assert reply.failed


class Away:
    """A bucket whose level nobody knows."""

    def take(self, *_: float) -> float:
        raise LevelsUnknown("the database is away")

    def ready_in(self, *_: float) -> float:
        return 0.0


def test_where_nobody_knows_what_is_left_of_the_limits_nothing_is_asked(opened: Opened) -> None:
    opened.broker._exchange.bucket = Away()
    with pytest.raises(AccountUnreadable, match="was not asked: the database is away") as error:
        opened.broker.read_account()
    assert error.value.retry_after is not None
    told = (opened.place_one(sell()), *opened.broker.cancel_orders([named("o1")]))
    assert {one.reason for one in told if isinstance(one, Refused)} == {RefusalReason.RATE_LIMITED}
    assert opened.calls() == []


@pytest.mark.usefixtures("among_many")
def test_to_read_one_of_many_accounts_takes_few_calls_of_functions(open_at: Opener, account: Snapshot) -> None:
    opened = open_at("binance", account).ready()
    broker = open_account(opened.handle)
    broker.read_account()
    profile = cProfile.Profile()
    profile.runcall(broker.read_account)
    # Two questions of less than 2,000 each, and nothing about the other markets of the venue.
    assert sum(entry.callcount for entry in profile.getstats()) < 5_000
