"""Orders: what goes over the wire, once each, and what is made of the answer."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from exitplan.brokers.protocol import Done, Outcome, RefusalReason, Refused, Unknown
from exitplan.ruleset.model.snapshot import Snapshot
from exitplan.ruleset.model.values import parse_time
from tests.brokers.live.accounts import VENUES, Opened, many, open_account, priced, sell
from tests.brokers.live.conftest import Opener
from tests.builders import position, snapshot
from tests.venues.coinbase_auth import LONGEST
from tests.venues.faults import Fault, fault

COINBASE_CONFIGURATIONS = {
    "market": {"market_market_ioc": {"base_size": "2"}},
    "limit": {"limit_limit_gtc": {"base_size": "2", "limit_price": "99", "post_only": False}},
    "stop_limit": {
        "stop_limit_stop_limit_gtc": {
            "base_size": "2",
            "limit_price": "89",
            "stop_price": "90",
            "stop_direction": "STOP_DIRECTION_STOP_DOWN",
        }
    },
}


TELL_FILLS = ("binance",)
"""Venues whose reply to an order tells what it has filled."""


def report(outcome: Outcome) -> Any:
    assert isinstance(outcome, Done), outcome
    return outcome.report


def reason(outcome: Outcome) -> RefusalReason:
    assert isinstance(outcome, Refused), outcome
    return outcome.reason


def sent(opened: Opened) -> dict[str, Any]:
    """Return the parameters of the only write."""
    (call,) = opened.calls("writes")
    return {name: value for name, value in call.params.items() if name not in {"deadline", "timestamp", "signature"}}


def test_a_market_order_is_done_with_what_it_filled_at_what_price_and_fee(opened: Opened) -> None:
    found = report(opened.place_one(sell(quantity=2)))
    assert (found.status, found.filled, found.average_price) == ("closed", 2, Decimal("99.9"))
    assert (found.fee, found.fee_currency) == (Decimal("0.1998"), "USD")
    assert (found.client_order_id, found.symbol, found.side) == ("xp0123456789abcdef", "AAA/USD", "sell")


def test_a_market_order_carries_our_id_in_the_venues_own_parameter_and_no_price(opened: Opened) -> None:
    opened.place_one(sell(quantity=2))
    orders = {
        "kraken": {
            "pair": "AAAUSD",
            "type": "sell",
            "ordertype": "market",
            "volume": "2",
            "cl_ord_id": sell().client_order_id,
            "oflags": "fciq",
        },
        "coinbase": {
            "product_id": "AAA-USD",
            "side": "SELL",
            "client_order_id": sell().client_order_id,
            "order_configuration": COINBASE_CONFIGURATIONS["market"],
        },
        "bybit": {
            "category": "spot",
            "symbol": "AAAUSD",
            "side": "Sell",
            "orderType": "Market",
            "marketUnit": "baseCoin",
            "qty": "2",
            "orderLinkId": sell().client_order_id,
        },
        "binance": {
            "symbol": "AAAUSD",
            "side": "SELL",
            "type": "MARKET",
            "quantity": "2",
            "newClientOrderId": sell().client_order_id,
            "newOrderRespType": "FULL",
            "recvWindow": "5000",
        },
    }
    assert sent(opened) == orders[opened.handle.front.name]


def test_an_order_at_kraken_has_a_deadline_within_the_receive_window(kraken: Opened) -> None:
    kraken.place_one(sell())
    (call,) = kraken.calls("writes")
    ahead = parse_time(call.params["deadline"]) - call.at
    assert 0 < ahead.total_seconds() <= kraken.broker.capabilities.receive_window


def test_a_marketable_limit_fills_at_once_and_another_rests(opened: Opened) -> None:
    taken, rests = opened.place(
        sell(kind="limit", price=99, client="xp1"), sell("BBB/USD", kind="limit", price=150, client="xp2")
    )
    assert (report(taken).status, report(taken).average_price) == ("closed", Decimal("99.9"))
    assert (report(rests).status, report(rests).filled, report(rests).price) == ("open", 0, 150)


@pytest.mark.parametrize(
    ("request_", "ordertype", "price", "price2"),
    [
        (sell(kind="stop", trigger=90), "stop-loss", "90", None),
        (sell(kind="stop_limit", trigger=90, price=89), "stop-loss-limit", "90", "89"),
    ],
)
def test_stops_at_kraken_rest_with_their_trigger(
    kraken: Opened, request_: Any, ordertype: str, price: str, price2: str | None
) -> None:
    found = report(kraken.place_one(request_))
    assert (found.status, found.trigger_price, found.filled) == ("open", 90, 0)
    asked = sent(kraken)
    assert (asked["ordertype"], asked["price"], asked.get("price2")) == (ordertype, price, price2)


def test_a_stop_that_the_venue_cancels_at_once_does_not_count_as_resting(opened: Opened) -> None:
    opened.plan_faults("writes", fault("cancelled"))
    found = report(opened.place_one(sell(kind="stop_limit", trigger=90, price=89)))
    assert (found.status, found.filled) == ("cancelled", 0)


def test_an_order_that_reaches_kraken_twice_is_of_unknown_outcome(kraken: Opened) -> None:
    kraken.plan_faults("writes", fault("redelivered"))
    assert isinstance(kraken.place_one(sell()), Unknown)


def test_no_order_is_accepted_at_coinbase_after_the_receive_window(coinbase: Opened) -> None:
    assert coinbase.broker.capabilities.receive_window >= LONGEST


def test_a_stop_limit_at_coinbase_fires_downwards(coinbase: Opened) -> None:
    found = report(coinbase.place_one(sell(kind="stop_limit", trigger=90, price=89)))
    assert (found.status, found.trigger_price) == ("open", 90)
    assert sent(coinbase)["order_configuration"] == COINBASE_CONFIGURATIONS["stop_limit"]


def test_a_stop_without_a_limit_never_goes_out_to_a_venue_that_has_none(coinbase: Opened) -> None:
    assert coinbase.broker.capabilities.stop_market is False
    assert reason(coinbase.place_one(sell(kind="stop", trigger=90))) is RefusalReason.UNSUPPORTED
    assert coinbase.calls() == []


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (sell(quantity="0.0005"), RefusalReason.AMOUNT_STEP),
        (sell(quantity="1.0005"), RefusalReason.AMOUNT_STEP),
        (sell(quantity="0.001"), RefusalReason.BELOW_MIN_NOTIONAL),
        (sell(quantity=0), RefusalReason.INVALID_QUANTITY),
        (sell(quantity=-1), RefusalReason.INVALID_QUANTITY),
        (sell(kind="limit", price="99.95"), RefusalReason.PRICE_STEP),
        (sell(kind="limit", price=0), RefusalReason.PRICE_STEP),
        (sell(kind="stop_limit", trigger="89.95", price=89), RefusalReason.PRICE_STEP),
        (sell("CCC/USD"), RefusalReason.UNKNOWN_SYMBOL),
    ],
)
def test_what_breaks_a_step_or_a_minimum_is_never_sent(opened: Opened, request_: Any, expected: RefusalReason) -> None:
    assert reason(opened.place_one(request_)) is expected
    assert opened.calls() == []


@pytest.mark.parametrize("venue", VENUES)
def test_an_amount_below_the_minimum_is_never_sent(open_at: Opener, venue: str) -> None:
    account = snapshot(position(), markets={"AAA/USD": priced(min_amount=3)})
    opened = open_at(venue, account).ready()
    assert reason(opened.place_one(sell(quantity="2.999"))) is RefusalReason.BELOW_MIN_AMOUNT
    assert opened.calls() == []


def test_one_refusal_of_a_group_leaves_the_others_alone_and_in_their_order(opened: Opened) -> None:
    first, off, poor, last = opened.place(
        sell(client="xp1"), sell(quantity="0.0005"), sell(quantity=900, client="xp2"), sell("BBB/USD", client="xp3")
    )
    assert (report(first).client_order_id, report(last).client_order_id) == ("xp1", "xp3")
    assert (reason(off), reason(poor)) == (RefusalReason.AMOUNT_STEP, RefusalReason.INSUFFICIENT_BALANCE)
    assert len(opened.calls("writes")) == 3


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("EOrder:Insufficient funds", RefusalReason.INSUFFICIENT_BALANCE),
        ("EOrder:Cost minimum not met", RefusalReason.BELOW_MIN_NOTIONAL),
        ("EOrder:Order minimum not met", RefusalReason.BELOW_MIN_AMOUNT),
        ("EOrder:Tick size check failed", RefusalReason.PRICE_STEP),
        ("EOrder:Duplicate client order id", RefusalReason.DUPLICATE_CLIENT_ORDER_ID),
        ("EService:Market in cancel_only mode", RefusalReason.MARKET_INACTIVE),
        ("EService:Market in post_only mode", RefusalReason.MARKET_INACTIVE),
        ("EAPI:Rate limit exceeded", RefusalReason.RATE_LIMITED),
        ("EOrder:Rate limit exceeded", RefusalReason.RATE_LIMITED),
        ("EGeneral:Permission denied", RefusalReason.PERMISSION_DENIED),
        ("EAPI:Invalid signature", RefusalReason.PERMISSION_DENIED),
        ("EQuery:Unknown asset pair", RefusalReason.UNKNOWN_SYMBOL),
        ("EOrder:Margin allowance exceeded", RefusalReason.OTHER),
    ],
)
def test_refusals_of_kraken_are_told_apart(kraken: Opened, words: str, expected: RefusalReason) -> None:
    kraken.plan_faults("writes", fault("refused", words=words))
    assert reason(kraken.place_one(sell())) is expected


@pytest.mark.parametrize(
    "words",
    [
        "EService:Deadline elapsed",
        "EService:Unavailable",
        "EService:Busy",
        "EGeneral:Internal error",
        "EGeneral:Internal error:7",
        "EService:Timeout",
        "EAPI:Invalid nonce",
    ],
)
def test_words_of_kraken_that_say_that_it_broke_are_no_refusal(kraken: Opened, words: str) -> None:
    kraken.plan_faults("writes", fault("refused", words=words))
    assert isinstance(kraken.place_one(sell()), Unknown)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("INSUFFICIENT_FUND", RefusalReason.INSUFFICIENT_BALANCE),
        ("UNSUPPORTED_ORDER_CONFIGURATION", RefusalReason.UNSUPPORTED),
        ("INVALID_LIMIT_PRICE", RefusalReason.INVALID_PRICE),
    ],
)
def test_refusals_of_coinbase_are_told_apart(coinbase: Opened, words: str, expected: RefusalReason) -> None:
    coinbase.plan_faults("writes", fault("refused", words=words))
    assert reason(coinbase.place_one(sell())) is expected


def test_a_key_that_may_only_read_may_not_sell(opened: Opened) -> None:
    opened.handle.venue.read_only = True
    assert reason(opened.place_one(sell())) is RefusalReason.PERMISSION_DENIED


def test_an_id_that_an_open_order_carries_is_a_duplicate_at_kraken(kraken: Opened) -> None:
    kraken.place_one(sell(kind="limit", price=150))
    assert reason(kraken.place_one(sell(kind="limit", price=150))) is RefusalReason.DUPLICATE_CLIENT_ORDER_ID


def test_an_id_that_was_used_before_answers_the_first_order_at_coinbase(coinbase: Opened) -> None:
    first, again = coinbase.place_one(sell()), coinbase.place_one(sell())
    assert report(first).order_id == report(again).order_id
    assert coinbase.broker.read_account().positions[0].quantity == 8


@pytest.mark.parametrize(
    "met",
    [
        *(fault(kind) for kind in ("lost_before", "lost_after", "html", "empty", "cut", "bare")),
        *(
            fault(kind, status=status)
            for kind in ("error_before", "error_after")
            for status in (500, 503, 504, 524, 599)
        ),
    ],
    ids=lambda met: f"{met.kind}-{met.status}",
)
def test_an_order_without_a_clear_answer_is_unknown_and_never_sent_again(opened: Opened, met: Fault) -> None:
    opened.plan_faults("writes", met)
    assert isinstance(opened.place_one(sell()), Unknown)
    assert len(opened.calls("writes")) == 1
    assert opened.calls("look_ups") == []


@pytest.mark.parametrize("options", [{"maxRetriesOnFailure": 3}, {"AddOrder": {"maxRetriesOnFailure": 3}}])
def test_no_option_of_an_account_lets_the_client_send_an_order_again(kraken: Opened, options: dict[str, Any]) -> None:
    broker = open_account(kraken.handle, options=options)
    broker.read_account()
    kraken.plan_faults("writes", "error_after")
    kraken.forget_calls()
    (outcome,) = broker.place_orders([sell()])
    assert isinstance(outcome, Unknown)
    assert kraken.paths() == ["AddOrder"]


def test_an_order_that_is_answered_by_a_redirect_is_unknown_and_goes_nowhere_else(opened: Opened) -> None:
    opened.handle.venue.headers["Location"] = f"{opened.handle.base_url}/0/private/AddOrder"
    opened.plan_faults("writes", fault("error_before", status=307))
    assert isinstance(opened.place_one(sell()), Unknown)
    assert len(opened.calls()) == 1


def test_too_many_requests_refuse_an_order_and_tell_the_rest_wanted(opened: Opened) -> None:
    opened.plan_faults("writes", fault("rate_limited", seconds=0.05))
    outcome = opened.place_one(sell())
    assert reason(outcome) is RefusalReason.RATE_LIMITED
    assert isinstance(outcome, Refused)
    assert outcome.retry_after == 0.05
    assert len(opened.calls("writes")) == 1


def test_nothing_is_sent_while_the_venue_wants_a_long_rest(opened: Opened) -> None:
    opened.plan_faults("writes", fault("rate_limited", seconds=900))
    opened.place_one(sell())
    outcome = opened.place_one(sell())
    assert reason(outcome) is RefusalReason.RATE_LIMITED
    assert isinstance(outcome, Refused)
    assert (outcome.retry_after or 0) > 800
    assert len(opened.calls("writes")) == 1


@pytest.mark.parametrize("venue", VENUES)
def test_a_group_of_twenty_takes_twenty_orders_and_one_question_where_any_is_left(open_at: Opener, venue: str) -> None:
    opened = open_at(venue, many(20)).ready()
    outcomes = opened.place(*(sell(f"C{number:03d}/USD", client=f"xp{number}") for number in range(20)))
    assert [(report(found).symbol, report(found).status) for found in outcomes] == [
        (f"C{number:03d}/USD", "closed") for number in range(20)
    ]
    asked = {"binance": 0, "bybit": 20}.get(venue, 1)
    assert (len(opened.calls("writes")), len(opened.calls("look_ups"))) == (20, asked)


def test_orders_at_coinbase_go_side_by_side(open_at: Opener) -> None:
    opened = open_at("coinbase", many(4)).ready()
    opened.answer_none_before(4)
    opened.place(*(sell(f"C{number:03d}/USD", client=f"xp{number}") for number in range(4)))
    assert len(opened.calls("writes")) == 4


@pytest.mark.parametrize("venue", [venue for venue in VENUES if venue not in TELL_FILLS])
def test_an_order_stays_told_as_open_where_the_question_about_it_fails(
    open_at: Opener, account: Snapshot, venue: str
) -> None:
    opened = open_at(venue, account).ready()
    opened.plan_faults("look_ups", "error_before")
    found = report(opened.place_one(sell()))
    assert (found.status, found.filled, found.quantity) == ("open", 0, 2)


def test_an_order_of_which_half_is_filled_and_the_rest_cancelled_says_so(opened: Opened) -> None:
    opened.plan_faults("writes", "partial")
    found = report(opened.place_one(sell()))
    assert (found.status, found.filled, found.quantity) == ("cancelled", 1, 2)


def test_no_order_is_sent_for_an_account_that_was_not_read(open_at: Opener, account: Snapshot) -> None:
    opened = open_at("kraken", account)
    assert reason(opened.place_one(sell())) is RefusalReason.UNKNOWN_SYMBOL
    assert opened.calls("writes") == []


def test_an_empty_group_asks_nothing(opened: Opened) -> None:
    assert opened.place() == ()
    assert opened.broker.cancel_orders([]) == ()
    assert opened.calls() == []


@pytest.mark.parametrize(("side", "flag"), [("sell", "fciq"), ("buy", "fcib")])
def test_the_fee_at_kraken_comes_from_what_an_order_brings(kraken: Opened, side: str, flag: str) -> None:
    kraken.place(sell(side=side, quantity=1))
    (order,) = [call for call in kraken.calls("writes") if call.path.endswith("AddOrder")]
    assert order.params["oflags"] == flag


def test_a_market_buy_at_coinbase_says_what_it_spends_and_never_more(coinbase: Opened) -> None:
    outcome = coinbase.place_one(sell(side="buy", quantity=2))
    assert isinstance(outcome, Done)
    (order,) = coinbase.calls("writes")
    (asked,) = order.params["order_configuration"].values()
    assert asked == {"quote_size": "200.2"}
    assert outcome.report.filled <= 2
