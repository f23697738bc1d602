"""A question that failed is never an answer: no empty account, no price of zero, no secret in a message."""

from __future__ import annotations

from decimal import Decimal

import pytest

from exitplan.brokers.live.client import open_exchange
from exitplan.ruleset.errors import AccountUnreadable, CredentialsRefused
from exitplan.ruleset.model.snapshot import Snapshot
from tests.brokers.live.accounts import VENUES, Opened, holding, open_account, priced
from tests.brokers.live.conftest import Opener
from tests.builders import market, position, snapshot
from tests.venues.faults import Fault, fault
from tests.venues.fronts import new_credentials
from tests.venues.wire import Credentials

FAULTS = (
    fault("lost_before"),
    fault("error_before"),
    fault("error_before", status=500),
    fault("error_before", status=524),
    fault("html"),
    fault("empty"),
    fault("cut"),
    fault("bare"),
)
ENDPOINTS = {
    "kraken": {"balances": "/BalanceEx", "orders": "/OpenOrders", "prices": "/Ticker"},
    "coinbase": {"balances": "/accounts", "orders": "/batch", "prices": "/products"},
    "bybit": {"balances": "/wallet-balance", "orders": "/realtime", "prices": "/tickers"},
    "binance": {"balances": "/account", "orders": "/openOrders", "prices": "/ticker/24hr"},
}
every_fault = pytest.mark.parametrize("met", FAULTS, ids=lambda met: f"{met.kind}-{met.status}")


def at(opened: Opened, what: str, met: Fault) -> None:
    """Let a fault meet the next request for balances, orders or prices."""
    more = {"seconds": met.seconds, "status": met.status, "words": met.words}
    opened.plan_faults("reads", fault(met.kind, where=ENDPOINTS[opened.handle.front.name][what], **more))


def statuses(read: Snapshot) -> set[str | None]:
    return {found.price_status for found in read.markets.values()}


@every_fault
@pytest.mark.parametrize("what", ["balances", "orders"])
def test_an_account_whose_balances_or_orders_cannot_be_read_is_unreadable(
    opened: Opened, what: str, met: Fault
) -> None:
    at(opened, what, met)
    with pytest.raises(AccountUnreadable, match=f"the {'open ' if what == 'orders' else ''}{what} could not be read"):
        opened.broker.read_account()
    assert len(opened.broker.read_account().positions) == 2


@every_fault
def test_prices_that_cannot_be_read_are_unavailable_and_the_rest_is_told(opened: Opened, met: Fault) -> None:
    at(opened, "prices", met)
    read = opened.broker.read_account()
    assert statuses(read) == {"unavailable"}
    assert (len(read.positions), len(read.open_orders)) == (2, 1)
    assert statuses(opened.broker.read_account()) == {None}


def test_too_many_requests_are_told_with_the_rest_that_the_venue_wants(opened: Opened) -> None:
    at(opened, "balances", fault("rate_limited", seconds=0.05))
    with pytest.raises(AccountUnreadable) as raised:
        opened.broker.read_account()
    assert raised.value.retry_after is not None
    assert 0 < raised.value.retry_after <= 2


def test_a_venue_that_wants_a_long_rest_is_not_asked_and_nobody_waits_for_it(opened: Opened) -> None:
    at(opened, "balances", fault("rate_limited", seconds=3600))
    with pytest.raises(AccountUnreadable):
        opened.broker.read_account()
    opened.forget_calls()
    with pytest.raises(AccountUnreadable) as raised:
        opened.broker.read_account()
    assert raised.value.retry_after is not None
    assert raised.value.retry_after > 3500
    assert opened.calls() == []


def test_krakens_own_words_for_too_many_requests_ask_for_a_rest(kraken: Opened) -> None:
    at(kraken, "balances", fault("refused", words="EAPI:Rate limit exceeded"))
    with pytest.raises(AccountUnreadable, match="Rate limit exceeded") as raised:
        kraken.broker.read_account()
    assert raised.value.retry_after == 2


@pytest.mark.parametrize("venue", VENUES)
def test_a_wrong_secret_is_refused_and_stands_in_no_message(open_at: Opener, account: Snapshot, venue: str) -> None:
    opened = open_at(venue, account)
    stranger = new_credentials(venue)
    foreign = Credentials(opened.handle.credentials.key, stranger.secret)
    with pytest.raises(CredentialsRefused) as raised:
        open_account(opened.handle, credentials=foreign).read_account()
    assert raised.value.exit_code == 3
    assert foreign.key not in str(raised.value)
    assert not [line for line in foreign.secret.splitlines() if len(line) > 20 and line in str(raised.value)]


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("secret", ["no-base64-and-no-pem-either", "bm8gc2VjcmV0IGF0IGFsbA=="])
def test_a_secret_that_is_none_is_refused_and_stands_in_no_message(
    open_at: Opener, account: Snapshot, venue: str, secret: str
) -> None:
    opened = open_at(venue, account)
    foreign = Credentials(opened.handle.credentials.key, secret)
    with pytest.raises(CredentialsRefused) as raised:
        open_account(opened.handle, credentials=foreign).read_account()
    assert secret not in str(raised.value)


