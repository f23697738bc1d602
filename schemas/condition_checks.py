"""Read the conditions of files whose shape is wrong elsewhere, so that all mistakes are told at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from exitplan.ruleset.language.condition_parser import Scope, parse_condition
from exitplan.ruleset.language.parameters import PARAMETERS
from exitplan.ruleset.language.policy import INVARIANTS
from exitplan.ruleset.language.problems import Path, Problem
from exitplan.ruleset.model.fact_registry import CLASSIFICATION_FACTS, ORDER_FACTS, POSITION_FACTS
from exitplan.schemas.loading.diagnostics import Diagnostic, locate
from exitplan.schemas.loading.yaml_loader import Document

_FACTS = {"classification": CLASSIFICATION_FACTS, "orders": ORDER_FACTS, "exits": POSITION_FACTS}
_FACTS |= dict.fromkeys(INVARIANTS, POSITION_FACTS)


def check_conditions(documents: Sequence[Document], broken: set[tuple[str, Path]]) -> list[Diagnostic]:
    """Find the errors in all conditions of the layers.

    Parameters that are ``broken`` (file, path) count as their defaults.
    """
    parameters: dict[str, Any] = {name: setting.default for name, setting in PARAMETERS.items()}
    definitions: dict[str, Any] = {}
    home: dict[str, Document] = {}
    for document in documents:
        written = _mapping(document.value, "parameters").items()
        parameters |= {name: value for name, value in written if (document.name, ("parameters", name)) not in broken}
        for name, raw in _mapping(document.value, "definitions").items():
            definitions[name], home[name] = raw, document
    diagnostics = []
    for document in documents:
        for problem in _problems(document, parameters, definitions):
            in_definition = problem.path[:1] == ("definitions",)
            place = home.get(str(problem.path[1]), document) if in_definition else document
            diagnostics.append(locate(problem, place.marks, {place.name: place.source}))
    return diagnostics


def _problems(document: Document, parameters: Mapping[str, Any], definitions: Mapping[str, Any]) -> Iterator[Problem]:
    for block, facts in _FACTS.items():
        scope = Scope(facts, parameters, definitions)
        for path, raw in _conditions(document.value, block):
            parse_condition(raw, path, scope)
        yield from (problem for problem in scope.problems if problem.severity == "error")


def _conditions(value: Any, block: str) -> Iterator[tuple[Path, Any]]:  # noqa: ANN401 - any document
    rules = value.get(block) if isinstance(value, dict) else None
    for index, rule in enumerate(rules if isinstance(rules, list) else ()):
        if isinstance(rule, dict) and "when" in rule:
            yield (block, index, "when"), rule["when"]


def _mapping(value: Any, block: str) -> Mapping[str, Any]:  # noqa: ANN401 - as above
    inner = value.get(block) if isinstance(value, dict) else None
    return inner if isinstance(inner, dict) else {}
