"""What another currency is worth in ours, and lists that come in pages."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from exitplan.brokers.live.dialect import pages_by_cursor, side_by_side, tickers_of, with_client_id
from exitplan.brokers.live.parsing import BadReply, Ticker
from exitplan.brokers.live.rates import find_rate


def last(price: str) -> Ticker:
    return Ticker(last=Decimal(price))


@pytest.mark.parametrize(
    ("tickers", "expected"),
    [
        ({"EUR/USD": last("1.25")}, "1.25"),
        ({"USD/EUR": last("0.8")}, "1.25"),
        ({"EUR/USD": Ticker(bid=Decimal("1.2"), ask=Decimal("1.3"))}, "1.25"),
        ({"EUR/USDT": last("1.25"), "USDT/USD": last("0.5")}, "0.625"),
        ({"BTC/EUR": last("40000"), "BTC/USD": last("50000")}, "1.25"),
    ],
)
def test_a_rate_is_found_directly_turned_around_or_over_one_other_currency(
    tickers: dict[str, Ticker], expected: str
) -> None:
    assert find_rate("EUR", "USD", tickers) == Decimal(expected)


@pytest.mark.parametrize(
    "tickers",
    [
        {},
        {"EUR/USD": last("0")},
        {"USD/EUR": last("0")},
        {"EUR/USD": last("-1")},
        {"EUR/USD": Ticker(bid=Decimal(1))},
        {"EUR/USD": Ticker(bid=Decimal(0), ask=Decimal(1))},
        {"EUR/USDT": last("1.25")},
        {"EUR/XXX": last("1"), "XXX/USD": last("1")},
    ],
)
def test_a_rate_that_no_price_tells_is_not_made_up(tickers: dict[str, Ticker]) -> None:
    assert find_rate("EUR", "USD", tickers) is None


def test_all_pages_are_read_until_there_is_no_cursor() -> None:
    pages: dict[str | None, tuple[list[int], str | None]] = {None: ([1, 2], "a"), "a": ([], "b"), "b": ([3], "")}
    assert pages_by_cursor(lambda cursor: pages[cursor]) == [1, 2, 3]


def test_pages_that_go_round_in_a_circle_are_no_list() -> None:
    with pytest.raises(BadReply, match="circle"):
        pages_by_cursor(lambda cursor: ([1], "b" if cursor == "a" else "a"))


def test_pages_that_do_not_end_are_no_list() -> None:
    with pytest.raises(BadReply, match="do not end"):
        pages_by_cursor(lambda cursor: ([1], f"{cursor}+"))


@pytest.mark.parametrize("reply", [{}, [], None, "prices"])
def test_no_tickers_at_all_are_no_answer(reply: object) -> None:
    with pytest.raises(BadReply, match="no tickers"):
        tickers_of(reply)


def test_the_newest_of_the_orders_with_our_id_is_picked_and_none_without_an_id() -> None:
    orders = [{"clientOrderId": "a", "timestamp": at, "id": str(at)} for at in (2, 3, 1)]
    nameless: list[dict[str, Any]] = [{"clientOrderId": None, "timestamp": 1}, {"clientOrderId": "", "timestamp": 2}]
    found = with_client_id(orders, "a")
    assert found is not None
    assert found["id"] == "3"
    assert (with_client_id(orders, "b"), with_client_id(nameless, None), with_client_id(nameless, "")) == (None,) * 3


def test_tasks_side_by_side_all_end_before_the_first_failure_is_raised() -> None:
    done: list[int] = []

    def fail() -> None:
        raise BadReply("the first")

    with pytest.raises(BadReply, match="the first"):
        side_by_side([fail, lambda: done.append(1), lambda: done.append(2)])
    assert sorted(done) == [1, 2]
