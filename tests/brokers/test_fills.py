"""How orders fill the moment they are placed, and what money moves."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec import structs

from exitplan.brokers.paper.engine import MatchingEngine, Prices
from exitplan.brokers.paper.notes import Notes
from exitplan.brokers.protocol import ConvertRequest, OrderReference
from exitplan.ruleset.model.snapshot import Cash, Market, OpenOrder, Position
from tests.brokers.accounts import (
    NOW,
    by_client_id,
    by_id,
    cash,
    d,
    done,
    engine,
    limit,
    order,
    position,
    reason,
    snapshot,
)


def test_a_market_sell_fills_at_the_bid() -> None:
    venue = engine()
    report = done(venue.place(order("sell", "2"), NOW))
    assert (report.status, report.filled, report.average_price) == ("closed", d("2"), d("99"))
    assert cash(venue) == (d("1198"), d("0"))


def test_a_market_buy_fills_at_the_ask() -> None:
    venue = engine()
    assert done(venue.place(order("buy", "2"), NOW)).average_price == d("101")
    assert cash(venue) == (d("798"), d("0"))


def test_without_bid_and_ask_half_the_spread_comes_off_the_last_price() -> None:
    venue = engine(spread="0.01")
    assert done(venue.place(order("buy", "1", "LAST/USD"), NOW)).average_price == d("100.5")
    assert done(venue.place(order("sell", "1", "LAST/USD"), NOW)).average_price == d("99.5")


def test_slippage_makes_the_price_worse_and_stays_on_the_grid() -> None:
    venue = engine(slippage="0.00123")
    assert done(venue.place(order("sell"), NOW)).average_price == d("98.87")
    assert done(venue.place(order("buy"), NOW)).average_price == d("101.13")


@pytest.mark.parametrize(
    ("model", "quantity", "price"),
    [
        ("linear", "1", "98.01"),  # worth the 99 of the option: 1 % worse
        ("linear", "4", "95.04"),
        ("square_root", "1", "98.01"),
        ("square_root", "4", "97.02"),  # four times the size, twice the impact
        ("linear", "5", "94.05"),
    ],
)
def test_a_larger_order_is_filled_worse(model: str, quantity: str, price: str) -> None:
    venue = engine(impact={"model": model, "share": "0.01", "value": 99})
    assert done(venue.place(order("sell", quantity), NOW)).average_price == d(price)


def test_impact_is_temporary_and_comes_on_top_of_slippage() -> None:
    venue = engine(slippage="0.01", impact={"model": "linear", "share": "0.01", "value": 99})
    assert done(venue.place(order("sell", "1"), NOW)).average_price == d("97.02")
    assert done(venue.place(order("sell", "1"), NOW)).average_price == d("97.02")


def test_no_order_is_filled_for_nothing_however_large() -> None:
    venue = engine(impact={"model": "linear", "share": "0.9", "value": 1})
    assert done(venue.place(order("sell", "5"), NOW)).average_price == d("0.99")


def test_a_buy_that_could_not_be_paid_with_its_impact_is_refused() -> None:
    venue = engine(impact={"model": "linear", "share": "0.5", "value": 909})
    assert reason(venue.place(order("buy", "9"), NOW)) == "insufficient-balance"


def test_a_taker_pays_the_taker_fee() -> None:
    venue = engine(taker_fee="0.001", maker_fee="0.5")
    report = done(venue.place(order("sell", "2"), NOW))
    assert (report.fee, report.fee_currency) == (d("0.198"), "USD")
    assert cash(venue)[0] == d("1197.802")


def test_what_exceeds_the_depth_of_a_market_order_is_cancelled() -> None:
    venue = engine(depth="1.2345")
    report = done(venue.place(order("sell", "2"), NOW))
    assert (report.status, report.filled, report.remaining) == ("cancelled", d("1.234"), d("0.766"))
    held = position(venue)
    assert held is not None
    assert (held.quantity, held.locked) == (d("3.766"), d("0"))


def test_depth_may_be_given_for_one_symbol_only() -> None:
    venue = engine(depth={"ETH-USD": "1"})
    assert done(venue.place(order("sell", "2"), NOW)).filled == d("1")
    assert done(venue.place(order("buy", "2", "LAST/USD"), NOW)).filled == d("2")


def test_a_position_sold_to_zero_disappears() -> None:
    venue = engine()
    done(venue.place(order("sell", "5"), NOW))
    assert position(venue) is None


def test_a_buy_averages_the_entry_price() -> None:
    venue = engine()
    done(venue.place(order("buy", "5"), NOW))
    held = position(venue)
    assert held is not None
    assert (held.quantity, held.entry_price) == (d("10"), d("90.5"))


def test_an_unknown_entry_price_stays_unknown_after_a_buy() -> None:
    venue = engine(snapshot(positions=(Position("ETH/USD", "long", d("5")),)))
    done(venue.place(order("buy", "5"), NOW))
    held = position(venue)
    assert held is not None
    assert held.entry_price is None


def test_a_first_buy_opens_a_position_now() -> None:
    venue = engine()
    done(venue.place(order("buy", "1", "LAST/USD"), NOW))
    held = position(venue, "LAST/USD")
    assert held == Position("LAST/USD", "long", d("1"), entry_price=d("100"), opened_at=NOW)


def test_a_sale_in_another_currency_brings_that_currency() -> None:
    venue = engine(snapshot(positions=(Position("ETH/EUR", "long", d("2")),)), taker_fee="0.01")
    report = done(venue.place(order("sell", "2", "ETH/EUR"), NOW))
    assert (report.fee, report.fee_currency) == (d("2"), "EUR")
    assert cash(venue)[0] == d("1000")
    assert venue.snapshot(NOW).other_cash == {"EUR": Cash(d("198"))}


def test_a_limit_order_that_crosses_takes_at_the_better_price() -> None:
    venue = engine(taker_fee="0.01")
    report = done(venue.place(limit("sell", "1", "90"), NOW))
    assert (report.status, report.average_price, report.fee) == ("closed", d("99"), d("0.99"))


def test_slippage_never_goes_beyond_the_limit() -> None:
    venue = engine(slippage="0.1")
    assert done(venue.place(limit("sell", "1", "95"), NOW)).average_price == d("95")
    assert done(venue.place(limit("buy", "1", "105"), NOW)).average_price == d("105")


def test_what_a_crossing_limit_order_leaves_rests_and_locks() -> None:
    venue = engine(depth="1")
    report = done(venue.place(limit("buy", "3", "105"), NOW))
    assert (report.status, report.filled, report.average_price) == ("open", d("1"), d("101"))
    assert cash(venue) == (d("689"), d("210"))


def test_tiny_prices_lose_nothing() -> None:
    tiny = Market(last=d("0.00001234"), bid=d("0.00001233"))
    pepe = Position("PEPE/USD", "long", d("30000000.12345678"))
    venue = engine(snapshot(cash=Cash(), positions=(pepe,), markets={"PEPE/USD": tiny}))
    done(venue.place(order("sell", "30000000.12345678", "PEPE/USD"), NOW))
    assert cash(venue)[0] == d("369.9000015222220974")


def test_two_fills_at_two_prices_average_by_quantity() -> None:
    venue = engine(depth="1")
    report = done(venue.place(limit("sell", "2", "95"), NOW))
    venue.tick("ETH/USD", Prices(bid=d("96"), ask=d("110"), last=d("96")), NOW)
    found = venue.look_up(by_id(report))
    assert found is not None
    assert (found.status, found.average_price) == ("closed", d("97"))


def test_an_order_can_be_found_by_either_id_after_it_closed() -> None:
    venue = engine()
    report = done(venue.place(order(client_order_id="mine"), NOW))
    assert venue.look_up(by_id(report)) == venue.look_up(by_client_id("mine")) == report


def test_a_conversion_ignores_steps_and_minimums() -> None:
    venue = engine(snapshot(positions=(Position("ETH/USD", "long", d("0.00037")),)), taker_fee="0.01")
    request = ConvertRequest(client_order_id="dust", symbol="ETH/USD", quantity=d("0.00037"))
    report = done(venue.convert(request, NOW))
    assert (report.type, report.status, report.average_price) == ("convert", "closed", d("100"))
    assert cash(venue)[0] == d("1000.03663")
    assert position(venue) is None


def test_an_order_is_not_found_without_an_id() -> None:
    venue = engine()
    done(venue.place(order(), NOW))
    assert venue.look_up(OrderReference(symbol="ETH/USD")) is None


def test_an_order_never_takes_the_id_of_a_recorded_one() -> None:
    taken = OpenOrder("paper-1", "ETH/USD", "sell", "limit", d("1"), price=d("150"))
    venue = engine(snapshot(open_orders=(taken,)))
    assert done(venue.place(order(), NOW)).order_id == "paper-2"


def test_orders_are_numbered_in_turn_past_a_recorded_one_that_has_ended() -> None:
    venue = engine(snapshot(open_orders=(OpenOrder("paper-2", "ETH/USD", "sell", "limit", d("1"), price=d("150")),)))
    done(venue.cancel(OrderReference(symbol="ETH/USD", order_id="paper-2"), NOW))
    names = [done(venue.place(order(), NOW)).order_id for _ in range(3)]
    assert names == ["paper-1", "paper-3", "paper-4"]


@pytest.mark.parametrize(("since", "names"), [(-1, ["early", "late"]), (0, ["early", "late"]), (1, ["late"]), (3, [])])
def test_past_orders_are_those_that_ended_since_a_time(since: int, names: list[str]) -> None:
    venue = engine()
    for minute, name in enumerate(("early", None, "late")):
        done(venue.place(order(client_order_id=name), NOW + timedelta(minutes=minute)))
    done(venue.place(limit("sell", "1", "150", client_order_id="resting"), NOW + timedelta(minutes=9)))
    assert venue.closed_since(NOW + timedelta(minutes=since)) == names


def test_an_order_that_ended_nobody_knows_when_is_among_the_past_ones_of_any_time() -> None:
    venue = engine()
    done(venue.place(order(client_order_id="mine"), NOW))
    (ended,) = venue.notes().closed_orders
    notes = Notes(closed_orders=(structs.replace(ended, updated_at=None),))
    assert MatchingEngine(snapshot(), notes).closed_since(NOW) == ["mine"]


def test_only_the_latest_closed_orders_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exitplan.brokers.paper.engine.HISTORY", 2)
    venue = engine()
    names = [done(venue.place(order(), NOW)).order_id for _ in range(3)]
    assert [closed.id for closed in venue.notes().closed_orders] == names[1:]


def test_an_order_of_more_than_the_venue_trades_is_refused() -> None:
    dear = Market(last=d("1e20"))
    venue = engine(snapshot(positions=(Position("X/USD", "long", d("1e20")),), markets={"X/USD": dear}))
    assert reason(venue.place(order("sell", "1e20", "X/USD"), NOW)) == "invalid-quantity"


def test_a_buy_at_the_entry_price_leaves_it_alone() -> None:
    venue = engine(snapshot(positions=(Position("ETH/USD", "long", d("3"), entry_price=d("101")),)))
    done(venue.place(order("buy"), NOW))
    held = position(venue)
    assert held is not None
    assert held.entry_price == d("101")


def test_a_conversion_without_a_price_is_refused() -> None:
    venue = engine(snapshot(positions=(Position("DARK/USD", "long", d("3")),)))
    request = ConvertRequest(client_order_id=None, symbol="DARK/USD", quantity=d("3"))
    assert reason(venue.convert(request, NOW)) == "no-price"
