"""Tables in narrow terminals: long texts wrap first, then headings between words; what is still too wide is parted.

A word is never split unless it is longer than :data:`LONGEST_WORD`. Rows without headings, as plans have, shorten the
ids of orders first, and then put what they say last on a line of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.padding import Padding
from rich.segment import Segment
from rich.table import Column, Table
from rich.text import Text

from exitplan.ruleset.model.visible import printable
from exitplan.ruleset.planning.check_words import short_id

LONGEST_WORD = 32
"""Cells up to this long, such as the id of a plan, are words and not long texts."""
_LEAST_OF_A_TEXT = 24
_WORD = re.compile(r"\s*\S+")
_PADDINGS = (2, 1)
_GAP = "  "
_LEAST_BESIDE = 31
"""Cells that a text needs to stand beside its row."""
_INDENT = 4


class TextWithId(Text):
    """A text with the id of an order, and the same with the id shortened to its ends."""

    def __init__(self, text: str, order_id: str) -> None:
        """Take a text that ends with the id, which stands in brackets behind it."""
        super().__init__(f"{text} ({order_id})")
        self.short = Text(f"{text} ({short_id(order_id)})")


class StackedRows(Table):
    """Rows of aligned columns, the last of which is a text that wraps.

    Where too little is left for the text, ids are shortened; then it stands below its row; then the rest of the row
    takes several lines too. Symbols, signs and numbers are never split.
    """

    def __init__(self) -> None:
        """Start with no columns."""
        super().__init__(box=None, padding=(0, 2, 0, 0), show_header=False, pad_edge=False)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw the rows in the first of the ways that fits."""
        room = options.max_width
        whole = [[_text(cell) for cell in column.cells] for column in self.columns]
        short = [[cell.short if isinstance(cell, TextWithId) else cell for cell in column] for column in whole]
        for cells in (whole, short):
            *fixed, last = _widths(cells)
            left = room - sum(width + len(_GAP) for width in fixed)
            if left >= min(last, _LEAST_BESIDE):
                widths = [*fixed, min(left, last)]
                for row in zip(*cells, strict=True):
                    yield from self._aligned(row, widths, console)
                return
        for row in zip(*short, strict=True):
            yield from self._stacked(row, _widths(short)[:-1], room)

    def _aligned(self, row: Sequence[Text], widths: Sequence[int], console: Console) -> Iterator[Segment]:
        """Draw a row as segments: a table of rich's takes some milliseconds for each, and a plan may have 100,000."""
        cells = [_lines(cell, width, console) for cell, width in zip(row, widths, strict=True)]
        for number in range(max(map(len, cells))):
            for place, (column, lines, width) in enumerate(zip(self.columns, cells, widths, strict=True)):
                if place:
                    yield Segment(_GAP)
                if number < len(lines):
                    yield from _drawn(lines[number], width, console, is_right=column.justify == "right")
                else:
                    yield Segment(" " * width)
            yield Segment.line()

    def _stacked(self, row: Sequence[Text], widths: Sequence[int], room: int) -> RenderResult:
        *cells, last = row
        is_aligned = sum(widths) + len(_GAP) * (len(widths) - 1) <= room
        line = Text()
        for column, cell, width in zip(self.columns, cells, widths, strict=False):
            drawn = cell.copy()
            if is_aligned:
                drawn.align("right" if column.justify == "right" else "left", width)
            elif line and cell_len(line.plain) + len(_GAP) + _width(cell) > room:
                yield line
                line = Text(" " * (_INDENT - len(_GAP)))
            line.append(_GAP if line else "").append_text(drawn)
        yield line
        if last:
            yield Padding(last, (0, 0, 0, _INDENT))


