"""Futures at KuCoin: whole contracts, a margin mode that orders must name, one wallet for all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from requests.exceptions import ConnectionError as NoConnection

from exitplan.brokers.protocol import Done, OrderRequest, RefusalReason, Refused
from exitplan.ruleset.model.snapshot import Cash
from tests.brokers.venues import kucoin_replies as venue
from tests.brokers.venues.recorded import MADE_UP_WORDS, Recorded, Reply, at_venue

CLOSE = OrderRequest(
    client_order_id="xp-9", symbol="BTC/USDT:USDT", side="buy", type="market", quantity=Decimal(7), reduce_only=True
)


@pytest.fixture
def futures() -> Iterator[Recorded]:
    with at_venue("kucoin", venue.replies(), password=MADE_UP_WORDS, market_types=("spot", "swap")) as recorded:
        overview = {"currency": "USDT", "accountEquity": 520, "availableBalance": 400}
        recorded.answer("GET api-futures.kucoin.com/api/v1/account-overview", venue.ok(overview))
        recorded.answer("GET api-futures.kucoin.com/api/v1/orders", venue.page([]))
        recorded.answer("GET api-futures.kucoin.com/api/v1/stopOrders", venue.page([]))
        recorded.answer("GET api-futures.kucoin.com/api/v1/positions", venue.ok([venue.position()]))
        mode = venue.ok({"symbol": "XBTUSDTM", "marginMode": "CROSS"})
        recorded.answer("GET api-futures.kucoin.com/api/v2/position/getMarginMode", mode)
        yield recorded


def test_positions_of_futures_have_entry_price_size_and_the_time_they_were_opened(futures: Recorded) -> None:
    snapshot = futures.broker.read_account()
    (position,) = [position for position in snapshot.positions if position.symbol == "BTC/USDT:USDT"]
    assert (position.side, position.quantity, position.contract_size) == ("short", Decimal(7), Decimal("0.001"))
    assert position.entry_price == Decimal("58000.5")
    assert position.opened_at == datetime.fromtimestamp(1_767_200_000, UTC)
    assert snapshot.cash.free == Decimal("1400.25")


@pytest.mark.parametrize(
    ("told", "free", "locked", "debt"),
    [
        ({"accountEquity": 520, "unrealisedPNL": 20, "marginBalance": 500, "availableBalance": 400}, 400, 100, 0),
        ({"accountEquity": 480, "unrealisedPNL": -20, "marginBalance": 500, "availableBalance": 400}, 400, 100, 0),
        ({"accountEquity": 520, "unrealisedPNL": 220, "marginBalance": 300, "availableBalance": 400}, 300, 0, 0),
        ({"accountEquity": -50, "unrealisedPNL": -20, "marginBalance": -30, "availableBalance": 0}, 0, 0, 30),
    ],
)
def test_the_profit_of_positions_is_not_in_the_cash(
    futures: Recorded, told: dict[str, int], free: int, locked: int, debt: int
) -> None:
    futures.answer("GET api-futures.kucoin.com/api/v1/account-overview", venue.ok({"currency": "USDT", **told}))
    cash = futures.broker.read_account().cash
    assert cash == Cash(Decimal("1000.25") + free, Decimal(10 + locked), Decimal(debt))


def test_a_position_is_closed_by_a_reduce_only_order_in_its_margin_mode(futures: Recorded) -> None:
    futures.broker.read_account()
    place = "POST api-futures.kucoin.com/api/v1/orders"
    futures.answer(place, venue.ok({"orderId": "f1"}))
    futures.answer("GET api-futures.kucoin.com/api/v1/orders/f1", NoConnection("reset by peer"))
    (outcome,) = futures.broker.place_orders([CLOSE])
    assert isinstance(outcome, Done)
    form = futures.only(place).form
    assert (form["symbol"], form["side"], form["type"], form["size"]) == ("XBTUSDTM", "buy", "market", 7)
    assert (form["reduceOnly"], form["marginMode"], form["clientOid"]) == (True, "CROSS", "xp-9")


def test_in_hedge_mode_orders_name_the_side_and_are_read_with_it(futures: Recorded) -> None:
    sides = [{**venue.position(quantity=5), "positionSide": "LONG"}, {**venue.position(), "positionSide": "SHORT"}]
    futures.answer("GET api-futures.kucoin.com/api/v1/positions", venue.ok(sides))
    entry = {"id": "f1", "symbol": "XBTUSDTM", "type": "limit", "side": "sell", "price": "70000", "size": 3}
    more = {"isActive": True, "filledSize": 0, "filledValue": "0", "clientOid": "xp", "positionSide": "SHORT"}
    futures.answer("GET api-futures.kucoin.com/api/v1/orders", venue.page([{**entry, **more}]))
    snapshot = futures.broker.read_account()
    held = {position.side: position.quantity for position in snapshot.positions if position.symbol == CLOSE.symbol}
    assert held == {"long": Decimal(5), "short": Decimal(7)}
    assert (snapshot.open_orders[0].position_side, snapshot.open_orders[0].created_at) == ("short", None)
    place = "POST api-futures.kucoin.com/api/v1/orders"
    futures.answer(place, venue.ok({"orderId": "f1"}))
    futures.answer("GET api-futures.kucoin.com/api/v1/orders/f1", NoConnection("reset by peer"))
    futures.broker.place_orders([replace(CLOSE, position_side="short")])
    assert futures.only(place).form["positionSide"] == "SHORT"


def test_a_stop_of_futures_reduces_only_and_looks_at_the_last_price(futures: Recorded) -> None:
    futures.broker.read_account()
    place = "POST api-futures.kucoin.com/api/v1/orders"
    futures.answer(place, venue.ok({"orderId": "f2"}))
    stop = OrderRequest(
        client_order_id="xp-8",
        symbol="BTC/USDT:USDT",
        side="buy",
        type="stop",
        quantity=Decimal(7),
        trigger_price=Decimal(62000),
        reduce_only=True,
    )
    futures.broker.place_orders([stop])
    form = futures.only(place).form
    assert (form["stop"], form["stopPrice"], form["stopPriceType"], form["reduceOnly"]) == ("up", "62000", "TP", True)


def test_orders_of_futures_are_read_from_both_lists_and_told_by_kind(futures: Recorded) -> None:
    entry = {"id": "f1", "symbol": "XBTUSDTM", "type": "limit", "side": "buy", "price": "50000", "size": 3}
    more = {"isActive": True, "filledSize": 1, "filledValue": "50", "clientOid": "xp", "createdAt": 1_767_312_000_000}
    dated = {**entry, **more, "id": "f2", "symbol": "XBTMZ26"}
    futures.answer("GET api-futures.kucoin.com/api/v1/orders", venue.page([{**entry, **more}, dated]))
    waiting = {**entry, **more, "id": "f3", "stop": "up", "stopPrice": "62000", "filledSize": 0, "filledValue": "0"}
    futures.answer("GET api-futures.kucoin.com/api/v1/stopOrders", venue.page([waiting]))
    orders = {order.id: order for order in futures.broker.read_account().open_orders}
    assert set(orders) == {"f1", "f3"}
    assert (orders["f3"].type, orders["f3"].trigger_price) == ("stop_limit", Decimal(62000))


def test_closing_what_is_no_longer_open_is_told_as_that(futures: Recorded) -> None:
    futures.broker.read_account()
    gone = venue.refused("300009", "No open positions to close.")
    futures.answer("POST api-futures.kucoin.com/api/v1/orders", gone)
    (outcome,) = futures.broker.place_orders([CLOSE])
    assert isinstance(outcome, Refused)
    assert outcome.reason is RefusalReason.REDUCE_ONLY


def test_the_margin_mode_that_cannot_be_read_keeps_the_order_back(futures: Recorded) -> None:
    futures.broker.read_account()
    futures.answer("GET api-futures.kucoin.com/api/v2/position/getMarginMode", Reply("", 503))
    futures.broker.place_orders([CLOSE])
    assert futures.all("POST api-futures.kucoin.com/api/v1/orders") == []
