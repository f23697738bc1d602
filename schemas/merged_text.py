"""A merged policy as lines of YAML, each part with the place that it comes from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from exitplan.ruleset.language.problems import Path
from exitplan.schemas.layout.writing import inline
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