class Indented:
    """Rows below a heading, indented; they are drawn once, where a table around them would measure them before."""

    def __init__(self, title: Text, body: RenderableType) -> None:
        """Take what stands above and below."""
        self._title, self._body = title, body

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw the heading, and each line of the rows behind two spaces."""
        yield self._title
        room = options.update(width=options.max_width - len(_GAP))
        for line in Segment.split_lines(console.render(self._body, room)):
            yield Segment(_GAP)
            yield from line
            yield Segment.line()


class FittedTable(Table):
    """A table without lines that parts into several, each with the first column, where the width is too small."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw the table, or its parts with an empty line between them."""
        parts = list(self._parts(list(self.columns), options.max_width))
        for number, (columns, widths, padding) in enumerate(parts):
            if number:
                yield Segment.line()
            yield self._part(columns, widths, padding)

    def _parts(self, columns: list[Column], room: int) -> Iterator[tuple[list[Column], list[int], int]]:
        fitted = fit(columns, room)
        count = len(columns)
        while fitted is None and count > 2:  # noqa: PLR2004 - the first column and one more
            count -= 1
            fitted = fit(columns[:count], room)
        yield columns[:count], *(fitted or ([room // max(count, 1) - 1] * count, 1))
        if count < len(columns):
            yield from self._parts([columns[0], *columns[count:]], room)

    def _part(self, columns: Sequence[Column], widths: Sequence[int], padding: int) -> Table:
        part = Table(box=None, padding=(0, padding, 0, 0), header_style=self.header_style, pad_edge=False)
        for column, width in zip(columns, widths, strict=True):
            part.add_column(column.header, justify=column.justify, overflow="fold", width=max(width, 1))
        for cells in zip(*(column.cells for column in columns), strict=True):
            part.add_row(*cells)
        return part


def fit(columns: Sequence[Column], room: int) -> tuple[list[int], int] | None:
    """Return each column a width and all of them a padding so that they fit into the room; None where they cannot."""
    texts = [[_plain(cell) for cell in (column.header, *column.cells)] for column in columns]
    whole = [max(max(map(cell_len, text.splitlines() or [""])) for text in column) for column in texts]
    least = [min(max(map(_longest_word, (column.header, *column.cells))), LONGEST_WORD) for column in columns]
    kept = [
        full if full <= LONGEST_WORD else max(word, _LEAST_OF_A_TEXT) for full, word in zip(whole, least, strict=True)
    ]
    for floors in (kept, least):
        for padding in _PADDINGS:
            widths = _shrunk(whole, floors, room - padding * len(columns))
            if widths is not None:
                return widths, padding
    return None


def _shrunk(whole: Sequence[int], floors: Sequence[int], room: int) -> list[int] | None:
    """Shorten the widest columns, none below its floor; None where that is not enough."""
    if sum(floors) > room:
        return None
    widths = list(whole)
    while sum(widths) > room:
        widest = max((at for at in range(len(widths)) if widths[at] > floors[at]), key=widths.__getitem__)
        widths[widest] -= 1
    return widths


def _lines(cell: Text, width: int, console: Console) -> Sequence[Text]:
    plain = cell.plain
    if "\n" not in plain and "\t" not in plain and cell_len(plain) <= width:
        return (cell,)
    return list(cell.wrap(console, width, overflow="fold"))


def _drawn(line: Text, width: int, console: Console, *, is_right: bool) -> Iterator[Segment]:
    """Draw a line in its column; what fills that up has the line's style."""
    style = console.get_style(line.style, default="")
    fill = " " * (width - cell_len(line.plain))
    if not line.spans:
        yield Segment(fill + line.plain if is_right else line.plain + fill, style)
        return
    if is_right:
        yield Segment(fill, style)
    yield from line.render(console)
    if not is_right:
        yield Segment(fill, style)


def _text(cell: object) -> Text:
    return cell if isinstance(cell, Text) else Text(printable(str(cell)))


def _widths(columns: Sequence[Sequence[Text]]) -> list[int]:
    return [max(map(_width, column), default=0) for column in columns]


def _width(text: Text) -> int:
    return max(map(cell_len, text.plain.splitlines()), default=0)


def _plain(cell: object) -> str:
    return cell.plain if isinstance(cell, Text) else str(cell)


def _longest_word(cell: object) -> int:
    text = _plain(cell)
    if isinstance(cell, Text) and cell.no_wrap:
        return cell_len(text)
    return max((cell_len(word) for word in _WORD.findall(text)), default=0)
