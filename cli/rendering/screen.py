"""Where text goes: a terminal with colours and its own width, or a pipe, plain and always equally wide."""

from __future__ import annotations

import os
import sys
from typing import Any, TextIO

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from exitplan.cli.output import OUTPUT
from exitplan.cli.rendering.fitting import FittedTable, Indented, StackedRows
from exitplan.ruleset.model.visible import printable

_PIPE_WIDTH = 100
_NARROWEST, _WIDEST = 40, 140


class _Screen(Console):
    """A console that leaves it to its caller what a reader that has gone away means; rich's own ends the process."""

    def on_broken_pipe(self) -> None:
        """Let the error pass on."""
        raise  # noqa: PLE0704 - rich calls this from within `except BrokenPipeError`


def console(stream: TextIO | None = None) -> Console:
    """Make the console for stdout; styles only on a terminal, none at all where NO_COLOR or --no-color is set."""
    is_plain = OUTPUT.is_plain or bool(os.environ.get("NO_COLOR"))
    made = _Screen(
        file=stream or sys.stdout,
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=False,
        color_system=None if is_plain else "auto",
    )
    if made.is_terminal:
        made.width = min(made.width, _WIDEST)
    else:
        made.width = _pipe_width()
    return made


def _pipe_width() -> int:
    columns = os.environ.get("COLUMNS", "")
    return max(_NARROWEST, int(columns)) if columns.isdecimal() else _PIPE_WIDTH


def show(*parts: RenderableType | None, on: Console | None = None) -> None:
    """Write the parts, with an empty line between them; what is None is left out."""
    target = on or console()
    for number, part in enumerate(part for part in parts if part is not None):
        with target.capture() as captured:
            target.print(part)
        lines = [line.rstrip() for line in captured.get().splitlines()]
        target.file.write("\n".join([""] * (number > 0) + lines) + "\n")
    target.file.flush()


def words(text: Any, style: str = "") -> Text:  # noqa: ANN401 - whatever a document holds
    """Take a text from a document: nothing in it is obeyed, by the terminal or as markup."""
    return Text(printable(str(text)), style)


def rows(*justify: str) -> Table:
    """Start rows of aligned columns, ``l`` or ``r`` each, the last of which takes the space that is left."""
    table = StackedRows()
    for number, side in enumerate(justify, start=1):
        last = number == len(justify)
        table.add_column(justify="right" if side == "r" else "left", overflow="fold", no_wrap=not last, ratio=None)
    return table


def titled(*headings: str, justify: str = "") -> FittedTable:
    """Start a table with headings and no lines; ``justify`` holds ``l`` or ``r`` for each column."""
    table = FittedTable(box=None, padding=(0, 2, 0, 0), header_style="bold", pad_edge=False)
    for number, heading in enumerate(headings):
        side = justify[number : number + 1]
        table.add_column(heading, justify="right" if side == "r" else "left", overflow="fold")
    return table


def section(title: str, note: str, body: RenderableType, style: str = "bold") -> RenderableType:
    """Put a heading, with a note beside it, above an indented body."""
    inner = body.renderables if isinstance(body, Group) else [body]
    if all(isinstance(part, StackedRows | Indented) for part in inner):
        return Indented(heading(title, note, style), body)
    table = Table.grid()
    table.add_column()
    table.add_row(heading(title, note, style))
    table.add_row(Padding(body, (0, 0, 0, 2)))
    return table


def heading(text: str, note: str = "", style: str = "bold") -> Text:
    """Make the heading of a section, with a note beside it."""
    made = Text().append(printable(text), style)
    return made.append(f"  {printable(note)}", "dim") if note else made
