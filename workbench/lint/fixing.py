"""Mend what is safe: take a rule that never decides, or a part that says nothing, out of a policy file.

The text of the file is edited, so that comments and layout stay. Each edit is proved: the policy that comes out does
the same with every position and order, and all else in it is what it was. What cannot be proved is left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

import yaml

from exitplan.ruleset.language.problems import Path
from exitplan.schemas.loading.diagnostics import FileHasProblems
from exitplan.schemas.loading.text import display_name
from exitplan.schemas.policies import LoadedPolicy, load_edited, load_policy
from exitplan.workbench.lint.checks import Code
from exitplan.workbench.lint.files import Placed, lint_loaded
from exitplan.workbench.lint.rule_lists import effect_of
from exitplan.workbench.proving.equality import do_the_same
from exitplan.workbench.proving.solver import NotDecided

RULES = frozenset({Code.NEVER_MATCHES, Code.NEVER_DECIDES, Code.UNREACHED_EXIT})
"""The findings for which the whole rule goes."""
FIXABLE = RULES | {Code.REDUNDANT_PART}
_LISTS = ("classification", "orders", "exits")
_MOST = 1000


@dataclass(frozen=True, slots=True)
class Fixed:
    """A file's text before and after; ``mended`` was taken out, ``left`` could not be without a change, or proved."""

    before: str
    after: str
    mended: Sequence[Placed]
    left: Sequence[Placed]


def fix_file(path: FilePath) -> Fixed:
    """Take out of a policy file what is never needed, one finding after the other; nothing is written.

    Raises FileHasProblems where the file is not well formed.
    """
    load_policy(path)  # whatever is wrong with the file is told before it is read for itself
    before = text = path.read_bytes().decode("utf-8-sig")
    mended: list[Placed] = []
    left: dict[str, Placed] = {}
    for _ in range(_MOST):
        loaded = load_edited(path, text)
        for placed in _fixable(loaded, display_name(path)):
            if placed.finding.message in left:
                continue
            after = _without(path, text, loaded, placed)
            if after is not None:  # what else is wrong is found anew: it may have been about what is gone
                text = after
                mended.append(placed)
                break
            left[placed.finding.message] = placed
        else:
            break
    return Fixed(before, text, mended, list(left.values()))


def _fixable(loaded: LoadedPolicy, own: str) -> list[Placed]:
    """Return what is found in the file itself that is never needed."""
    return [
        placed
        for placed in lint_loaded(loaded)
        if placed.finding.code in FIXABLE and placed.ignored is None and placed.mark.file == own
    ]


def _without(path: FilePath, text: str, loaded: LoadedPolicy, placed: Placed) -> str | None:
    """Return the text without what a finding is about; None where that cannot be proved to change nothing."""
    where = _own_path(text, loaded, placed)
    edited = None if where is None else remove(text, where)
    if edited is None:
        return None
    try:
        after = load_edited(path, edited)
        is_same = _settings(after.document) == _settings(loaded.document) and do_the_same(
            loaded.policy, after.policy, effect_of
        )
    except (FileHasProblems, NotDecided):
        return None
    return edited if is_same else None


def _settings(document: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key not in {*_LISTS, "definitions"}}


def _own_path(text: str, loaded: LoadedPolicy, placed: Placed) -> Path | None:
    """Return the place of what has to go in the file itself, whose lists are shorter than the merged ones."""
    path = placed.finding.path
    if path[0] not in _LISTS:
        return path
    rule = loaded.document[str(path[0])][int(path[1])]
    entries = (yaml.safe_load(text) or {}).get(str(path[0])) or []
    numbers = [number for number, entry in enumerate(entries) if entry.get("id") == rule["id"]]
    if len(numbers) != 1:
        return None
    whole: Path = (path[0], numbers[0])
    if placed.finding.code in RULES and len(entries) == 1:
        return (path[0],)  # an empty list is none
    return whole if placed.finding.code in RULES else (*whole, *path[2:])


def remove(text: str, path: Path) -> str | None:
    """Take the entry at a path out of a YAML text; all else stays as it is. None where it is not there.

    An entry of a list or mapping in brackets goes with its comma, one in a block with its lines.
    """
    node: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    for part in path[:-1]:
        node = _child(node, part)
    spans = _spans(node)
    at = _number(node, path[-1])
    if node is None or at is None or not 0 <= at < len(spans):
        return None
    start, end = spans[at]
    following = spans[at + 1][0] if at + 1 < len(spans) else None
    if getattr(node, "flow_style", False):
        if following is not None:
            end = following
        elif at:
            start = spans[at - 1][1]
        return text[:start] + text[end:]
    begin = text.rfind("\n", 0, start) + 1
    before = text[begin:start].strip()
    if before == ("-" if isinstance(node, yaml.SequenceNode) else ""):
        if len(path) == 1 and any(line.lstrip().startswith("#") for line in text[start:end].splitlines()):
            return None  # a comment would go with the list
        stop = text.find("\n", end)
        return text[:begin] + ("" if stop < 0 else text[stop + 1 :])
    if following is None or before != "-" or "#" in text[end:following]:
        return None
    return text[:start] + text[following:]  # the first key of an entry: the next one takes its place behind the dash


def _child(node: yaml.Node | None, part: str | int) -> yaml.Node | None:
    number = _number(node, part)
    if number is None:
        return None
    if isinstance(node, yaml.MappingNode):
        return node.value[number][1]  # type: ignore[no-any-return]
    return node.value[number] if isinstance(node, yaml.SequenceNode) and number < len(node.value) else None


def _number(node: yaml.Node | None, part: str | int) -> int | None:
    """Return the number of an entry: its index in a list, or that of its key in a mapping."""
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int):
        return part
    if isinstance(node, yaml.MappingNode):
        return next((number for number, (key, _) in enumerate(node.value) if key.value == part), None)
    return None


def _spans(node: yaml.Node | None) -> list[tuple[int, int]]:
    """Return where each entry of a list or mapping begins and ends in the text."""
    if isinstance(node, yaml.MappingNode):
        return [(key.start_mark.index, _end(value)) for key, value in node.value]
    if isinstance(node, yaml.SequenceNode):
        return [(item.start_mark.index, _end(item)) for item in node.value]
    return []


def _end(node: yaml.Node) -> int:
    """Return where a value ends; a block ends for YAML where the next thing begins, behind comments and empty lines."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(last[1] if isinstance(node, yaml.MappingNode) else last)
    return node.end_mark.index
