"""The reference of files, generated from the JSON Schemas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from docs.markdown import code, codes, page, section, table
from exitplan.schemas.build import build_schemas
from exitplan.schemas.shapes.answers import ANSWERS

Schema = Mapping[str, Any]
_ABOUT = "exitplan checks every file against its schema before it uses it. The schemas themselves are in `schemas/`."
_ABOUT_ANSWERS = (
    "What commands print with `--json` has a schema too, and a `format_version`, which is raised when a key is removed "
    "or changes its meaning. Where a command fails, its one document is an `error`."
)


def schemas_page() -> str:
    """Return the page on the files that exitplan reads and writes."""
    files = (_section(kind, schema) for kind, schema in build_schemas().items())
    return page("Files", _ABOUT, *files, _ABOUT_ANSWERS, *(_answer(kind, shape()) for kind, shape in ANSWERS.items()))


def _answer(kind: str, schema: Schema) -> str:
    about = f"{schema['description']} Schema: `exitplan schema {kind}`. Further keys may be added."
    rows = _rows(schema, "", {})
    return section(f"Answer: {schema['title']}", about, table(["key", "type", "required", "meaning"], rows))


def _section(kind: str, schema: Schema) -> str:
    more = "Further keys are allowed." if schema.get("additionalProperties", True) is not False else ""
    about = f"{schema.get('description', '')} Schema: [`{kind}.schema.json`](../../schemas/{kind}.schema.json). {more}"
    meanings = {f"#/definitions/{name}": part for name, part in schema.get("definitions", {}).items()}
    rows = _rows(schema, "", meanings)
    return section(schema["title"], about.strip(), table(["key", "type", "required", "meaning"], rows))


def _rows(schema: Schema, prefix: str, definitions: Mapping[str, Schema]) -> Iterator[list[str]]:
    required = schema.get("required", ())
    for name, part in schema.get("properties", {}).items():
        path = f"{prefix}{name}"
        meaning = _meaning(definitions.get(part.get("$ref", ""), part))
        yield [code(path), _type(part), "yes" if name in required else "", meaning]
        yield from _rows(part, f"{path}.", definitions)
        yield from _inner_rows(part, path, definitions)


def _inner_rows(part: Schema, path: str, definitions: Mapping[str, Schema]) -> Iterator[list[str]]:
    """Yield the rows for the values of a list or a mapping."""
    for key, suffix in (("items", "[]"), ("additionalProperties", ".*")):
        inner = part.get(key)
        if isinstance(inner, dict):
            yield from _rows(inner, f"{path}{suffix}.", definitions)


def _type(part: Schema) -> str:
    if "$ref" in part:
        return str(part["$ref"].rpartition("/")[2]).replace("_", " ")
    if "enum" in part:
        return codes(map(_value, part["enum"]))
    found = part.get("type", "any")
    names = [found] if isinstance(found, str) else list(found)
    items = part.get("items")
    if "array" in names and isinstance(items, dict) and "properties" not in items:
        names[names.index("array")] = f"array of {_type(items)}"
    time = "time" if part.get("format") == "date-time" else "string"
    return " or ".join(time if name == "string" else name for name in names)


def _meaning(part: Schema) -> str:
    meaning = str(part.get("description", ""))
    if "default" in part and part["default"] is not None:
        meaning = f"{meaning} Default: {code(_value(part['default']))}."
    return meaning


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    return str(value)
