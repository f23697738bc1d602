"""Gate: classic and unified accounts, client ids with a prefix, orders that wait for a trigger in their own list."""

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
from exitplan.ruleset.errors import CredentialsRefused
from tests.brokers.venues import gate_replies as venue
from tests.brokers.venues.recorded import NO_ANSWERS, PAGE_OF_200, Recorded, Reply, Sent, at_venue

SELL = OrderRequest(client_order_id="xp-1", symbol="SOL/USDT", side="sell", type="market", quantity=Decimal("2.5"))
STOP = OrderRequest(
    client_order_id="xp-2",
    symbol="SOL/USDT",
    side="sell",
    type="stop_limit",
    quantity=Decimal(1),
    price=Decimal("118.5"),
    trigger_price=Decimal(120),
)
PLACE = "POST /api/v4/spot/orders"
OVER = {"status": "cancelled", "finish_as": "cancelled"}
GONE = venue.refused("ORDER_NOT_FOUND", "Order not found", 404)


@pytest.fixture
def account() -> Iterator[Recorded]:
    with at_venue("gate", venue.replies()) as recorded:
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
    assert (market.amount_step, market.price_step) == (Decimal("0.01"), Decimal("0.001"))
    assert (market.min_amount, market.min_notional) == (Decimal("0.01"), Decimal(3))


def test_an_account_without_orders_is_read_in_four_calls(account: Recorded) -> None:
    account.broker.read_account()
    assert sorted(sent.path.removeprefix("/api/v4/spot/") for sent in account.sent) == [
        "accounts",
        "open_orders",
        "price_orders",
        "tickers",
    ]


def test_pages_of_open_orders_are_read_until_no_market_has_more(account: Recorded) -> None:
    full = [venue.order(str(number)) for number in range(100)]
    other = venue.order("900", currency_pair="ADA_USDT", text="web", left="2")
    first = [{"currency_pair": "SOL_USDT", "orders": full}, {"currency_pair": "ADA_USDT", "orders": [other]}]
    account.answer("GET /api/v4/spot/open_orders?page=1", first)
    last = [{"currency_pair": "SOL_USDT", "orders": [venue.order("901")]}]
    account.answer("GET /api/v4/spot/open_orders?page=2", last)
    orders = {order.id: order for order in account.broker.read_account().open_orders}
    assert len(orders) == 102
    assert (orders["900"].client_order_id, orders["900"].filled) == (None, Decimal("0.5"))
    assert (orders["901"].client_order_id, orders["901"].price) == ("xp-1", Decimal(150))


def test_orders_that_wait_for_a_trigger_are_read(account: Recorded) -> None:
    account.answer("GET /api/v4/spot/price_orders", [venue.trigger(5)])
    (order,) = account.broker.read_account().open_orders
    assert (order.id, order.type, order.trigger_price, order.price) == (
        "5",
        "stop_limit",
        Decimal(120),
        Decimal("118.5"),
    )


def test_a_unified_account_is_read_from_its_one_wallet() -> None:
    with at_venue("gate", venue.replies()) as recorded:
        recorded.answer("GET /api/v4/account/detail", {"user_id": 7, "key": {"mode": 2}})
        wallet = {"SOL": {"available": "2", "freeze": "0.5"}, "USDT": {"available": "70", "freeze": "0"}}
        recorded.answer("GET /api/v4/unified/accounts", {"user_id": 7, "balances": wallet})
        snapshot = recorded.broker.read_account()
        (position,) = snapshot.positions
        assert (position.quantity, position.locked, snapshot.cash.free) == (Decimal("2.5"), Decimal("0.5"), Decimal(70))
        assert recorded.only("GET /api/v4/spot/open_orders").query["account"] == "unified"


@pytest.mark.parametrize("mode", ["single_currency", "multi_currency", "portfolio"])
@pytest.mark.parametrize(
    ("entry", "free", "locked"),
    [
        ({"available": "70", "freeze": "5"}, 70, 5),
        # What isolated contracts hold is not in what is available.
        ({"available": "70", "freeze": "5", "cross_balance": "75", "iso_balance": "20"}, 70, 25),
        # What backs positions of cross margin, and their profit, which is theirs.
        ({"available": "70", "freeze": "5", "cross_balance": "90", "iso_balance": "0", "im": "15"}, 70, 20),
        ({"available": "70", "freeze": "0", "cross_balance": "60", "iso_balance": "0"}, 60, 0),
        # Portfolio margin leaves both out.
        ({"available": "70", "freeze": "5", "cross_balance": "0", "iso_balance": "0", "spot_in_use": "3"}, 70, 5),
    ],
)
def test_a_unified_account_is_known_by_its_mode_and_read_in_each(
    mode: str, entry: dict[str, str], free: int, locked: int
) -> None:
    with at_venue("gate", venue.replies()) as recorded:
        recorded.answer("GET /api/v4/unified/unified_mode", {"mode": mode, "settings": {"spot_hedge": False}})
        told = {"mode": mode, "user_id": 7, "locked": False, "balances": {"USDT": entry}}
        recorded.answer("GET /api/v4/unified/accounts", told)
        cash = recorded.broker.read_account().cash
    assert (cash.free, cash.locked) == (Decimal(free), Decimal(locked))


