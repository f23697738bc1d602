"""From merged layers to one plain document: rules put, moved and dropped, and every value's place kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from exitplan.ruleset.language.policy import INVARIANTS
from exitplan.ruleset.language.problems import Path, did_you_mean
from exitplan.schemas.loading.diagnostics import Diagnostic, Mark
from exitplan.schemas.merging.policy_merge import HEADS, LISTS, OPTIONS, Layer, ListEdit, Part

ORDER = (
    *HEADS,
    "parameters",
    "definitions",
    "classification",
    "orders",
    "exits",
    *INVARIANTS,
    "unwind",
    "cap",
    "health",
    "dust",
    "cash",
    "aliases",
    "protect",
    "guards",
    "plan",
    "clean",
    "approval",
    "escalation",
)
"""The order of a merged policy's keys, which is that of the shipped ones."""


@dataclass(slots=True)
class Resolved:
    """A merged policy as one plain document, the account block beside it, and the places of everything in both."""

    document: dict[str, Any] = field(default_factory=dict)
    account: dict[str, Any] | None = None
    marks: dict[Path, Mark] = field(default_factory=dict)
    diagnostics: list[Diagnostic] = field(default_factory=list)


def resolve(layer: Layer) -> Resolved:
    """Fold the operations of a layer; an unknown id in ``remove`` or ``before`` is noted in ``diagnostics``."""
    resolved = Resolved(marks=dict(layer.marks))
    for key in ORDER:
        if key in layer.heads:
            resolved.document[key] = _placed(resolved, (key,), layer.heads[key])
        elif key in layer.blocks:
            resolved.document[key] = _block(resolved, key, layer.blocks[key])
        elif key in layer.lists:
            parts = [operation.part for operation in _folded(resolved, key, layer.lists[key])]
            resolved.document[key] = [_placed(resolved, (key, index), part) for index, part in enumerate(parts)]
    if "account" in layer.blocks:
        resolved.account = _block(resolved, "account", layer.blocks["account"])
        if layer.options:
            inner = {key: _placed(resolved, ("account", OPTIONS, key), part) for key, part in layer.options.items()}
            resolved.account[OPTIONS] = inner
    return resolved


def _block(resolved: Resolved, name: str, entries: Mapping[str, Part]) -> dict[str, Any]:
    return {key: _placed(resolved, (name, key), part) for key, part in entries.items()}


def _placed(resolved: Resolved, path: Path, part: Part) -> Any:  # noqa: ANN401 - a node of a document
    resolved.marks.update({(*path, *inner): mark for inner, mark in part.marks.items()})
    return part.value


def _folded(resolved: Resolved, block: str, operations: tuple[ListEdit, ...]) -> list[ListEdit]:
    rules: list[ListEdit] = []
    for operation in operations:
        ids = [rule.id for rule in rules]
        if operation.drops:
            if operation.id in ids:
                del rules[ids.index(operation.id)]
            else:
                _unknown(resolved, operation, operation.id, ids, LISTS[block])
        elif operation.before:
            _put_before(resolved, rules, operation)
        elif operation.id in ids:
            rules[ids.index(operation.id)] = operation
        else:
            rules.append(operation)
    return rules


def _put_before(resolved: Resolved, rules: list[ListEdit], operation: ListEdit) -> None:
    """Put a rule before the first of those it names; one that is there already moves."""
    others = [rule for rule in rules if rule.id != operation.id]
    ids = [rule.id for rule in others]
    for name in operation.before:
        if name not in ids:
            _unknown(resolved, operation, name, ids, "before")
    known = [ids.index(name) for name in operation.before if name in ids]
    rules[:] = others
    rules.insert(min(known, default=len(others)), operation)


def _unknown(resolved: Resolved, operation: ListEdit, name: str, ids: list[str], key: str) -> None:
    what = "to put it before" if key == "before" else "to remove"
    hint = did_you_mean(name, ids) or (f"known are {', '.join(ids)}" if ids else "nothing is inherited here")
    mark = operation.part.marks.get((key,), operation.part.marks[()])
    path = (*operation.origin, key)
    resolved.diagnostics.append(Diagnostic(replace(mark, key=None), path, f"there is no {name!r} {what}", hint=hint))
