"""Real accounts at the paper venue: other money, debts, both sides, a coin for fees, maximums, empty books."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from exitplan.brokers.paper.notes import notes_from_document, notes_to_document
from exitplan.brokers.protocol import OrderReference
from exitplan.ruleset.model.snapshot import Cash, Market, OpenOrder, Position, Snapshot
from exitplan.ruleset.model.snapshot_reading import snapshot_from_document
from exitplan.ruleset.model.snapshot_writing import snapshot_to_document
from tests.brokers.accounts import (
    MARKETS,
    NOW,
    RATES,
    cash,
    d,
    done,
    engine,
    limit,
    order,
    position,
    reason,
    snapshot,
    stop,
)

CHF = {"USD/CHF": Market(last=d("0.8"), bid=d("0.8"), ask=d("0.8"))}
EUR = {"EUR/USD": Market(last=d("1.1"), bid=d("1.1"), ask=d("1.1"))}


def test_other_money_is_sold_for_the_quote() -> None:
    venue = engine(snapshot(other_cash={"EUR": Cash(d("500"))}, markets={**MARKETS, **EUR}))
    done(venue.place(order("sell", "200", "EUR/USD"), NOW))
    assert venue.snapshot(NOW).other_cash == {"EUR": Cash(d("300"))}
    assert cash(venue)[0] == d("1220")


def test_other_money_that_is_only_ever_a_quote_buys_the_quote() -> None:
    venue = engine(snapshot(other_cash={"CHF": Cash(d("800"))}, markets={**MARKETS, **CHF}))
    done(venue.place(order("buy", "1000", "USD/CHF"), NOW))
    assert venue.snapshot(NOW).other_cash == {}
    assert cash(venue)[0] == d("2000")


def test_money_that_was_recorded_as_a_position_is_spent_from_it() -> None:
    held = (Position("CHF/USD", "long", d("800")),)
    venue = engine(snapshot(positions=held, markets={**MARKETS, **CHF}))
    done(venue.place(order("buy", "500", "USD/CHF"), NOW))
    francs = position(venue, "CHF/USD")
    assert francs is not None
    assert (francs.quantity, cash(venue)[0]) == (d("400"), d("1500"))


def test_a_sale_for_another_coin_is_held_as_a_position_of_it() -> None:
    markets = {**MARKETS, "ETH/BTC": Market(last=d("0.05"), bid=d("0.05"), ask=d("0.05"))}
    venue = engine(snapshot(markets=markets))
    done(venue.place(order("sell", "2", "ETH/BTC"), NOW))
    coin = position(venue, "BTC/USD")
    assert coin is not None
    assert (coin.quantity, cash(venue)[0]) == (d("0.1"), d("1000"))


def test_one_asset_is_sold_in_each_of_its_markets() -> None:
    venue = engine()
    done(venue.place(order("sell", "2", "ETH/USD"), NOW))
    done(venue.place(order("sell", "3", "ETH/EUR"), NOW))
    assert position(venue) is None
    assert venue.snapshot(NOW).other_cash == {"EUR": Cash(d("300"))}


def test_an_order_locks_the_currency_that_it_pays_with() -> None:
    venue = engine(snapshot(other_cash={"EUR": Cash(d("500"))}))
    report = done(venue.place(limit("buy", "2", "90", symbol="ETH/EUR"), NOW))
    assert venue.snapshot(NOW).other_cash == {"EUR": Cash(d("320"), d("180"))}
    assert cash(venue) == (d("1000"), d("0"))
    done(venue.cancel(OrderReference(symbol="ETH/EUR", order_id=report.order_id), NOW))
    assert venue.snapshot(NOW).other_cash == {"EUR": Cash(d("500"))}


def test_more_of_another_currency_than_there_is_cannot_be_spent() -> None:
    venue = engine(snapshot(other_cash={"EUR": Cash(d("100"))}))
    assert reason(venue.place(limit("buy", "2", "90", symbol="ETH/EUR"), NOW)) == "insufficient-balance"


def test_what_is_owed_is_not_sold() -> None:
    venue = engine(snapshot(positions=(Position("ETH/USD", "long", d("5"), debt=d("3")),)))
    assert reason(venue.place(order("sell", "2.1"), NOW)) == "insufficient-balance"
    done(venue.place(order("sell", "2"), NOW))
    assert position(venue) == Position("ETH/USD", "long", d("3"), debt=d("3"))


def test_what_is_bought_pays_the_debt_first() -> None:
    venue = engine(snapshot(positions=(Position("ETH/USD", "long", d("0"), debt=d("3")),)))
    done(venue.place(order("buy", "2"), NOW))
    assert position(venue) == Position("ETH/USD", "long", d("0"), debt=d("1"))
    done(venue.place(order("buy", "1"), NOW))
    assert position(venue) is None


def test_proceeds_pay_a_debt_in_the_quote_first() -> None:
    venue = engine(snapshot(cash=Cash(d("0"), d("0"), d("150"))))
    done(venue.place(order("sell", "2"), NOW))
    assert venue.snapshot(NOW).cash == Cash(d("48"))


def test_nobody_buys_into_an_empty_side_of_the_book() -> None:
    venue = engine(snapshot(markets={"ETH/USD": replace(MARKETS["ETH/USD"], bid=d("0"))}))
    assert reason(venue.place(order(), NOW)) == "no-price"
    assert done(venue.place(limit("sell", "1", "50"), NOW)).status == "open"


@pytest.mark.parametrize(
    ("most", "expected"),
    [
        ({"max_amount": d("1.5")}, "above-max-amount"),
        ({"market_max_amount": d("1.5")}, "above-max-amount"),
        ({"max_notional": d("150")}, "above-max-notional"),
    ],
)
def test_an_order_above_a_maximum_is_refused(most: dict[str, object], expected: str) -> None:
    venue = engine(snapshot(markets={"ETH/USD": replace(MARKETS["ETH/USD"], **most)}))
    assert reason(venue.place(order("sell", "2"), NOW)) == expected
    done(venue.place(order("sell", "1.5"), NOW))


def test_the_maximum_of_market_orders_is_none_of_limit_orders() -> None:
    venue = engine(snapshot(markets={"ETH/USD": replace(MARKETS["ETH/USD"], market_max_amount=d("1"))}))
    assert reason(venue.place(stop("sell", "2", "90"), NOW)) == "above-max-amount"
    done(venue.place(limit("sell", "2", "120"), NOW))


# --- the coin that pays fees ---


BNB = {**MARKETS, "BNB/USD": Market(last=d("500"), bid=d("500"), ask=d("500"))}


def test_fees_are_taken_from_the_coin_that_pays_them() -> None:
    held = (Position("ETH/USD", "long", d("5")), Position("BNB/USD", "long", d("1")))
    venue = engine(snapshot(positions=held, markets=BNB), fee_asset="BNB", taker_fee="0.01")
    report = done(venue.place(order("sell", "5"), NOW))
    assert (report.fee, report.fee_currency) == (d("0.0099"), "BNB")
    assert cash(venue)[0] == d("1495")
    coin = position(venue, "BNB/USD")
    assert coin is not None
    assert coin.quantity == d("0.9901")


def test_the_coin_itself_is_refused_at_the_quantity_from_before_the_fees() -> None:
    held = (Position("ETH/USD", "long", d("5")), Position("BNB/USD", "long", d("1")))
    venue = engine(snapshot(positions=held, markets=BNB), fee_asset="BNB", taker_fee="0.01")
    done(venue.place(order("sell", "5"), NOW))
    assert reason(venue.place(order("sell", "1", "BNB/USD"), NOW)) == "insufficient-balance"
    report = done(venue.place(order("sell", "0.9901", "BNB/USD"), NOW))
    assert (report.status, report.fee_currency) == ("closed", "USD")


def test_fees_come_out_of_the_trade_where_there_is_too_little_of_the_coin() -> None:
    held = (Position("ETH/USD", "long", d("5")), Position("BNB/USD", "long", d("0.001")))
    venue = engine(snapshot(positions=held, markets=BNB), fee_asset="BNB", taker_fee="0.01")
    assert done(venue.place(order("sell", "5"), NOW)).fee_currency == "USD"
    assert cash(venue)[0] == d("1490.05")


def test_a_fill_without_a_fee_takes_nothing_from_the_coin() -> None:
    held = (Position("ETH/USD", "long", d("5")), Position("BNB/USD", "long", d("1")))
    report = done(engine(snapshot(positions=held, markets=BNB), fee_asset="BNB").place(order(), NOW))
    assert (report.fee, report.fee_currency) == (d("0"), "USD")


# --- both sides of a contract ---


CONTRACT = "BTC/USDT:USDT"


def _both_sides(**more: object) -> tuple[Position, ...]:
    long = Position(CONTRACT, "long", d("2"), contract_size=d("0.001"), entry_price=d("50000"))
    return long, replace(long, side="short", quantity=d("3"))


def test_an_order_names_the_side_it_belongs_to_in_hedge_mode() -> None:
    venue = engine(snapshot(positions=_both_sides(), cash=Cash(d("100000"))), hedge_mode=True)
    done(venue.place(limit("sell", "1", "60000", symbol=CONTRACT, position_side="short"), NOW))
    done(venue.place(limit("sell", "1", "60000", symbol=CONTRACT, position_side="long", reduce_only=True), NOW))
    assert [resting.position_side for resting in venue.snapshot(NOW).open_orders] == ["short", "long"]


def test_without_a_side_an_order_opens_in_hedge_mode_unless_it_only_reduces() -> None:
    venue = engine(snapshot(positions=_both_sides(), cash=Cash(d("100000"))), hedge_mode=True)
    done(venue.place(order("sell", "1", CONTRACT), NOW))
    done(venue.place(order("sell", "1", CONTRACT, reduce_only=True), NOW))
    held = {side: position(venue, CONTRACT, side) for side in ("long", "short")}
    assert {side: found and found.quantity for side, found in held.items()} == {"long": d("1"), "short": d("4")}


def test_the_side_of_a_recorded_order_stays() -> None:
    resting = OpenOrder("o1", CONTRACT, "sell", "limit", d("1"), price=d("60000"), position_side="short")
    other = OpenOrder("o2", "ETH/EUR", "buy", "limit", d("1"), price=d("90"))
    venue = engine(snapshot(positions=_both_sides(), open_orders=(resting, other)))
    assert venue.snapshot(NOW).open_orders[0].position_side == "short"


# --- files ---


def test_all_of_it_comes_back_from_its_file() -> None:
    held = (
        Position("ETH/USD", "long", d("5"), locked=d("2"), debt=d("1")),
        Position("BNB/USD", "long", d("1")),
        Position("XBT.F/USD", "long", d("1"), asset="BTC"),
    )
    resting = OpenOrder("o1", "ETH/EUR", "buy", "limit", d("1"), price=d("90"), created_at=None)
    account = snapshot(
        positions=held,
        other_cash={"EUR": Cash(d("500"), d("90"), d("20"))},
        open_orders=(resting,),
        markets=BNB,
        rates=RATES,
    )
    first = engine(account, fee_asset="BNB", taker_fee="0.01")
    done(first.place(order("sell", "1"), NOW))
    document, notes = snapshot_to_document(first.snapshot(NOW)), notes_to_document(first.notes())
    second = type(first)(snapshot_from_document(document), notes_from_document(notes))
    assert snapshot_to_document(second.snapshot(NOW)) == document
    assert notes_to_document(second.notes()) == notes


def test_what_is_staked_stays_locked() -> None:
    venue = engine(snapshot(positions=(Position("ETH/USD", "long", d("5"), locked=d("4")),)))
    assert reason(venue.place(order("sell", "2"), NOW)) == "insufficient-balance"
    done(venue.place(order("sell", "1"), NOW))
    assert position(venue) == Position("ETH/USD", "long", d("4"), locked=d("4"))


# --- laws ---


EVEN = {
    "ETH/USD": Market(last=d("100"), bid=d("100"), ask=d("100")),
    "ETH/EUR": Market(last=d("80"), bid=d("80"), ask=d("80")),
    "EUR/USD": Market(last=d("1.25"), bid=d("1.25"), ask=d("1.25")),
    "USD/CHF": Market(last=d("0.8"), bid=d("0.8"), ask=d("0.8")),
    "BNB/USD": Market(last=d("500"), bid=d("500"), ask=d("500")),
}
WORTH = {"USD": d("1"), "ETH": d("100"), "EUR": d("1.25"), "CHF": d("1.25"), "BNB": d("500")}
AMOUNTS = st.decimals(0, 40, places=2)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["buy", "sell"]), st.sampled_from(sorted(EVEN)), AMOUNTS, st.sampled_from(["market", "limit"])
    ),
    max_size=12,
)


def worth(account: Snapshot) -> Decimal:
    """Add up all that is held, less what is owed, at prices that fit together."""
    total = d("0")
    for currency, money in {account.quote: account.cash, **account.other_cash}.items():
        total += (money.free + money.locked - money.debt) * WORTH[currency]
    for held in account.positions:
        total += (held.quantity - held.debt) * WORTH[held.symbol.partition("/")[0]]
    return total


@given(steps=STEPS, eur=AMOUNTS, owed=AMOUNTS, coin=AMOUNTS)
def test_no_order_makes_or_loses_money_whatever_it_is_paid_in(
    steps: list[tuple[str, str, Decimal, str]], eur: Decimal, owed: Decimal, coin: Decimal
) -> None:
    held = (Position("ETH/USD", "long", d("5"), debt=min(owed, d("5"))), Position("BNB/USD", "long", coin))
    money = {"EUR": Cash(eur), "CHF": Cash(d("50"), debt=owed)}
    venue = engine(snapshot(positions=held, other_cash=money, markets=EVEN, rates={"EUR": d("1.25"), "CHF": d("1.25")}))
    before = worth(venue.snapshot(NOW))
    for side, symbol, quantity, kind in steps:
        price = EVEN[symbol].last or d("1")
        venue.place(
            limit(side, str(quantity), str(price), symbol=symbol)
            if kind == "limit"
            else order(side, str(quantity), symbol),
            NOW,
        )
        after = venue.snapshot(NOW)
        assert worth(after) == before
        assert all(
            cash.free >= 0 and cash.locked >= 0 and cash.debt >= 0 for cash in (after.cash, *after.other_cash.values())
        )
        assert all(entry.quantity >= entry.debt >= 0 or entry.debt <= owed for entry in after.positions)