@pytest.mark.parametrize("reply", [Reply("", 503), {"user_id": 7}, {"key": {"mode": 3}}, PAGE_OF_200])
def test_what_kind_of_account_it_is_is_never_guessed(reply: Any) -> None:
    with at_venue("gate", venue.replies()) as recorded:
        error = recorded.refuses_to_read("GET /api/v4/account/detail", reply)
        assert "could not be read" in str(error)
        recorded.answer("GET /api/v4/account/detail", {"user_id": 7, "key": {"mode": 1}})
        assert recorded.broker.read_account().positions


@pytest.mark.parametrize("reply", [Reply("", 503), {"settings": {}}, {"mode": "hedged"}, PAGE_OF_200])
def test_a_mode_that_nobody_knows_is_no_classic_account(reply: Any) -> None:
    with at_venue("gate", venue.replies()) as recorded:
        error = recorded.refuses_to_read("GET /api/v4/unified/unified_mode", reply)
        assert "could not be read" in str(error)
        recorded.answer("GET /api/v4/unified/unified_mode", {"mode": "classic"})
        assert recorded.broker.read_account().positions


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"mode": "classic"}, "mode classic"),
        ({"balances": {"SOL": {"freeze": "0"}}}, "no amount"),
        ({"balances": {"SOL": None}}, "list of balances"),
        ({"balances": []}, "holds no balances"),
    ],
)
def test_a_unified_account_that_tells_something_else_is_unreadable(changed: dict[str, Any], told: str) -> None:
    with at_venue("gate", venue.replies()) as recorded:
        recorded.answer("GET /api/v4/account/detail", {"user_id": 7, "key": {"mode": 2}})
        reply = {"mode": "portfolio", "balances": {}, **changed}
        assert told in str(recorded.refuses_to_read("GET /api/v4/unified/accounts", reply))


@pytest.mark.parametrize("reply", [*NO_ANSWERS, {"label": None}])
@pytest.mark.parametrize("path", ["accounts", "open_orders", "price_orders"])
def test_what_is_no_answer_is_no_empty_account(account: Recorded, path: str, reply: Any) -> None:
    assert "could not be read" in str(account.refuses_to_read(f"GET /api/v4/spot/{path}", reply))


@pytest.mark.parametrize("label", ["INVALID_KEY", "INVALID_SIGNATURE", "FORBIDDEN", "IP_FORBIDDEN"])
def test_a_key_that_is_wrong_or_may_not_read_is_told_as_that(account: Recorded, label: str) -> None:
    error = account.refuses_to_read("GET /api/v4/spot/accounts", venue.refused(label, "no", 401))
    assert isinstance(error, CredentialsRefused)


def test_a_clock_that_is_off_is_not_told_as_a_wrong_key(account: Recorded) -> None:
    error = account.refuses_to_read("GET /api/v4/spot/accounts", venue.refused("REQUEST_EXPIRED", "gap 61s", 403))
    assert not isinstance(error, CredentialsRefused)


def test_no_secret_is_told_by_an_error_that_repeats_the_request(account: Recorded) -> None:
    def repeat(sent: Sent) -> Reply:
        return venue.refused("INVALID_KEY", f"Invalid key {dict(sent.headers)}", 401)

    error = account.refuses_to_read("GET /api/v4/spot/accounts", repeat)
    assert account.tells(str(error)) == []


def test_requests_are_signed_with_the_time_that_the_venue_compares(account: Recorded) -> None:
    account.broker.read_account()
    sent = account.only("GET /api/v4/spot/accounts")
    assert 0 <= datetime.now(UTC).timestamp() - int(sent.headers["timestamp"]) < 60


# --- placing ---


