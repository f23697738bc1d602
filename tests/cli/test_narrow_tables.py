"""Tables in narrow terminals: no word is split, and nothing is left out."""

from __future__ import annotations

import pytest
from rich.console import Console

from exitplan.cli.rendering.screen import titled, words
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
