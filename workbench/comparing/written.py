"""What two policies write otherwise, key by key and rule by rule, as it stands in their files once merged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from exitplan.schemas.layout.writing import inline
from exitplan.workbench.comparing.settings import SettingChange

_ABOUT = frozenset({"version", "name", "description", "account"})
_UNSAID = frozenset({"id", "because", "before"})
"""The keys of a rule that do not decide what is done."""


def compare_written(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[SettingChange]:
    """List what two merged documents write otherwise, in the order of the old one, what is new behind it.

    What follows from a parameter or a definition is told once, as that. Reasons are no difference, nor is the order of
    rules.
    """
    before, after = dict(_written(old)), dict(_written(new))
    names = [*before, *(name for name in after if name not in before)]
    return [
        SettingChange(name, before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)
    ]


def _written(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """List what a document says, as text by its place."""
    for block, value in document.items():
        if block in _ABOUT:
            continue
        if isinstance(value, Mapping):
            yield from ((f"{block}.{key}", inline(entry)) for key, entry in value.items())
        elif isinstance(value, list):
            yield from (_entry(block, entry) for entry in value)
        else:
            yield block, inline(value)


def _entry(block: str, entry: Mapping[str, Any]) -> tuple[str, str]:
    """Return the place and the text of an entry of a list; one without an id is known by what it says."""
    said = inline({key: value for key, value in entry.items() if key not in _UNSAID})
    return (f"{block}.{entry['id']}", said) if "id" in entry else (f"{block} {said}", "in force")
