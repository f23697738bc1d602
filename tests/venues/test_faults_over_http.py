"""Faults do what they say, on the level of HTTP, with ccxt's own clients on the other side."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import ccxt
import pytest
import requests

from exitplan.brokers.paper.account_file import Owner, PaperFile
from exitplan.brokers.paper.options import PaperOptions
from exitplan.ruleset.model.values import time_text
from tests.venues.clients import Client
from tests.venues.conftest import MovedClock, Opener
from tests.venues.faults import Kind, fault
from tests.venues.fronts import FRONTS
from tests.venues.server import CONTROL, Handle
from tests.venues.venue import utc_now

Opened = tuple[Handle, Client]
NAMES = {
    "kraken": "clientOrderId",
    "coinbase": "client_order_id",
    "binance": "newClientOrderId",
    "bybit": "clientOrderId",
}
UNFILLED = {"binance": "expired"}
"""What becomes of an order that the venue itself ends, where it is not told as cancelled."""
BEFORE = ("lost_before", "error_before", "rate_limited", "refused")
AFTER = ("lost_after", "error_after", "html", "empty", "cut", "bare", "duplicate", "slow", "vanished")


@pytest.fixture(params=FRONTS)
def venue(request: pytest.FixtureRequest, open_venue: Opener) -> Opened:
    return open_venue(request.param)


def sell(opened: Opened, client_id: str = "mine", **params: object) -> Client:
    """Sell one SOL at the market; what the client makes of it."""
    handle, client = opened
    named = {NAMES[handle.front.name]: client_id, **params}
    return client.create_order("SOL/USD", "market", "sell", 1, None, named)


def try_to_sell(opened: Opened) -> Exception | Client:
    try:
        return sell(opened)
    except ccxt.BaseError as problem:
        return problem


def held(handle: Handle, symbol: str = "SOL/USD") -> str:
    (quantity,) = [entry.quantity for entry in handle.venue.snapshot().positions if entry.symbol == symbol]
    return str(quantity)


def unfilled(opened: Opened) -> str:
    return UNFILLED.get(opened[0].front.name, "canceled")


@pytest.mark.parametrize("kind", BEFORE)
def test_what_fails_before_it_arrives_changes_nothing(venue: Opened, kind: str) -> None:
    venue[0].venue.faults.plan("writes", kind)
    assert isinstance(try_to_sell(venue), ccxt.BaseError)
    assert held(venue[0]) == "18"


@pytest.mark.parametrize("kind", AFTER)
def test_what_fails_after_it_arrived_has_changed_the_account(venue: Opened, kind: str) -> None:
    venue[0].venue.faults.plan("writes", fault(kind, seconds=0.05))
    try_to_sell(venue)
    assert held(venue[0]) == "17"
    assert venue[0].venue.calls("writes")[-1].fault == kind


@pytest.mark.parametrize("kind", ["html", "empty", "cut", "bare"])
def test_a_garbled_reply_raises_nothing_and_leaves_the_order_without_an_id(venue: Opened, kind: str) -> None:
    venue[0].venue.faults.plan("writes", kind)
    if (kind, venue[0].front.name) == ("bare", "bybit"):  # ccxt takes what has no code for a refusal
        assert type(try_to_sell(venue)) is ccxt.ExchangeError
    else:
        assert sell(venue)["id"] is None


def test_a_garbled_reply_may_also_come_without_anything_done(venue: Opened) -> None:
    venue[0].venue.faults.plan("writes", fault("html", executed=False))
    sell(venue)
    assert held(venue[0]) == "18"


def test_a_lost_connection_and_a_5xx_are_network_errors_to_the_client(venue: Opened) -> None:
    venue[0].venue.faults.plan("writes", "lost_before", "error_before", fault("error_after", status=502))
    assert isinstance(try_to_sell(venue), ccxt.NetworkError)
    assert isinstance(try_to_sell(venue), ccxt.ExchangeNotAvailable)
    assert isinstance(try_to_sell(venue), ccxt.ExchangeNotAvailable)


def test_a_rate_limit_says_how_long_to_rest(venue: Opened) -> None:
    handle, client = venue
    handle.venue.faults.plan("reads", fault("rate_limited", seconds=3))
    with pytest.raises((ccxt.RateLimitExceeded, ccxt.DDoSProtection)):
        client.fetch_balance()
    assert client.last_response_headers["Retry-After"] == "3"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("kraken", "EAPI:Rate limit exceeded"),
        ("coinbase", "INSUFFICIENT_FUND"),
        ("binance", "-1013 Filter failure: NOTIONAL"),
        ("bybit", "10006 Too many visits. Exceeded the API Rate Limit."),
    ],
)
def test_a_refusal_uses_the_words_it_is_given(open_venue: Opener, name: str, words: str) -> None:
    opened = open_venue(name)
    opened[0].venue.faults.plan("writes", fault("refused", words=words))
    with pytest.raises(ccxt.BaseError, match=words.removeprefix("-1013 ").removeprefix("10006 ")):
        sell(opened)


def test_reads_and_look_ups_have_faults_of_their_own(venue: Opened) -> None:
    handle, client = venue
    placed = sell(venue)["id"]
    handle.venue.faults.plan("reads", "error_before")
    handle.venue.faults.plan("look_ups", "lost_before")
    with pytest.raises(ccxt.NetworkError):
        client.fetch_order(placed, "SOL/USD")
    with pytest.raises(ccxt.ExchangeNotAvailable):
        client.fetch_balance()
    assert client.fetch_order(placed, "SOL/USD")["status"] == "closed"
    assert handle.venue.faults.met[Kind.LOST_BEFORE] == 1


def test_a_fault_may_wait_for_an_endpoint(open_venue: Opener) -> None:
    handle, client = open_venue("kraken")
    handle.venue.faults.plan("reads", fault("error_before", where="Ticker"))
    client.fetch_balance()
    with pytest.raises(ccxt.ExchangeNotAvailable):
        client.fetch_tickers()
    client.fetch_tickers()


def test_a_slow_reply_outlasts_a_client_that_does_not_wait(venue: Opened) -> None:
    handle, client = venue
    client.timeout = 250
    handle.venue.faults.plan("writes", fault("slow", seconds=5))
    assert isinstance(try_to_sell(venue), ccxt.RequestTimeout)
    assert held(handle) == "17"


def test_a_request_that_is_stuck_arrives_after_its_sender_gave_up(venue: Opened) -> None:
    handle, client = venue
    client.timeout = 250
    handle.venue.faults.plan("writes", fault("stuck", seconds=0.5))
    assert isinstance(try_to_sell(venue), ccxt.RequestTimeout)
    assert held(handle) == "18"
    for _ in range(100):
        time.sleep(0.02)
        if held(handle) == "17":
            return
    pytest.fail("it never arrived")


@pytest.mark.parametrize("name", FRONTS)
def test_a_delayed_request_is_executed_later_though_nobody_was_answered(open_venue: Opener, name: str) -> None:
    clock = MovedClock()
    opened = open_venue(name, clock=clock)
    opened[0].venue.faults.plan("writes", fault("delayed", seconds=3))
    assert isinstance(try_to_sell(opened), ccxt.NetworkError)
    assert held(opened[0]) == "18"
    clock.ahead = timedelta(seconds=4)
    opened[0].venue.arrive()
    assert held(opened[0]) == "17"


def test_a_delayed_request_whose_deadline_passes_on_the_way_is_never_executed(open_venue: Opener) -> None:
    clock = MovedClock()
    opened = open_venue("kraken", clock=clock)
    opened[0].venue.faults.plan("writes", fault("delayed", seconds=6))
    with pytest.raises(ccxt.NetworkError):
        sell(opened, deadline=time_text(utc_now() + timedelta(seconds=5)))
    clock.ahead = timedelta(seconds=10)
    opened[0].venue.arrive()
    assert held(opened[0]) == "18"


def test_a_request_executed_twice_doubles_where_only_open_orders_have_their_ids(open_venue: Opener) -> None:
    left = {}
    for name in NAMES:
        opened = open_venue(name)
        opened[0].venue.faults.plan("writes", "doubled")
        try_to_sell(opened)
        left[name] = held(opened[0])
    assert left == {"kraken": "16", "coinbase": "17", "binance": "16", "bybit": "17"}


def test_a_request_delivered_twice_is_executed_once_but_where_nothing_is_counted(open_venue: Opener) -> None:
    told = {}
    for name in NAMES:
        opened = open_venue(name)
        opened[0].venue.faults.plan("writes", "redelivered")
        told[name] = (type(try_to_sell(opened)).__name__, held(opened[0]))
    assert told == {
        "kraken": ("InvalidNonce", "17"),
        "coinbase": ("dict", "17"),
        "binance": ("dict", "16"),
        "bybit": ("InvalidOrder", "17"),
    }


def test_half_an_order_is_filled_and_the_rest_cancelled(venue: Opened) -> None:
    venue[0].venue.faults.plan("writes", "partial")
    found = venue[1].fetch_order(sell(venue)["id"], "SOL/USD")
    # Of an order that bybit tells as PartiallyFilledCanceled ccxt says that it is closed; exitplan corrects it.
    status = "closed" if venue[0].front.name == "bybit" else unfilled(venue)
    assert (found["status"], float(found["filled"]), float(found["amount"])) == (status, 0.5, 1)
    assert held(venue[0]) == "17.5"


def test_an_order_is_filled_and_answered_by_neither_yes_nor_no(open_venue: Opener) -> None:
    opened = open_venue("bybit")
    opened[0].venue.faults.plan("writes", fault("unclear", words="170035 Submitted to the system for processing!"))
    assert "170035" in str(try_to_sell(opened))
    assert held(opened[0]) == "17"


def test_an_order_is_taken_and_cancelled_unfilled(venue: Opened) -> None:
    venue[0].venue.faults.plan("writes", "cancelled")
    found = venue[1].fetch_order(sell(venue)["id"], "SOL/USD")
    assert (found["status"], float(found["filled"]), held(venue[0])) == (unfilled(venue), 0, "18")


def test_an_order_is_told_as_open_before_it_is_told_as_filled(venue: Opened) -> None:
    venue[0].venue.faults.plan("writes", fault("open_first", times=2))
    name = sell(venue)["id"]
    told = [venue[1].fetch_order(name, "SOL/USD") for _ in range(3)]
    assert [order["status"] for order in told] == ["open", "open", "closed"]
    assert [float(order["filled"]) for order in told] == [0, 0, 1]


def test_an_order_vanishes_for_a_while(open_venue: Opener) -> None:
    clock = MovedClock()
    opened = open_venue("kraken", clock=clock)
    handle, client = opened
    handle.venue.faults.plan("writes", fault("vanished", seconds=7))
    assert isinstance(try_to_sell(opened), ccxt.NetworkError)
    assert client.fetch_closed_orders(params={"clientOrderId": "mine"}) == []
    clock.ahead = timedelta(seconds=8)
    assert len(client.fetch_closed_orders(params={"clientOrderId": "mine"})) == 1


@pytest.mark.parametrize("name", FRONTS)
def test_a_cancel_may_take_effect_after_it_was_answered(open_venue: Opener, name: str) -> None:
    clock = MovedClock()
    handle, client = open_venue(name, clock=clock)
    (order,) = client.fetch_open_orders("XRP/USD")
    handle.venue.faults.plan("writes", fault("lingers", seconds=2))
    client.cancel_order(order["id"], "XRP/USD")
    assert float(client.fetch_balance()["XRP"]["used"]) == 240
    clock.ahead = timedelta(seconds=3)
    assert float(client.fetch_balance()["XRP"]["used"]) == 0


def test_others_trade_just_before(venue: Opened) -> None:
    venue[0].venue.faults.plan("writes", "traded")
    sell(venue)
    assert held(venue[0]) == "15.2"


def test_a_request_lost_on_its_way_uses_up_no_nonce(open_venue: Opener) -> None:
    handle, client = open_venue("kraken")
    handle.venue.faults.plan("reads", "lost_before")
    client.incrementing_nonce = lambda: 2_000_000_000_000
    with pytest.raises(ccxt.NetworkError):
        client.fetch_balance()
    assert client.fetch_balance()["SOL"]["total"] == "18"


def test_many_clients_are_served_side_by_side(coinbase: Opened) -> None:
    with ThreadPoolExecutor(10) as pool:
        ids = {order["id"] for order in pool.map(lambda number: sell(coinbase, f"n{number}"), range(10))}
    assert (len(ids), held(coinbase[0])) == (10, "8")


def test_latency_is_paid_by_every_request(venue: Opened) -> None:
    venue[0].venue.latency = 0.1
    began = time.monotonic()
    venue[1].fetch_balance()
    assert time.monotonic() - began >= 0.1


def test_the_log_tells_what_went_over_the_wire_and_no_signature(venue: Opened) -> None:
    handle, _ = venue
    sell(venue, "wire")
    (call,) = handle.venue.calls("writes")
    assert (call.method, call.status, call.is_write) == ("POST", 200, True)
    assert "wire" in call.params.values()
    assert handle.credentials.secret not in repr(handle.venue.log)


def test_headers_of_the_venues_choice_go_with_every_reply(venue: Opened) -> None:
    handle, client = venue
    handle.venue.headers["X-Remaining"] = "7"
    client.fetch_balance()
    assert client.last_response_headers["X-Remaining"] == "7"


def test_faults_prices_and_latency_are_driven_from_another_process(venue: Opened) -> None:
    handle, _ = venue
    wishes = {
        "faults": {"writes": ["lost_after", {"kind": "slow", "seconds": 2}]},
        "prices": {"SOL/USD": {"bid": "99", "ask": "101", "last": "100"}},
        "latency": 0.01,
    }
    told = requests.post(handle.base_url + CONTROL, json=wishes, timeout=5).json()
    assert (told["waiting"]["writes"], told["snapshot"]["markets"]["SOL/USD"]["last"]) == (2, "100")
    try_to_sell(venue)
    told = requests.post(handle.base_url + CONTROL, json={"clear": ["faults"]}, timeout=5).json()
    assert (told["log"][-1]["fault"], told["waiting"]["writes"], told["met"]["lost_after"]) == ("lost_after", 0, 1)
    told = requests.post(handle.base_url + CONTROL, json={"clear": ["log"], "latency": 0}, timeout=5).json()
    assert told["log"] == []


def test_an_account_in_a_file_outlives_its_server_and_is_read_as_a_paper_account(
    open_venue: Opener, tmp_path: Path
) -> None:
    file = tmp_path / "venue.json"
    placed = sell(open_venue("kraken", file=file), "kept")["id"]
    _, client = open_venue("kraken", file=file)
    assert client.fetch_order(placed, "SOL/USD")["clientOrderId"] == "kept"
    paper = PaperFile(file, Owner("platform"), PaperOptions()).read(utc_now())
    assert [str(entry.quantity) for entry in paper.positions if entry.symbol == "SOL/USD"] == ["17"]
