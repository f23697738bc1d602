"""The lists of past orders in the recorded form of the venues that are not served on loopback, and of futures."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from exitplan.brokers.protocol import PastOrders
from exitplan.ruleset.errors import AccountUnreadable
from tests.brokers.venues import alpaca_replies, binance_replies, gate_replies, kucoin_replies, okx_replies
from tests.brokers.venues.recorded import MADE_UP_WORDS, Recorded, at_venue

SINCE = datetime(2026, 1, 1, tzinfo=UTC)
MS = 1_767_225_600_000
OURS, OTHER = "xp0123456789abcdef", "xp9123456789abcdef"
SYMBOLS = ("SOL/USDT", "SOL/USDT:USDT", "SOL/USD")


def ids(told: PastOrders) -> set[str]:
    return set(told.client_order_ids)


def ask(recorded: Recorded) -> PastOrders:
    """Ask for the orders since a time in every symbol that the venue lists, once the account was read."""
    recorded.broker.read_account()
    recorded.forget()
    return recorded.broker.read_past_orders(SINCE, SYMBOLS)


def test_okx_lists_orders_of_spot_and_those_that_may_borrow() -> None:
    with at_venue("okx", okx_replies.OKX, password=MADE_UP_WORDS) as recorded:
        path = "GET /api/v5/trade/orders-history"
        recorded.answer(f"{path}?instType=SPOT", okx_replies.told({"ordId": "1", "clOrdId": OURS}, {"clOrdId": ""}))
        recorded.answer(f"{path}?instType=MARGIN", okx_replies.told({"ordId": "2", "clOrdId": OTHER}))
        assert ids(ask(recorded)) == {OURS, OTHER}
        assert all((sent.query["begin"], sent.query["limit"]) == (str(MS), "100") for sent in recorded.sent)
        assert len(recorded.sent) == 2


def test_kucoin_lists_orders_symbol_by_symbol() -> None:
    with at_venue("kucoin", kucoin_replies.replies(), password=MADE_UP_WORDS) as recorded:
        page = {"lastId": 1, "items": [kucoin_replies.order("7", clientOid=OURS)]}
        recorded.answer("GET /api/v1/hf/orders/done", kucoin_replies.ok(page))
        assert ask(recorded) == PastOrders(frozenset({OURS}))
        sent = recorded.only("GET /api/v1/hf/orders/done")
        assert sent.query == {"symbol": "SOL-USDT", "startAt": str(MS), "limit": "100"}


def test_gate_lists_orders_under_its_prefix_and_keeps_its_own_words_in_the_same_field() -> None:
    with at_venue("gate", gate_replies.replies()) as recorded:
        orders = [gate_replies.order("1", text=f"t-{OURS}"), gate_replies.order("2", text="web")]
        recorded.answer("GET /api/v4/spot/orders", orders)
        assert ask(recorded) == PastOrders(frozenset({OURS}))
        sent = recorded.only("GET /api/v4/spot/orders")
        assert sent.query == {"status": "finished", "from": str(MS // 1000), "limit": "100"}


def test_alpaca_lists_orders_of_all_kinds() -> None:
    with at_venue("alpaca", alpaca_replies.replies(), quote="USD") as recorded:
        shares = alpaca_replies.order(2, client_order_id="mine", asset_class="us_equity", symbol="TSLA")
        orders = [alpaca_replies.order(1, client_order_id=OURS), shares]
        recorded.answer("GET /v2/orders?status=closed", orders)
        assert ask(recorded) == PastOrders(frozenset({OURS, "mine"}))
        sent = recorded.only("GET /v2/orders")
        wanted = {"status": "closed", "limit": "500", "direction": "desc", "after": "2026-01-01T00:00:00.000Z"}
        assert sent.query == wanted


@pytest.mark.parametrize(("page", "is_complete"), [(99, True), (100, False)])
def test_binance_is_asked_for_the_newest_orders_and_older_ones_are_left_out(page: int, is_complete: bool) -> None:
    with at_venue("binance", binance_replies.SPOT) as recorded:
        orders = [binance_replies.order(1, clientOrderId=OURS, updateTime=MS + n) for n in range(page)]
        recorded.answer("GET /api/v3/allOrders", orders)
        assert ask(recorded) == PastOrders(frozenset({OURS}), is_complete)
        old = binance_replies.order(2, clientOrderId=OTHER, updateTime=MS - 1)
        recorded.answer("GET /api/v3/allOrders", [old, *orders[1:]])
        assert ask(recorded) == PastOrders(frozenset({OURS}))


BROKEN: Mapping[str, tuple[str, Any, str]] = {
    "okx": ("GET /api/v5/trade/orders-history", okx_replies.OKX, "USDT"),
    "kucoin": ("GET /api/v1/hf/orders/done", kucoin_replies.replies(), "USDT"),
    "gate": ("GET /api/v4/spot/orders", gate_replies.replies(), "USDT"),
    "alpaca": ("GET /v2/orders?status=closed", alpaca_replies.replies(), "USD"),
    "binance": ("GET /api/v3/allOrders", binance_replies.SPOT, "USDT"),
}


@pytest.mark.parametrize("venue", BROKEN)
@pytest.mark.parametrize("reply", [{}, {"data": {}}, {"data": {"items": {}}}, ["x"], "<html>"])
def test_a_reply_without_its_list_is_no_answer(venue: str, reply: Any) -> None:
    path, replies, quote = BROKEN[venue]
    with at_venue(venue, replies, quote=quote, password=MADE_UP_WORDS) as recorded:
        recorded.broker.read_account()
        recorded.answer(path, reply)
        with pytest.raises(AccountUnreadable, match="the past orders could not be read"):
            recorded.broker.read_past_orders(SINCE, SYMBOLS)
