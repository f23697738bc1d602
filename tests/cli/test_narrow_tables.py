"""Tables in narrow terminals: no word is split, and nothing is left out."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from exitplan.cli.rendering.fitting import TextWithId
from exitplan.cli.rendering.plan import plan_parts
from exitplan.cli.rendering.screen import rows, show, titled, words
from exitplan.ruleset.planning.check_words import short_id
from exitplan.ruleset.planning.plan_types import Plan
from tests.builders import order, position, snapshot, typed_plan_of
from tests.cli.conftest import xp

WIDTHS = [60, 80, 100]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("width", WIDTHS)
def test_no_heading_and_no_word_of_a_table_is_split(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    assert xp("run").code == 2
    plan = xp("history", "--json").json["runs"][0]["plan_id"]
    for line, wanted in {
        "venues": {"coinbase", "cancels", "password", "alpaca"},
        "status": {"Unwinds", "remain", "started", "reason"},
        "status --all": {"platform", "NEEDS_CLEANUP", "escalated", "verified"},
        "history": {plan, "NEEDS_CLEANUP", "refused"},
        "plan --all": {"platform", "user123"},
        "plan": {"registered", "NEEDS_CLEANUP"},
    }.items():
        shown = xp(*line.split()).out
        assert wanted <= set(shown.split()), line
        assert max(map(len, shown.splitlines())) <= width


@pytest.mark.usefixtures("folder")
def test_every_part_of_a_past_run_names_the_symbols(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    assert xp("apply", "--auto-approve").code == 0
    shown = xp("history", "1").out
    proceeds = shown.partition("brought in")[2]
    assert proceeds
    assert {"PEPE/USD", "ADA/USD"} <= set(proceeds.split())


def drawn(width: int, *cells: str) -> list[str]:
    table = titled(*(f"h{number}" for number in range(len(cells))))
    table.add_row(*map(words, cells))
    console = Console(width=width)
    with console.capture() as captured:
        console.print(table)
    return [line.rstrip() for line in captured.get().splitlines()]


def test_a_long_text_wraps_and_short_words_beside_it_do_not() -> None:
    text = "a text that is long enough to be wrapped over several lines of a terminal"
    lines = drawn(60, "short word", text, "NEEDS_CLEANUP")
    assert lines[1].startswith("short word  a text that is long enough")
    assert lines[1].endswith("NEEDS_CLEANUP")
    assert " ".join(line[10:].replace("NEEDS_CLEANUP", "").strip() for line in lines[1:]) == text


def test_a_table_that_cannot_fit_is_parted_and_every_part_has_the_first_column() -> None:
    lines = drawn(24, "account", "NEEDS_CLEANUP", "COMPLETED_NOT")
    assert lines == ["h0       h1", "account  NEEDS_CLEANUP", "", "h0       h2", "account  COMPLETED_NOT"]


def test_a_word_longer_than_the_terminal_is_folded_and_not_cut() -> None:
    assert "".join("".join(drawn(20, "a" * 50)[1:]).split()) == "a" * 50


def test_a_table_without_columns_draws_nothing() -> None:
    assert "".join(drawn(20)) == ""


UUIDS = ("b9f740be-93bc-5c26-bbbb-af63a41919b7", "33bdc425-e932-5ac4-a893-7e2350916f90")


def plan_with_long_ids() -> Plan:
    """Make a plan with stale orders whose ids are as long as those of Coinbase."""
    names = ("AAA/USD", "PEPETOKEN/USD")
    orders = [order(one, name, minutes=31) for one, name in zip(UUIDS, names, strict=True)]
    return typed_plan_of(snapshot(*(position(name, "30000000") for name in names), orders=orders))


def screen_of(plan: Plan, width: int) -> str:
    stream = StringIO()
    show(*plan_parts(plan), on=Console(file=stream, width=width, highlight=False, markup=False, emoji=False))
    return stream.getvalue()


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_a_plan_shows_whole_symbols_and_numbers_at_every_width(width: int) -> None:
    plan = plan_with_long_ids()
    shown = screen_of(plan, width)
    assert max(map(len, shown.splitlines())) <= width
    figures = {"AAA/USD", "PEPETOKEN/USD", "7,500,000", "750,000,000.00"}
    assert figures <= set(shown.replace("(", " ").replace(")", " ").split())


@pytest.mark.parametrize("width", [60, 80])
def test_the_ids_of_orders_give_way_before_anything_else(width: int) -> None:
    shown = screen_of(plan_with_long_ids(), width)
    assert "(b9f7..19b7)" in shown
    assert UUIDS[0] not in shown


def test_where_there_is_room_ids_are_whole() -> None:
    assert UUIDS[0] in screen_of(plan_with_long_ids(), 140)


def test_a_short_id_keeps_both_ends_since_numbers_in_a_row_differ_in_the_last_digits() -> None:
    assert short_id("1234567890123456") != short_id("1234567890123457")
    assert short_id("O6ABCD-1") == "O6ABCD-1"


def row(width: int) -> list[str]:
    table = rows("l", "l", "l", "r", "l")
    text = "3rd smallest of 12, the cap is 8"
    table.add_row("-", words("BTC/USD"), TextWithId("cancel buy 0.005", UUIDS[0]), "~ 300.00", words(text))
    stream = StringIO()
    show(table, on=Console(file=stream, width=width, highlight=False, markup=False, emoji=False))
    return stream.getvalue().splitlines()


def test_rows_put_their_text_below_and_then_take_several_lines() -> None:
    text = "    3rd smallest of 12, the cap is 8"
    assert row(60) == ["-  BTC/USD  cancel buy 0.005 (b9f7..19b7)  ~ 300.00", text]
    assert row(40) == ["-  BTC/USD", "    cancel buy 0.005 (b9f7..19b7)", "    ~ 300.00", text]
