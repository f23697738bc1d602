"""Amounts, times and symbols."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitplan.ruleset.model.values import (
    EXACT,
    ceil_to_step,
    floor_to_step,
    is_derivative,
    micro_text,
    parse_decimal,
    parse_time,
    plain,
    quote_of,
    time_text,
    to_micro,
    unified_symbol,
)

amounts = st.decimals(-(10**12), 10**12, places=12) | st.sampled_from(
    [Decimal("1E-8"), Decimal("1.234E+5"), Decimal(0)]
)
steps = st.sampled_from(["1", "0.1", "0.001", "0.00000001", "0.5", "0.25", "10", "0.3", "7", "1E-18"]).map(Decimal)


@given(amounts, steps)
def test_floor_is_the_largest_multiple_not_above(amount: Decimal, step: Decimal) -> None:
    floored = floor_to_step(amount, step)
    assert Fraction(floored) % Fraction(step) == 0
    assert Fraction(floored) <= Fraction(amount) < Fraction(floored) + Fraction(step)


@given(amounts, steps)
def test_ceil_is_the_smallest_multiple_not_below(amount: Decimal, step: Decimal) -> None:
    assert Fraction(ceil_to_step(amount, step)) == -Fraction(floor_to_step(-amount, step))


@given(amounts, steps)
def test_rounding_twice_changes_nothing(amount: Decimal, step: Decimal) -> None:
    floored, raised = floor_to_step(amount, step), ceil_to_step(amount, step)
    assert floor_to_step(floored, step) == ceil_to_step(floored, step) == floored
    assert floor_to_step(raised, step) == ceil_to_step(raised, step) == raised


def test_without_a_step_floor_keeps_all_and_ceil_keeps_eight_places() -> None:
    amount = Decimal("1.123456781")
    for none in (None, Decimal(0)):
        assert floor_to_step(amount, none) == amount
        assert ceil_to_step(amount, none) == Decimal("1.12345679")


@given(amounts)
def test_micro_rounds_toward_minus_infinity(amount: Decimal) -> None:
    micro = to_micro(amount)
    assert Fraction(micro, 10**6) <= Fraction(amount) < Fraction(micro + 1, 10**6)


def test_micro_is_exact_in_the_arithmetic_of_the_core() -> None:
    with localcontext(EXACT):
        assert to_micro(Decimal("0.0099999" + "9" * 60)) == 9_999


def test_micro_is_exact_in_any_arithmetic() -> None:
    assert to_micro(Decimal("0.0099999" + "9" * 60)) == 9_999


@given(st.integers(-(10**15), 10**15))
def test_micro_text_reads_back(micro: int) -> None:
    assert to_micro(parse_decimal(micro_text(micro))) == micro


@given(amounts)
def test_plain_text_reads_back_without_exponent(amount: Decimal) -> None:
    text = plain(amount)
    assert parse_decimal(text) == amount
    assert "E" not in text
    assert text == plain(parse_decimal(text))


@pytest.mark.parametrize(
    ("value", "text"),
    [("312.50", "312.5"), ("-0", "0"), ("-0.000", "0"), ("1E+3", "1000"), ("1E-8", "0.00000001"), ("100", "100")],
)
def test_plain(value: str, text: str) -> None:
    assert plain(Decimal(value)) == text


@pytest.mark.parametrize(
    "text", ["", "NaN", "Infinity", "-inf", "1_000", "1,5", " 1", "1 ", "0x10", "\u0661", "1e999", ".5", "5.", "--1"]
)
def test_what_is_no_decimal_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a decimal number"):
        parse_decimal(text)


@pytest.mark.parametrize(
    ("text", "value"), [("1e-8", "0.00000001"), ("+1.50", "1.5"), ("-0.1", "-0.1"), ("1E2", "100")]
)
def test_decimals_are_read_exactly(text: str, value: str) -> None:
    assert parse_decimal(text) == Decimal(value)


@pytest.mark.parametrize(
    "text",
    ["2026-02-18T22:00:00Z", "2026-02-18t22:00:00z", "2026-02-18 23:00:00+01:00", "2026-02-18T17:00:00.000-05:00"],
)
def test_times_are_read_as_utc(text: str) -> None:
    assert parse_time(text) == datetime(2026, 2, 18, 22, tzinfo=UTC)
    assert parse_time(text).tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "2026-02-18T22:00:00",
        "2026-02-18",
        "22:00:00Z",
        "now",
        "",
        "2026-02-30T00:00:00Z",
        "2026-02-18T25:00:00Z",
        "1771452000",
    ],
)
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_time(text)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-01:00"])
def test_what_is_outside_the_calendar_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_time(text)


@given(st.datetimes(min_value=datetime(1000, 1, 1), max_value=datetime(9000, 1, 1)), st.integers(-14, 14))  # noqa: DTZ001
def test_times_read_back(moment: datetime, hours: int) -> None:
    aware = moment.replace(tzinfo=timezone(timedelta(hours=hours)))
    assert parse_time(time_text(aware)) == aware
    assert time_text(aware).endswith("Z")


def test_nanoseconds_are_cut_off() -> None:
    assert parse_time("2026-02-18T22:00:00.123456789Z").microsecond == 123_456


@pytest.mark.parametrize(
    ("typed", "symbol"),
    [
        ("ETH-USD", "ETH/USD"),
        (" ETH/USD ", "ETH/USD"),
        ("BTC-USDT:USDT", "BTC/USDT:USDT"),
        ("A-B/USD", "A-B/USD"),
        ("DUST", "DUST"),
    ],
)
def test_symbols_as_people_type_them(typed: str, symbol: str) -> None:
    assert unified_symbol(typed) == symbol


def test_the_parts_of_a_symbol() -> None:
    assert [quote_of(symbol) for symbol in ("ETH/USD", "BTC/USDT:USDT", "DUST")] == ["USD", "USDT", None]
    assert [is_derivative(symbol) for symbol in ("ETH/USD", "BTC/USDT:USDT", "BTC/USD:BTC-240628")] == [
        False,
        True,
        True,
    ]