@pytest.mark.parametrize("venue", VENUES)
def test_a_wrong_key_is_refused(open_at: Opener, account: Snapshot, venue: str) -> None:
    stranger = new_credentials(venue)
    with pytest.raises(CredentialsRefused):
        open_account(open_at(venue, account).handle, credentials=stranger).read_account()


def test_an_account_that_was_not_empty_a_moment_ago_and_all_at_once_is_could_not_be_read(kraken: Opened) -> None:
    engine = kraken.handle.venue.engine
    kraken.handle.venue.engine = type(engine)(snapshot(cash=0), None, kraken.handle.venue.options)
    kraken.handle.venue.start = snapshot(cash=0)
    for _ in range(2):
        with pytest.raises(AccountUnreadable, match="not empty a moment ago"):
            kraken.broker.read_account()
    kraken.handle.venue.engine = engine
    assert len(kraken.broker.read_account().positions) == 2


@pytest.mark.parametrize("venue", VENUES)
def test_an_account_that_was_always_empty_is_an_account(open_at: Opener, venue: str) -> None:
    broker = open_at(venue, snapshot(markets={"AAA/USD": market()}, cash=0)).broker
    assert [broker.read_account().positions for _ in range(2)] == [(), ()]


def test_the_ticker_of_an_active_market_that_is_missing_among_all_is_asked_for_by_itself(kraken: Opened) -> None:
    kraken.handle.venue.tick("AAA/USD", status="unavailable")
    read = kraken.broker.read_account()
    assert [call.params for call in kraken.calls() if call.path.endswith("/Ticker")] == [{}, {"pair": "AAAUSD"}]
    assert (read.markets["AAA/USD"].price_status, read.markets["BBB/USD"].price_status) == ("unavailable", None)


def test_the_ticker_of_a_market_that_does_not_trade_is_not_asked_for_again(open_at: Opener) -> None:
    halted = snapshot(position(), markets={"AAA/USD": market(active=False, price_status="unavailable")})
    opened = open_at("kraken", halted).ready()
    opened.broker.read_account()
    assert opened.paths().count("Ticker") == 1


def test_an_answer_that_leaves_out_more_than_five_markets_is_not_believed(open_at: Opener) -> None:
    symbols = [f"C{number}/USD" for number in range(8)]
    opened = open_at("kraken", holding(*symbols)).ready()
    for symbol in symbols[:6]:
        opened.handle.venue.tick(symbol, status="unavailable")
    read = opened.broker.read_account()
    assert [read.markets[symbol].price_status for symbol in symbols] == ["unavailable"] * 6 + [None] * 2
    assert opened.paths().count("Ticker") == 1


@pytest.mark.parametrize("venue", VENUES)
def test_a_market_for_which_the_venue_names_no_price_has_none(open_at: Opener, venue: str) -> None:
    silent = snapshot(position(), markets={"AAA/USD": market(None)})
    found = open_at(venue, silent).broker.read_account().markets["AAA/USD"]
    assert (found.bid, found.ask) == (Decimal(0), Decimal(0))
    assert not found.last
    assert found.price_status is None


def test_listings_that_cannot_be_read_make_the_account_unreadable(open_at: Opener, account: Snapshot) -> None:
    opened = open_at("kraken", account)
    opened.plan_faults("markets", "error_before")
    with pytest.raises(AccountUnreadable, match="the markets could not be read"):
        opened.broker.read_account()
    assert len(opened.broker.read_account().positions) == 2


def test_a_signed_request_follows_no_redirect(open_at: Opener, account: Snapshot) -> None:
    opened = open_at("kraken", account).ready()
    other = open_at("kraken", holding("ZZZ/USD", markets={"ZZZ/USD": priced()}))
    opened.handle.venue.headers["Location"] = f"{other.handle.base_url}/0/private/BalanceEx"
    at(opened, "balances", fault("error_before", status=307))
    with pytest.raises(AccountUnreadable):
        opened.broker.read_account()
    assert other.calls() == []


def test_a_client_that_goes_leaves_the_connections_of_the_others_open(kraken: Opened) -> None:
    session = kraken.broker._exchange.session
    adapter = session.get_adapter("http://")
    pools = adapter.poolmanager.pools.keys()
    passing = open_exchange(kraken.broker._dialect, kraken.broker._shelf.connection)
    passing.close()
    assert adapter.poolmanager.pools.keys() == pools != []


def test_resting_orders_without_a_balance_that_they_could_hold_are_no_account(
    open_at: Opener, account: Snapshot
) -> None:
    opened = open_at("kraken", account)
    opened.handle.front._holdings = dict  # type: ignore[attr-defined] # as below
    with pytest.raises(AccountUnreadable, match="nothing that they could hold"):
        opened.broker.read_account()


def test_balances_that_are_all_gone_while_orders_still_hold_some_could_not_be_read(kraken: Opened) -> None:
    nothing: dict[str, tuple[Decimal, Decimal]] = {}
    kraken.handle.front._holdings = lambda: nothing  # type: ignore[attr-defined] # as a part of the venue that is down
    with pytest.raises(AccountUnreadable, match="not empty a moment ago"):
        kraken.broker.read_account()
