"""Files that build on one another: merged as layers, resolved at the end.

A layer keeps its rule lists as operations (put this rule there, drop that one), and merging two layers only puts their
operations one behind the other. So merging is associative: merge(merge(a, b), c) == merge(a, merge(b, c)).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from exitplan.ruleset.language.policy import INVARIANTS
from exitplan.ruleset.language.problems import Path
from exitplan.ruleset.model.values import unified_symbol
from exitplan.schemas.loading.diagnostics import Mark
from exitplan.schemas.loading.yaml_loader import Document

HEADS = ("version", "name", "description")
BLOCKS = (
    "parameters",
    "definitions",
    "unwind",
    "cap",
    "health",
    "dust",
    "guards",
    "plan",
    "clean",
    "cash",
    "aliases",
    "approval",
    "account",
)
SHORT_FORMS: Mapping[str, str] = {"approval": "mode"}
"""The blocks that a file may also write as one word, with the key that the word is the value of."""
LISTS: Mapping[str, str] = {
    "classification": "id",
    "orders": "id",
    "exits": "id",
    "protect": "symbol",
    "escalation": "id",
}
"""The rule lists, with the key that names an entry."""
OPTIONS = "options"
"""The one mapping inside a block that is merged key by key as well: the options of an account."""


@dataclass(frozen=True, slots=True)
class Part:
    """A value of a file with the places of everything in it; its own is under the empty path."""

    value: Any
    marks: Mapping[Path, Mark]


@dataclass(frozen=True, slots=True)
class ListEdit:
    """One entry of a rule list: put it (``before`` the first of some others) or drop the inherited one.

    ``origin`` is its path in its own file.
    """

    id: str
    part: Part
    origin: Path
    drops: bool = False
    before: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Layer:
    """What one file, or several merged ones, have to say."""

    heads: Mapping[str, Part] = field(default_factory=dict)
    blocks: Mapping[str, Mapping[str, Part]] = field(default_factory=dict)
    options: Mapping[str, Part] = field(default_factory=dict)
    lists: Mapping[str, tuple[ListEdit, ...]] = field(default_factory=dict)
    marks: Mapping[Path, Mark] = field(default_factory=dict)


def layer_of(document: Document) -> Layer:
    """Read a layer from a file that has the shape of a policy."""
    value: Mapping[str, Any] = document.value
    blocks = {block: _entries(document, block) for block in BLOCKS if block in value}
    options = (value.get("account") or {}).get(OPTIONS) or {}
    return Layer(
        heads={key: _part(document, (key,), value[key]) for key in HEADS if key in value},
        blocks=blocks,
        options={key: _part(document, ("account", OPTIONS, key), inner) for key, inner in options.items()},
        lists={name: tuple(operations(document, name)) for name in (*LISTS, *INVARIANTS) if name in value},
        marks={path: mark for path, mark in document.marks.items() if _is_container(path)},
    )


def merge(first: Layer, second: Layer) -> Layer:
    """Put the second layer on top of the first; neither is changed."""
    blocks = {
        name: {**first.blocks.get(name, {}), **second.blocks.get(name, {})}
        for name in (*first.blocks, *(new for new in second.blocks if new not in first.blocks))
    }
    lists = {
        name: (*first.lists.get(name, ()), *second.lists.get(name, ()))
        for name in (*first.lists, *(new for new in second.lists if new not in first.lists))
    }
    return Layer(
        heads={**first.heads, **second.heads},
        blocks=blocks,
        options={**first.options, **second.options},
        lists=lists,
        marks={**first.marks, **second.marks},
    )


def entry_name(block: str, entry: Mapping[str, Any]) -> str:
    """Return the name of an entry of a rule list: its id, the symbol it protects; of an invariant all it says."""
    if block in INVARIANTS:
        return json.dumps(entry, sort_keys=True, default=str)
    if block == "protect" and entry.get("symbol") is None:
        return f"asset {entry.get('asset')}"
    name = str(entry[LISTS[block]])
    return unified_symbol(name) if block == "protect" else name


def _as_list(value: object) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _entries(document: Document, block: str) -> dict[str, Part]:
    if isinstance(document.value[block], str):
        return {SHORT_FORMS[block]: _part(document, (block,), document.value[block])}
    return {
        key: _part(document, (block, key), inner)
        for key, inner in document.value[block].items()
        if (block, key) != ("account", OPTIONS)
    }


def _is_container(path: Path) -> bool:
    return len(path) <= 1 or path == ("account", OPTIONS)


def is_list_of_entries(value: object, block: str) -> bool:
    """Check whether a rule list, where a file has it, consists of entries with names."""
    if not isinstance(value, dict):
        return False
    entries = value.get(block, [])
    return isinstance(entries, list) and all(
        isinstance(entry, dict)
        and any(isinstance(entry.get(key), str) for key in (LISTS[block], *(["asset"] if block == "protect" else [])))
        and all(isinstance(name, str) for name in _as_list(entry.get("before", [])))
        for entry in entries
    )


def operations(document: Document, block: str) -> Iterator[ListEdit]:
    """Read a rule list as what is to be done to the inherited one."""
    for index, entry in enumerate(document.value.get(block, [])):
        kept = {key: value for key, value in entry.items() if key not in {"before", "remove"}}
        before = entry.get("before") or ()
        origin = (block, index)
        yield ListEdit(
            id=entry_name(block, entry),
            part=Part(kept, _part(document, origin, entry).marks),
            origin=origin,
            drops=entry.get("remove") is True,
            before=(before,) if isinstance(before, str) else tuple(before),
        )


def _part(document: Document, path: Path, value: Any) -> Part:  # noqa: ANN401 - a node of a document
    return Part(value, {inner: document.marks[(*path, *inner)] for inner in _paths(value, ())})


def _paths(value: Any, path: Path) -> Iterator[Path]:  # noqa: ANN401 - as above
    yield path
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in entries:
        yield from _paths(inner, (*path, key))
