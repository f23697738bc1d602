"""Swaps at Gate: settled in several currencies, each with an account of its own that may never have been opened."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from exitplan.brokers.protocol import Done, OrderReference, OrderRequest, Refused
from exitplan.ruleset.errors import AccountUnreadable
from tests.brokers.venues import gate_replies as venue
from tests.brokers.venues.recorded import NO_ANSWERS, Recorded, Reply, at_venue

CLOSE = OrderRequest(
    client_order_id="xp-9", symbol="BTC/USDT:USDT", side="buy", type="market", quantity=Decimal(7), reduce_only=True
)
NO_FUTURES = venue.refused("USER_NOT_FOUND", "please transfer funds first to create futures account")


@pytest.fixture
def futures() -> Iterator[Recorded]:
    with at_venue("gate", venue.replies(), market_types=("spot", "swap")) as recorded:
        prices = [{"contract": "BTC_USDT", "last": "60100", "highest_bid": "60099", "lowest_ask": "60101"}]
        recorded.answer("GET /api/v4/futures/usdt/tickers", prices)
        recorded.answer("GET /api/v4/futures/btc/tickers", [{"contract": "BTC_USD", "last": "60100"}])
        recorded.answer("GET /api/v4/futures/usdt/accounts", {"currency": "USDT", "total": "520", "available": "400"})
        recorded.answer("GET /api/v4/futures/usdt/positions", [venue.position()])
        for kind in ("orders", "price_orders"):
            recorded.answer(f"GET /api/v4/futures/usdt/{kind}", [])
            recorded.answer(f"GET /api/v4/futures/btc/{kind}", NO_FUTURES)
        recorded.answer("GET /api/v4/futures/btc/accounts", NO_FUTURES)
        recorded.answer("GET /api/v4/futures/btc/positions", NO_FUTURES)
        yield recorded


def test_positions_of_futures_have_entry_price_size_and_the_time_they_were_opened(futures: Recorded) -> None:
    snapshot = futures.broker.read_account()
    (position,) = [position for position in snapshot.positions if position.symbol == "BTC/USDT:USDT"]
    assert (position.side, position.quantity, position.contract_size) == ("short", Decimal(7), Decimal("0.0001"))
    assert (position.entry_price, position.opened_at) == (
        Decimal("58000.5"),
        datetime.fromtimestamp(1_767_200_000, UTC),
    )
    assert snapshot.cash.free == Decimal("1400.25")
    assert snapshot.markets["BTC/USDT:USDT"].last == 60100


def test_a_position_is_closed_by_a_reduce_only_order(futures: Recorded) -> None:
    futures.broker.read_account()
    place = "POST /api/v4/futures/usdt/orders"
    told = {"id": 70, "contract": "BTC_USDT", "size": 7, "left": 0, "price": "0", "fill_price": "60100", "tif": "ioc"}
    more = {"text": "t-xp-9", "status": "finished", "finish_as": "filled", "create_time": 1_767_312_000.5}
    futures.answer(place, {**told, **more, "is_reduce_only": True})
    (done,) = futures.broker.place_orders([CLOSE])
    form = futures.only(place).form
    assert (form["contract"], form["size"], form["price"], form["tif"]) == ("BTC_USDT", 7, "0", "ioc")
    assert (form["reduce_only"], form["text"]) == (True, "t-xp-9")
    assert isinstance(done, Done)
    assert (done.report.status, done.report.filled, done.report.average_price) == ("closed", Decimal(7), Decimal(60100))
    assert done.report.client_order_id == "xp-9"


@pytest.mark.parametrize(("path", "kind"), [("trail", "trailing stops of swaps"), ("chase", "chase orders of swaps")])
def test_orders_that_move_by_themselves_are_named_as_unread_while_there_may_be_some(
    futures: Recorded, path: str, kind: str
) -> None:
    order = {"id": "9", "contract": "BTC_USDT", "amount": "-7", "reduce_only": False, "original_status": 1}
    assert futures.broker.read_account().unread == ()
    for reply in (venue.working(order), venue.refused("FORBIDDEN", "no permission"), {"code": 0, "data": {}}):
        futures.answer(f"GET /api/v4/futures/usdt/autoorder/v1/{path}/list", reply)
        assert futures.broker.read_account().unread == (kind,)
    futures.answer(f"GET /api/v4/futures/usdt/autoorder/v1/{path}/list", venue.working())
    assert futures.broker.read_account().unread == ()


def test_orders_of_futures_are_read_from_both_lists(futures: Recorded) -> None:
    resting = {"id": 71, "contract": "BTC_USDT", "size": -3, "left": -2, "price": "70000", "tif": "gtc"}
    futures.answer("GET /api/v4/futures/usdt/orders", [{**resting, "status": "open", "text": "t-xp"}])
    waiting = {
        "id": 72,
        "initial": {"contract": "BTC_USDT", "size": 7, "price": "0", "tif": "ioc", "is_reduce_only": True},
        "trigger": {"price": "62000", "rule": 1},
        "status": "open",
        "create_time": 1_767_312_000,
    }
    futures.answer("GET /api/v4/futures/usdt/price_orders", [waiting])
    orders = {order.id: order for order in futures.broker.read_account().open_orders}
    assert (orders["71"].side, orders["71"].quantity, orders["71"].filled) == ("sell", Decimal(3), Decimal(1))
    assert (orders["72"].type, orders["72"].trigger_price, orders["72"].reduce_only) == ("stop", Decimal(62000), True)


def test_a_batch_of_futures_goes_to_its_own_address(futures: Recorded) -> None:
    futures.broker.read_account()
    batch = "POST /api/v4/futures/usdt/batch_cancel_orders"
    gone = {"id": "72", "succeeded": False, "message": "ORDER_FINISHED"}
    futures.answer(batch, [{"id": "71", "succeeded": True, "message": ""}, gone])
    futures.answer("GET /api/v4/futures/usdt/orders/71", Reply("", 502))
    references = [OrderReference(symbol="BTC/USDT:USDT", order_id=name) for name in ("71", "72")]
    done, refused = futures.broker.cancel_orders(references)
    assert isinstance(done, Done)
    assert isinstance(refused, Refused)
    assert futures.only(batch).form["[]"] == ["71", "72"]


def test_a_futures_account_that_cannot_be_read_is_not_an_unopened_one(futures: Recorded) -> None:
    error = futures.refuses_to_read("GET /api/v4/futures/usdt/positions", Reply("", 503))
    assert "positions could not be read" in str(error)


@pytest.mark.parametrize("reply", [*NO_ANSWERS, {"user_id": 7}])
@pytest.mark.parametrize("path", ["accounts", "orders", "price_orders", "positions"])
def test_what_is_no_answer_is_no_empty_futures_account(futures: Recorded, path: str, reply: Any) -> None:
    assert "could not be read" in str(futures.refuses_to_read(f"GET /api/v4/futures/usdt/{path}", reply))


def test_dated_futures_are_refused_and_not_taken_for_none() -> None:
    with at_venue("gate", venue.replies(), market_types=("spot", "future")) as recorded:
        recorded.answer("GET /api/v4/delivery/usdt/contracts", [])
        with pytest.raises(AccountUnreadable, match="dated futures"):
            recorded.broker.read_account()
