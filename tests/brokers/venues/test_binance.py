"""Binance, asked over the wire: what goes out and what is made of its answers."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from exitplan.brokers.protocol import (
    ConvertRequest,
    Done,
    Found,
    NotFound,
    OrderReference,
    OrderRequest,
    Outcome,
    RefusalReason,
    Refused,
    Unknown,
)
from exitplan.ruleset.errors import AccountUnreadable, CredentialsRefused
from exitplan.ruleset.model.snapshot import Cash
from tests.brokers.venues.binance_replies import (
    ACCOUNT,
    FILLED,
    FUTURES,
    FUTURES_ACCOUNT,
    ORDER,
    ORDERS,
    SPOT,
    TIME,
    order,
    position,
)
from tests.brokers.venues.recorded import NO_ANSWERS, Recorded, Replies, Reply, Sent, at_venue

d = Decimal
SELL = OrderRequest(client_order_id="xp0001", symbol="SOL/USDT", side="sell", type="market", quantity=d("1.5"))
SWAP = OrderRequest(
    client_order_id="xp0001", symbol="SOL/USDT:USDT", side="sell", type="market", quantity=d("4"), reduce_only=True
)
WANTED = OrderReference(symbol="SOL/USDT", client_order_id="xp0001")


@pytest.fixture
def spot() -> Iterator[Recorded]:
    with at_venue("binance", SPOT) as recorded:
        yield recorded


@pytest.fixture
def trading(spot: Recorded) -> Recorded:
    """Return an account that was read, so that orders may be sent."""
    spot.broker.read_account()
    spot.forget()
    return spot


def futures() -> AbstractContextManager[Recorded]:
    return at_venue("binance", FUTURES, market_types=("swap",))


def place(account: Recorded, request: OrderRequest, reply: Any) -> Any:
    account.answer(f"POST {ORDER}", reply)
    return account.broker.place_orders([request])[0]


def refusal(code: int, message: str, status: int = 400) -> Reply:
    return Reply({"code": code, "msg": message}, status)


# --- reading ---


def test_the_account_is_read_in_four_calls(spot: Recorded) -> None:
    spot.broker.read_account()
    assert sorted(sent.path for sent in spot.sent) == [
        "/api/v3/account",
        "/api/v3/exchangeInfo",
        "/api/v3/openOrders",
        "/api/v3/ticker/24hr",
    ]
    assert "symbol" not in spot.only(ORDERS).query


def test_what_rests_in_orders_is_locked_and_cash_is_the_quote_currency(spot: Recorded) -> None:
    snapshot = spot.broker.read_account()
    held = {position.symbol: (position.quantity, position.locked) for position in snapshot.positions}
    assert held["SOL/USDT"] == (d(5), d(2))
    assert (snapshot.cash.free, snapshot.cash.locked) == (d(1000), d(20))


def test_simple_earn_counts_as_locked_of_its_currency_and_ldo_is_itself(spot: Recorded) -> None:
    held = {position.symbol: (position.quantity, position.locked) for position in spot.broker.read_account().positions}
    assert held["BTC/USDT"] == (d("0.5"), d("0.4"))
    assert held["LDO/USDT"] == (d(7), d(0))
    assert set(held) == {"SOL/USDT", "BTC/USDT", "LDO/USDT"}


def test_a_stop_rests_among_the_open_orders(spot: Recorded) -> None:
    limit, stop = spot.broker.read_account().open_orders
    assert (limit.id, limit.type, limit.price, limit.trigger_price) == ("11", "limit", d(200), None)
    assert (stop.id, stop.type, stop.price, stop.trigger_price) == ("12", "stop_limit", d(119), d(120))
    assert stop.created_at == datetime.fromtimestamp(TIME / 1000, UTC)


def test_markets_have_their_steps_minimums_and_prices(spot: Recorded) -> None:
    market = spot.broker.read_account().markets["SOL/USDT"]
    assert (market.amount_step, market.price_step) == (d("0.001"), d("0.01"))
    assert (market.min_amount, market.min_notional, market.last) == (d("0.001"), d(5), d(150))


def test_orders_of_one_strategy_keep_the_ids_that_the_venue_gave_them(spot: Recorded) -> None:
    labelled = {"strategyId": 37463720, "strategyType": 1000000}
    spot.answer(ORDERS, [order(11, **labelled), order(12, **labelled)])
    assert [resting.id for resting in spot.broker.read_account().open_orders] == ["11", "12"]
    spot.answer(f"GET {ORDER}", order(12, **labelled))
    by_id = spot.broker.look_up_order(OrderReference(symbol="SOL/USDT", order_id="12"))
    by_our_id = spot.broker.look_up_order(OrderReference(symbol="SOL/USDT", client_order_id="client12"))
    assert isinstance(by_id, Found)
    assert isinstance(by_our_id, Found)
    assert (by_id.report.order_id, by_our_id.report.order_id) == ("12", "12")


@pytest.mark.parametrize(
    ("told_as", "parts", "kind", "trigger"),
    [
        ("STOP_LOSS_LIMIT", {"trailingDelta": 100, "trailingTime": -1}, "stop_limit", None),
        ("STOP_LOSS", {"trailingDelta": 100, "trailingTime": TIME, "price": "0.00"}, "stop", None),
        ("TAKE_PROFIT_LIMIT", {"trailingDelta": 50, "trailingTime": -1, "stopPrice": "250.00"}, "stop_limit", None),
        ("LIMIT", {"trailingDelta": 0, "trailingTime": -1}, "limit", None),
        ("STOP_LOSS_LIMIT", {"trailingDelta": 0, "trailingTime": -1, "stopPrice": "120.00"}, "stop_limit", d(120)),
    ],
)
def test_what_trails_the_price_is_a_stop_without_a_trigger_that_is_known(
    spot: Recorded, told_as: str, parts: dict[str, Any], kind: str, trigger: Decimal | None
) -> None:
    spot.answer(ORDERS, [order(11, type=told_as, **parts)])
    (resting,) = spot.broker.read_account().open_orders
    assert (resting.type, resting.trigger_price) == (kind, trigger)


def test_of_a_pair_in_which_one_cancels_the_other_one_order_holds_for_both(spot: Recorded) -> None:
    spot.answer(
        ORDERS,
        [
            order(11, orderListId=7, type="LIMIT_MAKER", price="200.00", contingencyType="OCO"),
            order(12, orderListId=7, type="STOP_LOSS_LIMIT", price="119.00", stopPrice="120.00"),
            order(13, orderListId=8, side="BUY", price="100.00"),
            order(14, orderListId=8, side="BUY", type="STOP_LOSS_LIMIT", price="180.00", stopPrice="170.00"),
            order(15, orderListId=9, side="BUY", price="90.00", contingencyType="OTO"),
            order(16, orderListId=9, status="PENDING_NEW"),
            order(17),
            order(18),
        ],
    )
    resting = spot.broker.read_account().open_orders
    assert {one.id: one.holds_nothing for one in resting} == {
        "11": False,
        "12": True,
        "13": True,  # the stop may cost more
        "14": False,
        "15": False,
        "16": True,  # it is placed once the other is filled
        "17": False,
        "18": False,
    }


@pytest.mark.parametrize(
    ("told", "currency"),
    [("LDSHIB2", "SHIB"), ("LDSOL", "SOL"), ("LDUSDC", "USDC"), ("LDLDO", "LDO"), ("LDO", "LDO"), ("LDXYZ", "LDXYZ")],
)
def test_what_is_in_earn_is_known_by_the_coin_that_it_is_listed_as(spot: Recorded, told: str, currency: str) -> None:
    spot.answer(ACCOUNT, {"updateTime": TIME, "balances": [{"asset": told, "free": "7", "locked": "0"}]})
    snapshot = spot.broker.read_account()
    locked = d(0) if told == currency else d(7)
    if currency == "USDC":
        assert snapshot.other_cash["USDC"].locked == locked
    else:
        assert [(one.symbol, one.quantity, one.locked) for one in snapshot.positions] == [
            (f"{currency}/USDT", d(7), locked)
        ]


@pytest.mark.parametrize(
    ("question", "reply"),
    [*itertools.product([ACCOUNT, ORDERS], NO_ANSWERS), (ACCOUNT, []), (ACCOUNT, {"a": 1}), (ORDERS, {"a": 1})],
)
def test_a_garbled_answer_is_no_empty_account(spot: Recorded, question: str, reply: Any) -> None:
    assert "could not be read" in str(spot.refuses_to_read(question, reply))


def test_a_key_that_is_refused_is_told_as_that_even_after_it_has_worked(spot: Recorded) -> None:
    spot.broker.read_account()
    error = spot.refuses_to_read(ACCOUNT, refusal(-2015, "Invalid API-key, IP, or permissions for action.", 401))
    assert isinstance(error, CredentialsRefused)
    assert spot.tells(str(error)) == []


def test_too_many_questions_are_told_with_the_rest_that_the_venue_wants(spot: Recorded) -> None:
    limited = Reply({"code": -1003, "msg": "Too much request weight used."}, 429, {"Retry-After": "1"})
    assert spot.refuses_to_read(ACCOUNT, limited).retry_after == 1.0


# --- sending orders ---


def test_a_market_sell_goes_out_by_quantity_with_our_id_and_a_short_window(trading: Recorded) -> None:
    outcome = place(trading, SELL, FILLED)
    sent = trading.only(f"POST {ORDER}").form
    assert {"quantity": "1.5", "type": "MARKET", "side": "SELL", "newClientOrderId": "xp0001"}.items() <= sent.items()
    assert sent["recvWindow"] == "5000"
    assert not {"price", "quoteOrderQty", "clientOrderId", "timeInForce"} & set(sent)
    assert isinstance(outcome, Done)


def test_the_reply_to_a_market_sell_tells_its_fills(trading: Recorded) -> None:
    report = place(trading, SELL, FILLED).report
    assert (report.order_id, report.client_order_id, report.status) == ("77", "xp0001", "closed")
    assert (report.quantity, report.filled, report.average_price) == (d("1.5"), d("1.5"), d(150))
    assert (report.fee, report.fee_currency) == (d("0.225"), "USDT")
    assert len(trading.sent) == 1  # nothing is left to ask


def test_a_price_beside_a_market_order_does_not_make_it_one_by_cost(trading: Recorded) -> None:
    place(trading, replace(SELL, price=d(100)), FILLED)
    assert "quoteOrderQty" not in trading.only(f"POST {ORDER}").form


def test_a_limit_order_that_is_marketable_goes_out_with_its_price(trading: Recorded) -> None:
    trading.answer(f"GET {ORDER}", order(78, executedQty="1.500", origQty="1.500", status="FILLED"))
    place(trading, replace(SELL, type="limit", price=d("149.25")), order(78))
    sent = trading.only(f"POST {ORDER}").form
    assert (sent["type"], sent["price"], sent["timeInForce"]) == ("LIMIT", "149.25", "GTC")


@pytest.mark.parametrize(
    ("kind", "price", "sent_as"), [("stop", None, "STOP_LOSS"), ("stop_limit", d(118), "STOP_LOSS_LIMIT")]
)
def test_stops_go_out_with_their_trigger(trading: Recorded, kind: Any, price: Decimal | None, sent_as: str) -> None:
    request = replace(SELL, type=kind, price=price, trigger_price=d(120))
    outcome = place(trading, request, order(79, type=sent_as, stopPrice="120.00"))
    sent = trading.only(f"POST {ORDER}").form
    assert (sent["type"], sent["stopPrice"], sent.get("price")) == (sent_as, "120", None if price is None else "118")
    assert outcome.report.trigger_price == d(120)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (refusal(-2010, "Account has insufficient balance for requested action."), RefusalReason.INSUFFICIENT_BALANCE),
        (refusal(-1013, "Filter failure: NOTIONAL"), RefusalReason.BELOW_MIN_NOTIONAL),
        (refusal(-2010, "Duplicate order sent."), RefusalReason.DUPLICATE_CLIENT_ORDER_ID),
        (refusal(-2010, "Stop price would trigger immediately."), RefusalReason.TRIGGER_SIDE),
        (refusal(-1121, "Invalid symbol."), RefusalReason.UNKNOWN_SYMBOL),
        (refusal(-1015, "Too many new orders."), RefusalReason.RATE_LIMITED),
        (refusal(-2015, "Invalid API-key, IP, or permissions for action."), RefusalReason.PERMISSION_DENIED),
        (refusal(-2014, "API-key format invalid."), RefusalReason.PERMISSION_DENIED),
    ],
)
def test_refusals_are_told_by_their_reason(trading: Recorded, reply: Reply, reason: RefusalReason) -> None:
    outcome = place(trading, SELL, reply)
    assert isinstance(outcome, Refused)
    assert outcome.reason is reason
    assert trading.tells(outcome.message) == []


@pytest.mark.parametrize(
    "reply",
    [
        *NO_ANSWERS,
        refusal(-1007, "Timeout waiting for response from backend server. Execution status unknown.", 408),
        refusal(-1006, "An unexpected response was received from the message bus. Execution status unknown."),
        refusal(-1021, "Timestamp for this request is outside of the recvWindow."),
        refusal(-9999, "Something broke.", 503),
        Reply({"symbol": "SOLUSDT"}),
        ConnectionResetError("gone"),
    ],
)
def test_whatever_is_no_clear_answer_to_an_order_is_unknown(trading: Recorded, reply: Any) -> None:
    assert isinstance(place(trading, SELL, reply), Unknown)
    assert len(trading.all(f"POST {ORDER}")) == 1


# --- cancelling and looking up ---


def test_orders_are_cancelled_one_by_one_each_with_its_own_answer(trading: Recorded) -> None:
    trading.answer(f"DELETE {ORDER}?orderId=11", order(11, status="CANCELED"))
    trading.answer(f"DELETE {ORDER}?orderId=13", refusal(-2011, "Unknown order sent."))
    trading.answer(f"GET {ORDER}?orderId=11", order(11, status="CANCELED", executedQty="0.500"))
    references = [OrderReference(symbol="SOL/USDT", order_id=name) for name in ("11", "13")]
    first, second = trading.broker.cancel_orders(references)
    assert isinstance(first, Done)
    assert (first.report.status, first.report.filled) == ("cancelled", d("0.5"))
    assert isinstance(second, Refused)
    assert second.reason is RefusalReason.UNKNOWN_ORDER


def test_an_order_is_found_by_our_id(trading: Recorded) -> None:
    trading.answer(f"GET {ORDER}", order(77, clientOrderId="xp0001", status="FILLED", executedQty="2.000"))
    found = trading.broker.look_up_order(WANTED)
    assert isinstance(found, Found)
    assert (found.report.order_id, found.report.status) == ("77", "closed")
    asked = trading.only(f"GET {ORDER}").query
    assert (asked["origClientOrderId"], asked["symbol"]) == ("xp0001", "SOLUSDT")
    assert "orderId" not in asked


def test_an_order_is_found_by_the_venues_id(trading: Recorded) -> None:
    trading.answer(f"GET {ORDER}?orderId=77", order(77))
    found = trading.broker.look_up_order(OrderReference(symbol="SOL/USDT", order_id="77"))
    assert isinstance(found, Found)


def test_an_order_that_the_venue_does_not_know_is_not_found(trading: Recorded) -> None:
    trading.answer(f"GET {ORDER}", refusal(-2013, "Order does not exist."))
    assert isinstance(trading.broker.look_up_order(WANTED), NotFound)


@pytest.mark.parametrize("reply", [*NO_ANSWERS, order(5, clientOrderId="another")])
def test_no_answer_about_an_order_is_unknown(trading: Recorded, reply: Any) -> None:
    trading.answer(f"GET {ORDER}", reply)
    assert isinstance(trading.broker.look_up_order(WANTED), Unknown)


# --- what positions cost, and dust ---


def test_executions_of_more_than_a_page_are_read_backwards_in_time(trading: Recorded) -> None:
    def trades(sent: Any) -> list[dict[str, Any]]:
        first = 0 if "endTime" in sent.query else 1000
        return [_trade(number) for number in range(first, first + 1000)][: 1000 if first else 7]

    trading.answer("GET /api/v3/myTrades", trades)
    sol = next(position for position in trading.broker.read_account().positions if position.symbol == "SOL/USDT")
    trading.broker.read_cost_basis([sol])
    asked = [sent.query.get("endTime") for sent in trading.all("GET /api/v3/myTrades")]
    assert asked == [None, str(TIME + 1000)]


def test_dust_is_converted_on_a_quote(trading: Recorded) -> None:
    terms = {"quoteId": "q1", "ratio": "150", "toAmount": "0.149", "fromAmount": "0.001", "validTimestamp": TIME}
    trading.answer("POST /sapi/v1/convert/getQuote", terms)
    sol = next(position for position in trading.broker.read_account().positions if position.symbol == "SOL/USDT")
    found = trading.broker.read_conversions([sol])
    assert trading.only("POST /sapi/v1/convert/getQuote").form["fromAmount"] == "3"
    assert "SOL/USDT" in found


@pytest.mark.parametrize("reply", [{"code": 0}, {"trades": []}, "<html>"])
def test_a_history_that_is_no_list_is_no_history(trading: Recorded, reply: Any) -> None:
    trading.answer("GET /api/v3/myTrades", reply)
    sol = next(position for position in trading.broker.read_account().positions if position.symbol == "SOL/USDT")
    with pytest.raises(AccountUnreadable):
        trading.broker.read_cost_basis([sol])


@pytest.mark.parametrize(
    ("word", "becomes", "filled"),
    [("SUCCESS", "closed", d("0.001")), ("PROCESS", "open", d(0)), ("ACCEPT_SUCCESS", "open", d(0))],
)
def test_a_conversion_is_done_only_once_the_venue_says_so(
    trading: Recorded, word: str, becomes: str, filled: Decimal
) -> None:
    told = converted(trading, word)
    assert isinstance(told, Done)
    assert (told.report.status, told.report.filled) == (becomes, filled)


def test_a_conversion_that_failed_is_refused(trading: Recorded) -> None:
    assert isinstance(converted(trading, "FAIL"), Refused)


def test_what_became_of_a_conversion_is_asked_by_its_id(trading: Recorded) -> None:
    told = converted(trading, "PROCESS")
    assert isinstance(told, Done)
    trading.answer("GET /sapi/v1/convert/orderStatus", {"orderId": 933256278426274426, "orderStatus": "SUCCESS"})
    found = trading.broker.look_up_order(OrderReference(symbol="SOL/USDT", order_id=told.report.order_id))
    assert isinstance(found, Found)
    assert (found.report.status, found.report.filled) == ("closed", d("0.001"))
    assert trading.only("GET /sapi/v1/convert/orderStatus").query["orderId"] == told.report.order_id


def converted(trading: Recorded, word: str) -> Outcome:
    terms = {"quoteId": "q1", "ratio": "150", "toAmount": "0.149", "fromAmount": "0.001", "validTimestamp": TIME}
    trading.answer("POST /sapi/v1/convert/getQuote", terms)
    taken = {"orderId": "933256278426274426", "createTime": TIME, "orderStatus": word}
    trading.answer("POST /sapi/v1/convert/acceptQuote", taken)
    return trading.broker.convert_dust(
        ConvertRequest(client_order_id="xp0001", symbol="SOL/USDT", quantity=d("0.001"), max_cost_pct=d("0.01"))
    )


# --- futures ---


def test_positions_of_futures_have_contracts_and_entry_price_but_no_time() -> None:
    with futures() as account:
        snapshot = account.broker.read_account()
        (held,) = snapshot.positions
        assert (held.symbol, held.side, held.quantity, held.contract_size) == ("SOL/USDT:USDT", "long", d(4), d(1))
        assert (held.entry_price, held.opened_at) == (d("140.5"), None)
        assert (snapshot.cash.free, snapshot.cash.locked) == (d(480), d(20))  # and not what the position gained
        assert len([sent for sent in account.sent if not sent.path.endswith("exchangeInfo")]) == 5


def test_stops_of_futures_are_read_from_their_own_list_and_cancelled_there() -> None:
    with futures() as account:
        limit, stop = account.broker.read_account().open_orders
        assert (limit.id, limit.reduce_only, stop.id, stop.trigger_price) == ("31", True, "41", d(130))
        account.answer(
            "DELETE /fapi/v1/algoOrder", {"algoId": 41, "clientAlgoId": "stop41", "code": "200", "msg": "ok"}
        )
        account.answer("GET /fapi/v1/order", refusal(-2013, "Order does not exist."))
        account.broker.cancel_orders([OrderReference(symbol="SOL/USDT:USDT", order_id="41")])
        assert account.only("DELETE /fapi/v1/algoOrder").query["algoId"] == "41"


def test_a_close_of_futures_only_reduces() -> None:
    with futures() as account:
        account.broker.read_account()
        account.answer("POST /fapi/v1/order", {**FILLED, "positionSide": "BOTH", "origQty": "4", "executedQty": "4"})
        account.broker.place_orders([SWAP])
        sent = account.only("POST /fapi/v1/order").form
        assert (sent["reduceOnly"], sent["quantity"], sent["newClientOrderId"]) == ("true", "4", "xp0001")
        assert "positionSide" not in sent


def test_where_both_sides_may_be_held_an_order_names_the_one_that_it_reduces() -> None:
    with futures() as account:
        account.answer("GET /fapi/v3/positionRisk", [position("4", "LONG"), position("-2", "SHORT")])
        assert {position.side for position in account.broker.read_account().positions} == {"long", "short"}
        account.answer("POST /fapi/v1/order", {**FILLED, "positionSide": "LONG"})
        account.broker.place_orders([SWAP])
        sent = account.only("POST /fapi/v1/order").form
        assert (sent["positionSide"], sent.get("reduceOnly")) == ("LONG", None)


def test_a_stop_of_futures_goes_out_to_their_own_list_under_our_id() -> None:
    with futures() as account:
        account.broker.read_account()
        account.answer("POST /fapi/v1/algoOrder", {"algoId": 42, "clientAlgoId": "xp0001", "algoStatus": "NEW"})
        (outcome,) = account.broker.place_orders([replace(SWAP, type="stop", trigger_price=d(120))])
        sent = account.only("POST /fapi/v1/algoOrder").form
        assert (sent["clientAlgoId"], sent["triggerPrice"], sent["type"]) == ("xp0001", "120", "STOP_MARKET")
        assert (sent["algoType"], sent["reduceOnly"]) == ("CONDITIONAL", "true")
        assert isinstance(outcome, Done)
        assert (outcome.report.order_id, outcome.report.status) == ("42", "open")


def test_a_stop_of_futures_is_found_by_our_id_in_the_second_list() -> None:
    with futures() as account:
        account.broker.read_account()
        stop = FUTURES.reply_to(account.only("GET /fapi/v1/openAlgoOrders")).document[0]
        account.answer("GET /fapi/v1/order", refusal(-2013, "Order does not exist."))
        account.answer("GET /fapi/v1/algoOrder", stop)
        wanted = OrderReference(symbol="SOL/USDT:USDT", client_order_id="stop41")
        found = account.broker.look_up_order(wanted)
        assert isinstance(found, Found)
        assert found.report.order_id == "41"


def stop_of_futures(**parts: Any) -> dict[str, Any]:
    """Return the stop of the account as the venue tells it when it is asked for by its id."""
    listed: dict[str, Any] = dict(FUTURES.reply_to(Sent("GET", "", "/fapi/v1/openAlgoOrders", {}, {}, "")).document[0])
    return {**listed, "actualOrderId": "", "actualPrice": "0.00000", "triggerTime": 0, **parts}


@pytest.mark.parametrize("status", ["TRIGGERED", "FINISHED"])
@pytest.mark.parametrize(
    ("told", "becomes", "filled"),
    [("FILLED", "closed", d(4)), ("CANCELED", "cancelled", d("1.5")), ("PARTIALLY_FILLED", "open", d("1.5"))],
)
def test_a_stop_that_was_triggered_has_filled_what_its_order_has(
    status: str, told: str, becomes: str, filled: Decimal
) -> None:
    with futures() as account:
        account.broker.read_account()
        account.answer("GET /fapi/v1/order", refusal(-2013, "Order does not exist."))
        became = order(99, status=told, type="MARKET", origQty="4", executedQty=str(filled), clientOrderId="venue")
        account.answer("GET /fapi/v1/order?orderId=99", {**became, "positionSide": "BOTH", "avgPrice": "129.5"})
        account.answer("GET /fapi/v1/algoOrder", stop_of_futures(algoStatus=status, actualOrderId="99"))
        for wanted in (
            OrderReference(symbol="SOL/USDT:USDT", client_order_id="stop41"),
            OrderReference(symbol="SOL/USDT:USDT", order_id="41"),
        ):
            found = account.broker.look_up_order(wanted)
            assert isinstance(found, Found)
            report = found.report
            assert (report.order_id, report.client_order_id, report.status) == ("41", "stop41", becomes)
            assert (report.filled, report.average_price, report.trigger_price) == (filled, d("129.5"), d(130))


@pytest.mark.parametrize(
    ("parts", "reply"),
    [
        ({"algoStatus": "FINISHED"}, None),
        ({"algoStatus": "TRIGGERED", "actualOrderId": "0"}, None),
        ({"algoStatus": "FINISHED", "actualOrderId": "99"}, refusal(-2013, "Order does not exist.")),
        ({"algoStatus": "FINISHED", "actualOrderId": "99"}, Reply("<html>", 502)),
    ],
)
def test_what_a_triggered_stop_has_filled_is_never_guessed(parts: dict[str, Any], reply: Reply | None) -> None:
    with futures() as account:
        account.broker.read_account()
        account.answer("GET /fapi/v1/order", refusal(-2013, "Order does not exist."))
        account.answer("GET /fapi/v1/algoOrder", stop_of_futures(**parts))
        if reply is not None:
            account.answer("GET /fapi/v1/order?orderId=99", reply)
        wanted = OrderReference(symbol="SOL/USDT:USDT", client_order_id="stop41")
        assert isinstance(account.broker.look_up_order(wanted), Unknown)


def test_a_stop_that_was_cancelled_before_its_trigger_has_filled_nothing() -> None:
    with futures() as account:
        account.broker.read_account()
        account.answer("GET /fapi/v1/order", refusal(-2013, "Order does not exist."))
        account.answer("GET /fapi/v1/algoOrder", stop_of_futures(algoStatus="CANCELED"))
        found = account.broker.look_up_order(OrderReference(symbol="SOL/USDT:USDT", order_id="41"))
        assert isinstance(found, Found)
        assert (found.report.status, found.report.filled) == ("cancelled", d(0))


def test_a_stop_that_is_triggered_while_the_lists_are_read_is_in_one_of_them() -> None:
    with futures() as account:
        account.answer("GET /fapi/v1/openAlgoOrders", [stop_of_futures(algoStatus="TRIGGERED", actualOrderId="31")])
        account.broker.read_account()
        asked = [sent.path for sent in account.sent if "Orders" in sent.path]
        assert asked == ["/fapi/v1/openAlgoOrders", "/fapi/v1/openOrders"]
        assert [resting.id for resting in account.broker.read_account().open_orders] == ["31"]


def test_a_trailing_stop_of_futures_is_a_stop_and_is_cancelled_in_its_own_list() -> None:
    trailing = {"orderType": "TRAILING_STOP_MARKET", "activatePrice": "170.00", "callbackRate": "1.5"}
    with futures() as account:
        account.answer("GET /fapi/v1/openAlgoOrders", [stop_of_futures(triggerPrice="", **trailing)])
        _, resting = account.broker.read_account().open_orders
        assert (resting.id, resting.type, resting.trigger_price) == ("41", "stop", None)
        account.answer("DELETE /fapi/v1/order", refusal(-2011, "Unknown order sent."))
        account.answer(
            "DELETE /fapi/v1/algoOrder", {"algoId": 41, "clientAlgoId": "stop41", "code": "200", "msg": "success"}
        )
        account.answer("GET /fapi/v1/order", refusal(-2013, "Order does not exist."))
        (outcome,) = account.broker.cancel_orders([OrderReference(symbol="SOL/USDT:USDT", order_id="41")])
        assert isinstance(outcome, Done)
        assert account.only("DELETE /fapi/v1/algoOrder").query["algoId"] == "41"


@pytest.mark.parametrize(("side", "covered"), [("BOTH", d(4)), ("LONG", d(4)), ("SHORT", d(0))])
def test_a_stop_that_closes_the_whole_position_covers_all_that_is_held(side: str, covered: Decimal) -> None:
    whole = {"quantity": "0", "closePosition": True, "reduceOnly": False, "positionSide": side}
    with futures() as account:
        account.answer("GET /fapi/v1/openAlgoOrders", [stop_of_futures(**whole)])
        _, stop = account.broker.read_account().open_orders
        assert (stop.quantity, stop.remaining, stop.reduce_only) == (covered, covered, True)


def test_every_asset_of_the_futures_wallet_is_seen_also_beside_the_quote() -> None:
    def asset(name: str, total: str, free: str, changed: int = TIME) -> dict[str, Any]:
        margin = {"marginBalance": total, "initialMargin": "0", "updateTime": changed}
        return {"asset": name, "walletBalance": total, "availableBalance": free, **margin}

    wallet = {"assets": [asset("USDT", "500", "480"), asset("USDC", "70", "70"), asset("BTC", "0.5", "0.4", 0)]}
    # In multi-assets mode the venue tells of everything that could be had of each asset.
    wallet["assets"].append(asset("ETH", "0", "0.2", 0))
    both = Replies({**dict(SPOT._known), **dict(FUTURES._known), FUTURES_ACCOUNT: wallet})
    with at_venue("binance", both, market_types=("swap",)) as account:
        snapshot = account.broker.read_account()
        assert snapshot.other_cash == {"BTC": Cash(locked=d("0.5")), "USDC": Cash(locked=d(70))}
    with at_venue("binance", both, market_types=("spot", "swap")) as account:
        snapshot = account.broker.read_account()
        assert snapshot.other_cash == {"USDC": Cash(locked=d(70))}
        held = {one.symbol: (one.quantity, one.locked) for one in snapshot.positions}
        assert held["BTC/USDT"] == (d(1), d("0.9"))


def test_futures_in_portfolio_margin_mode_are_refused_by_name() -> None:
    with futures() as account:
        reply = refusal(-2015, "Invalid API-key, IP, or permissions for action, request ip: 203.0.113.9", 401)
        error = account.refuses_to_read(FUTURES_ACCOUNT, reply)
        assert isinstance(error, CredentialsRefused)
        assert "portfolio margin mode, which exitplan does not support" in str(error)


def test_swaps_and_futures_share_a_wallet_that_is_counted_once() -> None:
    with at_venue("binance", FUTURES, market_types=("swap", "future")) as account:
        snapshot = account.broker.read_account()
        assert (snapshot.cash.free, len(snapshot.positions), len(snapshot.open_orders)) == (d(480), 1, 2)


def test_spot_and_futures_have_wallets_of_their_own() -> None:
    both = Replies({**dict(SPOT._known), **dict(FUTURES._known)})
    with at_venue("binance", both, market_types=("spot", "swap")) as account:
        snapshot = account.broker.read_account()
        assert snapshot.cash.free == d(1480)
        assert {"SOL/USDT", "SOL/USDT:USDT"} <= {position.symbol for position in snapshot.positions}
        assert {resting.symbol for resting in snapshot.open_orders} == {"SOL/USDT", "SOL/USDT:USDT"}


def test_a_refused_reduction_is_told_as_that() -> None:
    with futures() as account:
        account.broker.read_account()
        account.answer("POST /fapi/v1/order", refusal(-2022, "ReduceOnly Order is rejected."))
        (outcome,) = account.broker.place_orders([SWAP])
        assert isinstance(outcome, Refused)
        assert outcome.reason is RefusalReason.REDUCE_ONLY


def _trade(number: int) -> dict[str, Any]:
    return {
        "symbol": "SOLUSDT",
        "id": number,
        "orderId": number,
        "price": "140",
        "qty": "0.001",
        "quoteQty": "0.14",
        "commission": "0",
        "commissionAsset": "BNB",
        "time": TIME + number,
        "isBuyer": True,
        "isMaker": False,
    }
