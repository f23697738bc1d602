"""Lay out a YAML file in the one canonical way, with its comments, and without a change to what it says.

Collections stay in brackets or in lines as they were written. In brackets they stand on one line where they fit, else
lines are filled; comments behind the entries of a block stand in one column; tables are aligned; of several blank lines
one is left.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from exitplan.ruleset.errors import ExitplanError
from exitplan.schemas.layout.parts import (
    BlockText,
    Collection,
    Comment,
    Entry,
    Part,
    Word,
    column_of,
    comments_in,
    parts_of,
)
from exitplan.schemas.loading.yaml_loader import parse_yaml

WIDTH = 120
_STEP = 2
_TABLE = 2
"""Lists of that many entries or more, all lists of one length, are a table."""


def laid_out(content: bytes, name: str) -> str:
    """Return the text of a YAML file in canonical layout; ``name`` is what messages call it.

    Raises FileHasProblems where it is not YAML, and ExitplanError where the layout would change what it says.
    """
    before = parse_yaml(content, name)
    text = before.text.replace("\r\n", "\n").replace("\r", "\n")
    if text.startswith("%") or "\n%" in text.partition("\n---")[0]:
        raise ExitplanError(f"{name} begins with a YAML directive (%) and is left alone", hint="take the directive out")
    printed = _Printer(text, comments_in(text)).document(parts_of(text))
    after = parse_yaml(printed.encode(), name)
    # repr() tells 1 from 1.0 and true, and the order of keys.
    is_same = repr(after.value) == repr(before.value)
    if not is_same or _texts(comments_in(printed)) != _texts(comments_in(text)):
        raise ExitplanError(f"{name} is left alone: its layout cannot be changed without changing what it says")
    return printed


def _texts(comments: Sequence[Comment]) -> list[str]:
    return sorted(comment.text for comment in comments)


@dataclass(slots=True)
class _Line:
    """A line; comments of lines with the same ``run`` stand in one column, and below a text no blank line is added."""

    text: str
    comment: str = ""
    run: tuple[int, int] | None = None
    is_text: bool = False


@dataclass(slots=True)
class _Printer:
    text: str
    comments: deque[Comment]
    lines: list[_Line] = field(default_factory=list)
    prefix: str = ""
    """The dashes before the first entry of a collection that begins on the line of its dash."""
    tables: dict[int, str] = field(default_factory=dict)
    """Rows of tables, laid out already, by the place where each starts."""
    runs: int = 0
    printed: int = 0
    """Where the last value that was printed ends."""

    def document(self, root: Part) -> str:
        """Print the whole file."""
        if isinstance(root, Collection) and not root.is_flow:
            self.block(root, 0, -1)
        else:
            self.lead(root.start, 0, is_first=True)
            self.value("", root, 0, None)
        self.rest(0, -1)
        return "\n".join(_aligned(self.lines)) + "\n"

    # Blocks: one entry a line

    def block(self, collection: Collection, indent: int, outer: int) -> None:
        """Print a collection without brackets; ``outer`` is the source's column of what it is in."""
        column = outer + 1 if collection.anchor else column_of(self.text, collection.start)
        self.find_tables(collection, indent)
        self.runs += 1
        run, is_first = (self.runs, 0), True
        for entry in collection.entries:
            count = len(self.lines)
            self.lead(entry.start, indent, is_first=is_first)
            if len(self.lines) > count:
                run = (run[0], run[1] + 1)
            count, is_first = len(self.lines), False
            self.entry(entry, indent, column, run)
            if len(self.lines) > count + 1:
                run = (run[0], run[1] + 1)
        self.rest(indent, outer)

    def entry(self, entry: Entry, indent: int, column: int, run: tuple[int, int]) -> None:
        """Print one entry of a block."""
        head = "- " if entry.key is None else f"{self.key(entry.key)}: "
        value = entry.value
        if not isinstance(value, Collection) or value.is_flow:
            self.value(head, value, indent, run)
        elif entry.key is None and not value.anchor:
            self.prefix = (self.prefix or " " * indent) + head
            self.block(value, indent + _STEP, column)
        else:
            self.put(indent, f"{head}{value.anchor}".rstrip(), self.same_line(entry.start), None)
            self.block(value, indent + _STEP, column)

    def value(self, head: str, value: Part, indent: int, run: tuple[int, int] | None) -> None:
        """Print an entry whose value begins on its own line; a comment before the value stands behind it."""
        self.printed = value.end
        early = self.take(value.start)
        for comment in early[:-1]:
            self.put(indent, comment.text)
        behind = early[-1].text if early else ""
        if isinstance(value, BlockText):
            self.put(indent, f"{head}{value.anchor}{value.header}", self.pair(indent, behind, value.comment))
            is_text = value.header.endswith("+")  # blank lines below it are a part of it
            self.lines += [
                _Line(" " * (indent + _STEP) + line if line else "", is_text=is_text) for line in value.lines
            ]
            return
        if isinstance(value, Word):
            first = f"{head}{value.anchor}{value.text}".rstrip()
            if value.folds and indent + len(first) > WIDTH:
                self.put(indent, f"{head}{value.anchor}>-", behind)
                self.lines += [_Line(" " * (indent + _STEP) + line) for line in _filled(value.folds, indent + _STEP)]
                return
            lines = [_Line(first)]
        elif isinstance(value, Collection):
            lines = self.flow(value, indent + len(head), 0)
            lines[0].text = head + lines[0].text
        else:
            raise TypeError(value)
        lines[-1].comment = self.pair(indent, behind, self.same_line(value.end))
        lines[-1].run = run if len(lines) == 1 else None
        self.put(indent, lines[0].text, lines[0].comment, lines[0].run)
        self.lines += lines[1:]

    def pair(self, indent: int, first: str, second: str) -> str:
        """Choose the comment that stands behind a line of two; the other one stands above it."""
        if first and second:
            self.put(indent, first)
        return second or first

    def key(self, key: Word) -> str:
        """Write a key; a colon behind an alias would be part of its name."""
        return f"{key.anchor}{key.text}" + (" " if key.text.startswith("*") else "")

    def put(self, indent: int, text: str, comment: str = "", run: tuple[int, int] | None = None) -> None:
        """Print one line."""
        start, self.prefix = self.prefix or " " * indent, ""
        self.lines.append(_Line((start + text) if text else "", comment, run))

    # Comments and blank lines

    def take(self, before: int) -> list[Comment]:
        """Take the comments that stand before a place."""
        taken = []
        while self.comments and self.comments[0].start < before:
            taken.append(self.comments.popleft())
        return taken

    def same_line(self, end: int) -> str:
        """Take the comment on the line on which something ends."""
        if self.comments and not self.comments[0].is_alone:
            comment = self.comments[0]
            if comment.start >= end and "\n" not in self.text[end : comment.start]:
                self.comments.popleft()
                return comment.text
        return ""

    def lead(self, start: int, indent: int, *, is_first: bool) -> None:
        """Print what stands above an entry: its comments, and a blank line where there was one."""
        for comment in self.take(start):
            self.blank(comment.start, is_first=is_first)
            self.put(indent, comment.text)
            is_first = False
        self.blank(start, is_first=is_first)

    def blank(self, start: int, *, is_first: bool) -> None:
        """Print a blank line where there is one above a place, but none at the top of a collection."""
        line = self.text.rfind("\n", 0, start)
        above = self.text[self.text.rfind("\n", 0, max(line, 0)) + 1 : max(line, 0)]
        if line > 0 and not above.strip() and not is_first and self.lines and self._ends_open():
            self.lines.append(_Line(""))

    def _ends_open(self) -> bool:
        """Check whether a blank line may follow the last one."""
        return bool(self.lines[-1].text) and not self.lines[-1].is_text

    def rest(self, indent: int, outer: int) -> None:
        """Print the comments below the last entry of a collection: those further in than what it is in."""
        while self.comments and self.comments[0].after <= self.printed and self.comments[0].column > outer:
            comment = self.comments.popleft()
            self.blank(comment.start, is_first=False)
            self.put(indent, comment.text)

    # In brackets

    def has_comments(self, part: Part) -> bool:
        """Check whether there are comments inside a part."""
        return any(part.start < comment.start < part.end for comment in self.comments)

    def flat(self, part: Part) -> str:
        """Write a part on one line."""
        if part.start in self.tables:
            return self.tables[part.start]
        if isinstance(part, Word):
            return f"{part.anchor}{part.text or 'null'}"
        if not isinstance(part, Collection):
            raise TypeError(part)
        first, last = "{}" if part.is_mapping else "[]"
        return f"{part.anchor}{first}{', '.join(map(self.flat_entry, part.entries))}{last}"

    def flat_entry(self, entry: Entry) -> str:
        """Write an entry on one line."""
        value = self.flat(entry.value)
        return value if entry.key is None else f"{self.key(entry.key)}: {value}"

    def flow(self, part: Collection, column: int, tail: int) -> list[_Line]:
        """Lay out a collection in brackets that starts in a column; ``tail`` characters follow on its last line."""
        has_comments = self.has_comments(part)
        flat = self.flat(part)
        if not has_comments and (part.start in self.tables or column + len(flat) + tail <= WIDTH or not part.entries):
            return [_Line(flat)]
        first, last = "{}" if part.is_mapping else "[]"
        inner = column + len(part.anchor) + 1
        lines = [_Line(f"{part.anchor}{first}")]
        is_open, is_long = True, False
        for number, entry in enumerate(part.entries):
            is_last = number + 1 == len(part.entries)
            for comment in self.take(entry.value.start):
                if is_open and len(lines) == 1 and not lines[0].comment:
                    lines[0].comment = comment.text
                else:
                    lines.append(_Line(" " * inner + comment.text))
                is_open = False
            follows = 1 if not is_last else 1 + tail
            flat = self.flat_entry(entry)
            if is_open:
                at = self.end_of(lines, column)
            elif has_comments or is_long or self.end_of(lines, column) + 1 + len(flat) + follows > WIDTH:
                lines.append(_Line(" " * inner))
                at = inner
            else:
                lines[-1].text += " "
                at = self.end_of(lines, column)
            pieces = self.flow_entry(entry, at, follows)
            lines[-1].text += pieces[0].text
            lines[-1].comment = lines[-1].comment or pieces[0].comment
            lines += pieces[1:]
            is_open, is_long = False, len(pieces) > 1
            if not is_last:
                lines[-1].text += ","
            behind = self.same_line(entry.value.end) if self.has_comments(part) else ""
            if behind and lines[-1].comment:
                lines.append(_Line(" " * inner + behind))
            else:
                lines[-1].comment = lines[-1].comment or behind
        self.close(part, lines, last, column)
        return lines

    def close(self, part: Collection, lines: list[_Line], bracket: str, column: int) -> None:
        """Put the last comments and the bracket of a collection."""
        late = self.take(part.end)
        if late and not part.entries:
            lines[0].comment = late.pop(0).text
        lines += [_Line(" " * (column + len(part.anchor) + 1) + comment.text) for comment in late]
        if late or lines[-1].comment:
            lines.append(_Line(" " * (column + len(part.anchor)) + bracket))
        else:
            lines[-1].text += bracket

    def end_of(self, lines: list[_Line], column: int) -> int:
        """Return the column behind the last line; the first one starts in the column of its collection."""
        return len(lines[-1].text) + (column if len(lines) == 1 else 0)

    def flow_entry(self, entry: Entry, column: int, tail: int) -> list[_Line]:
        """Lay out one entry in brackets."""
        head = "" if entry.key is None else f"{self.key(entry.key)}: "
        if not isinstance(entry.value, Collection):
            return [_Line(head + self.flat(entry.value))]
        lines = self.flow(entry.value, column + len(head), tail)
        lines[0].text = head + lines[0].text
        return lines

    # Tables

    def find_tables(self, collection: Collection, indent: int) -> None:
        """Lay out the rows of a list of lists of one length, and the ``columns`` above it, with one width a column."""
        header: Collection | None = None
        for entry in collection.entries:
            name = entry.key.text if entry.key is not None else ""
            value = entry.value
            if not isinstance(value, Collection) or value.is_mapping:
                continue
            if name == "columns" and value.is_flow and not self.has_comments(value):
                header = value
            elif (
                not value.is_flow
                and _is_table(value)
                and not any(self.has_comments(one.value) for one in value.entries)
            ):
                self.lay_table(header if name == "rows" else None, value, indent)

    def lay_table(self, header: Collection | None, rows: Collection, indent: int) -> None:
        """Lay out the rows of one table; its cells start below one another."""
        lists = [row.value for row in rows.entries if isinstance(row.value, Collection)]
        starts = [indent + _STEP + len("- [")] * len(lists)
        if header is not None and len(header.entries) == len(lists[0].entries):
            lists, starts = [header, *lists], [indent + len("columns: ["), *starts]
        cells = [[self.flat_entry(entry) for entry in row.entries] for row in lists]
        widths = [max(len(row[at]) for row in cells) + 2 for at in range(len(cells[0]))]
        for row, texts, start in zip(lists, cells, starts, strict=True):
            padded = [f"{text},".ljust(width) for text, width in zip(texts[:-1], widths[:-1], strict=True)]
            self.tables[row.start] = f"[{' ' * (max(starts) - start)}{''.join(padded)}{texts[-1]}]"