def test_a_market_sell_has_our_id_with_the_prefix_and_no_price(account: Recorded) -> None:
    account.answer(PLACE, venue.order("7", **venue.FILLED))
    (outcome,) = account.broker.place_orders([SELL])
    form = account.only(PLACE).form
    assert form == {
        "currency_pair": "SOL_USDT",
        "type": "market",
        "account": "spot",
        "side": "sell",
        "amount": "2.5",
        "time_in_force": "ioc",
        "text": "t-xp-1",
    }
    assert isinstance(outcome, Done)
    report = outcome.report
    assert (report.order_id, report.status, report.filled, report.average_price) == (
        "7",
        "closed",
        Decimal("2.5"),
        Decimal(140),
    )
    assert (report.fee, report.fee_currency, report.client_order_id) == (Decimal("0.7"), "USDT", "xp-1")


def test_an_id_that_begins_with_a_t_gets_the_prefix_as_well(account: Recorded) -> None:
    account.answer(PLACE, venue.order("7", **{**venue.FILLED, "text": "t-tango"}))
    ours = OrderRequest(client_order_id="tango", symbol="SOL/USDT", side="sell", type="market", quantity=Decimal(1))
    (outcome,) = account.broker.place_orders([ours])
    assert account.only(PLACE).form["text"] == "t-tango"
    assert isinstance(outcome, Done)
    assert outcome.report.client_order_id == "tango"


def test_a_market_order_filled_in_part_is_over(account: Recorded) -> None:
    account.answer(PLACE, venue.order("7", **{**venue.FILLED, "finish_as": "ioc", "left": "1.5"}))
    (outcome,) = account.broker.place_orders([SELL])
    assert isinstance(outcome, Done)
    assert (outcome.report.status, outcome.report.filled) == ("cancelled", Decimal(1))


@pytest.mark.parametrize("word", ["stp", "depth_not_enough", "a new word"])
def test_an_order_that_ended_in_a_way_nobody_knows_is_over(account: Recorded, word: str) -> None:
    ended = venue.order("7", **{**venue.FILLED, "status": "cancelled", "finish_as": word, "left": "1"})
    account.answer(PLACE, ended)
    (outcome,) = account.broker.place_orders([SELL])
    assert isinstance(outcome, Done)
    assert outcome.report.status == "cancelled"


def test_a_stop_lasts_as_long_as_the_venue_allows(account: Recorded) -> None:
    account.answer("POST /api/v4/spot/price_orders", Reply({"id": 5}, 201))
    (outcome,) = account.broker.place_orders([STOP])
    form = account.only("POST /api/v4/spot/price_orders").form
    assert (form["trigger"]["price"], form["trigger"]["rule"], form["trigger"]["expiration"]) == (
        "120",
        "<=",
        2_592_000,
    )
    assert (form["put"]["type"], form["put"]["price"], form["put"]["amount"]) == ("limit", "118.5", "1")
    assert isinstance(outcome, Done)
    assert (outcome.report.order_id, outcome.report.trigger_price) == ("5", Decimal(120))


def test_a_marketable_limit_keeps_its_price(account: Recorded) -> None:
    account.answer(PLACE, venue.order("7", **{**venue.FILLED, "type": "limit", "price": "139.5"}))
    limit = OrderRequest(
        client_order_id="xp-4",
        symbol="SOL/USDT",
        side="sell",
        type="limit",
        quantity=Decimal(1),
        price=Decimal("139.5"),
    )
    account.broker.place_orders([limit])
    assert account.only(PLACE).form["price"] == "139.5"


@pytest.mark.parametrize(
    ("label", "message", "reason"),
    [
        ("BALANCE_NOT_ENOUGH", "Not enough balance", RefusalReason.INSUFFICIENT_BALANCE),
        (
            "INVALID_PARAM_VALUE",
            "Your order size 0.5 USDT is too small. The minimum is 3 USDT",
            RefusalReason.BELOW_MIN_NOTIONAL,
        ),
        ("INVALID_PARAM_VALUE", "Invalid currency_pair", RefusalReason.OTHER),
        ("INVALID_CURRENCY_PAIR", "no such pair", RefusalReason.UNKNOWN_SYMBOL),
        ("INVALID_PRECISION", "precision 6", RefusalReason.AMOUNT_STEP),
        ("REPEATED_CREATION", "repeated", RefusalReason.DUPLICATE_CLIENT_ORDER_ID),
        ("READ_ONLY", "read only key", RefusalReason.PERMISSION_DENIED),
        ("INVALID_KEY", "invalid key", RefusalReason.PERMISSION_DENIED),
        ("TOO_MANY_REQUESTS", "slow down", RefusalReason.RATE_LIMITED),
    ],
)
def test_refusals_are_told_by_their_reason(account: Recorded, label: str, message: str, reason: RefusalReason) -> None:
    account.answer(PLACE, venue.refused(label, message))
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
        venue.refused("SERVER_ERROR", "try later", 500),
        venue.refused("TOO_BUSY", "busy", 503),
        {"user_id": 7},
    ],
)
def test_after_what_is_no_answer_nobody_knows_and_nothing_is_sent_again(account: Recorded, reply: Any) -> None:
    account.answer(PLACE, reply)
    (outcome,) = account.broker.place_orders([SELL])
    assert isinstance(outcome, Unknown)
    assert len(account.all(PLACE)) == 1


