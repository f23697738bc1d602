"""Where everything is in a JSON text that the fast parser has read already, and what only a second look finds."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

from exitplan.ruleset.language.problems import Path
from exitplan.schemas.loading.diagnostics import Diagnostic, Mark, Source
from exitplan.schemas.loading.scalars import exact_decimal
from exitplan.schemas.loading.text import one_problem

DEEPEST = 100
_TOKEN = re.compile(r'(?P<string>"(?:[^"\\]|\\.)*")|(?P<open>[{\[])|(?P<close>[}\]])|(?P<bare>[^\s,:{}\[\]"]+)')
_NOT_ALLOWED = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")
_WORDS = {"true", "false", "null"}


@dataclass(slots=True)
class _Open:
    """An object or list that has begun and not ended; ``key`` is that of the value to come."""

    path: Path
    keys: dict[str, Mark] | None
    key: str | None = None
    index: int = 0

    def next_path(self) -> Path:
        """Return the path of the value to come, and go on to the one after it."""
        if self.keys is None:
            self.index += 1
            return (*self.path, self.index - 1)
        key, self.key = self.key or "", None
        return (*self.path, key)


@dataclass(slots=True)
class Walk:
    """One walk over a JSON text: ``marks`` by path, and ``diagnostics`` that the parser does not report."""

    source: Source
    marks: dict[Path, Mark] = field(default_factory=dict)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    _open: list[_Open] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Walk over the text once, without recursion."""
        for token in _TOKEN.finditer(self.source.text):
            if token.lastgroup == "close":
                self._open.pop()
                continue
            mark, word = self.source.mark(token.start()), token.group()
            inside = self._open[-1] if self._open else None
            if inside is not None and inside.keys is not None and inside.key is None:
                self._key(inside, self._text(mark, word), mark)
            elif not self._value(token.lastgroup or "", word, mark):
                break

    def _key(self, inside: _Open, key: str, mark: Mark) -> None:
        keys = {} if inside.keys is None else inside.keys
        if key in keys:
            first = keys[key]
            self._note(mark, f"the key {key!r} is there twice, first in line {first.line}, column {first.column}")
        keys[key] = mark
        inside.key = key

    def _value(self, kind: str, word: str, mark: Mark) -> bool:
        """Note the place of a value; False where it is nested too deep to go on."""
        path: Path = ()
        if self._open:
            inside = self._open[-1]
            key = inside.keys[inside.key] if inside.keys is not None and inside.key is not None else None
            path, mark = inside.next_path(), Mark(mark.file, mark.line, mark.column, key)
        self.marks[path] = mark
        if kind == "open":
            self._open.append(_Open(path, {} if word == "{" else None))
            if len(self._open) > DEEPEST:
                self._note(mark, f"the file is nested more than {DEEPEST} levels deep")
                return False
        elif kind == "string":
            self._text(mark, word)
        elif word not in _WORDS:
            self._number(mark, word)
        return True

    def _text(self, mark: Mark, word: str) -> str:
        if "\\" not in word:
            return word[1:-1]
        text = str(json.loads(word))
        bad = _NOT_ALLOWED.search(text)
        if bad:
            self._note(mark, f"the text holds the character U+{ord(bad.group()):04X}, which is not allowed")
        return text

    def _number(self, mark: Mark, word: str) -> None:
        if word in {"NaN", "Infinity", "-Infinity"}:
            self._note(mark, f"{word} is not a number that can be worked with", "null says that it is not known")
            return
        try:
            exact_decimal(word)
        except ValueError as error:
            self._note(mark, str(error))

    def _note(self, mark: Mark, message: str, hint: str | None = None) -> None:
        self.diagnostics.extend(one_problem(self.source, mark, message, hint).diagnostics)
