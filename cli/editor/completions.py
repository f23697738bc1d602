"""What may be written at the cursor: keys, facts, operators, values, and the names that a project has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Literal

from exitplan.cli.editor.hovers import block_of_id, in_condition
from exitplan.cli.editor.places import Place
from exitplan.cli.editor.project import Project, block_ids, extendable, kind_of_file
from exitplan.cli.editor.shape import keys_at, parts_at, values_at
from exitplan.ruleset.language.parameters import PARAMETERS
from exitplan.ruleset.model.fact_registry import ORDER_FACTS, POSITION_FACTS
from exitplan.schemas.layout.writing import inline
from exitplan.schemas.policies import SHIPPED, LoadedPolicy

Sort = Literal["key", "fact", "operator", "value", "parameter", "definition", "rule", "file"]


@dataclass(frozen=True, slots=True)
class Offer:
    """A word that may be written, what sort of thing it is, and what it means."""

    word: str
    sort: Sort
    meaning: str


def complete(project: Project, path: FilePath, place: Place) -> list[Offer]:
    """List what may stand in a place, each word once."""
    kind = kind_of_file(path)
    loaded = project.policy_of(path) if kind == "policy" else None
    offers: list[Offer] = []
    if place.is_key or place.may_be_key:
        offers += _keys(kind, place.parent)
    if not place.is_key:
        offers += [Offer(word, "value", meaning) for word, meaning in values_at(kind, place.path).items()]
        offers += _names(path, place, loaded)
    return list({offer.word: offer for offer in reversed(offers)}.values())[::-1]


def _keys(kind: str, parent: tuple[str | int, ...]) -> Iterator[Offer]:
    for key, meaning in keys_at(kind, parent).items():
        sort: Sort = "key"
        if in_condition(parent):
            sort = "fact" if key in POSITION_FACTS or key in ORDER_FACTS else "operator"
        yield Offer(key, sort, meaning)


def _names(path: FilePath, place: Place, loaded: LoadedPolicy | None) -> Iterator[Offer]:
    """Offer names: of files, rules, parameters and definitions."""
    if place.path == ("extends",):
        yield from (Offer(file, "file", "A policy beside this one.") for file in extendable(path))
    if place.path == ("policy",):
        yield from (Offer(file.stem, "file", "A shipped policy.") for file in sorted(SHIPPED.glob("*.yaml")))
    if loaded is None:
        return
    block = block_of_id(place)
    if block is not None:
        yield from (Offer(name, "rule", f"A rule of {block}.") for name in block_ids(loaded, block))
    if not in_condition(place.path):
        return
    set_here = loaded.document.get("parameters") or {}
    for name in sorted({*PARAMETERS, *set_here}):
        value = set_here.get(name, PARAMETERS[name].default if name in PARAMETERS else None)
        yield Offer(f"${name}", "parameter", f"Now {inline(list(value) if isinstance(value, tuple) else value)}.")
    if any("all" in part.get("properties", {}) for part in parts_at("policy", place.path)):
        for name, condition in (loaded.document.get("definitions") or {}).items():
            yield Offer(name, "definition", inline(condition))
