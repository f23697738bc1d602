"""Alpaca: crypto among shares, listings for account holders only, stop-limit orders only."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from requests.exceptions import ConnectionError as NoConnection
from requests.exceptions import ReadTimeout

from exitplan.brokers.protocol import (
    Done,
    Found,
    NotFound,
    OrderReference,
    OrderRequest,
    RefusalReason,
    Refused,
    Unknown,
)
from exitplan.ruleset.errors import CredentialsRefused
from tests.brokers.venues import alpaca_replies as venue
from tests.brokers.venues.recorded import EMPTY, GATEWAY_PAGE, NO_ANSWERS, PAGE_OF_200, Recorded, Reply, Sent, at_venue

SELL = OrderRequest(client_order_id="xp-1", symbol="SOL/USD", side="sell", type="market", quantity=Decimal("2.5"))
PLACE = "POST /v2/orders"
BY_OUR_ID = "GET /v2/orders:by_client_order_id"
GONE = venue.refused(40410000, "order not found for xp-1", 404)
ONE = f"{venue.NAME}1"
TWO = f"{venue.NAME}2"


@pytest.fixture
def account() -> Iterator[Recorded]:
    with at_venue("alpaca", venue.replies(), quote="USD") as recorded:
        recorded.broker.read_account()
        recorded.forget()
        yield recorded


# --- reading ---


def test_an_account_is_read_with_its_holds_prices_steps_and_minimums(account: Recorded) -> None:
    snapshot = account.broker.read_account()
    held = {position.symbol: (position.quantity, position.locked) for position in snapshot.positions}
    assert held == {"ADA/USD": (Decimal("0.04"), Decimal(0)), "SOL/USD": (Decimal("3.5"), Decimal(1))}
    assert (snapshot.cash.free, snapshot.cash.locked) == (Decimal("1000.25"), Decimal(10))
    market = snapshot.markets["SOL/USD"]
    assert (market.bid, market.ask, market.last) == (Decimal("139.9"), Decimal("140.1"), Decimal(140))
    assert (market.amount_step, market.price_step) == (Decimal("0.000001"), Decimal("0.001"))
    assert (market.min_amount, market.min_notional) == (Decimal("0.01"), Decimal(1))


def test_an_account_is_read_in_four_calls(account: Recorded) -> None:
    account.broker.read_account()
    assert sorted(sent.path for sent in account.sent) == [
        "/v1beta3/crypto/us/snapshots",
        "/v2/account",
        "/v2/orders",
        "/v2/positions",
    ]


def test_listings_are_asked_for_with_the_key() -> None:
    with at_venue("alpaca", venue.replies(), quote="USD") as recorded:
        recorded.broker.read_account()
        listing = recorded.only("GET /v2/assets")
        assert listing.headers["apca-api-key-id"] == recorded.credentials.api_key.reveal()
        assert listing.query == {"asset_class": "crypto", "status": "active"}


def test_orders_for_shares_are_left_alone(account: Recorded) -> None:
    shares = venue.order(2, asset_class="us_equity", symbol="TSLA")
    account.answer("GET /v2/orders?status=open", [venue.order(1, status="new"), shares])
    (order,) = account.broker.read_account().open_orders
    assert (order.id, order.symbol, order.client_order_id) == (ONE, "SOL/USD", "xp-1")


def test_all_pages_of_open_orders_are_read(account: Recorded) -> None:
    full = [
        venue.order(number, submitted_at=f"2026-01-02T{number // 60:02}:{number % 60:02}:00Z") for number in range(500)
    ]
    account.answer("GET /v2/orders?status=open", full)
    account.answer(f"GET /v2/orders?until={full[-1]['submitted_at']}", [venue.order(900)])
    assert len(account.broker.read_account().open_orders) == 501


def test_pages_that_do_not_end_are_no_answer(account: Recorded) -> None:
    error = account.refuses_to_read("GET /v2/orders?status=open", [venue.order(number) for number in range(500)])
    assert "the pages do not end" in str(error)


def test_a_stop_is_read_with_its_trigger_and_a_market_without_the_stroke(account: Recorded) -> None:
    stop = {"order_type": "stop_limit", "type": "stop_limit", "limit_price": "118.5", "stop_price": "120"}
    account.answer("GET /v2/orders?status=open", [venue.order(1, symbol="SOLUSD", status="new", **stop)])
    (order,) = account.broker.read_account().open_orders
    assert (order.symbol, order.type, order.trigger_price, order.price) == (
        "SOL/USD",
        "stop_limit",
        Decimal(120),
        Decimal("118.5"),
    )


def test_an_order_that_trails_is_a_stop_at_the_trigger_of_now(account: Recorded) -> None:
    trails = {"order_type": "trailing_stop", "type": "trailing_stop", "trail_percent": "5", "hwm": "140"}
    account.answer("GET /v2/orders?status=open", [venue.order(1, status="new", stop_price="133", **trails)])
    (order,) = account.broker.read_account().open_orders
    assert (order.type, order.price, order.trigger_price, order.quantity) == (
        "stop",
        None,
        Decimal(133),
        Decimal("2.5"),
    )


def test_an_order_for_an_amount_of_money_is_for_what_its_limit_buys(account: Recorded) -> None:
    money = {"order_type": "limit", "type": "limit", "limit_price": "120", "qty": None, "notional": "300"}
    account.answer("GET /v2/orders?status=open", [venue.order(1, side="buy", status="new", **money)])
    (order,) = account.broker.read_account().open_orders
    assert (order.type, order.price, order.quantity) == ("limit", Decimal(120), Decimal("2.5"))


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"order_type": "peg"}, "peg"),
        ({"order_class": "bracket"}, "bracket"),
        ({"order_class": "oco"}, "oco"),
        ({"order_class": "oto"}, "oto"),
        ({"asset_class": "crypto_perp"}, "crypto_perp"),
    ],
)
def test_an_order_of_an_unknown_kind_is_not_dropped_but_named(
    account: Recorded, changed: dict[str, str], name: str
) -> None:
    told = [venue.order(1, status="new", **changed)]
    assert name in str(account.refuses_to_read("GET /v2/orders?status=open", told))


def test_an_order_for_several_options_is_left_alone(account: Recorded) -> None:
    several = venue.order(2, asset_class="", symbol="", side="", order_class="mleg")
    account.answer("GET /v2/orders?status=open", [venue.order(1, status="new", order_class="simple"), several])
    assert [order.id for order in account.broker.read_account().open_orders] == [ONE]


def test_a_position_of_an_unknown_kind_is_not_dropped_but_named(account: Recorded) -> None:
    told = [venue.position("BTC-PERP", "1", "1", "crypto_perp")]
    assert "crypto_perp" in str(account.refuses_to_read("GET /v2/positions", told))


@pytest.mark.parametrize("block", ["account_blocked", "trading_blocked", "trade_suspended_by_user"])
def test_an_account_that_may_not_trade_is_named_as_that(account: Recorded, block: str) -> None:
    flags = dict.fromkeys(["account_blocked", "trading_blocked", "trade_suspended_by_user"], False)
    told = {"currency": "USD", "cash": "10", "equity": "10", "position_market_value": "0", **flags}
    account.answer("GET /v2/account", told)
    assert account.broker.read_account().cash.free == 10
    assert block in str(account.refuses_to_read("GET /v2/account", {**told, block: True}))


@pytest.mark.parametrize("reply", [*NO_ANSWERS, {"message": None}])
@pytest.mark.parametrize("path", ["/v2/account", "/v2/positions", "/v2/orders"])
def test_what_is_no_answer_is_no_empty_account(account: Recorded, path: str, reply: Any) -> None:
    assert "could not be read" in str(account.refuses_to_read(f"GET {path}", reply))


def test_prices_that_are_missing_are_unavailable(account: Recorded) -> None:
    account.answer("GET /v1beta3/crypto/us/snapshots", {"snapshots": {}})
    assert account.broker.read_account().markets["SOL/USD"].price_status == "unavailable"


@pytest.mark.parametrize(
    "reply",
    [
        venue.refused(40110000, "request is not authorized", 401),
        Reply({"message": "forbidden."}, 403),
    ],
)
def test_a_key_that_is_wrong_is_told_as_that(account: Recorded, reply: Reply) -> None:
    assert isinstance(account.refuses_to_read("GET /v2/account", reply), CredentialsRefused)


def test_no_secret_is_told_by_an_error_that_repeats_the_request(account: Recorded) -> None:
    def repeat(sent: Sent) -> Reply:
        return venue.refused(40110000, f"request is not authorized {dict(sent.headers)}", 401)

    error = account.refuses_to_read("GET /v2/account", repeat)
    assert account.tells(str(error)) == []


# --- placing ---


def test_a_market_sell_has_our_id_and_no_price(account: Recorded) -> None:
    account.answer(PLACE, venue.order(1))
    account.answer(f"GET /v2/orders/{ONE}", venue.order(1, **venue.FILLED))
    (outcome,) = account.broker.place_orders([SELL])
    assert account.only(PLACE).form == {
        "symbol": "SOL/USD",
        "side": "sell",
        "type": "market",
        "qty": "2.5",
        "time_in_force": "gtc",
        "client_order_id": "xp-1",
    }
    assert isinstance(outcome, Done)
    report = outcome.report
    assert (report.order_id, report.status, report.filled, report.average_price) == (
        ONE,
        "closed",
        Decimal("2.5"),
        Decimal(140),
    )


def test_a_market_order_stopped_by_the_collar_is_filled_in_part(account: Recorded) -> None:
    account.answer(PLACE, venue.order(1))
    part = venue.order(1, status="canceled", filled_qty="1", filled_avg_price="138")
    account.answer(f"GET /v2/orders/{ONE}", part)
    (outcome,) = account.broker.place_orders([SELL])
    assert isinstance(outcome, Done)
    assert (outcome.report.status, outcome.report.filled) == ("cancelled", Decimal(1))


def test_a_stop_keeps_its_trigger_and_does_not_go_out_as_a_limit_order(account: Recorded) -> None:
    told = {"order_type": "stop_limit", "type": "stop_limit", "limit_price": "118.5", "stop_price": "120"}
    account.answer(PLACE, venue.order(1, status="accepted", **told))
    account.answer(f"GET /v2/orders/{ONE}", venue.order(1, status="accepted", **told))
    stop = OrderRequest(
        client_order_id="xp-2",
        symbol="SOL/USD",
        side="sell",
        type="stop_limit",
        quantity=Decimal(1),
        price=Decimal("118.5"),
        trigger_price=Decimal(120),
    )
    account.broker.place_orders([stop])
    form = account.only(PLACE).form
    assert (form["type"], form["stop_price"], form["limit_price"]) == ("stop_limit", "120", "118.5")
    assert "stopLossPrice" not in form


def test_a_stop_at_market_is_refused_before_it_is_sent(account: Recorded) -> None:
    stop = OrderRequest(
        client_order_id="xp-3",
        symbol="SOL/USD",
        side="sell",
        type="stop",
        quantity=Decimal(1),
        trigger_price=Decimal(120),
    )
    (outcome,) = account.broker.place_orders([stop])
    assert isinstance(outcome, Refused)
    assert outcome.reason is RefusalReason.UNSUPPORTED
    assert account.all(PLACE) == []


def test_a_marketable_limit_keeps_its_price(account: Recorded) -> None:
    account.answer(PLACE, venue.order(1, **venue.FILLED))
    limit = OrderRequest(
        client_order_id="xp-4",
        symbol="SOL/USD",
        side="sell",
        type="limit",
        quantity=Decimal(1),
        price=Decimal("139.5"),
    )
    account.broker.place_orders([limit])
    assert account.only(PLACE).form["limit_price"] == "139.5"


def test_a_small_sell_is_not_held_to_the_least_buy(account: Recorded) -> None:
    account.answer(PLACE, venue.order(1, **venue.FILLED))
    small = OrderRequest(client_order_id="xp-5", symbol="SOL/USD", side="sell", type="market", quantity=Decimal("0.05"))
    (outcome,) = account.broker.place_orders([small])
    assert isinstance(outcome, Done)


@pytest.mark.parametrize(
    ("code", "message", "status", "reason"),
    [
        (40310000, "insufficient balance for SOL (requested: 3)", 403, RefusalReason.INSUFFICIENT_BALANCE),
        (40310000, "cost basis must be >= minimal amount of order 1", 403, RefusalReason.BELOW_MIN_NOTIONAL),
        (40010001, "client_order_id must be unique", 422, RefusalReason.DUPLICATE_CLIENT_ORDER_ID),
        (42210000, "client_order_id must be unique", 422, RefusalReason.DUPLICATE_CLIENT_ORDER_ID),
        (42210000, "invalid crypto time_in_force", 422, RefusalReason.OTHER),
        (40110000, "request is not authorized", 401, RefusalReason.PERMISSION_DENIED),
        (40310000, "new orders are rejected by user request", 403, RefusalReason.PERMISSION_DENIED),
        (42910000, "rate limit exceeded", 429, RefusalReason.RATE_LIMITED),
    ],
)
def test_refusals_are_told_by_their_reason(
    account: Recorded, code: int, message: str, status: int, reason: RefusalReason
) -> None:
    account.answer(PLACE, venue.refused(code, message, status))
    (outcome,) = account.broker.place_orders([SELL])
    assert isinstance(outcome, Refused)
    assert outcome.reason is reason
    assert len(account.all(PLACE)) == 1


@pytest.mark.parametrize(
    "reply",
    [*NO_ANSWERS, ReadTimeout("too slow"), NoConnection("reset by peer"), venue.refused(50010000, "internal", 500)],
)
def test_after_what_is_no_answer_nobody_knows_and_nothing_is_sent_again(account: Recorded, reply: Any) -> None:
    account.answer(PLACE, reply)
    (outcome,) = account.broker.place_orders([SELL])
    assert isinstance(outcome, Unknown)
    assert len(account.all(PLACE)) == 1


# --- cancelling ---


def cancelling(account: Recorded, *names: str) -> list[Any]:
    return list(account.broker.cancel_orders([OrderReference(symbol="SOL/USD", order_id=name) for name in names]))


def test_a_cancel_is_answered_by_nothing_at_all(account: Recorded) -> None:
    account.answer(f"DELETE /v2/orders/{ONE}", venue.CANCELLED)
    account.answer(f"GET /v2/orders/{ONE}", venue.order(1, status="canceled", filled_qty="1"))
    (done,) = cancelling(account, ONE)
    assert (done.report.status, done.report.filled) == ("cancelled", 1)


def test_a_cancel_that_is_under_way_leaves_the_order_open(account: Recorded) -> None:
    account.answer(f"DELETE /v2/orders/{ONE}", venue.CANCELLED)
    account.answer(f"GET /v2/orders/{ONE}", venue.order(1, status="pending_cancel"))
    (done,) = cancelling(account, ONE)
    assert done.report.status == "open"


def test_cancels_each_have_an_outcome_of_their_own(account: Recorded) -> None:
    over = venue.refused(42210000, 'order is already in "filled" state', 422)
    account.answer(f"DELETE /v2/orders/{ONE}", over)
    account.answer(f"DELETE /v2/orders/{TWO}", venue.refused(40410000, "order not found", 404))
    first, second = cancelling(account, ONE, TWO)
    assert (first.reason, second.reason) == (RefusalReason.ORDER_CLOSED, RefusalReason.UNKNOWN_ORDER)


@pytest.mark.parametrize("reply", [GATEWAY_PAGE, PAGE_OF_200, EMPTY, ReadTimeout("too slow")])
def test_a_cancel_without_an_answer_is_unknown(account: Recorded, reply: Any) -> None:
    account.answer(f"DELETE /v2/orders/{ONE}", reply)
    (told,) = cancelling(account, ONE)
    assert isinstance(told, Unknown)


# --- looking up ---


def looked_up(account: Recorded, **reference: Any) -> Any:
    return account.broker.look_up_order(OrderReference(symbol="SOL/USD", **reference))


def test_an_order_is_found_by_the_venues_id(account: Recorded) -> None:
    account.answer(f"GET /v2/orders/{ONE}", venue.order(1, **venue.FILLED))
    assert looked_up(account, order_id=ONE).report.filled == Decimal("2.5")


def test_an_order_is_found_by_our_id(account: Recorded) -> None:
    account.answer(BY_OUR_ID, venue.order(1, **venue.FILLED))
    found = looked_up(account, client_order_id="xp-1")
    assert isinstance(found, Found)
    assert (found.report.order_id, found.report.status) == (ONE, "closed")
    assert account.only(BY_OUR_ID).query == {"client_order_id": "xp-1"}


def test_an_order_that_the_venue_does_not_know_is_not_found(account: Recorded) -> None:
    account.answer(f"GET /v2/orders/{ONE}", GONE)
    account.answer(BY_OUR_ID, GONE)
    assert looked_up(account, order_id=ONE) == NotFound()
    assert looked_up(account, client_order_id="xp-1") == NotFound()


@pytest.mark.parametrize("reply", [*NO_ANSWERS, venue.order(2, client_order_id="other"), ReadTimeout("too slow")])
def test_a_look_up_without_an_answer_is_unknown(account: Recorded, reply: Any) -> None:
    account.answer(BY_OUR_ID, reply)
    account.answer(f"GET /v2/orders/{ONE}", venue.CANCELLED)
    assert isinstance(looked_up(account, client_order_id="xp-1"), Unknown)
    assert isinstance(looked_up(account, order_id=ONE), Unknown)


# --- history ---


def test_cost_is_rebuilt_from_pages_of_executions(account: Recorded) -> None:
    def fill(number: int, symbol: str, quantity: str) -> dict[str, Any]:
        told = {"id": f"2026010{number:05}", "activity_type": "FILL", "transaction_time": "2026-01-02T00:00:00Z"}
        return {**told, "price": "100", "qty": quantity, "side": "buy", "symbol": symbol, "order_id": "o"}

    newest = [fill(900 - number, "ADA/USD", "7") for number in range(100)]
    account.answer("GET /v2/account/activities/FILL", newest)
    older = f"GET /v2/account/activities/FILL?page_token={newest[-1]['id']}"
    account.answer(older, [fill(1, "SOL/USD", "3.5")])
    positions = [position for position in account.broker.read_account().positions if position.symbol == "SOL/USD"]
    (basis,) = account.broker.read_cost_basis(positions).values()
    assert basis.entry_price == 100
