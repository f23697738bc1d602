"""The JSON Schema of a record, from its fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, get_args, get_origin

from exitplan.ruleset.model.records import (
    Form,
    RecordField,
    bare,
    is_enum,
    is_record,
    is_union,
    members_of,
    record_fields,
)
from exitplan.schemas.shapes.common import (
    Schema,
    figure,
    flag,
    listed,
    moment,
    name,
    one_of,
    record,
    sha256,
    symbol,
    text,
)


def described(kind: type, about: str = "") -> Schema:
    """Describe a record: its keys, those it must have, and no others."""
    fields = record_fields(kind)
    required = tuple(field.name for field in fields if not field.key.sparse)
    return record({field.name: _field(field) for field in fields}, required, about=about)


def _field(field: RecordField) -> Schema:
    optional = is_union(field.kind) and type(None) in get_args(field.kind)
    if field.form is not None:
        return _text_of_form(field.form, field.key.about, optional=optional)
    if field.key.meanings is not None:
        return one_of(field.key.meanings, field.key.about, optional=optional)
    shape = _shape(members_of(field.kind), field.key.about)
    if field.key.values:
        shape = {**shape, "enum": list(field.key.values)}
    return _or_null(shape) if optional else shape


def _shape(kinds: list[Any], about: str) -> Schema:
    if len(kinds) > 1:
        types = [part for kind in kinds for part in _types(_shape([kind], ""))]
        return {"type": list(dict.fromkeys(types)), "description": about}
    (kind,) = kinds
    if get_origin(kind) is not None:
        return _generic(kind, about)
    if is_record(kind):
        return described(kind, about)
    if is_enum(kind):
        return one_of({str(member.value): "" for member in kind}, about)
    return _SCALARS[kind](about)


def _generic(kind: Any, about: str) -> Schema:  # noqa: ANN401 - any type
    """Describe one of few values, a list, or a mapping by name."""
    arguments = get_args(kind)
    if get_origin(kind) is Literal:
        is_whole = all(isinstance(value, int) for value in arguments)
        return {**({"type": "integer"} if is_whole else {}), "enum": list(arguments), "description": about}
    if get_origin(kind) is tuple:
        return listed(_shape(members_of(arguments[0]), ""), about)
    return {"type": "object", "description": about, "additionalProperties": _values(arguments[1])}


def _values(kind: Any) -> Schema:  # noqa: ANN401 - any type
    shape = _shape(members_of(bare(kind)), "")
    shape.pop("description", None)
    return _or_null(shape) if is_union(kind) and type(None) in get_args(kind) else shape


def _or_null(shape: Schema) -> Schema:
    if "enum" in shape:
        return {**shape, "enum": [*shape["enum"], None]}
    return {**shape, "type": [*_types(shape), "null"]}


def _types(shape: Schema) -> list[str]:
    return [shape["type"]] if isinstance(shape["type"], str) else list(shape["type"])


def _text_of_form(form: Form, about: str, *, optional: bool) -> Schema:
    if form is Form.SYMBOL:
        return {**symbol(), **({"type": ["string", "null"], "description": about} if optional else {})}
    if form is Form.SHA256:
        return sha256(about)
    if form is Form.CLIENT_ORDER_ID:
        wanted = "18 characters of 0-9 and a-z are expected"
        return text(about, pattern="^[0-9a-z]{18}$", patternErrorMessage=wanted)
    return name(about, optional=optional)


_SCALARS: Mapping[Any, Callable[[str], Schema]] = {
    str: text,
    int: lambda about: {"type": "integer", "description": about},
    bool: lambda about: flag(about, optional=False),
    Decimal: figure,
    datetime: lambda about: moment(about, optional=False),
}
