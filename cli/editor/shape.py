"""What the schemas say of a place in a policy or a file of tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from exitplan.ruleset.language.problems import Path
from exitplan.schemas.build import SHAPES

Schema = Mapping[str, Any]


@cache
def whole(kind: str) -> Schema:
    """Return the schema of a kind of file: ``policy`` or ``cases``."""
    return SHAPES[kind]()


def parts_at(kind: str, path: Path) -> list[Schema]:
    """List the parts of a schema that may describe the value in a place."""
    root = whole(kind)
    parts = list(_branches(root, root))
    for key in path:
        parts = [inner for part in parts for found in _below(part, key) for inner in _branches(found, root)]
    return parts


def keys_at(kind: str, path: Path) -> dict[str, str]:
    """Return the keys that may stand in a mapping, with what each means."""
    root, keys = whole(kind), dict[str, str]()
    for part in parts_at(kind, path):
        for key, inner in part.get("properties", {}).items():
            keys.setdefault(key, described(inner, root))
    return keys


def values_at(kind: str, path: Path) -> dict[str, str]:
    """Return the values that may stand in a place, where they are few, with what each means."""
    values = dict[str, str]()
    for part in parts_at(kind, path):
        allowed = part.get("enum", [part["const"]] if "const" in part else [])
        if part.get("type") == "boolean" and not allowed:
            allowed = [True, False]
        for value in allowed:
            word = {True: "true", False: "false"}.get(value, str(value)) if isinstance(value, bool) else str(value)
            values.setdefault(word, str(part.get("description", "")))
    return values


def meaning_of(kind: str, path: Path) -> str:
    """Return what a schema says of the value in a place; empty where it says nothing."""
    root = whole(kind)
    for part in parts_at(kind, path[:-1]):
        for found in _below(part, path[-1]) if path else ():
            said = described(found, root)
            if said:
                return said
    return ""


def described(part: Schema, root: Schema) -> str:
    """Return the description of a part, else of what it refers to."""
    return next((str(one["description"]) for one in (part, *_branches(part, root)) if one.get("description")), "")


def _below(part: Schema, key: str | int) -> Iterator[Schema]:
    if isinstance(key, int):
        if isinstance(part.get("items"), Mapping):
            yield part["items"]
        return
    properties = part.get("properties", {})
    if key in properties:
        yield properties[key]
    elif isinstance(part.get("additionalProperties"), Mapping):
        yield part["additionalProperties"]


def _branches(part: Schema, root: Schema) -> Iterator[Schema]:
    """Walk a part and all that it is made of: references, alternatives, and what holds as well."""
    yield part
    if "$ref" in part:
        yield from _branches(root["definitions"][str(part["$ref"]).rpartition("/")[2]], root)
    for keyword in ("anyOf", "allOf", "oneOf"):
        for inner in part.get(keyword, []):
            yield from _branches(inner, root)
