"""A merged policy as lines of YAML, each part with the place that it comes from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from exitplan.ruleset.language.problems import Path
from exitplan.ruleset.model.values import plain
from exitplan.schemas.loading.scalars import is_bare_text
from exitplan.schemas.policies import LoadedPolicy

_LISTS = ("classification", "orders", "exits", "protect", "never", "always", "escalation")


@dataclass(frozen=True, slots=True)
class MergedLine:
    """One line of a merged policy, and the file and line that it comes from; None where it is made up of several."""

    text: str
    place: str | None = None


def merged_lines(loaded: LoadedPolicy) -> Iterator[MergedLine]:
    """Return a merged policy line by line."""
    for key, value in loaded.document.items():
        yield from _block(key, value, loaded.marks)


def policy_text(loaded: LoadedPolicy) -> str:
    """Write a merged policy as YAML, each part with the place it comes from."""
    lines = [f"# policy {loaded.policy.name}", f"# sha256 {loaded.policy.sha256}"]
    lines += [f"# from   {file}" for file in policy_files(loaded)]
    lines += [line.text if line.place is None else f"{line.text}  # {line.place}" for line in merged_lines(loaded)]
    return "\n".join(lines) + "\n"


def policy_files(loaded: LoadedPolicy) -> list[str]:
    """Return the files that a policy was merged from, the base first."""
    return [str(file) for file in loaded.files]


def _block(key: str, value: Any, marks: Mapping[Path, Any]) -> Iterator[MergedLine]:  # noqa: ANN401 - a node of a document
    if key in _LISTS and value:
        yield MergedLine(f"{key}:")
        for number, entry in enumerate(value):
            yield MergedLine(f"  - {inline(entry)}", _place(marks, (key, number)))
    elif isinstance(value, Mapping) and value:
        yield MergedLine(f"{key}:")
        for name, entry in value.items():
            yield MergedLine(f"  {name}: {inline(entry)}", _place(marks, (key, name)))
    else:
        yield MergedLine(f"{key}: {inline(value)}", _place(marks, (key,)))


def _place(marks: Mapping[Path, Any], path: Path) -> str | None:
    mark = marks.get(path)
    if mark is None:
        return None
    return f"{mark.file}:{mark.line}" if mark.line else str(mark.file)


def inline(value: Any) -> str:  # noqa: ANN401 - a node of a document
    """Write a value on one line, in a way that reads back as the same."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_text(key)}: {inline(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(inline(entry) for entry in value) + "]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return plain(value) if isinstance(value, Decimal) else str(value) if isinstance(value, int) else _text(value)


def _text(text: str) -> str:
    """Quote a text unless it can be nothing else."""
    return text if is_bare_text(text) else json.dumps(text, ensure_ascii=False)
