"""Problems with their place: file, line, column, key path, what is wrong, and the line itself with a caret.

:class:`Problem` says what is wrong where in a document; a :class:`Diagnostic` says where in a file.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

from exitplan.ruleset.errors import FileIsInvalid
from exitplan.ruleset.language.problems import Path, Problem
from exitplan.ruleset.model.visible import printable

MOST_SHOWN = 50
"""How many problems an error message spells out; the rest are counted."""

_BREAK = re.compile(r"\r\n|[\n\r\x85\u2028\u2029]")
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_LONGEST_LINE = 1_500
_SECRET = re.compile(r"(?i)secret|credential|passw|passphrase|api_?key|private_?key|token|\burl\b.*://")
_FOR_A_SHELL = re.compile(r"(?m)^[ \t]*(?:export[ \t]+)?[A-Za-z_][A-Za-z0-9_]*[ \t]*=|^-----BEGIN ")
_FIRST_PART = 65_536
_BEFORE_CARET, _EXCERPT = 60, 100


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """A place in a file, counted from 1; ``key`` is the place of the key that a value stands under.

    Line 0 means that the source has no lines, as with the command line.
    """

    file: str
    line: int = 0
    column: int = 0
    key: Mark | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        """Write the place as editors and terminals understand it: ``file:line:column``."""
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True)
class Source:
    """A text with a name, that can tell line and column of an offset and show a line."""

    name: str
    text: str = field(repr=False)

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(line_break.end() for line_break in _BREAK.finditer(self.text))]

    def mark(self, offset: int) -> Mark:
        """Return the place of a character of the text."""
        line = bisect.bisect_right(self._starts, offset)
        return Mark(self.name, line, offset - self._starts[line - 1] + 1)

    @cached_property
    def is_for_a_shell(self) -> bool:
        """Whether this is a file of variables or a key, named by mistake: nothing of it is quoted."""
        return _FOR_A_SHELL.search(self.text[:_FIRST_PART]) is not None

    def excerpt(self, mark: Mark) -> str:
        """Show the line of a place with a caret below it, cut to what fits a terminal."""
        if not 1 <= mark.line <= len(self._starts) or self.is_for_a_shell:
            return ""
        start = self._starts[mark.line - 1]
        end = self._starts[mark.line] if mark.line < len(self._starts) else len(self.text)
        cut = max(0, mark.column - 1 - _BEFORE_CARET) if end - start > _EXCERPT else 0
        # A line may be a whole file of 256 MB: only the part around the place is looked at.
        if _SECRET.search(self.text, max(start, start + cut - _EXCERPT), min(end, start + cut + 2 * _EXCERPT)):
            return ""
        shown = printable(self.text[start + cut : min(end, start + cut + _EXCERPT)].rstrip("\r\n\x85\u2028\u2029"))
        gutter = f"{mark.line:>6} | "
        return f"{gutter}{shown}\n{' ' * (len(gutter) - 2)}| {' ' * (mark.column - 1 - cut)}^"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One problem with its place and the line it is on."""

    mark: Mark
    path: Path
    message: str
    severity: Literal["error", "warning"] = "error"
    hint: str | None = None
    excerpt: str = ""

    @property
    def line(self) -> str:
        """The problem in one line: ``file:line:column: error: key.path: message; hint``."""
        where = f"{path_text(self.path)}: " if self.path else ""
        hint = f"; {self.hint}" if self.hint else ""
        return printable(f"{self.mark}: {self.severity}: {where}{self.message}{hint}"[:_LONGEST_LINE])

    @property
    def text(self) -> str:
        """The problem in one line, and below it the line of the file with a caret."""
        return f"{self.line}\n{self.excerpt}" if self.excerpt else self.line


class FileHasProblems(FileIsInvalid):
    """A file that a person can edit is wrong; ``diagnostics`` holds every problem found."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        """Word all the problems, sorted by place."""
        self.diagnostics = in_order(diagnostics)
        super().__init__(rendered(self.diagnostics))


def locate(problem: Problem, marks: Mapping[Path, Mark], sources: Mapping[str, Source]) -> Diagnostic:
    """Assign a problem its place: that of its path, or of the nearest thing around it that has one."""
    path = problem.path
    while path and path not in marks:
        path = path[:-1]
    mark = marks.get(path, Mark(next(iter(sources), "")))
    if problem.on_key and path == problem.path and mark.key is not None:
        mark = mark.key
    mark = replace(mark, key=None)
    source = sources.get(mark.file)
    # These are where a credential ends up that should not be in a file; no message may repeat it.
    excerpt = source.excerpt(mark) if source and path[:1] not in {("account",), ("channels",)} else ""
    message = problem.message.partition(", found")[0] if source and source.is_for_a_shell else problem.message
    return Diagnostic(mark, problem.path, message, problem.severity, problem.hint, excerpt)


def in_order(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Sort by place and drop what is said twice."""
    unique = {(entry.mark, entry.message): entry for entry in diagnostics}
    return tuple(sorted(unique.values(), key=lambda entry: (entry.mark, path_text(entry.path), entry.message)))


def rendered(diagnostics: Iterable[Diagnostic]) -> str:
    """Write problems one below the other; of very many only the first are spelled out."""
    listed = tuple(diagnostics)
    texts = [diagnostic.text for diagnostic in listed[:MOST_SHOWN]]
    if len(listed) > MOST_SHOWN:
        texts.append(f"... and {len(listed) - MOST_SHOWN} more")
    return "\n".join(texts)


def path_text(path: Path) -> str:
    """Write a key path as a person would: ``exits[3].when.value_usd``, ``markets["ETH/USD"].last``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif _PLAIN_KEY.fullmatch(part):
            text += f".{part}" if text else part
        else:
            text += f'["{part}"]'
    return text
