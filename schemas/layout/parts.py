"""A YAML file as what a person wrote: its parts with their places, and the comments between them.

PyYAML scans and parses; what it leaves out, the comments, stands in the gaps between its tokens.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml

from exitplan.schemas.loading.scalars import is_bare_text

_COMMENT = re.compile(r"#[^\n]*")
_HEADER = re.compile(r"([|>])([-+]?)([0-9]?)([-+]?)[ \t]*(#[^\n]*)?")
_QUOTED = frozenset({"'", '"'})


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment; ``after`` is where what stands before it ends, ``column`` counts from 0."""

    start: int
    text: str
    column: int
    after: int
    is_alone: bool


@dataclass(slots=True, kw_only=True)
class Part:
    """A value of the file, from ``start`` to ``end``; its ``anchor`` is written with ``&`` and a blank after it."""

    start: int
    end: int
    anchor: str = ""


@dataclass(slots=True, kw_only=True)
class Word(Part):
    """A single value on one line; ``folds`` has its words where it may be written as a folded text instead."""

    text: str
    folds: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class BlockText(Part):
    """A text of several lines after ``|`` or ``>``; its lines are free of their indent."""

    header: str
    comment: str
    lines: list[str]


@dataclass(slots=True, kw_only=True)
class Entry:
    """One entry of a mapping, or of a list: then it has no key."""

    key: Word | None
    value: Part

    @property
    def start(self) -> int:
        """Where the first thing that is written of it starts."""
        return self.key.start if self.key is not None else first_of(self.value)


@dataclass(slots=True, kw_only=True)
class Collection(Part):
    """A mapping or a list, in brackets or not."""

    is_mapping: bool
    is_flow: bool
    entries: list[Entry] = field(default_factory=list)


def first_of(part: Part) -> int:
    """Return where the first word of a part starts."""
    is_open = isinstance(part, Collection) and not part.is_flow and not part.anchor
    return part.entries[0].start if isinstance(part, Collection) and is_open and part.entries else part.start


def column_of(text: str, offset: int) -> int:
    """Return the column of an offset, from 0."""
    return offset - (text.rfind("\n", 0, offset) + 1)


def comments_in(text: str) -> deque[Comment]:
    """List the comments of a file in their order."""
    found: deque[Comment] = deque()
    end = 0
    for start, stop in [*_tokens(text), (len(text), len(text))]:
        for match in _COMMENT.finditer(text, end, start):
            column = column_of(text, match.start())
            is_alone = not text[match.start() - column : match.start()].strip()
            found.append(Comment(match.start(), match[0].rstrip(), column, end, is_alone))
        end = max(end, stop)
    return found


def _tokens(text: str) -> Iterator[tuple[int, int]]:
    for token in yaml.scan(text, Loader=yaml.SafeLoader):
        start, end = _span(token)
        if end > start:
            yield start, end


def _span(thing: yaml.Token | yaml.Event) -> tuple[int, int]:
    """Return where a token or event starts and ends."""
    if thing.start_mark is None or thing.end_mark is None:  # only of events that a program makes
        raise ValueError(thing)
    return thing.start_mark.index, thing.end_mark.index


def parts_of(text: str) -> Part:
    """Read the one document of a text that is known to be good YAML."""
    events = yaml.parse(text, Loader=yaml.SafeLoader)
    for event in events:
        if isinstance(event, yaml.DocumentStartEvent):
            break
    return _Reader(text, events).part(next(events))


@dataclass(slots=True)
class _Reader:
    text: str
    events: Iterator[yaml.Event]

    def part(self, event: yaml.Event) -> Part:
        """Read what begins with an event."""
        start, end = _span(event)
        if isinstance(event, yaml.AliasEvent):
            return Word(start=start, end=end, text=f"*{event.anchor}")
        anchor = f"&{event.anchor} " if isinstance(event, yaml.NodeEvent) and event.anchor else ""
        if isinstance(event, yaml.ScalarEvent):
            return self.scalar(event, anchor)
        is_mapping = isinstance(event, yaml.MappingStartEvent)
        is_flow = bool(getattr(event, "flow_style", False))
        made = Collection(start=start, end=end, anchor=anchor, is_mapping=is_mapping, is_flow=is_flow)
        for inner in self.events:
            if isinstance(inner, yaml.CollectionEndEvent):
                made.end = _span(inner)[1]
                break
            key = self.part(inner) if is_mapping else None
            value = self.part(next(self.events) if is_mapping else inner)
            made.entries.append(Entry(key=key if isinstance(key, Word) else None, value=value))
        return made

    def scalar(self, event: yaml.ScalarEvent, anchor: str) -> Part:
        """Read a single value, as it is written where that is on one line."""
        start, end = _span(event)
        raw = self.text[start:end]
        if anchor:
            raw = raw[len(anchor) - 1 :].lstrip()
        if event.style in {"|", ">"}:
            return self.block_text(event, start, end, anchor)
        folds: tuple[str, ...] = ()
        if event.style in _QUOTED and is_bare_text(event.value):
            text = event.value
        elif "\n" in raw:
            is_plain = is_bare_text(event.value) or (event.style is None and _stays_plain(event.value))
            text = event.value if is_plain else quoted(event.value)
            folds = tuple(event.value.split(" ")) if re.fullmatch(r"\S+( \S+)*", event.value) else ()
        elif event.style == "'" and not set(event.value) & {'"', "\\"}:
            text = f'"{event.value}"'
        else:
            text = raw
        return Word(start=start, end=end, anchor=anchor, text=text, folds=folds)

    def block_text(self, event: yaml.ScalarEvent, start: int, end: int, anchor: str) -> BlockText:
        """Read a text of several lines; blank lines at its end are kept only where they count."""
        head = _HEADER.search(self.text, self.text.index(event.style or "|", start + max(0, len(anchor) - 1)))
        style, chomp, comment = ("|", "", "") if head is None else (head[1], head[2] or head[4], head[5] or "")
        body = self.text[start:end].partition("\n")[2]
        lines = [line.rstrip() if not line.strip() else line for line in body.split("\n")]
        while lines and not lines[-1].strip():
            lines.pop()
        if lines and not chomp and not event.value.endswith("\n"):
            chomp = "-"  # the file ends without a line break
        digit = head[3] if head is not None else ""
        written = [line for line in lines if line.strip()]
        indent = min((_indent(line) for line in written), default=0)
        if digit:  # what is further in belongs to the text: the first line shows nothing
            value = next((line for line in event.value.split("\n") if line.strip()), "")
            indent = _indent(written[0]) - _indent(value) if written else 0
        lines = [line[indent:] for line in lines]
        if chomp == "+":
            lines += [""] * (len(event.value) - len(event.value.rstrip("\n")) - 1)
        shown = "2" if lines and (not lines[0].strip() or lines[0].startswith(" ")) and digit else ""
        return BlockText(
            start=start, end=end, anchor=anchor, header=f"{style}{shown}{chomp}", comment=comment.rstrip(), lines=lines
        )


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _stays_plain(value: str) -> bool:
    """Check whether a text that was plain on several lines is plain on one, wherever it stands."""
    return re.fullmatch(r"[A-Za-z][\w ./%()'*+-]*", value) is not None


def quoted(value: str) -> str:
    """Write a text in double quotes, with escapes for what cannot be seen."""
    known = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t"}
    return '"' + "".join(known.get(char) or (char if char.isprintable() else _escape(char)) for char in value) + '"'


def _escape(char: str) -> str:
    return f"\\u{ord(char):04X}" if ord(char) <= 0xFFFF else f"\\U{ord(char):08X}"  # noqa: PLR2004 - what \u can say