# --- cancelling ---

BATCH = "POST /api/v4/spot/cancel_batch_orders"


def cancelling(account: Recorded, *names: str) -> list[Any]:
    return list(account.broker.cancel_orders([OrderReference(symbol="SOL/USDT", order_id=name) for name in names]))


def outcome(name: str, label: str = "") -> dict[str, Any]:
    return {"currency_pair": "SOL_USDT", "id": name, "succeeded": not label, "label": label, "message": label}


def test_a_batch_tells_the_outcome_of_each_order(account: Recorded) -> None:
    account.answer(BATCH, [outcome("7"), outcome("8", "ORDER_CLOSED")])
    account.answer("GET /api/v4/spot/orders/7", venue.order("7", status="cancelled", finish_as="cancelled", left="1.5"))
    done, refused = cancelling(account, "7", "8")
    assert (done.report.status, done.report.filled) == ("cancelled", 1)
    assert refused.reason is RefusalReason.ORDER_CLOSED
    assert account.only(BATCH).form["[]"] == [
        {"currency_pair": "SOL_USDT", "id": "7"},
        {"currency_pair": "SOL_USDT", "id": "8"},
    ]


@pytest.mark.parametrize("reply", [*NO_ANSWERS, [outcome("7")], [outcome("7"), outcome("8", "SERVER_ERROR")]])
def test_a_batch_that_does_not_tell_of_every_order_tells_of_none(account: Recorded, reply: Any) -> None:
    account.answer(BATCH, reply)
    assert all(isinstance(told, Unknown) for told in cancelling(account, "7", "8"))


def test_what_a_batch_does_not_know_may_wait_for_a_trigger(account: Recorded) -> None:
    account.answer(BATCH, [outcome("5", "ORDER_NOT_FOUND"), outcome("8", "ORDER_NOT_FOUND")])
    account.answer("DELETE /api/v4/spot/price_orders/5", venue.trigger(5, status="cancelled"))
    for path in ("GET /api/v4/spot/orders/5", "DELETE /api/v4/spot/price_orders/8", "DELETE /api/v4/spot/orders/8"):
        account.answer(path, GONE)
    account.answer("GET /api/v4/spot/price_orders/5", venue.trigger(5, status="cancelled"))
    done, refused = cancelling(account, "5", "8")
    assert done.report.status == "cancelled"
    assert refused.reason is RefusalReason.UNKNOWN_ORDER


def test_one_order_is_cancelled_by_itself(account: Recorded) -> None:
    account.answer("DELETE /api/v4/spot/orders/7", venue.order("7", status="cancelled", finish_as="cancelled"))
    account.answer("GET /api/v4/spot/orders/7", venue.order("7", status="cancelled", finish_as="cancelled"))
    (done,) = cancelling(account, "7")
    assert done.report.status == "cancelled"
    assert account.only("DELETE /api/v4/spot/orders/7").query["currency_pair"] == "SOL_USDT"


def test_a_stop_of_which_nobody_knew_is_cancelled_in_the_other_list(account: Recorded) -> None:
    account.answer("DELETE /api/v4/spot/orders/5", GONE)
    account.answer("DELETE /api/v4/spot/price_orders/5", venue.trigger(5, status="canceled"))
    account.answer("GET /api/v4/spot/orders/5", GONE)
    account.answer("GET /api/v4/spot/price_orders/5", venue.trigger(5, status="cancelled"))
    (done,) = cancelling(account, "5")
    assert done.report.status == "cancelled"


def test_an_order_in_neither_list_cannot_be_cancelled(account: Recorded) -> None:
    account.answer("DELETE /api/v4/spot/orders/5", GONE)
    account.answer("DELETE /api/v4/spot/price_orders/5", GONE)
    (refused,) = cancelling(account, "5")
    assert refused.reason is RefusalReason.UNKNOWN_ORDER


# --- looking up ---


