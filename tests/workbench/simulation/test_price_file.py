"""Prices out of a table, and what is said of a wrong one."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from exitplan.ruleset.errors import FileIsInvalid
from exitplan.workbench.simulation.paths import Timing
from exitplan.workbench.simulation.price_file import read_prices

SYMBOLS = ["BTC/USD", "ETH/USD"]


def read(text: str, cycles: int = 3) -> list[list[dict[str, Any]]]:
    """Read a table; gives for each path what is quoted anew at each plan, ten minutes apart."""
    table, timing = read_prices(text, "p.csv", SYMBOLS), Timing(cycles, timedelta(minutes=10))
    return [[dict(step) for step in table.path(number, timing)][::2] for number in range(table.count)]


def test_a_price_holds_until_the_next_one() -> None:
    (path,) = read("time,BTC/USD,ETH/USD\n0,60000,3000\n10,59000,\n19.5,58000,2900\n")
    assert path == [
        {"BTC/USD": 60000, "ETH/USD": 3000},
        {"BTC/USD": 59000},
        {"BTC/USD": 58000, "ETH/USD": 2900},
    ]


def test_the_first_row_of_a_path_is_its_start_whenever_it_was() -> None:
    (path,) = read("time,btc-usd\n2024-03-01T12:00:00Z,1\n2024-03-01T12:10:00Z,2\n2024-03-02,3\n")
    assert path == [{"BTC/USD": 1}, {"BTC/USD": 2}, {}]


def test_a_table_may_have_several_paths_and_say_why_there_is_no_price() -> None:
    first, second = read("path, time, BTC\na, 0, 1.5\na, 10, unavailable\nb, 5, 2\nb, 15, missing\n")
    assert first == [{"BTC/USD": Decimal("1.5")}, {"BTC/USD": "unavailable"}, {}]
    assert second == [{"BTC/USD": 2}, {"BTC/USD": "missing"}, {}]


def test_empty_lines_a_mark_of_the_byte_order_and_quotes_do_not_matter() -> None:
    assert read('\ufefftime,"BTC/USD"\r\n\r\n0,"5"\r\n') == [[{"BTC/USD": 5}, {}, {}]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "p.csv:1: there is no column 'time'"),
        ("when,BTC\n0,1\n", "p.csv:1: there is no column 'time'"),
        ("time\n0\n", "p.csv:1: a column is there twice, or no market is"),
        ("time,BTC,BTC/USD\n0,1,1\n", "a column is there twice"),
        ("time,BTC\n", "p.csv: the table has no row"),
        ("time,XRP/USD\n0,1\n", r"p.csv:1: column 2 \(XRP/USD\): the account has no such market"),
        ("time,BTC\n0,1o\n", r"p.csv:2: column 2 \(BTC\): '1o' is no price"),
        ("time,BTC\n0,-1\n", "'-1' is no price"),
        ("time,BTC\n0,0\n", "'0' is no price"),
        ("time,BTC\n0,nan\n", "'nan' is no price"),
        ("time,BTC\n0,1\nsoon,1\n", r"p.csv:3: column 1 \(time\): 'soon' is no time"),
        ("time,BTC\n5,1\n4,1\n", "p.csv:3: column 1 .* before the time of the row above"),
        ("time,BTC\n0,1,2\n", "p.csv:2: 3 fields for 2 columns"),
        ("time,BTC\n99999999999999,1\n", "is no time"),
    ],
)
def test_what_is_wrong_has_its_line_and_column(text: str, message: str) -> None:
    with pytest.raises(FileIsInvalid, match=message):
        read(text)


def test_a_name_that_is_nearly_right_is_recognised() -> None:
    with pytest.raises(FileIsInvalid) as failure:
        read("time,BTC/USDD\n0,1\n")
    assert failure.value.hint == "did you mean 'BTC/USD'?"
