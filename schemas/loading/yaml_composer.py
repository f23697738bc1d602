"""From the events of a YAML parser to a tree of nodes, strictly, with the place of each.

PyYAML scans and parses; the tree is built here, because its own builder takes ``NO`` for false, ``12:30`` for 750, the
second of two equal keys for the first, and a few hundred bytes of aliases for gigabytes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Protocol

import yaml

from exitplan.schemas.loading.diagnostics import Diagnostic, FileHasProblems, Mark, Source
from exitplan.schemas.loading.scalars import NotANumber, Scalar, plain_scalar
from exitplan.schemas.loading.text import CONTROL, one_problem

DEEPEST = 100
MOST_NODES = 100_000
"""Nodes of a document, counted as they would stand with every alias written out."""

_MERGE_HINT = "use 'extends: other.yaml' to build on another file"
_THOUSANDS = re.compile(r"[0-9]{3}(\.[0-9]+)?")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


@dataclass(slots=True)
class Node:
    """A value before it is built; ``size`` and ``height`` count what is inside, aliases written out."""

    value: Scalar | list[Node] | dict[str, tuple[Mark, Node]]
    mark: Mark
    size: int = 1
    height: int = 1


class Events(Protocol):
    """The part of a PyYAML parser that is used here."""

    def get_event(self) -> yaml.Event:
        """Take the next event."""
        ...

    def peek_event(self) -> yaml.Event:
        """Look at the next event without taking it."""
        ...

    def check_event(self, *kinds: type[yaml.Event]) -> bool:
        """Check whether the next event is of one of these kinds."""
        ...


@dataclass(slots=True)
class Composer:
    """Turn the events of the parser into nodes, collecting what is wrong."""

    source: Source
    events: Events
    anchors: dict[str, Node | None] = field(default_factory=dict)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    nodes: int = 0

    def document(self) -> Node:
        """Compose the one document of a file."""
        self.events.get_event()
        if self.events.check_event(yaml.StreamEndEvent):
            raise one_problem(self.source, Mark(self.source.name, 1, 1), "the file is empty")
        self.events.get_event()
        root = self.node(level=1)
        self.events.get_event()
        if not self.events.check_event(yaml.StreamEndEvent):
            mark = self.mark(self.events.peek_event())
            raise one_problem(self.source, mark, "a second document begins; a file holds one", "remove the '---' line")
        return root

    def node(self, level: int) -> Node:
        """Compose the next value with all that is in it."""
        event = self.events.get_event()
        if level > DEEPEST:
            raise self.fatal(event, f"the file is nested more than {DEEPEST} levels deep")
        if isinstance(event, yaml.AliasEvent):
            return self.alias(event, level)
        tag: str | None = getattr(event, "tag", None)
        anchor: str | None = getattr(event, "anchor", None)
        if tag is not None:
            hint = "write the plain value; text goes in quotes"
            self.error(event, f"the tag {_short(tag)} is not understood", hint)
        if anchor is not None:
            self.anchors[anchor] = None
        if isinstance(event, yaml.ScalarEvent):
            node = Node(self.scalar(event), self.mark(event))
        elif isinstance(event, yaml.SequenceStartEvent):
            node = self.sequence(event, level)
        else:
            node = self.mapping(event, level)
        self.count(event, 1)
        if anchor is not None:
            self.anchors[anchor] = node
        return node

    def alias(self, event: yaml.AliasEvent, level: int) -> Node:
        """Put the anchored value in the place of its alias, after counting what that would make."""
        if event.anchor not in self.anchors:
            raise self.fatal(event, f"the alias *{event.anchor} has no anchor &{event.anchor} before it")
        node = self.anchors[event.anchor]
        if node is None:
            raise self.fatal(event, f"the alias *{event.anchor} stands inside its own anchor")
        self.count(event, node.size)
        if level + node.height - 1 > DEEPEST:
            raise self.fatal(event, f"the file is nested more than {DEEPEST} levels deep")
        return replace(node, mark=self.mark(event))

    def sequence(self, event: yaml.Event, level: int) -> Node:
        """Compose a list."""
        node, items = Node([], self.mark(event)), list[Node]()
        while not self.events.check_event(yaml.SequenceEndEvent):
            items.append(self.inner(node, level))
        self.events.get_event()
        node.value = items
        return node

    def mapping(self, event: yaml.Event, level: int) -> Node:
        """Compose a mapping; its keys are text, and each is there once."""
        node, entries = Node({}, self.mark(event)), dict[str, tuple[Mark, Node]]()
        while not self.events.check_event(yaml.MappingEndEvent):
            mark, key = self.key(level)
            value = self.inner(node, level)
            if key is None:
                continue
            if key in entries:
                first = entries[key][0]
                self.note(mark, f"the key {key!r} is there twice, first in line {first.line}, column {first.column}")
            else:
                entries[key] = (mark, value)
        self.events.get_event()
        node.value = entries
        return node

    def inner(self, outer: Node, level: int) -> Node:
        """Compose a value inside another one."""
        node = self.node(level + 1)
        outer.size += node.size
        outer.height = max(outer.height, node.height + 1)
        return node

    def key(self, level: int) -> tuple[Mark, str | None]:
        """Read a key; None where it is not text, which is noted."""
        event = self.events.peek_event()
        node = self.node(level + 1)
        if isinstance(event, yaml.ScalarEvent) and event.value == "<<" and event.style is None:
            self.error(event, "merging with '<<' is not done here", _MERGE_HINT)
            return node.mark, None
        if isinstance(node.value, str):
            return node.mark, node.value
        word = event.value if isinstance(event, yaml.ScalarEvent) else None
        hint = f'write it in quotes: "{word}"' if word else None
        if word and _THOUSANDS.fullmatch(word):
            hint = "a comma between braces separates entries: write a thousand as 1000"
        self.error(event, f"a key must be text, found {word or 'something else'}", hint)
        return node.mark, None

    def scalar(self, event: yaml.ScalarEvent) -> Scalar:
        """Read a single value."""
        if (bad := CONTROL.search(event.value)) or (bad := _SURROGATE.search(event.value)):
            self.error(event, f"the text holds the character U+{ord(bad.group()):04X}, which is not allowed")
            return ""
        if event.style is not None:
            return str(event.value)
        try:
            return plain_scalar(event.value)
        except NotANumber as error:
            self.error(event, str(error))
            return 0

    def count(self, event: yaml.Event, nodes: int) -> None:
        """Count nodes and stop before there are too many."""
        self.nodes += nodes
        if self.nodes > MOST_NODES:
            raise self.fatal(event, f"the file has more than {MOST_NODES:,} values, aliases written out")

    def mark(self, event: yaml.Event) -> Mark:
        """Return the place where an event starts."""
        place = event.start_mark
        return Mark(self.source.name, place.line + 1, place.column + 1) if place else Mark(self.source.name, 1, 1)

    def note(self, mark: Mark, message: str, hint: str | None = None) -> None:
        """Collect a problem and go on."""
        self.diagnostics.extend(one_problem(self.source, mark, message, hint).diagnostics)

    def error(self, event: yaml.Event, message: str, hint: str | None = None) -> None:
        """Collect a problem at an event and go on."""
        self.note(self.mark(event), message, hint)

    def fatal(self, event: yaml.Event, message: str) -> FileHasProblems:
        """Make the error that ends the reading, with what was found before it."""
        self.error(event, message)
        return FileHasProblems(self.diagnostics)


def _short(tag: str) -> str:
    return tag.replace("tag:yaml.org,2002:", "!!", 1)