def looked_up(account: Recorded, **reference: Any) -> Any:
    return account.broker.look_up_order(OrderReference(symbol="SOL/USDT", **reference))


def test_an_order_is_found_by_the_venues_id(account: Recorded) -> None:
    account.answer("GET /api/v4/spot/orders/7", venue.order("7", **venue.FILLED))
    assert looked_up(account, order_id="7").report.filled == Decimal("2.5")


def test_a_trigger_that_was_reached_tells_of_the_order_that_it_set_off(account: Recorded) -> None:
    account.answer("GET /api/v4/spot/orders/5", GONE)
    account.answer("GET /api/v4/spot/price_orders/5", venue.trigger(5, status="finish", fired_order_id=77))
    account.answer("GET /api/v4/spot/orders/77", venue.order("77", **venue.FILLED))
    report = looked_up(account, order_id="5").report
    assert (report.order_id, report.status, report.filled) == ("5", "closed", Decimal("2.5"))


def test_an_order_in_neither_list_is_not_found(account: Recorded) -> None:
    account.answer("GET /api/v4/spot/orders/7", GONE)
    account.answer("GET /api/v4/spot/price_orders/7", GONE)
    assert looked_up(account, order_id="7") == NotFound()


def test_an_order_is_found_by_our_id(account: Recorded) -> None:
    account.answer("GET /api/v4/spot/orders/t-xp-1", venue.order("7", **venue.FILLED))
    found = looked_up(account, client_order_id="xp-1")
    assert isinstance(found, Found)
    assert (found.report.order_id, found.report.client_order_id) == ("7", "xp-1")


def test_an_id_that_the_venue_does_not_know_is_not_found(account: Recorded) -> None:
    account.answer("GET /api/v4/spot/orders/t-xp-1", GONE)
    assert looked_up(account, client_order_id="xp-1", since=datetime.now(UTC)) == NotFound()


def test_an_older_id_is_looked_for_among_orders_that_are_over(account: Recorded) -> None:
    account.answer("GET /api/v4/spot/orders/t-xp-1", GONE)
    account.answer("GET /api/v4/spot/orders?status=finished", [venue.order("7", **venue.FILLED)])
    found = looked_up(account, client_order_id="xp-1", since=datetime.now(UTC) - timedelta(hours=2))
    assert found.report.order_id == "7"


def test_a_stop_without_an_id_may_be_the_one_that_is_looked_for(account: Recorded) -> None:
    account.answer("GET /api/v4/spot/orders/t-xp-2", GONE)
    account.answer("GET /api/v4/spot/price_orders", [venue.trigger(5)])
    since = datetime.fromtimestamp(1_767_312_000, UTC)
    assert isinstance(looked_up(account, client_order_id="xp-2", since=since), Unknown)


@pytest.mark.parametrize("reply", [*NO_ANSWERS, venue.order("8", text="t-other"), venue.refused("INTERNAL", "", 500)])
def test_a_look_up_without_an_answer_is_unknown(account: Recorded, reply: Any) -> None:
    account.answer("GET /api/v4/spot/orders/t-xp-1", reply)
    assert isinstance(looked_up(account, client_order_id="xp-1"), Unknown)


# --- history ---


def test_cost_is_rebuilt_from_months_of_executions(account: Recorded) -> None:
    trade = {"id": "9", "create_time_ms": "1767312000000.1", "currency_pair": "SOL_USDT", "side": "buy"}
    more = {"role": "taker", "amount": "3.5", "price": "100", "order_id": "1", "fee": "0", "fee_currency": "SOL"}
    months = iter([[], [{**trade, **more}]])
    account.answer("GET /api/v4/spot/my_trades", lambda sent: next(months))
    snapshot = account.broker.read_account()
    positions = [position for position in snapshot.positions if position.symbol == "SOL/USDT"]
    (basis,) = account.broker.read_cost_basis(positions).values()
    assert basis.entry_price == 100
    first, second = account.all("GET /api/v4/spot/my_trades")
    assert second.query["to"] == first.query["from"]


def test_without_a_time_every_order_that_is_over_is_looked_through(account: Recorded) -> None:
    account.answer("GET /api/v4/spot/orders/t-xp-1", GONE)
    full = [venue.order(str(number), text="web", **OVER) for number in range(100)]
    account.answer("GET /api/v4/spot/orders?page=1", full)
    account.answer("GET /api/v4/spot/orders?page=2", [venue.order("7", **venue.FILLED)])
    assert looked_up(account, client_order_id="xp-1").report.order_id == "7"
