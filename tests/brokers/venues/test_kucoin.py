"""KuCoin: classic accounts, stops in a list of their own, open orders by symbol."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
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
from exitplan.brokers.venues.kucoin import Kucoin
from exitplan.ruleset.errors import AccountUnreadable, CredentialsRefused
from exitplan.ruleset.model.assets import AssetNames
from exitplan.ruleset.model.order_view import held_by
from tests.brokers.venues import kucoin_replies as venue
from tests.brokers.venues.recorded import MADE_UP_WORDS, NO_ANSWERS, Recorded, Reply, Sent, at_venue

SELL = OrderRequest(client_order_id="xp-1", symbol="SOL/USDT", side="sell", type="market", quantity=Decimal("2.5"))
PLACE = "POST /api/v1/hf/orders"
GONE = venue.refused("400100", "order not exist.")


@pytest.fixture
def account() -> Iterator[Recorded]:
    with at_venue("kucoin", venue.replies(), password=MADE_UP_WORDS) as recorded:
        recorded.broker.read_account()
        recorded.forget()
        yield recorded


# --- reading ---


def test_an_account_is_read_with_its_holds_prices_steps_and_minimums(account: Recorded) -> None:
    snapshot = account.broker.read_account()
    held = {position.symbol: (position.quantity, position.locked) for position in snapshot.positions}
    assert held == {"ADA/USDT": (Decimal("0.04"), Decimal(0)), "SOL/USDT": (Decimal("3.5"), Decimal(1))}
    assert (snapshot.cash.free, snapshot.cash.locked) == (Decimal("1000.25"), Decimal(10))
    market = snapshot.markets["SOL/USDT"]
    assert (market.bid, market.ask, market.last) == (Decimal("139.9"), Decimal("140.1"), Decimal(140))
    assert (market.amount_step, market.price_step, market.min_amount) == (
        Decimal("0.01"),
        Decimal("0.001"),
        Decimal("0.01"),
    )


def test_the_least_worth_of_an_order_is_the_larger_of_two_minimums(account: Recorded) -> None:
    assert account.broker.read_account().markets["SOL/USDT"].min_notional == Decimal("0.1")


def test_what_is_in_the_funding_account_is_not_for_sale(account: Recorded) -> None:
    assert {position.symbol for position in account.broker.read_account().positions} == {"ADA/USDT", "SOL/USDT"}


def test_an_account_without_orders_is_read_in_five_calls(account: Recorded) -> None:
    account.broker.read_account()
    assert sorted(sent.path for sent in account.sent) == [
        "/api/v1/accounts",
        "/api/v1/hf/orders/active/symbols",
        "/api/v1/market/allTickers",
        "/api/v1/stop-order",
        "/api/v3/oco/orders",
    ]


def test_pairs_that_cancel_one_another_are_named_as_unread_while_there_may_be_some(account: Recorded) -> None:
    def pair(status: str) -> dict[str, Any]:
        told = {"orderId": "6572fdd65723280007deb5e0", "symbol": "SOL-USDT", "clientOid": "x", "orderTime": 1}
        return {**told, "status": status}

    assert account.broker.read_account().unread == ()
    for reply in (venue.page([pair("DONE"), pair("NEW")]), venue.page([pair("TRIGGERED")]), venue.ok(None), Reply("")):
        account.answer("GET /api/v3/oco/orders", reply)
        assert account.broker.read_account().unread == ("orders that cancel one another (OCO)",)
    account.answer("GET /api/v3/oco/orders", venue.page([pair("DONE"), pair("CANCELLED")]))
    assert account.broker.read_account().unread == ()


def test_open_orders_are_read_symbol_by_symbol(account: Recorded) -> None:
    account.answer("GET /api/v1/hf/orders/active/symbols", venue.ok({"symbols": ["SOL-USDT", "ADA-USDT"]}))
    resting = venue.order("7", type="limit", price="150", dealSize="1")
    account.answer("GET /api/v1/hf/orders/active?symbol=SOL-USDT", venue.ok([resting]))
    other = venue.order("8", symbol="ADA-USDT", type="limit", price="0.5", size="10")
    account.answer("GET /api/v1/hf/orders/active?symbol=ADA-USDT", venue.ok([other]))
    orders = {order.id: order for order in account.broker.read_account().open_orders}
    assert set(orders) == {"7", "8"}
    assert (orders["7"].type, orders["7"].price, orders["7"].filled) == ("limit", Decimal(150), Decimal(1))
    assert orders["7"].client_order_id == "xp-1"


def test_all_pages_of_orders_that_wait_for_a_trigger_are_read(account: Recorded) -> None:
    account.answer("GET /api/v1/stop-order?currentPage=1", venue.page([venue.stop_order("vs1")], 1, of=2))
    second = venue.stop_order("vs2", type="market", price=None)
    account.answer("GET /api/v1/stop-order?currentPage=2", venue.page([second], 2, of=2))
    orders = {order.id: order for order in account.broker.read_account().open_orders}
    assert (orders["vs1"].type, orders["vs1"].trigger_price, orders["vs1"].price) == (
        "stop_limit",
        Decimal(120),
        Decimal("118.5"),
    )
    assert (orders["vs2"].type, orders["vs2"].price) == ("stop", None)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"selfAccountMode": "UNIFIED"}, "unified trading account"),
        ({"selfAccountMode": "PORTFOLIO"}, "of the kind PORTFOLIO"),
        ({}, "of the kind None"),
        (None, "of the kind None"),
    ],
)
def test_an_account_of_another_kind_is_not_taken_for_an_empty_one(data: Any, told: str) -> None:
    with at_venue("kucoin", venue.replies(), password=MADE_UP_WORDS) as recorded:
        assert told in str(recorded.refuses_to_read("GET /api/ua/v1/account/mode", venue.ok(data)))


def test_symbols_with_orders_that_are_left_out_are_not_none(account: Recorded) -> None:
    refusal = account.refuses_to_read("GET /api/v1/hf/orders/active/symbols", venue.ok({}))
    assert "which symbols have orders" in str(refusal)


@pytest.mark.parametrize("reply", [*NO_ANSWERS, Reply({"code": "200000"}), venue.ok(None), venue.ok({})])
@pytest.mark.parametrize("path", ["/api/v1/accounts", "/api/v1/stop-order"])
def test_what_is_no_answer_is_no_empty_account(account: Recorded, path: str, reply: Any) -> None:
    assert "could not be read" in str(account.refuses_to_read(f"GET {path}", reply))


def test_without_prices_the_account_is_read_and_its_prices_are_unavailable(account: Recorded) -> None:
    account.answer("GET /api/v1/market/allTickers", Reply("", 503))
    assert account.broker.read_account().markets["SOL/USDT"].price_status == "unavailable"


@pytest.mark.parametrize("code", ["400003", "400004", "400005", "400006", "400007"])
def test_a_key_that_is_wrong_or_may_not_read_is_told_as_that(account: Recorded, code: str) -> None:
    error = account.refuses_to_read("GET /api/v1/accounts", venue.refused(code, "KC-API-KEY not exists", 401))
    assert isinstance(error, CredentialsRefused)


def test_no_secret_is_told_by_an_error_that_repeats_the_request(account: Recorded) -> None:
    def repeat(sent: Sent) -> Reply:
        return venue.refused("400005", f"Invalid KC-API-SIGN {dict(sent.headers)} {MADE_UP_WORDS}", 401)

    error = account.refuses_to_read("GET /api/v1/accounts", repeat)
    assert account.tells(str(error)) == []


def test_requests_are_signed_with_the_time_that_the_venue_compares(account: Recorded) -> None:
    account.broker.read_account()
    headers = account.only("GET /api/v1/accounts").headers
    age = datetime.now(UTC).timestamp() * 1000 - int(headers["kc-api-timestamp"])
    assert 0 <= age < 60_000
    assert headers["kc-api-passphrase"] != MADE_UP_WORDS


# --- placing ---


def test_a_market_sell_has_our_id_and_no_price_and_is_asked_for_once(account: Recorded) -> None:
    account.answer(PLACE, venue.ok({"orderId": "7"}))
    filled = venue.order("7", active=False, dealSize="2.5", dealFunds="350", fee="0.35")
    account.answer("GET /api/v1/hf/orders/7", venue.ok(filled))
    (outcome,) = account.broker.place_orders([SELL])
    assert account.only(PLACE).form == {
        "clientOid": "xp-1",
        "side": "sell",
        "symbol": "SOL-USDT",
        "type": "market",
        "size": "2.5",
    }
    assert isinstance(outcome, Done)
    report = outcome.report
    assert (report.order_id, report.status, report.filled, report.average_price) == (
        "7",
        "closed",
        Decimal("2.5"),
        Decimal(140),
    )
    assert (report.fee, report.fee_currency, report.client_order_id) == (Decimal("0.35"), "USDT", "xp-1")


def test_an_order_of_which_nothing_more_can_be_read_stays_told_as_open(account: Recorded) -> None:
    account.answer(PLACE, venue.ok({"orderId": "7"}))
    account.answer("GET /api/v1/hf/orders/7", Reply("", 502))
    (outcome,) = account.broker.place_orders([SELL])
    assert isinstance(outcome, Done)
    assert (outcome.report.status, outcome.report.filled) == ("open", Decimal(0))


def test_a_stop_goes_to_the_list_of_its_own(account: Recorded) -> None:
    account.answer("POST /api/v1/stop-order", venue.ok({"orderId": "vs7"}))
    stop = OrderRequest(
        client_order_id="xp-2",
        symbol="SOL/USDT",
        side="sell",
        type="stop_limit",
        quantity=Decimal(1),
        price=Decimal("118.5"),
        trigger_price=Decimal(120),
    )
    (outcome,) = account.broker.place_orders([stop])
    form = account.only("POST /api/v1/stop-order").form
    assert (form["stop"], form["stopPrice"], form["price"], form["type"]) == ("loss", "120", "118.5", "limit")
    assert form["clientOid"] == "xp-2"
    assert isinstance(outcome, Done)
    assert (outcome.report.order_id, outcome.report.trigger_price) == ("vs7", Decimal(120))


def test_a_stop_at_market_needs_no_price(account: Recorded) -> None:
    account.answer("POST /api/v1/stop-order", venue.ok({"orderId": "vs8"}))
    stop = OrderRequest(
        client_order_id="xp-3",
        symbol="SOL/USDT",
        side="sell",
        type="stop",
        quantity=Decimal(1),
        trigger_price=Decimal(120),
    )
    account.broker.place_orders([stop])
    form = account.only("POST /api/v1/stop-order").form
    assert (form["type"], form["size"], form.get("price")) == ("market", "1", None)


def test_a_marketable_limit_keeps_its_price(account: Recorded) -> None:
    account.answer(PLACE, venue.ok({"orderId": "7"}))
    account.answer("GET /api/v1/hf/orders/7", venue.ok(venue.order("7", type="limit", price="139.5")))
    limit = OrderRequest(
        client_order_id="xp-4",
        symbol="SOL/USDT",
        side="sell",
        type="limit",
        quantity=Decimal(1),
        price=Decimal("139.5"),
    )
    account.broker.place_orders([limit])
    assert (account.only(PLACE).form["price"], account.only(PLACE).form["type"]) == ("139.5", "limit")


@pytest.mark.parametrize(
    ("code", "message", "reason"),
    [
        ("200004", "Balance insufficient!", RefusalReason.INSUFFICIENT_BALANCE),
        ("600101", "The order funds should more then 0.1 USDT.", RefusalReason.BELOW_MIN_NOTIONAL),
        ("400100", "Order size below the minimum requirement.", RefusalReason.BELOW_MIN_AMOUNT),
        ("400100", "Order size increment invalid.", RefusalReason.AMOUNT_STEP),
        ("400100", "validation.createOrder.clientOidDuplicated", RefusalReason.DUPLICATE_CLIENT_ORDER_ID),
        ("400600", "validation.createOrder.symbolNotAvailable", RefusalReason.UNKNOWN_SYMBOL),
        ("400007", "Access denied --> Require more permission.", RefusalReason.PERMISSION_DENIED),
        ("429000", "Too many requests.", RefusalReason.RATE_LIMITED),
        ("400100", "something new", RefusalReason.OTHER),
    ],
)
def test_refusals_are_told_by_their_reason(account: Recorded, code: str, message: str, reason: RefusalReason) -> None:
    account.answer(PLACE, venue.refused(code, message))
    (outcome,) = account.broker.place_orders([SELL])
    assert isinstance(outcome, Refused)
    assert outcome.reason is reason
    assert len(account.all(PLACE)) == 1


@pytest.mark.parametrize(
    "reply",
    [
        *NO_ANSWERS,
        ReadTimeout("too slow"),
        NoConnection("reset by peer"),
        Reply({"code": "500000", "msg": "Internal Server Error"}, 500),
        venue.refused("400002", "KC-API-TIMESTAMP Invalid"),
        venue.refused("408000", "Network timeout, please try again later"),
        venue.ok({}),
        venue.ok(None),
    ],
)
def test_after_what_is_no_answer_nobody_knows_and_nothing_is_sent_again(account: Recorded, reply: Any) -> None:
    account.answer(PLACE, reply)
    (outcome,) = account.broker.place_orders([SELL])
    assert isinstance(outcome, Unknown)
    assert len(account.all(PLACE)) == 1


# --- cancelling ---


def cancelling(account: Recorded, *names: str) -> list[Any]:
    return list(account.broker.cancel_orders([OrderReference(symbol="SOL/USDT", order_id=name) for name in names]))


def test_orders_are_cancelled_one_by_one_each_with_its_own_outcome(account: Recorded) -> None:
    account.answer("DELETE /api/v1/hf/orders/7", venue.ok({"orderId": "7"}))
    gone = venue.refused("400100", "order_not_exist_or_not_allow_to_cancel")
    account.answer("DELETE /api/v1/hf/orders/8", gone)
    account.answer("DELETE /api/v1/stop-order/8", gone)
    account.answer("DELETE /api/v1/hf/orders/9", ReadTimeout("too slow"))
    account.answer("GET /api/v1/hf/orders/7", venue.ok(venue.order("7", active=False, cancelExist=True, dealSize="1")))
    done, refused, unknown = cancelling(account, "7", "8", "9")
    assert (done.report.status, done.report.filled) == ("cancelled", 1)
    assert refused.reason is RefusalReason.UNKNOWN_ORDER
    assert isinstance(unknown, Unknown)
    assert account.only("DELETE /api/v1/hf/orders/7").query == {"symbol": "SOL-USDT"}


def test_a_stop_that_was_read_is_cancelled_in_its_own_list(account: Recorded) -> None:
    account.answer("GET /api/v1/stop-order", venue.page([venue.stop_order("vs1")]))
    account.broker.read_account()
    account.answer("DELETE /api/v1/stop-order/vs1", venue.ok({"cancelledOrderIds": ["vs1"]}))
    account.answer("GET /api/v1/hf/orders/vs1", GONE)
    (outcome,) = cancelling(account, "vs1")
    assert isinstance(outcome, Done)
    assert account.all("DELETE /api/v1/hf/orders/vs1") == []


def test_a_stop_of_which_nobody_knew_is_found_in_the_other_list(account: Recorded) -> None:
    account.answer("DELETE /api/v1/hf/orders/vs1", venue.refused("400100", "order_not_exist_or_not_allow_to_cancel"))
    account.answer("DELETE /api/v1/stop-order/vs1", venue.ok({"cancelledOrderIds": ["vs1"]}))
    account.answer("GET /api/v1/hf/orders/vs1", GONE)
    (outcome,) = cancelling(account, "vs1")
    assert isinstance(outcome, Done)


# --- looking up ---


def looked_up(account: Recorded, **reference: Any) -> Any:
    return account.broker.look_up_order(OrderReference(symbol="SOL/USDT", **reference))


def test_an_order_is_found_by_the_venues_id(account: Recorded) -> None:
    account.answer("GET /api/v1/hf/orders/7", venue.ok(venue.order("7", active=False, dealSize="2.5", dealFunds="350")))
    assert looked_up(account, order_id="7").report.status == "closed"


@pytest.mark.parametrize("reference", [{"order_id": "7"}, {"client_order_id": "xp-1"}])
def test_an_order_of_which_a_part_was_cancelled_still_rests(account: Recorded, reference: dict[str, str]) -> None:
    reply = venue.ok(venue.order("7", type="limit", price="150", dealSize="0.5", cancelExist=True, cancelledSize="0.5"))
    account.answer("GET /api/v1/hf/orders/7", reply)
    account.answer("GET /api/v1/hf/orders/client-order/xp-1", reply)
    report = looked_up(account, **reference).report
    assert (report.status, report.quantity, report.filled) == ("open", Decimal(2), Decimal("0.5"))


def test_a_cancel_that_leaves_the_order_resting_is_not_done(account: Recorded) -> None:
    account.answer("DELETE /api/v1/hf/orders/7", venue.ok({"orderId": "7"}))
    account.answer("GET /api/v1/hf/orders/7", venue.ok(venue.order("7", type="limit", price="150", cancelExist=True)))
    (outcome,) = account.broker.cancel_orders([OrderReference(symbol="SOL/USDT", order_id="7")])
    assert isinstance(outcome, Done)
    assert outcome.report.status == "open"


@pytest.mark.parametrize("kind", ["margin", "margin_v2", "isolated", "isolated_v2"])
def test_what_is_in_a_margin_account_is_unreadable_for_its_debts_are_not_told(account: Recorded, kind: str) -> None:
    account.answer(
        "GET /api/v1/accounts", venue.ok([venue.account("SOL", "2", "0"), venue.account("ADA", "0", "0", kind)])
    )
    assert account.broker.read_account().positions
    error = account.refuses_to_read("GET /api/v1/accounts", venue.ok([venue.account("ADA", "3", "1", kind)]))
    assert f"ADA in the {kind} account" in str(error)


def test_a_stop_holds_nothing_until_it_is_triggered(account: Recorded) -> None:
    account.answer("GET /api/v1/hf/orders/active/symbols", venue.ok({"symbols": ["SOL-USDT"]}))
    account.answer("GET /api/v1/hf/orders/active", venue.ok([venue.order("7", type="limit", price="150", size="1")]))
    account.answer("GET /api/v1/stop-order", venue.page([venue.stop_order("vs1"), venue.stop_order("vs2", side="buy")]))
    orders = {order.id: order for order in account.broker.read_account().open_orders}
    assert {name: held_by(order, AssetNames()) for name, order in orders.items()} == {
        "7": ("SOL", Decimal(1)),
        "vs1": ("SOL", Decimal(0)),
        "vs2": ("USDT", Decimal(0)),
    }


def test_a_resting_order_holds_what_was_not_cancelled_of_it(account: Recorded) -> None:
    account.answer("GET /api/v1/hf/orders/active/symbols", venue.ok({"symbols": ["SOL-USDT"]}))
    resting = venue.order("7", type="limit", price="150", cancelExist=True, cancelledSize="1", dealSize="0.5")
    account.answer("GET /api/v1/hf/orders/active", venue.ok([resting]))
    (order,) = account.broker.read_account().open_orders
    assert (order.quantity, order.remaining) == (Decimal("1.5"), Decimal(1))


def test_an_order_that_waits_is_found_by_the_venues_id(account: Recorded) -> None:
    account.answer("GET /api/v1/hf/orders/vs1", GONE)
    account.answer("GET /api/v1/stop-order?orderIds=vs1", venue.page([venue.stop_order("vs1")]))
    assert looked_up(account, order_id="vs1").report.trigger_price == 120


def test_an_order_in_neither_list_is_not_found(account: Recorded) -> None:
    account.answer("GET /api/v1/hf/orders/7", GONE)
    assert looked_up(account, order_id="7") == NotFound()


def test_an_order_is_found_by_our_id(account: Recorded) -> None:
    account.answer("GET /api/v1/hf/orders/client-order/xp-1", venue.ok(venue.order("7", active=False, dealSize="2.5")))
    found = looked_up(account, client_order_id="xp-1")
    assert isinstance(found, Found)
    assert (found.report.order_id, found.report.filled) == ("7", Decimal("2.5"))


def test_a_stop_is_found_by_our_id(account: Recorded) -> None:
    account.answer("GET /api/v1/hf/orders/client-order/xp-stop", GONE)
    account.answer("GET /api/v1/stop-order/queryOrderByClientOid", venue.ok([venue.stop_order("vs1")]))
    assert looked_up(account, client_order_id="xp-stop").report.order_id == "vs1"


@pytest.mark.parametrize("waiting", [venue.ok([]), venue.ok(None), GONE])
def test_an_id_that_the_venue_knows_nowhere_is_not_found(account: Recorded, waiting: Any) -> None:
    account.answer("GET /api/v1/hf/orders/client-order/xp-1", GONE)
    account.answer("GET /api/v1/stop-order/queryOrderByClientOid", waiting)
    assert looked_up(account, client_order_id="xp-1", since=datetime.now(UTC)) == NotFound()


def test_an_id_of_last_week_may_have_been_forgotten(account: Recorded) -> None:
    account.answer("GET /api/v1/hf/orders/client-order/xp-1", GONE)
    account.answer("GET /api/v1/stop-order/queryOrderByClientOid", venue.ok([]))
    found = looked_up(account, client_order_id="xp-1", since=datetime.now(UTC) - timedelta(days=7))
    assert isinstance(found, Unknown)


@pytest.mark.parametrize(
    "reply", [*NO_ANSWERS, venue.ok(None), venue.ok({}), venue.ok(venue.order("8", clientOid="x"))]
)
def test_a_look_up_without_an_answer_is_unknown(account: Recorded, reply: Any) -> None:
    account.answer("GET /api/v1/hf/orders/client-order/xp-1", reply)
    assert isinstance(looked_up(account, client_order_id="xp-1"), Unknown)


# --- history ---


def test_cost_is_rebuilt_from_weeks_of_executions(account: Recorded) -> None:
    newest = {"id": 9, "symbol": "SOL-USDT", "tradeId": "t9", "orderId": "o9", "side": "buy", "price": "100"}
    more = {"size": "3.5", "funds": "350", "fee": "0", "feeCurrency": "USDT", "createdAt": 1_767_312_000_000}
    weeks = iter([[], [{**newest, **more}]])
    account.answer("GET /api/v1/hf/fills", lambda sent: venue.ok({"items": next(weeks), "lastId": 0}))
    snapshot = account.broker.read_account()
    positions = [position for position in snapshot.positions if position.symbol == "SOL/USDT"]
    (basis,) = account.broker.read_cost_basis(positions).values()
    assert basis.entry_price == 100
    first, second = account.all("GET /api/v1/hf/fills")
    assert second.query["endAt"] == first.query["startAt"]


def test_a_dialect_names_what_to_tick_for_its_key() -> None:
    assert "Never: Withdrawal" in Kucoin.traits.permissions
    assert Kucoin.traits.needs_password


def test_an_emptied_account_is_a_failed_question(account: Recorded) -> None:
    account.answer("GET /api/v1/accounts", venue.ok([]))
    with pytest.raises(AccountUnreadable, match="nothing at all"):
        account.broker.read_account()
