"""What the shapes of answers are put together from."""

from __future__ import annotations

from collections.abc import Mapping

from exitplan.schemas.shapes.common import Schema, amount, format_version, record, schema

SIDES = {"long": "", "short": ""}
NUMBER: Schema = {"type": "integer", "minimum": 0}
OBJECT: Schema = {"type": "object"}


def answer(
    kind: str, title: str, about: str, properties: Mapping[str, Schema], optional: tuple[str, ...] = ()
) -> Schema:
    """Describe one document of ``--json``, with the version of its format."""
    keys = {"format_version": format_version(), **properties}
    required = tuple(key for key in keys if key not in optional)
    return schema(kind, title, about, record(keys, required, extra=True))


def whole(about: str) -> Schema:
    """Describe a number that counts something."""
    return {**NUMBER, "description": about}


def maybe(about: str) -> Schema:
    """Describe an amount that may be unknown."""
    return amount(about)
