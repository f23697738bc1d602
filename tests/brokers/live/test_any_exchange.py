"""An exchange of which exitplan knows nothing more than ccxt does, in replies of Luno's form."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from exitplan.brokers.protocol import Done, Found, NotFound, OrderReference, RefusalReason, Refused, Unknown
from exitplan.ruleset.errors import AccountUnreadable, CredentialsRefused
from exitplan.ruleset.model.snapshot import Cash
from tests.brokers.live.accounts import named, sell
from tests.brokers.venues.recorded import NO_ANSWERS, Recorded, Replies, Reply, at_venue


def listed(base: str, **more: Any) -> dict[str, Any]:
    return {
        "market_id": f"{base}ZAR",
        "trading_status": "ACTIVE",
        "base_currency": base,
        "counter_currency": "ZAR",
        "min_volume": "0.01",
        "max_volume": "1000",
        "volume_scale": 4,
        "min_price": "1",
        "max_price": "9000000",
        "price_scale": 0,
        **more,
    }


def order_document(name: str, state: str = "COMPLETE", filled: str = "0.5") -> dict[str, Any]:
    return {
        "order_id": name,
        "pair": "ETHZAR",
        "type": "ASK",
        "state": state,
        "limit_volume": "0.5",
        "limit_price": "45000",
        "base": filled,
        "counter": str(Decimal(filled) * 45000),
        "creation_timestamp": 1_771_452_000_000,
        "fee_counter": "3.1",
    }


def balance(asset: str, total: str, reserved: str = "0.00") -> dict[str, str]:
    return {"account_id": f"1{asset}", "asset": asset, "balance": total, "reserved": reserved, "unconfirmed": "0.00"}


REPLIES = {
    "GET /api/exchange/1/markets": {"markets": [listed("ETH"), listed("XBT", trading_status="SUSPENDED")]},
    "GET /api/1/balance": {
        "balance": [balance("ETH", "1.25", "0.5"), balance("XBT", "0.001"), balance("ZAR", "900.5")]
    },
    "GET /api/1/listorders": {"orders": [order_document("RESTS", "PENDING", "0.1")]},
    "GET /api/1/tickers": {
        "tickers": [
            {"pair": "ETHZAR", "timestamp": 1_771_452_000_000, "bid": "44990", "ask": "45010", "last_trade": "45000"},
            {"pair": "XBTZAR", "timestamp": 1_771_452_000_000, "bid": "0", "ask": "0", "last_trade": "1100000"},
        ]
    },
    "POST /api/1/marketorder": {"order_id": "NEW"},
    "POST /api/1/stoporder": {"success": True},
    "GET /api/1/orders/NEW": order_document("NEW"),
    "GET /api/1/orders/RESTS": order_document("RESTS", filled="0.1"),
}


@pytest.fixture
def luno() -> Iterator[Recorded]:
    with at_venue("luno", Replies(REPLIES), quote="ZAR") as recorded:
        recorded.broker.read_account()
        recorded.forget()
        yield recorded


def place(luno: Recorded, **more: Any) -> Any:
    (outcome,) = luno.broker.place_orders([sell("ETH/ZAR", "0.5", **more)])
    return outcome


def test_it_reads_cash_positions_orders_and_markets_in_unified_calls(luno: Recorded) -> None:
    read = luno.broker.read_account()
    assert read.cash == Cash(Decimal("900.5"), Decimal(0))
    assert [(position.symbol, position.quantity, position.locked) for position in read.positions] == [
        ("BTC/ZAR", Decimal("0.001"), 0),
        ("ETH/ZAR", Decimal("1.25"), Decimal("0.5")),
    ]
    order: Any = read.open_orders[0]
    assert (order.symbol, order.side, order.price, order.filled) == ("ETH/ZAR", "sell", 45000, Decimal("0.1"))
    ether: Any = read.markets["ETH/ZAR"]
    assert (ether.amount_step, ether.price_step, ether.min_amount) == (Decimal("0.0001"), 1, Decimal("0.01"))
    assert (ether.last, ether.active, read.markets["BTC/ZAR"].active) == (45000, True, False)
    assert len(luno.sent) == 3


def test_it_is_of_the_tier_that_keeps_no_client_ids_and_knows_no_stops(luno: Recorded) -> None:
    can = luno.broker.capabilities
    assert (can.client_order_ids, can.stop_market, can.stop_limit, can.convert, can.live) == (
        "C",
        False,
        False,
        False,
        True,
    )


def test_it_sells_and_asks_once_what_came_of_it(luno: Recorded) -> None:
    outcome = place(luno)
    assert isinstance(outcome, Done)
    assert (outcome.report.status, outcome.report.filled, outcome.report.fee_currency) == (
        "closed",
        Decimal("0.5"),
        "ZAR",
    )
    assert luno.only("POST /api/1/marketorder").params == {"pair": "ETHZAR", "type": "SELL", "base_volume": "0.5"}
    assert [f"{sent.method} {sent.path}" for sent in luno.sent] == ["POST /api/1/marketorder", "GET /api/1/orders/NEW"]


@pytest.mark.parametrize(
    "more", [{"kind": "stop", "trigger": 40000}, {"kind": "stop_limit", "trigger": 40000, "price": 39000}]
)
def test_a_stop_never_goes_out_as_an_order_without_its_trigger(luno: Recorded, more: Any) -> None:
    outcome = place(luno, **more)
    assert isinstance(outcome, Refused)
    assert outcome.reason is RefusalReason.UNSUPPORTED
    assert luno.sent == []


@pytest.mark.parametrize("reply", NO_ANSWERS, ids=["502", "html", "nothing", "empty"])
def test_an_order_without_a_clear_answer_is_unknown(luno: Recorded, reply: Reply) -> None:
    luno.answer("POST /api/1/marketorder", reply)
    assert isinstance(place(luno), Unknown)
    assert len(luno.sent) == 1


@pytest.mark.parametrize(
    ("document", "expected"),
    [({"error": "not enough", "error_code": "ErrInsufficientFunds"}, Refused), ({"error": "internal error"}, Unknown)],
)
def test_a_refusal_is_told_from_a_venue_that_broke(luno: Recorded, document: Any, expected: type) -> None:
    luno.answer("POST /api/1/marketorder", Reply(document, 400))
    assert isinstance(place(luno), expected)


def test_a_reply_that_names_no_order_is_unknown(luno: Recorded) -> None:
    luno.answer("POST /api/1/marketorder", {"order_id": "", "status": "ok"})
    assert isinstance(place(luno), Unknown)


def test_it_cancels_orders_one_by_one(luno: Recorded) -> None:
    outcomes = luno.broker.cancel_orders([named("RESTS", "ETH/ZAR"), named("NEW", "ETH/ZAR")])
    assert [found.report.filled for found in outcomes if isinstance(found, Done)] == [Decimal("0.1"), Decimal("0.5")]
    assert len(luno.all("POST /api/1/stoporder")) == 2


def test_an_order_is_found_by_the_venues_id_and_never_by_ours(luno: Recorded) -> None:
    assert isinstance(luno.broker.look_up_order(named("NEW", "ETH/ZAR")), Found)
    assert isinstance(luno.broker.look_up_order(OrderReference(symbol="ETH/ZAR", client_order_id="xp1")), Unknown)


def test_an_order_is_missing_only_where_the_venue_has_a_word_for_that(luno: Recorded) -> None:
    luno.answer("GET /api/1/orders/GONE", Reply({"error": "no such order", "error_code": "ErrOrderNotFound"}, 404))
    luno.answer("GET /api/1/orders/LOST", Reply("<html>404 Not Found</html>", 404))
    assert luno.broker.look_up_order(named("GONE", "ETH/ZAR")) == NotFound()
    assert isinstance(luno.broker.look_up_order(named("LOST", "ETH/ZAR")), Unknown)


def test_a_status_that_ccxt_has_no_word_for_is_open_until_everything_is_filled(luno: Recorded) -> None:
    luno.answer("GET /api/1/orders/HALF", order_document("HALF", "STRANGE", "0.2"))
    half, whole = (luno.broker.look_up_order(named(name, "ETH/ZAR")) for name in ("HALF", "NEW"))
    assert isinstance(half, Found)
    assert isinstance(whole, Found)
    assert (half.report.status, whole.report.status) == ("open", "closed")


@pytest.mark.parametrize("what", ["balance", "listorders"])
@pytest.mark.parametrize("reply", NO_ANSWERS, ids=["502", "html", "nothing", "empty"])
def test_an_account_that_cannot_be_read_is_unreadable(luno: Recorded, what: str, reply: Reply) -> None:
    error = luno.refuses_to_read(f"GET /api/1/{what}", reply)
    assert type(error) is AccountUnreadable
    assert luno.tells(str(error)) == []


def test_wrong_keys_are_refused(luno: Recorded) -> None:
    error = luno.refuses_to_read("GET /api/1/balance", Reply("", 401))
    assert isinstance(error, CredentialsRefused)
    assert luno.tells(str(error)) == []
