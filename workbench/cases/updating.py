"""Write what a policy does now into its tests, in the place of what was expected; everything else stays as it was."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import yaml

from exitplan.ruleset.language.problems import Path
from exitplan.ruleset.model.values import plain
from exitplan.workbench.cases.case_file import CaseFile
from exitplan.workbench.cases.expectations import UNSAYABLE, Difference
from exitplan.workbench.cases.running import Result

_GAP = re.compile(r",( +)")


@dataclass(frozen=True, slots=True)
class Change:
    """What is changed in a file, or could not be: ``reason`` says why then."""

    line: int
    what: str
    before: str
    after: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Updated:
    """The text of a file as it would be, and what was changed in it."""

    text: str
    changes: tuple[Change, ...]


def updated(file: CaseFile, results: Sequence[Result]) -> Updated:
    """Put what came out in the place of what was expected, where one value stands for it.

    Only these values are written anew: comments, order and layout stay. What could not be run is left.
    """
    text = file.document.source.text
    editor = _Editor(text, yaml.compose(text, Loader=yaml.SafeLoader))
    edits: dict[TextPart, str] = {}
    changes = []
    for path, difference in _wanted(results):
        change, edit = editor.edit(path, difference, file.mark(path).line)
        changes.append(change)
        edits.update(edit)
    for part, value in sorted(edits.items(), key=lambda edit: edit[0].start, reverse=True):
        text = _replaced(text, part, value)
    return Updated(text, tuple(changes))


def _wanted(results: Sequence[Result]) -> Iterator[tuple[Path, Difference]]:
    seen: set[Path] = set()
    for result in results:
        for difference in result.differences:
            path = result.case.place_of(difference.path)
            if path not in seen:
                yield path, difference
            seen.add(path)


@dataclass(frozen=True, slots=True)
class TextPart:
    """From where to where a value stands in a text, and whether in a row of a table."""

    start: int
    end: int
    is_in_row: bool


@dataclass(frozen=True, slots=True)
class _Editor:
    text: str
    root: yaml.Node | None

    def edit(self, path: Path, difference: Difference, line: int) -> tuple[Change, Mapping[TextPart, str]]:
        """Return the change of one expectation, and the part of the text that it replaces."""
        node = self._node(path)
        if difference.instead is UNSAYABLE or node is None:
            return Change(line, difference.what, difference.expected, difference.got, "no value says so"), {}
        start, end = node.start_mark.index, node.end_mark.index
        around = self._node(path[:2])
        if around is None or not around.start_mark.index <= start <= end <= around.end_mark.index:
            return Change(line, difference.what, difference.expected, difference.got, "others share it by an alias"), {}
        before, after = self.text[start:end].rstrip(), flow_text(difference.instead)
        replaced = TextPart(start, start + len(before), is_in_row=path[0] == "tables")
        return Change(line, difference.what, before, after), {replaced: after}

    def _node(self, path: Path) -> yaml.Node | None:
        node = self.root
        for key in path:
            if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
                node = node.value[key]
            elif isinstance(node, yaml.MappingNode):
                node = next((value for name, value in node.value if name.value == key), None)
            else:
                return None
        return node


def flow_text(value: object) -> str:
    """Write a value in one line of YAML."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(flow_text, value))}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{name}: {flow_text(part)}' for name, part in value.items())}}}"
    if value is None:
        return "~"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | Decimal):
        return plain(Decimal(value))
    written: str = yaml.safe_dump([str(value)], default_flow_style=True, width=10**6, allow_unicode=True)
    return written.strip()[1:-1]


def _replaced(text: str, part: TextPart, value: str) -> str:
    """Replace a part of a text; in the row of a table, what follows keeps its place if it can."""
    gap = _GAP.match(text, part.end) if part.is_in_row else None
    if gap is None:
        return text[: part.start] + value + text[part.end :]
    width = max(len(gap[1]) - (len(value) - (part.end - part.start)), 1)
    return f"{text[: part.start]}{value},{' ' * width}{text[gap.end() :]}"