def _is_table(rows: Collection) -> bool:
    lists = [row.value for row in rows.entries if isinstance(row.value, Collection) and row.value.is_flow]
    lengths = {len(row.entries) for row in lists if not row.is_mapping and not row.anchor}
    is_of_lists = len(lists) == len(rows.entries) and all(not row.is_mapping and not row.anchor for row in lists)
    return is_of_lists and len(lengths) == 1 and min(lengths) >= _TABLE


def _filled(words: Sequence[str], indent: int) -> list[str]:
    """Fill lines with words."""
    lines: list[str] = []
    for word in words:
        if lines and indent + len(lines[-1]) + 1 + len(word) <= WIDTH:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _aligned(lines: Sequence[_Line]) -> list[str]:
    """Put the comments of each run into one column, all but those that would not fit there."""
    columns: dict[tuple[int, int], int] = {}
    for line in lines:
        if line.comment and line.run and len(line.text) + _STEP + len(line.comment) <= WIDTH:
            columns[line.run] = max(columns.get(line.run, 0), len(line.text))
    return [_with_comment(line, columns) for line in lines]


def _with_comment(line: _Line, columns: Mapping[tuple[int, int], int]) -> str:
    if not line.comment:
        return line.text
    column = max(len(line.text), columns.get(line.run, 0)) if line.run else len(line.text)
    return f"{line.text:{column}}  {line.comment}"
