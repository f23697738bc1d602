"""What real accounts hold: other money, debts, one asset in several markets, rewards; read at venues on loopback."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from exitplan.brokers.live.parsing import Ticker
from exitplan.brokers.live.rates import find_rate, rate_symbols
from exitplan.brokers.protocol import Done, RefusalReason, Refused
from exitplan.ruleset.errors import AccountUnreadable
from exitplan.ruleset.model.snapshot import Cash, Market, Position, Snapshot
from exitplan.ruleset.model.values import EXACT, ZERO
from tests.brokers.live.accounts import VENUES, Opened, open_account, priced, sell
from tests.brokers.live.conftest import Opener
from tests.brokers.live.test_half_answers import answer
from tests.builders import market, order, position, snapshot
from tests.venues import kraken as kraken_front
from tests.venues.wire import Sort

every_venue = pytest.mark.parametrize("venue", VENUES)
d = Decimal


def flat(price: str | int, **more: Any) -> Market:
    """Return a market whose book is at one price."""
    return market(price, **{"bid": price, "ask": price, "price_step": "0.00001", **more})


# --- the accounts of public reports ---


def test_francs_that_kraken_lists_only_as_a_quote_are_money_at_the_inverse_rate(open_at: Opener) -> None:
    account = snapshot(
        position("BTC/USD", "0.01"),
        position("CHF/USD", 8000),
        markets={"BTC/USD": flat(60000), "BTC/CHF": flat(53000), "USD/CHF": flat("0.88"), "CHF/USD": None},
    )
    read = open_at("kraken", account).broker.read_account()
    assert [held.symbol for held in read.positions] == ["BTC/USD"]
    assert read.other_cash == {"CHF": Cash(d(8000))}
    assert read.rates["CHF"].quantize(d("0.0001")) == d("1.1364")
    assert read.markets["USD/CHF"].ask == d("0.88")


def test_money_at_coinbase_that_is_only_ever_a_quote_is_worth_what_it_buys_in_bitcoin(open_at: Opener) -> None:
    nowhere = {"USDC/USD": None, "EUR/USD": None}
    markets = {"BTC/USD": flat(60000), "BTC/USDC": flat(60000), "BTC/EUR": flat(54600), **nowhere}
    held = (position("BTC/USD", "0.05"), position("USDC/USD", 9000), position("EUR/USD", 500))
    read = open_at("coinbase", snapshot(*held, markets=markets)).broker.read_account()
    assert [position.symbol for position in read.positions] == ["BTC/USD"]
    assert read.other_cash == {"EUR": Cash(d(500)), "USDC": Cash(d(9000))}
    assert (read.rates["USDC"], read.rates["EUR"].quantize(d("0.0001"))) == (d(1), d("1.0989"))


@every_venue
def test_a_suspended_pair_stays_the_one_that_is_held(open_at: Opener, venue: str) -> None:
    markets = {"ETH/USD": flat(3000, active=False), "ETH/EUR": flat(2730), "EUR/USD": flat("1.1")}
    read = open_at(venue, snapshot(position("ETH/USD", 1), markets=markets)).broker.read_account()
    assert [held.symbol for held in read.positions] == ["ETH/USD"]
    assert read.markets["ETH/USD"].active is False


@every_venue
def test_a_renamed_coin_is_what_the_venue_calls_it_now(open_at: Opener, venue: str) -> None:
    markets = {"POL/USD": flat("0.4"), "MATIC/USD": flat("0.4", active=False)}
    read = open_at(venue, snapshot(position("POL/USD", 9000), markets=markets)).broker.read_account()
    assert [held.symbol for held in read.positions] == ["POL/USD"]


# --- other money ---


@every_venue
def test_other_money_is_read_with_what_orders_hold_of_it(open_at: Opener, venue: str) -> None:
    account = replace(
        snapshot(
            position(),
            orders=[order("o1", "AAA/EUR", side="buy", quantity=2, price=50)],
            markets={"AAA/USD": priced(), "AAA/EUR": flat(90), "EUR/USD": flat("1.1")},
        ),
        other_cash={"EUR": Cash(d(400), d(100))},
    )
    opened = open_at(venue, account)
    read = opened.broker.read_account()
    assert read.other_cash == {"EUR": Cash(d(400), d(100))}
    assert (read.rates, read.markets["EUR/USD"].bid) == ({"EUR": d("1.1")}, d("1.1"))


@every_venue
def test_other_money_is_converted_whichever_way_it_is_listed(open_at: Opener, venue: str) -> None:
    account = replace(
        snapshot(markets={"EUR/USD": flat("1.1"), "USD/CHF": flat("0.8")}, cash=0),
        other_cash={"EUR": Cash(d(100)), "CHF": Cash(d(80))},
    )
    opened = open_at(venue, account).ready()
    sold = opened.place_one(sell("EUR/USD", 50, price=None))
    bought = opened.place_one(sell("USD/CHF", 50, side="buy", client="xp0123456789abcdeg"))
    assert isinstance(sold, Done)
    assert isinstance(bought, Done)
    read = opened.broker.read_account()
    assert read.other_cash["EUR"].free == d(50)
    assert read.other_cash["CHF"].free < d(41)
    assert read.cash.free > d(100)


@every_venue
def test_money_whose_price_could_not_be_asked_has_no_rate(open_at: Opener, venue: str) -> None:
    account = replace(
        snapshot(position(), markets={"AAA/USD": priced(), "EUR/USD": flat("1.1", price_status="unavailable")}),
        other_cash={"EUR": Cash(d(100))},
    )
    read = open_at(venue, account).broker.read_account()
    assert read.other_cash == {"EUR": Cash(d(100))}
    assert "EUR" not in read.rates or read.rates["EUR"] > 0
    assert read.markets["EUR/USD"].price_status == "unavailable" or read.markets["EUR/USD"].last


@every_venue
def test_which_currencies_are_money_the_policy_says(open_at: Opener, venue: str) -> None:
    held = snapshot(position("DAI/USD", 50), markets={"DAI/USD": flat(1)})
    opened = open_at(venue, held)
    assert opened.broker.read_account().other_cash == {"DAI": Cash(d(50))}
    read = open_account(opened.handle, keep=("USD",)).read_account()
    assert (read.other_cash, [position.symbol for position in read.positions]) == ({}, ["DAI/USD"])


# --- debts ---


@pytest.mark.parametrize("venue", ["kraken", "coinbase"])
def test_a_negative_balance_is_a_debt_that_counts_once(open_at: Opener, venue: str) -> None:
    owed = Position("LTC/USD", "long", ZERO, debt=d(50))
    read = open_at(venue, snapshot(owed, position())).broker.read_account()
    (found,) = [held for held in read.positions if held.symbol == "LTC/USD"]
    assert (found.quantity, found.debt) == (ZERO, d(50))


def test_money_that_is_owed_is_a_debt_of_the_cash(open_at: Opener) -> None:
    account = replace(snapshot(position()), cash=Cash(debt=d(250)))
    assert open_at("kraken", account).broker.read_account().cash == Cash(debt=d(250))


def test_a_line_of_credit_that_was_used_at_kraken_is_a_debt(kraken: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = {"balance": "10", "hold_trade": "3", "credit": "5", "credit_used": "4"}
    answer(monkeypatch, kraken_front, Sort.READ, "/BalanceEx", {"AAA": entry})
    (found,) = kraken.broker.read_account().positions
    assert (found.quantity, found.locked, found.debt) == (d(10), d(3), d(4))


def test_margin_orders_make_an_account_at_kraken_unreadable(kraken: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"pair": "AAAUSD", "type": "sell", "ordertype": "limit", "price": "90", "price2": "0", "leverage": "3:1"}
    resting = {"status": "open", "opentm": 1_771_452_000, "descr": told, "vol": "1", "vol_exec": "0", "misc": ""}
    answer(monkeypatch, kraken_front, Sort.READ, "/OpenOrders", {"open": {"OAAAAA-BBBBB-CCCCCC": resting}})
    with pytest.raises(AccountUnreadable, match=r"margin order \(3:1\)"):
        kraken.broker.read_account()


AMOUNTS = st.decimals(0, 10_000, places=4)


@given(quantity=AMOUNTS, debt=AMOUNTS, cash=AMOUNTS, owed=AMOUNTS)
def test_an_account_is_never_worth_more_for_what_it_owes(
    quantity: Decimal, debt: Decimal, cash: Decimal, owed: Decimal
) -> None:
    front = kraken_front.KrakenFront

    def worth(account: Snapshot) -> Decimal:
        holdings = front._holdings(_before(account))
        return EXACT.add(holdings["AAA"][0], holdings["ZUSD"][0])

    free = replace(snapshot(replace(position("AAA/USD", 1), quantity=quantity)), cash=Cash(cash))
    in_debt = replace(free, positions=(replace(free.positions[0], debt=debt),), cash=Cash(cash, ZERO, owed))
    assert worth(in_debt) == worth(free) - debt - owed


def _before(account: Snapshot) -> Any:
    from tests.venues.venue import Venue  # noqa: PLC0415 - only here

    return kraken_front.KrakenFront(Venue(account))


# --- kraken's suffixes ---


def test_rewards_are_free_staked_balances_locked_and_shares_another_asset(open_at: Opener) -> None:
    suffixes = {"AAA.F": d(3), "AAA.S": d(1), "AAA.B": d(2), "AAA.M": d(4), "AAA.P": d(5), "AAA.T": d(7)}
    read = open_at("kraken", snapshot(position()), staked=suffixes).broker.read_account()
    found = {held.symbol: (held.quantity, held.locked) for held in read.positions}
    assert found == {"AAA/USD": (d(25), d(12)), "AAA.T/USD": (d(7), ZERO)}


# --- replies are held to their shape ---


@pytest.mark.parametrize("balances", [[], [{"AAA": "1"}], "nothing"])
def test_balances_that_are_no_object_are_no_answer(
    kraken: Opened, monkeypatch: pytest.MonkeyPatch, balances: object
) -> None:
    answer(monkeypatch, kraken_front, Sort.READ, "/BalanceEx", balances)
    with pytest.raises(AccountUnreadable):
        kraken.broker.read_account()


# --- maximums ---


def test_an_order_above_a_maximum_is_refused_before_it_is_sent(open_at: Opener) -> None:
    account = snapshot(position(quantity=500), markets={"AAA/USD": priced(max_amount=d(100))})
    opened = open_at("coinbase", account).ready()
    assert opened.broker.read_account().markets["AAA/USD"].max_amount == 100
    opened.forget_calls()
    outcome = opened.place_one(sell(quantity=101))
    assert isinstance(outcome, Refused)
    assert (outcome.reason, opened.calls("writes")) == (RefusalReason.ABOVE_MAX_AMOUNT, [])


# --- an empty book ---


@every_venue
def test_an_empty_side_of_the_book_is_zero(open_at: Opener, venue: str) -> None:
    account = snapshot(position(), markets={"AAA/USD": priced(bid="0", ask="101")})
    found = open_at(venue, account).broker.read_account().markets["AAA/USD"]
    assert (found.bid, found.ask, found.last) == (ZERO, d(101), d(100))


@every_venue
def test_an_order_without_a_time_has_none(open_at: Opener, venue: str) -> None:
    resting = replace(order("o1", quantity=3, price=200), created_at=None)
    read = open_at(venue, snapshot(position(locked=3), orders=[resting])).broker.read_account()
    assert read.open_orders[0].created_at is None


# --- rates ---

PRICES = st.decimals("0.0001", 100_000, places=4)


def _at(price: Decimal) -> Ticker:
    return Ticker(price, price, price)


@given(price=PRICES, bridge=PRICES)
def test_a_rate_is_the_same_directly_turned_around_and_over_another_currency(price: Decimal, bridge: Decimal) -> None:
    direct = find_rate("EUR", "USD", {"EUR/USD": _at(price)})
    over = find_rate("EUR", "USD", {"BTC/EUR": _at(bridge), "BTC/USD": _at(EXACT.multiply(price, bridge))})
    inverse = find_rate("USD", "EUR", {"EUR/USD": _at(price)})
    assert direct == over == price
    assert inverse is not None
    assert abs(EXACT.multiply(inverse, price) - 1) < d("1e-18")


@given(st.dictionaries(st.sampled_from(["EUR/USD", "USD/EUR", "BTC/EUR", "BTC/USD", "EUR/USDT", "USDT/USD"]), PRICES))
def test_a_rate_is_known_only_where_listed_markets_lead_to_it(prices: dict[str, Decimal]) -> None:
    tickers = {symbol: _at(price) for symbol, price in prices.items()}
    rate = find_rate("EUR", "USD", tickers)
    assert (rate is not None) == bool(rate_symbols("EUR", "USD", prices.keys()))


@pytest.mark.parametrize(
    "ticker",
    [Ticker(ZERO, d("1.2"), d("1.1")), Ticker(d("1.1"), ZERO, d("1.1")), Ticker(d("0.0001"), d(25), d(25)), Ticker()],
)
def test_a_book_that_nobody_would_trade_in_tells_no_rate(ticker: Ticker) -> None:
    assert find_rate("EUR", "USD", {"EUR/USD": ticker}) is None


def test_one_odd_trade_does_not_make_a_rate() -> None:
    assert find_rate("EUR", "USD", {"EUR/USD": Ticker(d("1.09"), d("1.11"), d(25))}) == d("1.1")
