"""Write values as YAML that reads back as the same."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from exitplan.ruleset.model.values import plain
from exitplan.schemas.layout.parts import quoted
from exitplan.schemas.loading.scalars import is_bare_text


def document_text(document: Mapping[str, Any]) -> str:
    """Write a document as a file: each entry of its mappings and lists on a line of its own, what is inside inline."""
    return "".join(f"{line}\n" for key, value in document.items() for line in _lines(key, value))


def _lines(key: str, value: Any) -> list[str]:  # noqa: ANN401 - a node of a document
    if isinstance(value, Mapping) and value:
        return [f"{_text(key)}:", *(f"  {_text(name)}: {inline(entry)}" for name, entry in value.items())]
    if isinstance(value, list | tuple) and value:
        return [f"{_text(key)}:", *(f"  - {inline(entry)}" for entry in value)]
    return [f"{_text(key)}: {inline(value)}"]


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
    return text if is_bare_text(text) else quoted(text)
