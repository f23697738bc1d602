"""What stands at the cursor, in a file that may be broken below it, or not finished on its line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml

from exitplan.ruleset.language.problems import Path

_HERE = "exitplanCursor"
_WORD = re.compile(r"[\w.$/-]")
_TOP = re.compile(r"^[A-Za-z_]\w*:", re.MULTILINE)
_ENDINGS = (_HERE, f"{_HERE}: ", f'{_HERE}"', f"{_HERE}'", f"- {_HERE}")


@dataclass(frozen=True, slots=True)
class Place:
    """A word of a file and where it stands: ``path`` leads to it, or to its value where ``is_key``.

    ``start`` and ``end`` are offsets of the word in the text. A word on a line of its own may be a key or a value: then
    ``may_be_key`` too.
    """

    path: Path
    word: str
    start: int
    end: int
    is_key: bool
    may_be_key: bool

    @property
    def parent(self) -> Path:
        """The path of what the word is in."""
        return self.path[:-1] if self.is_key else self.path


def place_at(text: str, offset: int) -> Place | None:
    """Find what stands at an offset; None within a comment, and where nothing can be made of what is above it."""
    start = end = min(offset, len(text))
    while start > 0 and _WORD.match(text[start - 1]):
        start -= 1
    while end < len(text) and _WORD.match(text[end]):
        end += 1
    line = text[text.rfind("\n", 0, start) + 1 : start]
    if re.search(r"(^|\s)#", re.sub(r"\"[^\"]*\"|'[^']*'", "", line)):
        return None
    found = _found(text[:start]) or _found(_last_block(text[:start]))
    if found is None:
        return None
    path, is_key = found
    if is_key and re.match(r"[\"']?\s*:", text[end:]) is None and re.match(r"[\"']?\s*[\]]", text[end:]):
        is_key, path = False, path[:-1]
    alone = not line.strip() or line.strip() == "-"
    word = text[start:end]
    path = (*path[:-1], word) if is_key else path
    return Place(path, word, start, end, is_key, is_key or (alone and not text[end:].startswith(":")))


def _last_block(before: str) -> str:
    """Return what begins with the last key at the left margin: what is above it may be broken."""
    tops = list(_TOP.finditer(before))
    return before[tops[-1].start() :] if tops else ""


def _found(before: str) -> tuple[Path, bool] | None:
    """Return the path of a word that would be written here, and whether it would be a key."""
    for ending in _ENDINGS:
        walk = _Walk()
        try:
            for event in yaml.parse(before + ending, Loader=yaml.SafeLoader):
                found = walk.see(event)
                if found is not None:
                    return found
        except yaml.YAMLError:
            continue
    return None


@dataclass(slots=True)
class _Level:
    """A mapping or list that is open: the key or index of what comes next; None where a key is expected."""

    is_mapping: bool
    at: str | int | None = None


@dataclass(slots=True)
class _Walk:
    levels: list[_Level] = field(default_factory=list)

    def see(self, event: yaml.Event) -> tuple[Path, bool] | None:
        """Take the next event; returns the place where it is the word that is looked for."""
        if isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            is_mapping = isinstance(event, yaml.MappingStartEvent)
            self.levels.append(_Level(is_mapping, None if is_mapping else 0))
        elif isinstance(event, yaml.CollectionEndEvent):
            self.levels.pop()
            self.next()
        elif isinstance(event, yaml.ScalarEvent):
            level = self.levels[-1] if self.levels else None
            is_key = level is not None and level.is_mapping and level.at is None
            if _HERE in str(event.value):
                return ((*self.path(), "") if is_key else tuple(self.path())), is_key
            if is_key and level is not None:
                level.at = str(event.value)
            else:
                self.next()
        elif isinstance(event, yaml.AliasEvent):
            self.next()
        return None

    def next(self) -> None:
        """Go on behind a value."""
        if self.levels:
            level = self.levels[-1]
            level.at = None if level.is_mapping else int(level.at or 0) + 1

    def path(self) -> Iterator[str | int]:
        """Walk the keys that lead here."""
        return (level.at for level in self.levels if level.at is not None)
