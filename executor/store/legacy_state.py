"""The state file of the published Legacy Position Exit Protocol, taken over as far as it tells what is needed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from exitplan.ruleset.model.values import time_text

_TIMES = ("last_cleanup_run", "started_at", "last_cycle_at")


def published_state(path: Path) -> bytes | None:
    """Return a state file of the published protocol in exitplan's form; None for any other file.

    Its times are local and get a zone. Its unwinds do not say what was held when they began, so they begin anew, and
    its classification is made anew by the next run.
    """
    try:
        document: Any = orjson.loads(path.read_bytes()) if path.is_file() else None  # a pipe would be waited for
    except (OSError, orjson.JSONDecodeError):
        return None  # whoever reads it next says what is wrong, with the line
    is_published = isinstance(document, dict) and "cleanup_metrics" in document and "format_version" not in document
    return orjson.dumps(_converted(document)) if is_published else None


def _converted(document: dict[str, Any]) -> dict[str, Any]:
    unwinds = document.get("unwind_progress")
    if not isinstance(unwinds, dict):
        return document
    known = {
        name: _with_zones(entry)
        for name, entry in unwinds.items()
        if isinstance(entry, dict) and "initial_quantity" in entry
    }
    return {**_with_zones(document), "unwind_progress": known, "classified_positions": {}}


def _with_zones(entry: dict[str, Any]) -> dict[str, Any]:
    return {name: _with_zone(value) if name in _TIMES else value for name, value in entry.items()}


def _with_zone(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        moment = datetime.fromisoformat(value)
        return value if moment.tzinfo else time_text(moment.astimezone(UTC))
    except (OverflowError, ValueError):
        return value  # the check that follows says what is wrong
