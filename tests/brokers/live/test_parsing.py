"""What is read out of ccxt's shapes: every digit of it, or BadReply and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitplan.brokers.live.parsing import (
    BadReply,
    amount_of,
    balance_of,
    balances_of,
    market_of,
    only_mappings,
    open_order_of,
    order_type_of,
    position_of,
    report_of,
    ticker_of,
    time_of,
    trade_of,
)
from exitplan.ruleset.model.values import EXACT

ORDER = {
    "id": "o1",
    "symbol": "AAA/USD",
    "side": "sell",
    "type": "limit",
    "amount": "3",
    "filled": "1",
    "status": "open",
}
TICK_SIZE, DECIMAL_PLACES, SIGNIFICANT_DIGITS = 4, 2, 3

amounts = st.from_regex(r"\A(0|[1-9][0-9]{0,25})(\.[0-9]{1,25})?\Z")
rubbish = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["NaN", "Infinity", "-1", "1e999999999", "1_000", "٣", "0x10"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
READERS: dict[str, tuple[Callable[[dict[str, Any]], object], tuple[str, ...]]] = {
    "balance": (lambda entry: balance_of("AAA", entry), ("free", "used", "total")),
    "balances": (balances_of, ("info", "total", "AAA")),
    "open order": (
        open_order_of,
        ("id", "symbol", "side", "type", "amount", "filled", "remaining", "price", "triggerPrice", "timestamp"),
    ),
    "report": (
        report_of,
        (
            "id",
            "symbol",
            "side",
            "type",
            "status",
            "amount",
            "filled",
            "remaining",
            "average",
            "fee",
            "price",
            "timestamp",
        ),
    ),
    "position": (
        lambda entry: position_of(entry, {}),
        ("symbol", "side", "contracts", "contractSize", "entryPrice", "timestamp"),
    ),
    "ticker": (ticker_of, ("bid", "ask", "last", "price")),
    "trade": (trade_of, ("id", "symbol", "side", "amount", "price", "timestamp", "fee")),
    "market": (lambda entry: market_of(entry, TICK_SIZE), ("active", "limits", "precision", "inverse")),
}


@given(amounts)
def test_an_amount_goes_through_with_every_digit(text: str) -> None:
    found = amount_of(text)
    assert isinstance(found, Decimal)
    assert str(found) == str(Decimal(text))
    assert balance_of("AAA", {"free": text, "used": "0"}).total == found
    assert ticker_of({"bid": text, "ask": text, "last": text}).last == found


@given(amounts, amounts)
def test_two_of_free_used_and_total_tell_the_third_exactly(one: str, other: str) -> None:
    low, high = sorted((Decimal(one), Decimal(other)))
    rest = EXACT.subtract(high, low)
    by_free = balance_of("AAA", {"free": str(low), "total": str(high)})
    by_used = balance_of("AAA", {"used": str(low), "total": str(high)})
    assert (by_free.locked, by_used.free) == (rest, rest)


@pytest.mark.parametrize("kind", READERS)
@given(data=st.data())
def test_rubbish_raises_bad_reply_and_nothing_else(kind: str, data: st.DataObject) -> None:
    read, names = READERS[kind]
    entry = data.draw(st.fixed_dictionaries({}, optional=dict.fromkeys(names, rubbish | amounts)))
    with suppress(BadReply):
        read(entry)


@given(rubbish)
def test_an_amount_is_a_finite_decimal_or_nothing_or_a_bad_reply(value: Any) -> None:
    try:
        found = amount_of(value)
    except BadReply:
        return
    assert found is None or found.is_finite()


@pytest.mark.parametrize(
    "value", ["NaN", "inf", "-Infinity", "1_000", "٣", " 1", "1 ", "0x1", "1e100", True, [], {}, "abc"]
)
def test_what_is_no_number_is_no_amount(value: Any) -> None:
    with pytest.raises(BadReply):
        amount_of(value)


def test_a_number_without_end_is_no_amount() -> None:
    for value in (10**5000, -(10**400), "9" * 500, "0." + "1" * 500):
        with pytest.raises(BadReply):
            amount_of(value)


@pytest.mark.parametrize("value", [None, ""])
def test_what_the_venue_leaves_out_is_no_amount_and_no_error(value: Any) -> None:
    assert amount_of(value) is None


def test_times_come_in_milliseconds() -> None:
    assert time_of(1_771_452_000_123) == datetime(2026, 2, 18, 22, 0, 0, 123_000, tzinfo=UTC)
    assert time_of("1771452000123.5") == datetime(2026, 2, 18, 22, 0, 0, 123_500, tzinfo=UTC)
    assert (time_of(None), time_of(0)) == (None, None)
    with pytest.raises(BadReply):
        time_of("99999999999999999999")


@pytest.mark.parametrize("missing", ["id", "symbol", "side"])
def test_an_open_order_that_lacks_what_names_it_is_a_bad_reply(missing: str) -> None:
    with pytest.raises(BadReply):
        open_order_of({**ORDER, missing: None})


@pytest.mark.parametrize(
    ("word", "trigger", "expected"),
    [
        ("limit", None, "limit"),
        ("Limit", None, "limit"),
        ("post-only", None, "limit"),
        ("market", None, "market"),
        ("market", "90", "stop"),
        ("stop_loss", "90", "stop"),
        ("limit", "90", "stop_limit"),
        ("stop-limit", "90", "stop_limit"),
        ("trailing", None, "stop"),
        ("settle-position", None, "settle_position"),
        ("limit", "0", "limit"),
        (None, None, "unknown"),
    ],
)
def test_only_what_surely_is_a_limit_order_is_called_one(word: str | None, trigger: str | None, expected: str) -> None:
    assert order_type_of({"type": word, "triggerPrice": trigger}) == expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("open", "open"),
        ("closed", "closed"),
        ("canceled", "cancelled"),
        ("expired", "cancelled"),
        ("rejected", "rejected"),
        (None, "open"),
        ("triggered", "open"),
    ],
)
def test_a_status_that_is_not_surely_an_end_is_open(status: str | None, expected: str) -> None:
    assert report_of({**ORDER, "status": status}).status == expected


@pytest.mark.parametrize("status", ["closed", "canceled", "expired"])
def test_an_end_without_a_word_of_what_was_filled_is_a_bad_reply(status: str) -> None:
    with pytest.raises(BadReply, match="nothing of what it filled"):
        report_of({**ORDER, "status": status, "filled": None})


def test_what_was_filled_is_also_told_by_what_remains() -> None:
    assert report_of({**ORDER, "status": "canceled", "filled": None, "remaining": "2.5"}).filled == Decimal("0.5")


def test_a_closed_position_is_none_and_a_short_has_a_quantity_above_zero() -> None:
    entry = {
        "symbol": "BTC/USDT:USDT",
        "contracts": "3",
        "contractSize": "0.01",
        "side": "short",
        "entryPrice": "60000",
    }
    short: Any = position_of(entry, {})
    assert (short.side, short.quantity, short.contract_size, short.entry_price) == ("short", 3, Decimal("0.01"), 60000)
    assert position_of({**entry, "contracts": "0"}, {}) is None
    with pytest.raises(BadReply):
        position_of({**entry, "contracts": None}, {})


def test_steps_come_as_ticks_or_as_places_and_significant_digits_are_no_step() -> None:
    market = {"precision": {"amount": "3", "price": "0.5"}, "limits": {"amount": {"min": "2"}, "cost": {"min": None}}}
    ticks: Any = market_of(market, TICK_SIZE)
    places = market_of({"precision": {"amount": "3"}}, DECIMAL_PLACES)
    assert (ticks.amount_step, ticks.price_step, ticks.min_amount, ticks.min_notional) == (3, Decimal("0.5"), 2, None)
    assert places.amount_step == Decimal("0.001")
    assert market_of(market, SIGNIFICANT_DIGITS).amount_step is None


@pytest.mark.parametrize("reply", [None, "orders", {}, 7, ["order"], [{}, None]])
def test_a_list_of_objects_is_a_list_of_objects(reply: Any) -> None:
    with pytest.raises(BadReply, match="no list of orders"):
        only_mappings(reply, "orders")
