"""Bybit, asked over the wire: what goes out and what is made of its answers."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
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
    RefusalReason,
    Refused,
    Unknown,
)
from exitplan.ruleset.errors import CredentialsRefused
from exitplan.ruleset.model.assets import AssetNames
from exitplan.ruleset.model.order_view import held_by
from tests.brokers.venues.bybit_replies import (
    BYBIT,
    CANCEL,
    CANCEL_BATCH,
    CREATE,
    HISTORY,
    OPEN,
    POSITIONS,
    SWAP_MARKET,
    SWAPS,
    TIME,
    WALLET,
    coin,
    filled,
    listed,
    order,
    position,
    refused,
    stop,
    told,
)
from tests.brokers.venues.recorded import NO_ANSWERS, Recorded, Reply, Sent, at_venue

d = Decimal
SELL = OrderRequest(client_order_id="xp0001", symbol="SOL/USDT", side="sell", type="market", quantity=d("1.5"))
STOP = replace(SELL, type="stop", trigger_price=d(120))
CLOSE = replace(SELL, symbol="SOL/USDT:USDT", quantity=d(4), reduce_only=True)
WANTED = OrderReference(symbol="SOL/USDT", client_order_id="xp0001")
TAKEN = told({"orderId": "id-77", "orderLinkId": "xp0001"})


@pytest.fixture
def bybit() -> Iterator[Recorded]:
    with at_venue("bybit", BYBIT) as recorded:
        yield recorded


@pytest.fixture
def trading(bybit: Recorded) -> Recorded:
    """Return an account that was read, so that orders may be sent."""
    bybit.broker.read_account()
    bybit.forget()
    bybit.answer(OPEN, listed(filled()))
    return bybit


@pytest.fixture
def swaps() -> Iterator[Recorded]:
    with at_venue("bybit", SWAPS, market_types=("swap",)) as recorded:
        recorded.answer(f"{OPEN}?orderId=id-77", listed(filled(qty="4", cumExecQty="4"), category="linear"))
        recorded.answer(CREATE, TAKEN)
        yield recorded


# --- reading ---


def test_the_unified_account_is_read_in_five_calls_without_asking_what_it_is(bybit: Recorded) -> None:
    bybit.broker.read_account()
    assert sorted(sent.path for sent in bybit.sent) == [
        "/v5/account/fee-rate",
        "/v5/account/wallet-balance",
        "/v5/market/instruments-info",
        "/v5/market/tickers",
        "/v5/order/realtime",
    ]


def test_what_rests_in_orders_and_backs_positions_is_locked(bybit: Recorded) -> None:
    snapshot = bybit.broker.read_account()
    held = {position.symbol: (position.quantity, position.locked) for position in snapshot.positions}
    assert held == {"SOL/USDT": (d(5), d(2)), "BTC/USDT": (d("0.5"), d(0))}
    assert (snapshot.cash.free, snapshot.cash.locked) == (d(1000), d(80))


@pytest.mark.parametrize(
    ("coin", "expected"),
    [
        (coin("USDT", "100", "20", totalPositionIM="30", totalOrderIM="5", availableToWithdraw="0"), (45, 55)),
        (coin("USDT", "100", "20", totalPositionIM="", totalOrderIM=""), (80, 20)),
        (coin("USDT", "100", "0", totalPositionIM="300"), (0, 100)),
    ],
)
def test_what_is_locked_is_in_orders_and_margin_and_never_more_than_there_is(
    bybit: Recorded, coin: Mapping[str, str], expected: tuple[int, int]
) -> None:
    """The first has a field that the venue has given up; in portfolio margin it tells no margin of a coin."""
    bybit.answer(WALLET, told({"list": [{"accountType": "UNIFIED", "coin": [coin]}]}))
    bybit.answer(OPEN, listed())
    cash = bybit.broker.read_account().cash
    assert (cash.free, cash.locked) == (d(expected[0]), d(expected[1]))


@pytest.mark.parametrize(
    ("kind", "status", "expected"),
    [("tpslOrder", "Untriggered", 2), ("Stop", "Untriggered", 0), ("Stop", "New", 2), ("", "New", 2)],
)
def test_of_stops_of_the_spot_market_only_conditional_orders_hold_nothing_until_they_are_triggered(
    bybit: Recorded, kind: str, status: str, expected: int
) -> None:
    bybit.answer(OPEN, listed(stop(12, stopOrderType=kind, orderStatus=status)))
    (resting,) = bybit.broker.read_account().open_orders
    assert held_by(resting, AssetNames()) == ("SOL", d(expected))


def test_a_classic_account_is_told_as_what_exitplan_does_not_read(bybit: Recorded) -> None:
    error = bybit.refuses_to_read(WALLET, refused(10001, "accountType only support CONTRACT or SPOT"))
    assert "no unified trading account" in str(error)


def test_orders_of_the_spot_market_are_not_taken_for_those_of_contracts(bybit: Recorded) -> None:
    limit, waiting = bybit.broker.read_account().open_orders
    assert (limit.id, limit.symbol, limit.type, limit.trigger_price) == ("id-11", "SOL/USDT", "limit", None)
    assert (waiting.id, waiting.symbol, waiting.type, waiting.trigger_price) == ("id-12", "SOL/USDT", "stop", d(120))


def test_open_orders_are_read_over_all_pages(bybit: Recorded) -> None:
    def page(sent: Sent) -> Mapping[str, Any]:
        first = int(sent.query.get("cursor", 0))
        return listed(*[order(number) for number in range(first, min(first + 50, 120))], cursor=str(first + 50))

    bybit.answer(OPEN, page)
    orders = bybit.broker.read_account().open_orders
    assert [(sent.query["limit"], sent.query.get("cursor")) for sent in bybit.all(OPEN)] == [
        ("50", None),
        ("50", "50"),
        ("50", "100"),
    ]
    assert len({found.id for found in orders}) == 120


def test_markets_have_their_steps_and_minimums(bybit: Recorded) -> None:
    market = bybit.broker.read_account().markets["SOL/USDT"]
    assert (market.amount_step, market.price_step) == (d("0.001"), d("0.01"))
    assert (market.min_amount, market.min_notional, market.last) == (d("0.01"), d(5), d(150))


@pytest.mark.parametrize(
    ("question", "reply"),
    [
        *itertools.product([WALLET, OPEN], NO_ANSWERS),
        *itertools.product([WALLET, OPEN], [told({}), told(None), {"retCode": 0}]),
        (WALLET, listed()),
    ],
)
def test_a_garbled_answer_is_no_empty_account(bybit: Recorded, question: str, reply: Any) -> None:
    assert "could not be read" in str(bybit.refuses_to_read(question, reply))


@pytest.mark.parametrize("code", [10003, 10004, 10005, 10010, 33004])
def test_a_key_that_is_refused_is_told_as_that(bybit: Recorded, code: int) -> None:
    refusal = bybit.refuses_to_read(WALLET, refused(code, "API key is invalid.", 401))
    assert isinstance(refusal, CredentialsRefused)
    assert bybit.tells(str(refusal)) == []


# --- sending orders ---


def test_a_market_sell_goes_out_by_quantity_with_our_id_and_a_short_window(trading: Recorded) -> None:
    trading.answer(CREATE, TAKEN)
    trading.broker.place_orders([SELL])
    sent = trading.only(CREATE)
    assert sent.form == {
        "category": "spot",
        "symbol": "SOLUSDT",
        "side": "Sell",
        "orderType": "Market",
        "qty": "1.5",
        "marketUnit": "baseCoin",
        "orderLinkId": "xp0001",
    }
    assert sent.headers["x-bapi-recv-window"] == "5000"


def test_what_a_market_order_filled_is_asked_for_once(trading: Recorded) -> None:
    trading.answer(CREATE, TAKEN)
    (outcome,) = trading.broker.place_orders([SELL])
    assert isinstance(outcome, Done)
    report = outcome.report
    assert (report.order_id, report.client_order_id, report.status) == ("id-77", "xp0001", "closed")
    assert (report.filled, report.average_price) == (d("1.5"), d(150))
    assert (report.fee, report.fee_currency) == (d("0.225"), "USDT")
    assert [sent.path for sent in trading.sent] == ["/v5/order/create", "/v5/order/realtime"]


def test_an_order_that_was_filled_in_part_and_cancelled_is_not_closed(trading: Recorded) -> None:
    trading.answer(OPEN, listed(filled(orderStatus="PartiallyFilledCanceled", cumExecQty="0.4", leavesQty="0")))
    trading.answer(CREATE, TAKEN)
    (outcome,) = trading.broker.place_orders([SELL])
    assert isinstance(outcome, Done)
    assert (outcome.report.status, outcome.report.filled, outcome.report.quantity) == ("cancelled", d("0.4"), d("1.5"))


def test_a_limit_order_that_is_marketable_goes_out_with_its_price(trading: Recorded) -> None:
    trading.answer(CREATE, TAKEN)
    trading.broker.place_orders([replace(SELL, type="limit", price=d("149.25"))])
    sent = trading.only(CREATE).form
    assert (sent["orderType"], sent["price"]) == ("Limit", "149.25")


@pytest.mark.parametrize(("price", "sent_as"), [(None, "Market"), (d(118), "Limit")])
def test_stops_go_out_with_their_trigger(trading: Recorded, price: Decimal | None, sent_as: str) -> None:
    trading.answer(CREATE, TAKEN)
    trading.answer(OPEN, listed(stop(77)))
    kind: Any = "stop" if price is None else "stop_limit"
    (outcome,) = trading.broker.place_orders([replace(STOP, type=kind, price=price)])
    sent = trading.only(CREATE).form
    assert (sent["orderFilter"], sent["triggerPrice"], sent["orderType"]) == ("tpslOrder", "120", sent_as)
    assert isinstance(outcome, Done)
    assert (outcome.report.status, outcome.report.trigger_price) == ("open", d(120))


def test_a_stop_that_the_venue_cancels_at_once_is_told_as_that(trading: Recorded) -> None:
    trading.answer(CREATE, TAKEN)
    trading.answer(OPEN, listed(stop(77, orderStatus="Deactivated", leavesQty="0")))
    (outcome,) = trading.broker.place_orders([STOP])
    assert isinstance(outcome, Done)
    assert (outcome.report.status, outcome.report.filled) == ("cancelled", d(0))


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (refused(170131, "Insufficient balance."), RefusalReason.INSUFFICIENT_BALANCE),
        (refused(110007, "ab not enough for new order"), RefusalReason.INSUFFICIENT_BALANCE),
        (refused(170140, "Order value exceeded lower limit."), RefusalReason.BELOW_MIN_NOTIONAL),
        (refused(170136, "Order quantity exceeded lower limit."), RefusalReason.BELOW_MIN_AMOUNT),
        (refused(170141, "Duplicate clientOrderId"), RefusalReason.DUPLICATE_CLIENT_ORDER_ID),
        (refused(110072, "OrderLinkedID is duplicate"), RefusalReason.DUPLICATE_CLIENT_ORDER_ID),
        (refused(110017, "Reduce-only rule not satisfied"), RefusalReason.REDUCE_ONLY),
        (refused(170121, "Invalid symbol."), RefusalReason.UNKNOWN_SYMBOL),
        (refused(10006, "Too many visits."), RefusalReason.RATE_LIMITED),
        (refused(10005, "Permission denied, please check your API key permissions."), RefusalReason.PERMISSION_DENIED),
    ],
)
def test_refusals_are_told_by_their_reason(trading: Recorded, reply: Reply, reason: RefusalReason) -> None:
    trading.answer(CREATE, reply)
    (outcome,) = trading.broker.place_orders([SELL])
    assert isinstance(outcome, Refused)
    assert outcome.reason is reason
    assert trading.tells(outcome.message) == []


@pytest.mark.parametrize(
    "reply",
    [
        *NO_ANSWERS,
        Reply({}, 502),
        told({}),
        refused(10000, "Server Timeout"),
        refused(10002, "The request time exceeds the time window range."),
        refused(10016, "Service is restarting"),
        refused(170007, "Timeout waiting for response from backend server."),
        refused(170032, "Network error. Please try again later"),
        refused(170035, "Submitted to the system for processing!"),
        refused(170146, "Order creation timeout"),
        refused(170131, "From a gateway that broke", 504),
        ConnectionResetError("gone"),
    ],
)
def test_whatever_is_no_clear_answer_to_an_order_is_unknown(trading: Recorded, reply: Any) -> None:
    trading.answer(CREATE, reply)
    assert isinstance(trading.broker.place_orders([SELL])[0], Unknown)
    assert len(trading.all(CREATE)) == 1


# --- cancelling ---


def test_a_batch_of_cancels_tells_each_ones_answer(trading: Recorded) -> None:
    items = [{"category": "spot", "symbol": "SOLUSDT", "orderId": f"id-{name}"} for name in (11, 13)]
    answers = [{"code": 0, "msg": "OK"}, {"code": 170213, "msg": "Order does not exist."}]
    trading.answer(CANCEL_BATCH, told({"list": items}, retExtInfo={"list": answers}))
    trading.answer(OPEN, listed(order(11, orderStatus="Cancelled", cumExecQty="0.5", leavesQty="0")))
    references = [OrderReference(symbol="SOL/USDT", order_id=name) for name in ("id-11", "id-13")]
    first, second = trading.broker.cancel_orders(references)
    assert trading.only(CANCEL_BATCH).form == {
        "category": "spot",
        "request": [{"symbol": "SOLUSDT", "orderId": name} for name in ("id-11", "id-13")],
    }
    assert isinstance(first, Done)
    assert (first.report.status, first.report.filled) == ("cancelled", d("0.5"))
    assert isinstance(second, Refused)
    assert second.reason is RefusalReason.UNKNOWN_ORDER


def test_a_batch_whose_answers_are_not_of_its_orders_is_unknown(trading: Recorded) -> None:
    trading.answer(CANCEL_BATCH, told({"list": [{"orderId": "id-11"}]}, retExtInfo={"list": [{"code": 0}]}))
    references = [OrderReference(symbol="SOL/USDT", order_id=name) for name in ("id-11", "id-13")]
    assert all(isinstance(outcome, Unknown) for outcome in trading.broker.cancel_orders(references))


def test_a_stop_of_the_spot_market_is_cancelled_by_its_kind(trading: Recorded) -> None:
    def reply(sent: Sent) -> Any:
        right = sent.form["orderFilter"] == "StopOrder"
        return told({"orderId": "id-12"}) if right else refused(170213, "Order does not exist.")

    trading.answer(CANCEL, reply)
    trading.answer(OPEN, listed(stop(12, orderStatus="Deactivated")))
    (outcome,) = trading.broker.cancel_orders([OrderReference(symbol="SOL/USDT", order_id="id-12")])
    assert [sent.form["orderFilter"] for sent in trading.all(CANCEL)] == ["tpslOrder", "StopOrder"]
    assert isinstance(outcome, Done)


def test_a_cancel_that_is_too_late_is_refused(trading: Recorded) -> None:
    trading.answer(CANCEL, refused(110008, "Order has been completed or cancelled."))
    (outcome,) = trading.broker.cancel_orders([OrderReference(symbol="SOL/USDT", order_id="id-11")])
    assert isinstance(outcome, Refused)
    assert outcome.reason is RefusalReason.ORDER_CLOSED


# --- looking up ---


def test_an_order_is_found_by_our_id(trading: Recorded) -> None:
    found = trading.broker.look_up_order(WANTED)
    assert isinstance(found, Found)
    assert (found.report.order_id, found.report.filled) == ("id-77", d("1.5"))
    asked = trading.only(OPEN).query
    assert (asked["orderLinkId"], asked["category"], asked["symbol"]) == ("xp0001", "spot", "SOLUSDT")


def test_an_order_that_is_no_longer_kept_at_hand_is_found_in_the_history(trading: Recorded) -> None:
    trading.answer(OPEN, listed())
    trading.answer(HISTORY, listed(filled()))
    found = trading.broker.look_up_order(OrderReference(symbol="SOL/USDT", order_id="id-77"))
    assert isinstance(found, Found)
    assert trading.only(HISTORY).query["orderId"] == "id-77"


def test_an_order_in_neither_list_is_not_found(trading: Recorded) -> None:
    trading.answer(OPEN, listed())
    assert isinstance(trading.broker.look_up_order(WANTED), NotFound)
    assert isinstance(trading.broker.look_up_order(OrderReference(symbol="SOL/USDT", order_id="id-9")), NotFound)


@pytest.mark.parametrize("reply", [*NO_ANSWERS, told({}), listed(order(5))])
def test_no_answer_about_an_order_is_unknown(trading: Recorded, reply: Any) -> None:
    trading.answer(OPEN, reply)
    assert isinstance(trading.broker.look_up_order(WANTED), Unknown)


# --- what positions cost, and dust ---


def test_executions_are_read_week_by_week_until_they_explain_the_position(trading: Recorded) -> None:
    def executions(sent: Sent) -> Mapping[str, Any]:
        weeks = len(trading.all("GET /v5/execution/list"))
        return listed(*([_execution(sent)] if weeks == 2 else []))

    trading.answer("GET /v5/execution/list", executions)
    trading.answer(OPEN, listed())
    sol = next(position for position in trading.broker.read_account().positions if position.symbol == "SOL/USDT")
    (basis,) = trading.broker.read_cost_basis([sol]).values()
    spans = [
        (int(sent.query["startTime"]), int(sent.query["endTime"])) for sent in trading.all("GET /v5/execution/list")
    ]
    assert basis.entry_price == d(140)
    assert [end - start for start, end in spans] == [7 * 86_400_000] * 2
    assert spans[0][0] == spans[1][1]


def test_a_week_of_many_executions_is_read_to_its_end_for_all_symbols_at_once(trading: Recorded) -> None:
    def executions(sent: Sent) -> Mapping[str, Any]:
        first = int(sent.query.get("cursor", 0))
        page = [
            {**_execution(sent), "execId": f"e{number}", "execQty": "0.004"}
            for number in range(first, min(first + 100, 1250))
        ]
        return listed(*page, cursor=str(first + len(page)))

    trading.answer("GET /v5/execution/list", executions)
    trading.answer(OPEN, listed())
    held = [one for one in trading.broker.read_account().positions if one.symbol == "SOL/USDT"]
    assert trading.broker.read_cost_basis(held)["SOL/USDT"].entry_price == d(140)
    sent = trading.all("GET /v5/execution/list")
    assert (len(sent), {one.query.get("symbol") for one in sent}) == (13, {None})


def test_dust_is_converted_on_a_quote(trading: Recorded) -> None:
    quote = {"quoteTxId": "q1", "fromCoin": "SOL", "toCoin": "USDT", "fromAmount": "0.001", "toAmount": "0.149"}
    trading.answer("POST /v5/asset/exchange/quote-apply", told(quote))
    trading.answer("POST /v5/asset/exchange/convert-execute", told({"quoteTxId": "q1", "exchangeStatus": "processing"}))
    dust = ConvertRequest(client_order_id="xp0001", symbol="SOL/USDT", quantity=d("0.001"), max_cost_pct=d("0.01"))
    taken = trading.broker.convert_dust(dust)
    assert isinstance(taken, Done)
    assert (taken.report.status, taken.report.filled) == ("open", d(0))
    for word, becomes, amount in [
        ("processing", "open", "0"),
        ("success", "closed", "0.001"),
        ("failure", "rejected", "0"),
    ]:
        result = {"result": {**quote, "exchangeTxId": "q1", "exchangeStatus": word}}
        trading.answer("GET /v5/asset/exchange/convert-result-query", told(result))
        found = trading.broker.look_up_order(OrderReference(symbol="SOL/USDT", order_id=taken.report.order_id))
        assert isinstance(found, Found)
        assert (found.report.status, found.report.filled) == (becomes, d(amount))
    assert trading.only("POST /v5/asset/exchange/quote-apply").form["accountType"] == "eb_convert_uta"
    assert trading.only("POST /v5/asset/exchange/convert-execute").form == {"quoteTxId": "q1"}


def test_a_conversion_that_failed_is_refused(trading: Recorded) -> None:
    quote = {"quoteTxId": "q1", "fromCoin": "SOL", "toCoin": "USDT", "fromAmount": "0.001", "toAmount": "0.149"}
    trading.answer("POST /v5/asset/exchange/quote-apply", told(quote))
    trading.answer("POST /v5/asset/exchange/convert-execute", told({"quoteTxId": "q1", "exchangeStatus": "failure"}))
    dust = ConvertRequest(client_order_id="xp0001", symbol="SOL/USDT", quantity=d("0.001"))
    assert isinstance(trading.broker.convert_dust(dust), Refused)


# --- swaps ---


def test_positions_of_swaps_have_entry_price_and_time(swaps: Recorded) -> None:
    snapshot = swaps.broker.read_account()
    (held,) = snapshot.positions
    assert (held.symbol, held.side, held.quantity, held.contract_size) == ("SOL/USDT:USDT", "long", d(4), d(1))
    assert (held.entry_price, held.opened_at) == (d("140.5"), datetime.fromtimestamp(TIME / 1000, UTC))
    assert {sent.query["settleCoin"] for sent in swaps.all(POSITIONS)} == {"USDT", "USDC"}
    assert (snapshot.cash.free, snapshot.cash.locked) == (d(1000), d(80))


def test_orders_of_swaps_are_read_with_their_stops(swaps: Recorded) -> None:
    limit, waiting = swaps.broker.read_account().open_orders
    assert (limit.symbol, limit.reduce_only, waiting.type, waiting.trigger_price) == (
        "SOL/USDT:USDT",
        True,
        "stop",
        d(120),
    )


def test_a_close_of_a_swap_only_reduces(swaps: Recorded) -> None:
    swaps.broker.read_account()
    swaps.broker.place_orders([CLOSE])
    sent = swaps.only(CREATE).form
    assert (sent["category"], sent["reduceOnly"], sent["qty"]) == ("linear", True, "4")
    assert "positionIdx" not in sent


def test_a_stop_of_a_swap_only_reduces_once_the_price_falls(swaps: Recorded) -> None:
    swaps.broker.read_account()
    swaps.broker.place_orders([replace(CLOSE, type="stop", trigger_price=d(120))])
    sent = swaps.only(CREATE).form
    assert (sent["reduceOnly"], sent["triggerPrice"], sent["triggerDirection"]) == (True, "120", 2)
    assert sent["orderLinkId"] == "xp0001"


def test_spot_and_swaps_share_a_wallet_that_is_counted_once() -> None:
    with at_venue("bybit", SWAPS, market_types=("swap", "spot")) as account:
        snapshot = account.broker.read_account()
        assert (snapshot.cash.free, len(account.all(WALLET))) == (d(1000), 1)
        assert {position.symbol for position in snapshot.positions} == {"SOL/USDT", "BTC/USDT", "SOL/USDT:USDT"}


def test_where_both_sides_may_be_held_an_order_names_the_one_that_it_reduces(swaps: Recorded) -> None:
    both = [position("4", positionIdx=1), position("2", positionIdx=2, side="Sell")]
    swaps.answer(f"{POSITIONS}?settleCoin=USDT", listed(*both, category="linear"))
    assert {position.side for position in swaps.broker.read_account().positions} == {"long", "short"}
    swaps.broker.place_orders([CLOSE])
    swaps.broker.place_orders([replace(CLOSE, side="buy", position_side="short")])
    sent = [one.form for one in swaps.all(CREATE)]
    assert [(one["side"], one["positionIdx"], one["reduceOnly"]) for one in sent] == [
        ("Sell", 1, True),
        ("Buy", 2, True),
    ]


def test_where_another_symbol_is_held_on_one_side_only_its_orders_name_none(swaps: Recorded) -> None:
    held = [position("4"), position("1", symbol="BTCUSDT", positionIdx=2, side="Sell")]
    two = [SWAP_MARKET, {**SWAP_MARKET, "symbol": "BTCUSDT", "baseCoin": "BTC"}]
    markets = "GET /v5/market/instruments-info?category=linear"
    swaps.answer(markets, lambda sent: listed(*([] if "status" in sent.query else two), category="linear"))
    swaps.answer(f"{POSITIONS}?settleCoin=USDT", listed(*held, category="linear"))
    swaps.broker.read_account()
    swaps.broker.place_orders([CLOSE])
    assert "positionIdx" not in swaps.only(CREATE).form


def _execution(sent: Sent) -> dict[str, Any]:
    return {
        "symbol": "SOLUSDT",
        "execId": "e1",
        "orderId": "o1",
        "side": "Buy",
        "execQty": "5",
        "execPrice": "140",
        "execValue": "700",
        "execFee": "0",
        "feeCurrency": "SOL",
        "execType": "Trade",
        "execTime": str(int(sent.query["startTime"]) + 5),
    }
