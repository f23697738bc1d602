"""What an editor shows of the word below the mouse: its meaning, what it resolves to, and what is proved of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path as FilePath
from typing import Any

from exitplan.cli.editor.places import Place
from exitplan.cli.editor.project import Project, kind_of_file, rule_path
from exitplan.cli.editor.shape import meaning_of, values_at
from exitplan.ruleset.language.conditions import OPERATORS
from exitplan.ruleset.language.parameters import PARAMETERS
from exitplan.ruleset.language.problems import Path
from exitplan.ruleset.model.fact_registry import ORDER_FACTS, POSITION_FACTS, UNITS, Fact
from exitplan.schemas.layout.writing import inline
from exitplan.schemas.merging.policy_merge import LISTS
from exitplan.schemas.policies import LoadedPolicy
from exitplan.workbench.lint.files import lint_loaded
from exitplan.workbench.proving.theory import CAP, DEPENDENCIES

CONDITIONS = ("when", "definitions", "given")
"""The keys below which conditions stand."""


def hover(project: Project, path: FilePath, place: Place) -> str | None:
    """Return what to show of a word, as Markdown; None where there is nothing to say."""
    loaded = project.policy_of(path) if kind_of_file(path) == "policy" else None
    parts = [*_meanings(path, place), *(_resolved(loaded, place) if loaded is not None else ())]
    return "\n\n".join(parts) or None


def _meanings(path: FilePath, place: Place) -> Iterator[str]:
    fact = fact_at(place)
    if fact is not None:
        yield from _of_fact(fact)
        return
    kind = kind_of_file(path)
    if place.is_key:
        operator = next((one for name, one in OPERATORS.items() if str(name) == place.word), None)
        said = operator.meaning if operator and in_condition(place.path) else meaning_of(kind, place.path)
        if said:
            yield f"`{place.word}`: {said}"
    elif place.word in values_at(kind, place.path):
        yield f"`{place.word}`: {values_at(kind, place.path)[place.word]}"


def in_condition(path: Path) -> bool:
    """Check whether a place is within a condition."""
    return any(key in CONDITIONS for key in path)


def fact_at(place: Place) -> Fact | None:
    """Return the fact that a key names; None where it names none."""
    if not place.is_key or not in_condition(place.path[:-1]):
        return None
    facts = ORDER_FACTS if place.path[0] == "orders" else {**ORDER_FACTS, **POSITION_FACTS}
    return facts.get(place.word)


def _of_fact(fact: Fact) -> Iterator[str]:
    unit = f", {UNITS[fact.unit]}" if fact.unit else ""
    yield f"**{fact.name}** ({fact.type}{unit}): {fact.description}"
    if fact.values:
        yield "One of " + ", ".join(f"`{value}`" for value in fact.values) + "."
    if POSITION_FACTS.get(fact.name) == fact:
        told = [(one.facts, one.meaning) for one in DEPENDENCIES]
        lines = [meaning for facts, meaning in (*told, CAP) if fact.name in facts]
        if lines:
            yield "\n".join(f"- {line}" for line in lines)


def _resolved(loaded: LoadedPolicy, place: Place) -> Iterator[str]:
    """Say what a name comes to in the merged policy, where that stands, and what is proved of a rule."""
    name = place.word.removeprefix("$")
    if place.word.startswith("$") or (place.is_key and place.path[:-1] == ("parameters",)):
        yield from _of_parameter(loaded, name)
    elif names_definition(loaded, place):
        value = loaded.document["definitions"][name]
        yield f"`{name}` is `{inline(value)}`, {_at(loaded, ('definitions', name))}"
    elif (rules := block_of_id(place)) is not None:
        yield from _of_rule(loaded, rules, place.word)
    elif place.is_key and len(place.path) == 2 and place.path in loaded.marks:  # noqa: PLR2004 - BLOCK.KEY
        value = (loaded.document.get(str(place.path[0])) or {}).get(place.path[1])
        yield f"Here: `{inline(value)}`, {_at(loaded, place.path)}"


def names_definition(loaded: LoadedPolicy, place: Place) -> bool:
    """Check whether a word is the name of a definition, where it is defined or where it is used."""
    is_used = not place.is_key and in_condition(place.path) and place.path[-1] not in POSITION_FACTS
    is_defined = place.is_key and place.path[:-1] == ("definitions",)
    return (is_used or is_defined) and place.word in (loaded.document.get("definitions") or {})


def block_of_id(place: Place) -> str | None:
    """Return the list of rules that a word names a rule of; None where it names none."""
    block = place.path[0] if place.path else None
    is_name = not place.is_key and ({"id", "before"} & set(place.path[2:3]))
    return str(block) if block in LISTS and block != "protect" and is_name else None


def _of_parameter(loaded: LoadedPolicy, name: str) -> Iterator[str]:
    parameters: dict[str, Any] = loaded.document.get("parameters") or {}
    if name in parameters:
        yield f"`{name}` is `{inline(parameters[name])}`, {_at(loaded, ('parameters', name))}"
    elif name in PARAMETERS:
        default = PARAMETERS[name].default
        value = list(default) if isinstance(default, tuple) else default
        yield f"`{name}` is `{inline(value)}`, as no file sets it"


def _of_rule(loaded: LoadedPolicy, block: str, name: str) -> Iterator[str]:
    path = rule_path(loaded, block, name)
    if path is None:
        return
    rule = loaded.document[block][path[1]]
    yield f"**{name}**, {_at(loaded, path)}\n\n```yaml\n{inline(rule)}\n```"
    # A comment may silence a finding; it is true all the same.
    found = [one.finding for one in lint_loaded(loaded) if one.finding.path[:2] == path]
    if found:
        yield "Proved:\n\n" + "\n".join(f"- {finding.code.value}: {finding.message}" for finding in found)
    else:
        yield "Proved: some position or order is decided by it."


def _at(loaded: LoadedPolicy, path: Path) -> str:
    mark = loaded.marks.get(path)
    return "which no file sets" if mark is None else f"set in {mark}"
