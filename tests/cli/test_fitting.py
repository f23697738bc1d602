"""Rows of many thousands: each is drawn once, as rich's own table would draw it."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from exitplan.cli.rendering import fitting
from exitplan.cli.rendering.screen import rows, section, words

CELLS = [
    ("close", "A/USD", "1,000.5", "all of it"),
    ("cancel", "BB/USD", "2", "one of\ntwo lines"),
    ("", "Ω/USD", "-", "a text that is so long that it has to go on in the line below, and is wrapped there"),
]


def drawn(part: object, width: int = 60) -> str:
    target = Console(file=StringIO(), width=width, force_terminal=True, color_system="standard", highlight=False)
    with target.capture() as captured:
        target.print(part)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


def cells(row: tuple[str, ...]) -> list[Text]:
    kind, symbol, quantity, why = row
    return [words(kind, "bold"), words(symbol), Text(quantity).append(" x", "dim"), words(why, "yellow")]


def test_rows_look_as_in_a_table_of_rich() -> None:
    ours, theirs = rows(*"llrl"), Table.grid(padding=(0, 2, 0, 0))
    for side, width in zip(("left", "left", "right", "left"), (6, 6, 9, 33), strict=True):
        theirs.add_column(justify=side, overflow="fold", width=width)  # type: ignore[arg-type] # one of two
    for row in CELLS:
        ours.add_row(*cells(row))
        theirs.add_row(*cells(row))
    assert drawn(ours) == drawn(theirs)


@pytest.mark.parametrize("count", [10, 1_000])
def test_each_cell_of_a_section_is_measured_and_drawn_a_fixed_number_of_times(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[str] = []

    def measure(text: str) -> int:
        measured.append(text)
        return cell_len(text)

    monkeypatch.setattr(fitting, "cell_len", measure)
    table = rows(*"ll")
    for number in range(count):
        table.add_row(words(f"S{number}"), words("why"))
    drawn(section("Many", "", table))
    assert count <= len(measured) <= 8 * count
