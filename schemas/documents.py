"""JSON files: snapshots, plans, state, tracker and alerts, checked before anybody reads a value from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path as FilePath
from typing import Any, Literal, get_args

from exitplan.ruleset.language.problems import Problem
from exitplan.schemas.checking import check
from exitplan.schemas.loading.diagnostics import FileHasProblems, Source, locate
from exitplan.schemas.loading.json_loader import json_document, load_json, parse_json
from exitplan.schemas.loading.text import decoded
from exitplan.schemas.semantic_checks import check_health, check_snapshot, check_state, check_tracker
from exitplan.schemas.validators import passes

Kind = Literal["snapshot", "plan", "state", "tracker", "alert", "users", "health", "groupplan"]
KINDS: tuple[Kind, ...] = get_args(Kind)

_CROSS_CHECKS: Mapping[Kind, Callable[[dict[str, Any]], list[Problem]]] = {
    "snapshot": check_snapshot,
    "state": check_state,
    "tracker": check_tracker,
    "health": check_health,
}


def load_document(path: FilePath, kind: Kind) -> dict[str, Any]:
    """Load a JSON file and check it; amounts stay text, JSON numbers are ``int`` and ``Decimal``.

    Raises FileHasProblems where it is missing or unreadable, or with all that is wrong in it.
    """
    return _checked(load_json(path), kind)


def parse_document(text: bytes, kind: Kind, name: str) -> dict[str, Any]:
    """Parse and check a JSON text; ``name`` is what messages call it.

    Raises FileHasProblems with all that is wrong in it.
    """
    return _checked(decoded(text, name), kind)


def check_document(value: Any, kind: Kind, name: str) -> dict[str, Any]:  # noqa: ANN401 - any JSON value
    """Check a document that a program holds already; ``name`` is what messages call it.

    Raises FileHasProblems with all that is wrong in it.
    """
    problems = _problems(value, kind)
    if problems:
        raise FileHasProblems(locate(problem, {}, {name: Source(name, "")}) for problem in problems)
    checked: dict[str, Any] = value
    return checked


def problems_in(value: Any, kind: Kind) -> list[Problem]:  # noqa: ANN401 - any JSON value
    """Find what keeps a document that was read already from being one of its kind."""
    return _problems(value, kind)


def kind_of(value: object) -> Kind | None:
    """Guess from its keys what a document is; None where it looks like nothing known."""
    keys = value.keys() if isinstance(value, dict) else ()
    signs: tuple[tuple[str, Kind], ...] = (
        ("group_plan_id", "groupplan"),
        ("plan_id", "plan"),
        ("taken_at", "snapshot"),
        ("unwind_progress", "state"),
        ("alert_type", "alert"),
        ("last_updated", "tracker"),
        ("users", "users"),
        ("weights", "health"),
    )
    kind = next((kind for key, kind in signs if key in keys), None)
    if kind is None and isinstance(value, dict) and isinstance(value.get("positions"), dict):  # of a snapshot a list
        return "tracker"
    return kind


def _checked(source: Source, kind: Kind) -> dict[str, Any]:
    value = parse_json(source)
    problems = _problems(value, kind)
    if problems:
        document = json_document(source, value)
        raise FileHasProblems(locate(problem, document.marks, {source.name: source}) for problem in problems)
    checked: dict[str, Any] = value
    return checked


def _problems(value: Any, kind: Kind) -> list[Problem]:  # noqa: ANN401 - any JSON value
    if not passes(kind, value):
        # Should the two validators ever differ, the file is refused all the same.
        return check(kind, value) or [Problem((), f"this is not a {kind} file")]
    cross_check = _CROSS_CHECKS.get(kind)
    return cross_check(value) if cross_check else []
