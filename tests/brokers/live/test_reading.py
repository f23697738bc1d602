"""What is read of an account, and how often the venue is asked for it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from exitplan.brokers.paper.options import PaperOptions
from exitplan.ruleset.model.snapshot import Cash, Snapshot
from tests.brokers.live.accounts import VENUES, Opened, Watch, holding, many, open_account, open_account_by, priced
from tests.brokers.live.conftest import Opener
from tests.builders import market, order, position, snapshot
from tests.venues.venue import utc_now

every_venue = pytest.mark.parametrize("venue", VENUES)


def held(read: Snapshot) -> dict[str, tuple[str, str]]:
    """Return quantity and what is locked of it, by symbol."""
    return {
        position.symbol: (f"{position.quantity.normalize():f}", f"{position.locked.normalize():f}")
        for position in read.positions
    }


def test_cash_and_positions_come_with_what_open_orders_hold_of_them(opened: Opened) -> None:
    read = opened.broker.read_account()
    assert held(read) == {"AAA/USD": ("10", "3"), "BBB/USD": ("5", "0")}
    assert read.cash == Cash(Decimal(10_000), Decimal(0))
    assert (read.account, read.venue, read.quote) == ("platform", opened.handle.front.name, "USD")


@every_venue
def test_a_buy_order_locks_cash(open_at: Opener, venue: str) -> None:
    buys = snapshot(position(), orders=[order(side="buy", quantity=2, price=50)], cash=900, locked_cash=100)
    assert open_at(venue, buys).broker.read_account().cash == Cash(Decimal(900), Decimal(100))


@every_venue
def test_a_limit_order_filled_in_part_and_a_stop_limit_order_are_told_apart(open_at: Opener, venue: str) -> None:
    orders = [
        order("part", quantity=4, price=200, filled=1, minutes=45),
        order("stop", quantity=2, kind="stop_limit", price=89, trigger=90),
    ]
    read = open_at(venue, snapshot(position(quantity=10, locked=5), orders=orders)).broker.read_account()
    found: Any = {
        (one.type, one.price, one.trigger_price, one.quantity, one.filled, one.side) for one in read.open_orders
    }
    assert found == {("limit", 200, None, 4, 1, "sell"), ("stop_limit", 89, 90, 2, 0, "sell")}
    assert {one.created_at for one in read.open_orders} == {one.created_at for one in orders}


def test_a_stop_order_without_a_limit_is_a_stop(open_at: Opener) -> None:
    stops = snapshot(position(locked=2), orders=[order(quantity=2, kind="stop", price=None, trigger=90)])
    found: Any = open_at("kraken", stops).broker.read_account().open_orders[0]
    assert (found.type, found.price, found.trigger_price) == ("stop", None, 90)


@every_venue
def test_a_market_has_its_steps_minimums_and_prices(open_at: Opener, venue: str) -> None:
    listed = priced(step="0.01", min_amount="0.05", min_notional=7)
    read = open_at(venue, snapshot(position(), markets={"AAA/USD": listed})).broker.read_account()
    found: Any = read.markets["AAA/USD"]
    assert (found.amount_step, found.price_step) == (Decimal("0.01"), Decimal("0.1"))
    assert (found.min_amount, found.min_notional) == (Decimal("0.05"), 7)
    assert (found.bid, found.ask, found.last) == (Decimal("99.9"), Decimal("100.1"), 100)


@every_venue
def test_a_market_that_no_longer_trades_is_inactive(open_at: Opener, venue: str) -> None:
    halted = snapshot(position(), markets={"AAA/USD": priced(active=False)})
    assert open_at(venue, halted).broker.read_account().markets["AAA/USD"].active is False


@every_venue
def test_an_asset_that_trades_nowhere_is_told_under_the_name_it_would_have(open_at: Opener, venue: str) -> None:
    read = open_at(venue, snapshot(position("GONE/USD"), position(), markets={"GONE/USD": None})).broker.read_account()
    assert held(read)["GONE/USD"] == ("10", "0")
    assert "GONE/USD" not in read.markets


@every_venue
def test_listings_older_than_ten_minutes_are_read_anew_before_an_asset_is_called_unknown(
    open_at: Opener, venue: str
) -> None:
    opened, watch = (
        open_at(venue, snapshot(position("GONE/USD"), markets={"GONE/USD": None, "AAA/USD": market()})),
        Watch(),
    )
    broker = open_account_by(watch, opened.handle)
    broker.read_account()
    opened.forget_calls()
    broker.read_account()
    assert opened.calls("markets") == []
    watch.ahead += timedelta(minutes=11)
    broker.read_account()
    assert opened.calls("markets") != []


@every_venue
def test_an_order_in_a_market_that_is_new_is_told_under_its_symbol(open_at: Opener, venue: str) -> None:
    opened, watch = open_at(venue, holding("AAA/USD")), Watch()
    broker = open_account_by(watch, opened.handle)
    broker.read_account()
    served, resting = opened.handle.venue, order("o1", "NEW/USD", quantity=3, price=200)
    served.start = snapshot(position("AAA/USD"), position("NEW/USD", locked=3), orders=[resting])
    served.engine = type(served.engine)(served.start, None, served.options)
    watch.ahead += timedelta(minutes=11)
    read = broker.read_account()
    assert [(resting.symbol, resting.quantity) for resting in read.open_orders] == [("NEW/USD", Decimal(3))]
    assert held(read)["NEW/USD"] == ("10", "3")


@every_venue
def test_listings_of_half_an_hour_do_where_every_asset_is_known(open_at: Opener, venue: str) -> None:
    opened, watch = open_at(venue, holding("AAA/USD")), Watch()
    broker = open_account_by(watch, opened.handle)
    broker.read_account()
    opened.forget_calls()
    watch.ahead += timedelta(minutes=30)
    broker.read_account()
    assert opened.calls("markets") == []


@every_venue
def test_an_asset_listed_against_another_quote_only_is_found_there_with_its_rate(open_at: Opener, venue: str) -> None:
    markets = {
        "XYZ/USDC": market(20),
        "USDC/USD": market("0.99"),
        "ABC/BTC": market("0.002"),
        "BTC/USD": market(50_000),
    }
    elsewhere = snapshot(position("XYZ/USDC", 4), position("ABC/BTC", 3), markets=markets)
    read = open_at(venue, elsewhere).broker.read_account()
    assert held(read) == {"XYZ/USDC": ("4", "0"), "ABC/BTC": ("3", "0")}
    assert read.rates == {"USDC": Decimal("0.99"), "BTC": 50_000}


@every_venue
def test_the_market_in_our_own_quote_is_taken_also_while_it_is_suspended(open_at: Opener, venue: str) -> None:
    markets = {"AAA/USD": market(100), "AAA/USDC": market(100), "USDC/USD": market(1)}
    closed = {**markets, "AAA/USD": market(100, active=False)}
    both, one = (
        open_at(venue, snapshot(position(), markets=markets)),
        open_at(venue, snapshot(position(), markets=closed)),
    )
    assert list(held(both.broker.read_account())) == ["AAA/USD"]
    suspended = one.broker.read_account()
    assert list(held(suspended)) == ["AAA/USD"]
    assert suspended.markets["AAA/USD"].active is False


def test_what_is_staked_at_kraken_counts_as_locked_and_what_earns_rewards_as_free(open_at: Opener) -> None:
    staked = {"AAA.F": Decimal(3), "AAA28.S": Decimal(2), "XBT.M": Decimal("0.5"), "USD.M": Decimal(70)}
    account = snapshot(position(), position("BTC/USD", 1), cash=30)
    read = open_at("kraken", account, staked=staked).broker.read_account()
    assert held(read) == {"AAA/USD": ("15", "2"), "BTC/USD": ("1.5", "0.5")}
    assert read.cash == Cash(Decimal(30), Decimal(70))


def test_what_is_only_staked_at_kraken_is_a_position_that_is_locked(open_at: Opener) -> None:
    account = snapshot(position(), markets={"DOT/USD": market(5)})
    read = open_at("kraken", account, staked={"DOT.S": Decimal(8)}).broker.read_account()
    assert held(read)["DOT/USD"] == ("8", "8")


def test_all_pages_of_accounts_and_of_open_orders_are_read_at_coinbase(open_at: Opener) -> None:
    orders = [order(f"o{number}", quantity="0.1", price=200 + number) for number in range(7)]
    account = holding("AAA/USD", "BBB/USD", "CCC/USD", "DDD/USD", orders=orders)
    opened = open_at("coinbase", account, page_size=2)
    read = opened.broker.read_account()
    assert len(read.positions) == 4
    assert {resting.price for resting in read.open_orders} == {Decimal(200 + number) for number in range(7)}


@every_venue
@pytest.mark.parametrize("count", [1, 50, 200])
def test_a_read_takes_the_same_few_calls_however_many_positions_there_are(
    open_at: Opener, venue: str, count: int
) -> None:
    opened = open_at(venue, many(count)).ready()
    assert len(opened.broker.read_account().positions) == count
    assert len(opened.calls()) == {"kraken": 4, "coinbase": 4, "binance": 3, "bybit": 3}[venue]


def test_what_can_be_asked_at_the_same_time_is(coinbase: Opened) -> None:
    coinbase.answer_none_before(4)
    coinbase.broker.read_account()
    assert len(coinbase.calls()) == 4


def test_private_calls_at_kraken_never_overlap_and_their_nonces_rise(kraken: Opened) -> None:
    second = open_account(kraken.handle)
    with ThreadPoolExecutor(8) as pool:
        reads = [pool.submit(broker.read_account) for broker in (kraken.broker, second) * 8]
    assert [len(read.result().positions) for read in reads] == [2] * 16
    private = [call for call in kraken.calls() if "/private/" in call.path]
    assert [call.status for call in private] == [200] * 48


def test_nonces_rise_though_the_clock_stands(open_at: Opener, account: Snapshot) -> None:
    moment = utc_now()
    opened = open_at("kraken", account)
    broker = open_account(opened.handle, lambda: moment)
    assert [len(broker.read_account().positions) for _ in range(3)] == [2, 2, 2]


@every_venue
def test_amounts_keep_every_digit_that_the_venue_tells(open_at: Opener, venue: str) -> None:
    quantity = "12345678.12345678" if venue == "binance" else "12345678.123456789012345678"
    read = open_at(venue, snapshot(position(quantity=quantity))).broker.read_account()
    assert read.positions[0].quantity == Decimal(quantity)


@every_venue
def test_the_fee_of_the_account_is_read_at_each_venue(venue: str, open_at: Opener) -> None:
    fee = PaperOptions(taker_fee=Decimal("0.00075"))
    opened = open_at(venue, snapshot(position("AAA/USD", 10), cash=5), options=fee).ready()
    assert opened.broker.read_account().markets["AAA/USD"].taker_fee == Decimal("0.00075")
