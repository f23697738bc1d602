"""What the paper venue refuses, for the reasons a venue has; a refusal changes nothing."""

from __future__ import annotations

import pytest

from exitplan.brokers.protocol import ConvertRequest, OrderRequest
from tests.brokers.accounts import (
    NOW,
    by_client_id,
    by_id,
    d,
    done,
    engine,
    limit,
    order,
    reason,
    snapshot,
    stop,
)


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (order(symbol="LUNA/USD"), "unknown-symbol"),
        (order(symbol="HALT/USD"), "market-inactive"),
        (order(quantity="0"), "invalid-quantity"),
        (order(quantity="-1"), "invalid-quantity"),
        (order(quantity="NaN"), "invalid-quantity"),
        (order(quantity="1e25"), "invalid-quantity"),
        (order(quantity="1.0005"), "amount-step"),
        (order(quantity="0.009"), "below-min-amount"),
        (order(quantity="0.05"), "below-min-notional"),
        (order(price="100"), "invalid-price"),
        (order(type="limit"), "invalid-price"),
        (order(type="stop"), "invalid-price"),
        (order(type="stop_limit", trigger_price="90"), "invalid-price"),
        (limit("sell", "1", "0"), "invalid-price"),
        (limit("sell", "1", "-5"), "invalid-price"),
        (limit("sell", "1", "100.005"), "price-step"),
        (stop("sell", "1", "90.001"), "price-step"),
        (stop("sell", "1", "100"), "trigger-side"),
        (stop("buy", "1", "100"), "trigger-side"),
        (order(symbol="DARK/USD"), "no-price"),
        (order(symbol="DOWN/USD"), "no-price"),
        (stop("sell", "1", "90", symbol="DARK/USD"), "no-price"),
        (order(quantity="5.001"), "insufficient-balance"),
        (order(symbol="LAST/USD"), "insufficient-balance"),
        (order("sell", position_side="short"), "insufficient-balance"),
        (order("buy", "10"), "insufficient-balance"),
        (limit("buy", "10.001", "100"), "insufficient-balance"),
        (order("buy", reduce_only=True), "reduce-only"),
        (order("sell", "6", reduce_only=True), "reduce-only"),
        (order("sell", symbol="BTC/USDT:USDT", reduce_only=True), "reduce-only"),
        (order("buy", "1", symbol="BTC/USDT:USDT"), "insufficient-balance"),
    ],
)
def test_an_order_is_refused_and_nothing_changes(request_: OrderRequest, expected: str) -> None:
    venue = engine()
    assert reason(venue.place(request_, NOW)) == expected
    assert venue.snapshot(NOW) == snapshot()
    assert not venue.notes().closed_orders


def test_the_minimum_itself_is_enough() -> None:
    assert done(engine().place(order(quantity="0.1"), NOW)).status == "closed"


def test_what_an_open_order_locks_cannot_be_sold_again() -> None:
    venue = engine()
    done(venue.place(limit("sell", "3", "150"), NOW))
    assert reason(venue.place(order(quantity="2.001"), NOW)) == "insufficient-balance"
    assert done(venue.place(order(quantity="2"), NOW)).filled == d("2")


def test_money_that_a_resting_buy_locks_cannot_be_spent_again() -> None:
    venue = engine()
    done(venue.place(limit("buy", "8", "90"), NOW))
    assert reason(venue.place(order("buy", "3"), NOW)) == "insufficient-balance"


def test_the_fee_must_be_affordable_too() -> None:
    venue = engine(taker_fee="0.001")
    assert reason(venue.place(limit("buy", "10", "100"), NOW)) == "insufficient-balance"


def test_an_id_is_taken_while_its_order_is_open() -> None:
    venue = engine()
    done(venue.place(limit("sell", "1", "150", client_order_id="a"), NOW))
    assert reason(venue.place(order(client_order_id="a"), NOW)) == "duplicate-client-order-id"


def test_an_id_is_free_again_once_its_order_has_closed() -> None:
    venue = engine()
    first = done(venue.place(order(client_order_id="a"), NOW))
    second = done(venue.place(order(client_order_id="a"), NOW))
    found = venue.look_up(by_client_id("a"))
    assert first.order_id != second.order_id
    assert found is not None
    assert found.order_id == second.order_id


def test_a_venue_may_take_an_id_only_once_ever() -> None:
    venue = engine(unique_client_order_ids="ever")
    done(venue.place(order(client_order_id="a"), NOW))
    assert reason(venue.place(order(client_order_id="a"), NOW)) == "duplicate-client-order-id"


def test_a_conversion_needs_an_id_of_its_own_as_well() -> None:
    venue = engine()
    done(venue.place(limit("sell", "1", "150", client_order_id="a"), NOW))
    request = ConvertRequest(client_order_id="a", symbol="ETH/USD", quantity=d("1"))
    assert reason(venue.convert(request, NOW)) == "duplicate-client-order-id"


def test_orders_without_an_id_are_as_many_as_one_likes() -> None:
    venue = engine(unique_client_order_ids="ever")
    assert [done(venue.place(limit("sell", "1", "150"), NOW)).status for _ in range(2)] == ["open", "open"]


def test_what_is_no_longer_remembered_leaves_its_id_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exitplan.brokers.paper.engine.HISTORY", 1)
    venue = engine(unique_client_order_ids="ever")
    for name in ("a", "b", "a"):
        assert done(venue.place(order(client_order_id=name), NOW)).status == "closed"


def test_an_order_that_was_filled_cannot_be_cancelled() -> None:
    venue = engine()
    report = done(venue.place(order(), NOW))
    assert reason(venue.cancel(by_id(report), NOW)) == "order-closed"


def test_an_order_that_was_cancelled_cannot_be_cancelled_again() -> None:
    venue = engine()
    report = done(venue.place(limit("sell", "1", "150"), NOW))
    done(venue.cancel(by_id(report), NOW))
    assert reason(venue.cancel(by_id(report), NOW)) == "order-closed"


def test_an_order_nobody_placed_cannot_be_cancelled() -> None:
    assert reason(engine().cancel(by_client_id("nobody"), NOW)) == "unknown-order"


@pytest.mark.parametrize(
    ("request_", "option"),
    [
        (stop("sell", "1", "90"), "stop_market"),
        (order(type="stop_limit", trigger_price="90", price="89"), "stop_limit"),
        (order(reduce_only=True), "reduce_only"),
    ],
)
def test_a_venue_without_a_feature_refuses_it(request_: OrderRequest, option: str) -> None:
    assert reason(engine(None, **{option: False}).place(request_, NOW)) == "unsupported"


@pytest.mark.parametrize(
    ("symbol", "quantity", "expected"),
    [
        ("LUNA/USD", "1", "unknown-symbol"),
        ("HALT/USD", "1", "market-inactive"),
        ("ETH/USD", "0", "invalid-quantity"),
        ("ETH/USD", "5.1", "insufficient-balance"),
        ("ETH/JPY", "1", "no-price"),
        ("BTC/USDT:USDT", "1", "unsupported"),
    ],
)
def test_a_conversion_is_refused(symbol: str, quantity: str, expected: str) -> None:
    request = ConvertRequest(client_order_id=None, symbol=symbol, quantity=d(quantity))
    assert reason(engine().convert(request, NOW)) == expected


def test_a_venue_may_have_no_conversion() -> None:
    request = ConvertRequest(client_order_id=None, symbol="ETH/USD", quantity=d("1"))
    assert reason(engine(convert=False).convert(request, NOW)) == "unsupported"
