"""OKX, asked over the wire: what goes out and what is made of its answers."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from exitplan.brokers.live import limits
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
from exitplan.ruleset.model.snapshot import Cash
from tests.brokers.venues.okx_replies import (
    ALGO,
    BALANCE,
    CONFIG,
    OKX,
    ORDER,
    PENDING,
    POSITIONS,
    SWAP_MARKET,
    TIME,
    WAITING,
    error,
    filled,
    order,
    position,
    refused,
    stop,
    ticker,
    told,
)
from tests.brokers.venues.recorded import NO_ANSWERS, Recorded, Reply, Sent, at_venue

d = Decimal
WORD = "the-word-named-with-the-key"
SELL = OrderRequest(client_order_id="xp0001", symbol="SOL/USDT", side="sell", type="market", quantity=d("1.5"))
STOP = replace(SELL, type="stop", trigger_price=d(120))
CLOSE = replace(SELL, symbol="SOL/USDT:USDT", quantity=d(4), reduce_only=True)
WANTED = OrderReference(symbol="SOL/USDT", client_order_id="xp0001")
TAKEN = told({"ordId": "77", "clOrdId": "xp0001", "sCode": "0", "sMsg": "", "tag": ""})
STOP_TAKEN = told({"algoId": "51", "algoClOrdId": "xp0001", "clOrdId": "", "sCode": "0", "sMsg": ""})
UNKNOWN_ORDER = error("51603", "Order does not exist")


@pytest.fixture
def okx() -> Iterator[Recorded]:
    with at_venue("okx", OKX, password=WORD) as recorded:
        yield recorded


@pytest.fixture
def trading(okx: Recorded) -> Recorded:
    """Return an account that was read, so that orders may be sent."""
    okx.broker.read_account()
    okx.forget()
    okx.answer(f"GET {ORDER}", told(filled()))
    return okx


@pytest.fixture
def swaps() -> Iterator[Recorded]:
    with at_venue("okx", OKX, market_types=("swap",), password=WORD) as recorded:
        recorded.answer(PENDING, told())
        recorded.answer(f"POST {ORDER}", TAKEN)
        recorded.answer(f"GET {ORDER}", told(filled(instId="SOL-USDT-SWAP", sz="4", accFillSz="4")))
        yield recorded


# --- reading ---


def test_the_trading_account_is_read_with_what_is_frozen(okx: Recorded) -> None:
    snapshot = okx.broker.read_account()
    held = {position.symbol: (position.quantity, position.locked) for position in snapshot.positions}
    assert held == {"SOL/USDT": (d(5), d(2)), "BTC/USDT": (d("0.5"), d(0))}
    assert (snapshot.cash.free, snapshot.cash.locked) == (d(1000), d(20))


@pytest.mark.parametrize(
    ("entry", "free", "locked", "debt"),
    [
        # A bot with 10, and positions that lose, or win, 5: that is the positions', not the cash's.
        ({"cashBal": "100", "stgyEq": "10", "upl": "-5", "eq": "105", "availBal": "90", "frozenBal": "15"}, 90, 20, 0),
        ({"cashBal": "100", "stgyEq": "10", "upl": "5", "eq": "115", "availBal": "95", "frozenBal": "20"}, 95, 15, 0),
        # The margin of an isolated position of contracts, which wins 2, is held beside the cash.
        ({"cashBal": "50", "isoEq": "22", "upl": "2", "eq": "72", "availBal": "50", "frozenBal": "22"}, 50, 20, 0),
        # A loss of open positions beyond the cash.
        ({"cashBal": "3", "upl": "-5", "eq": "-2", "availBal": "0", "frozenBal": "0", "liab": "2"}, 0, 3, 2),
        # Borrowed by hand, so that it is in the cash and the equity is without it.
        ({"cashBal": "5", "eq": "2", "availBal": "5", "frozenBal": "0", "liab": "3", "interest": "0.1"}, 5, 0, "3.1"),
        # Portfolio margin, where the venue leaves out what it does not tell.
        ({"cashBal": "5", "upl": "", "eq": "5", "availBal": "5", "frozenBal": "", "stgyEq": "", "liab": ""}, 5, 0, 0),
    ],
)
def test_what_is_held_is_cash_bots_and_margin_and_not_the_profit_of_positions(
    okx: Recorded, entry: Mapping[str, str], free: int, locked: int, debt: Any
) -> None:
    okx.answer(BALANCE, told({"details": [{"ccy": "USDT", **entry}]}))
    okx.answer(PENDING, told())
    okx.answer(WAITING, told())
    assert okx.broker.read_account().cash == Cash(d(free), d(locked), d(debt))


@pytest.mark.parametrize("kind", ["iceberg", "twap", "chase"])
def test_orders_that_send_others_from_time_to_time_are_named_as_unread_while_there_are_some(
    okx: Recorded, kind: str
) -> None:
    assert okx.broker.read_account().unread == ()
    parts = {"ordType": kind, "slTriggerPx": "", "slOrdPx": "", "szLimit": "1", "pxLimit": "100", "timeInterval": "20"}
    okx.answer(f"{WAITING}?ordType={kind}", told(stop(45, **parts)))
    snapshot = okx.broker.read_account()
    assert snapshot.unread == (f"{kind} orders",)
    assert "45" not in {order.id for order in snapshot.open_orders}
    okx.answer(f"{WAITING}?ordType={kind}", told(stop(45, **parts, instType="SWAP", instId="SOL-USDT-SWAP")))
    assert okx.broker.read_account().unread == ()


@pytest.mark.parametrize("config", [{}, {"acctLv": ""}, {"acctLv": "5"}])
def test_an_account_mode_that_nobody_knows_is_unreadable(okx: Recorded, config: dict[str, str]) -> None:
    assert "accounts of level" in str(okx.refuses_to_read(CONFIG, told(config)))


@pytest.mark.parametrize("level", ["1", "3", "4"])
def test_in_other_modes_margin_is_in_the_balance_and_the_mode_is_asked_for_once(okx: Recorded, level: str) -> None:
    okx.answer(CONFIG, told({"acctLv": level}))
    okx.broker.read_account()
    okx.broker.read_account()
    assert len(okx.all(CONFIG)) == 1
    assert not okx.all(POSITIONS)


def test_margin_positions_of_coins_in_futures_mode_are_unreadable_and_named(okx: Recorded) -> None:
    okx.answer(CONFIG, told({"acctLv": "2"}))
    okx.answer(f"{POSITIONS}?instType=MARGIN", told(position("0", instId="SOL-USDT", instType="MARGIN")))
    assert okx.broker.read_account().positions
    margin = told(position("3", instId="SOL-USDT", instType="MARGIN", mgnMode="cross", liab="-400", posCcy="SOL"))
    assert "margin position of SOL-USDT" in str(okx.refuses_to_read(f"{POSITIONS}?instType=MARGIN", margin))


def test_orders_that_may_borrow_are_orders_of_the_spot_market_and_options_are_not(okx: Recorded) -> None:
    okx.answer(WAITING, told())
    others = [order(13, instType="SWAP", instId="SOL-USDT-SWAP"), order(14, instType="OPTION", instId="SOL-USD-1-C")]
    okx.answer(PENDING, told(order(11), order(12, instType="MARGIN", tdMode="cross"), *others))
    orders = okx.broker.read_account().open_orders
    assert [(found.id, found.symbol) for found in orders] == [("11", "SOL/USDT"), ("12", "SOL/USDT")]


def test_orders_that_wait_for_a_trigger_are_read_from_their_own_lists(okx: Recorded) -> None:
    found = {held.id: (held.type, held.price, held.trigger_price) for held in okx.broker.read_account().open_orders}
    assert found == {
        "11": ("limit", d(200), None),
        "41": ("stop", None, d(120)),
        "42": ("stop_limit", d(118), d(120)),
        "43": ("stop_limit", d(109), d(110)),
        "44": ("stop", None, d(125)),
    }


def test_stops_are_told_with_our_id_of_them(okx: Recorded) -> None:
    stops = [resting for resting in okx.broker.read_account().open_orders if resting.trigger_price]
    assert [found.client_order_id for found in stops] == ["stop41", "stop42", "stop43", "stop44"]


def test_open_orders_are_read_over_all_pages(okx: Recorded) -> None:
    def page(sent: Sent) -> Mapping[str, Any]:
        last = int(sent.query.get("after", 251))
        return told(*[order(number) for number in range(last - 1, max(last - 101, 0), -1)])

    okx.answer(PENDING, page)
    orders = [resting for resting in okx.broker.read_account().open_orders if not resting.trigger_price]
    assert [sent.query.get("after") for sent in okx.all(PENDING)] == [None, "151", "51"]
    assert len({found.id for found in orders}) == 250


def test_markets_have_their_steps_but_no_least_value(okx: Recorded) -> None:
    market = okx.broker.read_account().markets["SOL/USDT"]
    assert (market.amount_step, market.price_step, market.min_amount) == (d("0.0001"), d("0.01"), d("0.01"))
    assert (market.min_notional, market.last) == (None, d(150))


@pytest.mark.parametrize(
    ("question", "reply"),
    [
        *itertools.product([BALANCE, PENDING, WAITING], NO_ANSWERS),
        (BALANCE, told()),
        (BALANCE, told({"uTime": "1"})),
        (BALANCE, told({"details": [{"ccy": "SOL"}]})),
        (PENDING, {"code": "0", "msg": ""}),
    ],
)
def test_a_garbled_answer_is_no_empty_account(okx: Recorded, question: str, reply: Any) -> None:
    assert "could not be read" in str(okx.refuses_to_read(question, reply))


@pytest.mark.parametrize("code", ["50111", "50113", "50105", "50110", "50119"])
def test_a_key_that_is_refused_is_told_as_that(okx: Recorded, code: str) -> None:
    refusal = okx.refuses_to_read(BALANCE, error(code, "Invalid OK-ACCESS-KEY", 401))
    assert isinstance(refusal, CredentialsRefused)
    assert okx.tells(str(refusal)) == []


# --- sending orders ---


def test_a_market_sell_goes_out_once_with_our_id_and_a_time_to_live(trading: Recorded) -> None:
    trading.answer(f"POST {ORDER}", TAKEN)
    trading.broker.place_orders([SELL])
    sent = trading.only(f"POST {ORDER}")
    assert sent.form == {
        "instId": "SOL-USDT",
        "side": "sell",
        "ordType": "market",
        "sz": "1.5",
        "tdMode": "cash",
        "tgtCcy": "base_ccy",
        "clOrdId": "xp0001",
    }
    signed = datetime.fromisoformat(sent.headers["ok-access-timestamp"])
    lives = int(sent.headers["exptime"]) / 1000 - signed.timestamp()
    assert 30 <= lives < 31


def test_a_request_signed_ahead_of_the_venues_clock_is_over_within_the_receive_window(trading: Recorded) -> None:
    ahead, lives = 30, 30  # what the venue lets a clock be ahead, and what the order is given from then
    assert trading.broker.capabilities.receive_window >= ahead + lives


def test_what_a_market_order_filled_is_asked_for_once(trading: Recorded) -> None:
    trading.answer(f"POST {ORDER}", TAKEN)
    (outcome,) = trading.broker.place_orders([SELL])
    assert isinstance(outcome, Done)
    report = outcome.report
    assert (report.order_id, report.client_order_id, report.status) == ("77", "xp0001", "closed")
    assert (report.filled, report.average_price, report.fee, report.fee_currency) == (
        d("1.5"),
        d(150),
        d("0.225"),
        "USDT",
    )
    assert [sent.path for sent in trading.sent] == [ORDER, ORDER]


def test_a_limit_order_that_is_marketable_goes_out_with_its_price(trading: Recorded) -> None:
    trading.answer(f"POST {ORDER}", TAKEN)
    trading.broker.place_orders([replace(SELL, type="limit", price=d("149.25"))])
    sent = trading.only(f"POST {ORDER}").form
    assert (sent["ordType"], sent["px"]) == ("limit", "149.25")


@pytest.mark.parametrize(("price", "sent_as"), [(None, "-1"), (d(118), "118")])
def test_stops_go_out_to_their_own_list_under_our_id(trading: Recorded, price: Decimal | None, sent_as: str) -> None:
    trading.answer(f"POST {ALGO}", STOP_TAKEN)
    kind: Any = "stop" if price is None else "stop_limit"
    (outcome,) = trading.broker.place_orders([replace(STOP, type=kind, price=price)])
    sent = trading.only(f"POST {ALGO}").form
    assert (sent["ordType"], sent["slTriggerPx"], sent["slOrdPx"]) == ("conditional", "120", sent_as)
    assert sent["algoClOrdId"] == "xp0001"
    assert isinstance(outcome, Done)
    assert (outcome.report.order_id, outcome.report.client_order_id) == ("51", "xp0001")


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (refused("51008", "Insufficient balance"), RefusalReason.INSUFFICIENT_BALANCE),
        (refused("51020", "Below the minimum"), RefusalReason.BELOW_MIN_AMOUNT),
        (refused("51016", "Client order ID already exists"), RefusalReason.DUPLICATE_CLIENT_ORDER_ID),
        (refused("51121", "Not a multiple of the lot size"), RefusalReason.AMOUNT_STEP),
        (refused("51280", "Trigger price above the last price"), RefusalReason.TRIGGER_SIDE),
        (refused("51001", "No such instrument"), RefusalReason.UNKNOWN_SYMBOL),
        (error("50011", "Too many requests", 429), RefusalReason.RATE_LIMITED),
        (error("50061", "Too many orders"), RefusalReason.RATE_LIMITED),
        (error("50120", "The key may not do this", 401), RefusalReason.PERMISSION_DENIED),
        (error("50111", "Invalid key", 401), RefusalReason.PERMISSION_DENIED),
    ],
)
def test_refusals_are_told_by_their_reason(trading: Recorded, reply: Any, reason: RefusalReason) -> None:
    trading.answer(f"POST {ORDER}", reply)
    (outcome,) = trading.broker.place_orders([SELL])
    assert isinstance(outcome, Refused)
    assert outcome.reason is reason
    assert trading.tells(outcome.message) == []


@pytest.mark.parametrize(
    "reply",
    [
        *NO_ANSWERS,
        Reply({}, 502),
        told(),
        refused("51149", "Order timed out"),
        error("50004", "Endpoint request timeout"),
        error("50102", "Timestamp request expired", 401),
        error("50026", "System error", 500),
        error("50001", "Matching engine upgrading", 503),
        error("51008", "From a gateway that broke", 504),
        ConnectionResetError("gone"),
    ],
)
def test_whatever_is_no_clear_answer_to_an_order_is_unknown(trading: Recorded, reply: Any) -> None:
    trading.answer(f"POST {ORDER}", reply)
    assert isinstance(trading.broker.place_orders([SELL])[0], Unknown)
    assert len(trading.all(f"POST {ORDER}")) == 1


# --- cancelling ---


def test_a_batch_of_cancels_tells_each_ones_answer(trading: Recorded) -> None:
    outcomes = [("11", "0", ""), ("12", "51400", "it does not exist"), ("13", "51410", "already being cancelled")]
    items = [{"ordId": name, "clOrdId": "", "sCode": code, "sMsg": message} for name, code, message in outcomes]
    trading.answer("POST /api/v5/trade/cancel-batch-orders", told(*reversed(items), code="2"))
    trading.answer(
        f"GET {ORDER}", lambda sent: told(order(int(sent.query["ordId"]), state="canceled", accFillSz="0.5"))
    )
    references = [OrderReference(symbol="SOL/USDT", order_id=name) for name, _, _ in outcomes]
    first, second, third = trading.broker.cancel_orders(references)
    assert trading.only("POST /api/v5/trade/cancel-batch-orders").form["[]"] == [
        {"instId": "SOL-USDT", "ordId": name} for name, _, _ in outcomes
    ]
    assert isinstance(first, Done)
    assert (first.report.status, first.report.filled) == ("cancelled", d("0.5"))
    assert isinstance(second, Refused)
    assert second.reason is RefusalReason.UNKNOWN_ORDER
    assert isinstance(third, Done)


def test_a_batch_that_leaves_an_order_out_is_unknown(trading: Recorded) -> None:
    trading.answer("POST /api/v5/trade/cancel-batch-orders", told({"ordId": "11", "sCode": "0", "sMsg": ""}))
    references = [OrderReference(symbol="SOL/USDT", order_id=name) for name in ("11", "12")]
    assert all(isinstance(outcome, Unknown) for outcome in trading.broker.cancel_orders(references))


def test_a_stop_is_cancelled_in_the_list_where_it_is(trading: Recorded) -> None:
    trading.answer("POST /api/v5/trade/cancel-algos", told({"algoId": "41", "sCode": "0", "sMsg": ""}))
    trading.answer(f"GET {ORDER}", UNKNOWN_ORDER)
    trading.answer(f"GET {ALGO}", told(stop(41, state="canceled")))
    (outcome,) = trading.broker.cancel_orders([OrderReference(symbol="SOL/USDT", order_id="41")])
    assert trading.only("POST /api/v5/trade/cancel-algos").form["[]"] == [{"algoId": "41", "instId": "SOL-USDT"}]
    assert isinstance(outcome, Done)
    assert (outcome.report.status, outcome.report.filled) == ("cancelled", d(0))


def test_a_cancel_that_is_too_late_is_refused(trading: Recorded) -> None:
    trading.answer("POST /api/v5/trade/cancel-order", refused("51402", "already completed"))
    (outcome,) = trading.broker.cancel_orders([OrderReference(symbol="SOL/USDT", order_id="11")])
    assert isinstance(outcome, Refused)
    assert outcome.reason is RefusalReason.ORDER_CLOSED


# --- looking up ---


def test_an_order_is_found_by_our_id(trading: Recorded) -> None:
    found = trading.broker.look_up_order(WANTED)
    assert isinstance(found, Found)
    assert (found.report.order_id, found.report.filled) == ("77", d("1.5"))
    assert trading.only(f"GET {ORDER}").query == {"instId": "SOL-USDT", "clOrdId": "xp0001"}


def test_a_stop_is_found_by_our_id(trading: Recorded) -> None:
    trading.answer(f"GET {ORDER}", UNKNOWN_ORDER)
    trading.answer(f"GET {ALGO}", told(stop(51, algoClOrdId="xp0001")))
    found = trading.broker.look_up_order(WANTED)
    assert isinstance(found, Found)
    assert (found.report.order_id, found.report.status, found.report.trigger_price) == ("51", "open", d(120))
    assert trading.only(f"GET {ALGO}").query["algoClOrdId"] == "xp0001"


def test_a_stop_that_was_triggered_tells_what_its_order_filled(trading: Recorded) -> None:
    trading.answer(f"GET {ORDER}", UNKNOWN_ORDER)
    trading.answer(f"GET {ORDER}?ordId=90", told(filled(90, sz="2", accFillSz="0.7", state="canceled")))
    trading.answer(f"GET {ALGO}", told(stop(51, algoClOrdId="xp0001", state="effective", ordId="90", actualSz="2")))
    found = trading.broker.look_up_order(WANTED)
    assert isinstance(found, Found)
    assert (found.report.order_id, found.report.status, found.report.filled) == ("51", "cancelled", d("0.7"))


def test_a_stop_that_was_triggered_and_whose_order_is_gone_is_not_taken_for_unknown_to_the_venue(
    trading: Recorded,
) -> None:
    trading.answer(f"GET {ORDER}", UNKNOWN_ORDER)
    trading.answer(f"GET {ALGO}", told(stop(51, algoClOrdId="xp0001", state="effective", ordId="90", actualSz="2")))
    assert isinstance(trading.broker.look_up_order(WANTED), Unknown)


def test_an_order_in_neither_list_is_not_found(trading: Recorded) -> None:
    trading.answer(f"GET {ORDER}", UNKNOWN_ORDER)
    trading.answer(f"GET {ALGO}", UNKNOWN_ORDER)
    assert isinstance(trading.broker.look_up_order(WANTED), NotFound)
    assert isinstance(trading.broker.look_up_order(OrderReference(symbol="SOL/USDT", order_id="9")), NotFound)


@pytest.mark.parametrize("reply", [*NO_ANSWERS, told(), told(order(5))])
def test_no_answer_about_an_order_is_unknown(trading: Recorded, reply: Any) -> None:
    trading.answer(f"GET {ORDER}", reply)
    assert isinstance(trading.broker.look_up_order(WANTED), Unknown)


# --- dust ---


@pytest.mark.parametrize(("state", "outcome"), [("fullyFilled", Done), ("rejected", Refused)])
def test_dust_is_converted_on_a_quote_or_the_venue_says_no(
    trading: Recorded, monkeypatch: pytest.MonkeyPatch, state: str, outcome: type
) -> None:
    monkeypatch.setattr(limits.TokenBucket, "take", lambda *_: 0.0)  # one quote in five seconds
    quote = {
        "quoteId": "q1",
        "clQReqId": "",
        "baseCcy": "SOL",
        "quoteCcy": "USDT",
        "baseSz": "0.001",
        "quoteSz": "0.149",
    }
    trading.answer("POST /api/v5/asset/convert/estimate-quote", told(quote))
    trading.answer("POST /api/v5/asset/convert/trade", told({**quote, "tradeId": "t1", "state": state}))
    dust = ConvertRequest(client_order_id="xp0001", symbol="SOL/USDT", quantity=d("0.001"), max_cost_pct=d("0.01"))
    assert isinstance(trading.broker.convert_dust(dust), outcome)
    sent = trading.only("POST /api/v5/asset/convert/trade").form
    assert (sent["quoteId"], sent["sz"], sent["side"]) == ("q1", "0.001", "sell")


# --- swaps ---


def test_positions_of_swaps_are_in_contracts_with_entry_price_and_time(swaps: Recorded) -> None:
    snapshot = swaps.broker.read_account()
    (held,) = snapshot.positions
    assert (held.symbol, held.side, held.quantity, held.contract_size) == ("SOL/USDT:USDT", "long", d(4), d("0.1"))
    assert (held.entry_price, held.opened_at) == (d("140.5"), datetime.fromtimestamp(TIME / 1000, UTC))
    assert (snapshot.cash.free, snapshot.cash.locked) == (d(1000), d(20))


def test_a_close_of_a_swap_only_reduces_in_the_margin_mode_of_its_position(swaps: Recorded) -> None:
    swaps.broker.read_account()
    swaps.broker.place_orders([CLOSE])
    sent = swaps.only(f"POST {ORDER}").form
    assert (sent["reduceOnly"], sent["sz"], sent["tdMode"]) == (True, "4", "isolated")
    assert "posSide" not in sent


def test_a_stop_of_a_swap_only_reduces_in_the_margin_mode_of_its_position(swaps: Recorded) -> None:
    swaps.answer(f"POST {ALGO}", STOP_TAKEN)
    swaps.broker.read_account()
    swaps.broker.place_orders([replace(CLOSE, type="stop", trigger_price=d(120))])
    sent = swaps.only(f"POST {ALGO}").form
    assert (sent["reduceOnly"], sent["tdMode"], sent["slTriggerPx"]) == (True, "isolated", "120")


def test_where_both_sides_may_be_held_an_order_names_the_one_that_it_reduces(swaps: Recorded) -> None:
    swaps.answer(POSITIONS, told(position("4", posSide="long"), position("2", posSide="short")))
    assert {position.side for position in swaps.broker.read_account().positions} == {"long", "short"}
    swaps.broker.place_orders([CLOSE])
    sent = swaps.only(f"POST {ORDER}").form
    assert (sent["posSide"], "reduceOnly" in sent, "hedged" in sent) == ("long", False, False)


def test_an_inverse_contract_is_held_in_contracts_worth_their_size_in_quote(swaps: Recorded) -> None:
    coin = {"instId": "SOL-USD-SWAP", "settleCcy": "SOL", "ctVal": "10", "ctType": "inverse", "uly": "SOL-USD"}
    swaps.answer("GET /api/v5/public/instruments", told(SWAP_MARKET, {**SWAP_MARKET, **coin}))
    swaps.answer("GET /api/v5/market/ticker", told(ticker("SOL-USD-SWAP", "151", "SWAP")))
    swaps.answer(POSITIONS, told(position("-7", instId="SOL-USD-SWAP")))
    snapshot = swaps.broker.read_account()
    (held,) = snapshot.positions
    assert (held.symbol, held.side, held.quantity, held.contract_size) == ("SOL/USD:SOL", "short", d(7), d(10))
    assert snapshot.markets[held.symbol].inverse is True
    swaps.broker.place_orders([replace(CLOSE, symbol=held.symbol, side="buy", quantity=d(7))])
    sent = swaps.only(f"POST {ORDER}").form
    assert (sent["instId"], sent["side"], sent["sz"], sent["reduceOnly"]) == ("SOL-USD-SWAP", "buy", "7", True)


def test_spot_and_swaps_share_a_wallet_that_is_counted_once() -> None:
    with at_venue("okx", OKX, market_types=("swap", "spot"), password=WORD) as account:
        account.answer(f"{PENDING}?instType=SWAP", told())
        snapshot = account.broker.read_account()
        assert (snapshot.cash.free, len(account.all(BALANCE))) == (d(1000), 1)
        assert {position.symbol for position in snapshot.positions} == {"SOL/USDT", "BTC/USDT", "SOL/USDT:USDT"}
        assert len(snapshot.open_orders) == 5
