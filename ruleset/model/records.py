"""Records: structs that have a JSON form, which is written, read and described from their fields alone.

What a field cannot say by its name and type stands beside it: ``quantity: Annotated[Decimal, Key("How much.")]``. A
further key of a file is a further field, and nothing else.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Hashable, Mapping
from datetime import datetime
from decimal import Decimal
from enum import Enum, StrEnum
from functools import cache
from operator import attrgetter
from typing import Annotated, Any, Literal, TypeGuard, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from msgspec import NODEFAULT, Struct

from exitplan.ruleset.model.values import parse_time, plain, time_text

T = TypeVar("T")
Document = dict[str, Any]
Convert = Callable[[Any], Any]


class Form(StrEnum):
    """What a text must look like."""

    SYMBOL = "symbol"
    NAME = "name"
    SHA256 = "sha256"
    CLIENT_ORDER_ID = "client order id"


Symbol = Annotated[str, Form.SYMBOL]
Name = Annotated[str, Form.NAME]
Sha256 = Annotated[str, Form.SHA256]


class Key(Struct, frozen=True, gc=False):
    """What a field is in the JSON form; every field that is not ``sparse`` is always written, and required.

    ``name`` replaces the field's own name, ``sparse`` leaves the key out while the field has its default, ``hidden``
    leaves it out always. ``values`` are the numbers that a whole number may be, ``meanings`` explains the texts
    that a text may be.
    """

    about: str = ""
    name: str | None = None
    sparse: bool = False
    hidden: bool = False
    values: tuple[int, ...] = ()
    meanings: Mapping[str, str] | None = None

    def __hash__(self) -> int:
        return id(self)


class RecordField(Struct, frozen=True, gc=False):
    """One field of a record that is in its JSON form; ``kind`` is its type without what stands beside it."""

    attribute: str
    name: str
    kind: Any
    key: Key
    form: Form | None
    default: Any = NODEFAULT


@cache
def record_fields(record: type[Struct]) -> tuple[RecordField, ...]:
    """List the fields of a record that its JSON form has, in their order."""
    hints = get_type_hints(record, include_extras=True)
    every = (_field(name, hints[name], default) for name, default in _defaults(record).items())
    return tuple(field for field in every if not field.key.hidden)


def _defaults(record: type[Struct]) -> dict[str, Any]:
    """Return the fields of a record, each with the value that it has unless it is given."""
    names, defaults = record.__struct_fields__, record.__struct_defaults__
    return dict(zip(names, (NODEFAULT,) * (len(names) - len(defaults)) + defaults, strict=True))


def _field(attribute: str, hint: Any, default: Any) -> RecordField:  # noqa: ANN401 - any type
    kind, *beside = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    key = next((part for part in beside if isinstance(part, Key)), Key())
    form = next((part for part in beside if isinstance(part, Form)), None)
    return RecordField(attribute, key.name or attribute, kind, key, form or _form_of(kind), default)


def _form_of(kind: Any) -> Form | None:  # noqa: ANN401 - any type
    """Find the form of a text that may be None."""
    inner = [part for part in get_args(kind) if get_origin(part) is Annotated] if is_union(kind) else []
    return next((beside for part in inner for beside in get_args(part)[1:] if isinstance(beside, Form)), None)


def is_union(kind: Any) -> bool:  # noqa: ANN401 - any type
    """Check whether a type is one of several."""
    return get_origin(kind) in {Union, types.UnionType}


def is_record(kind: Any) -> TypeGuard[type[Struct]]:  # noqa: ANN401 - any type
    """Check whether a type is a record."""
    return isinstance(kind, type) and issubclass(kind, Struct)


def is_enum(kind: Any) -> bool:  # noqa: ANN401 - any type
    """Check whether a type is an enumeration."""
    return isinstance(kind, type) and issubclass(kind, Enum)


def bare(kind: Any) -> Any:  # noqa: ANN401 - any type
    """Return a type without what stands beside it."""
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def members_of(kind: Any) -> list[Any]:  # noqa: ANN401 - any type
    """Return the types that a union is one of, None aside; of any other type itself."""
    return [bare(part) for part in get_args(kind) if part is not type(None)] if is_union(kind) else [bare(kind)]


# --- writing ---


def write_record(record: object) -> Document:
    """Return the JSON form of a record: decimals and times as text, keys in the order of the fields."""
    return cast("Document", _writer(cast("Hashable", type(record)))(record))


@cache
def _writer(kind: Hashable) -> Convert:
    if is_union(kind):
        return _union_writer(members_of(kind))
    if is_record(kind):
        return _record_writer(kind)
    if is_enum(kind):
        return lambda value: value.value
    if get_origin(kind) is tuple:
        item = _writer(bare(get_args(kind)[0]))
        return lambda value: [item(part) for part in value]
    if get_origin(kind) in {dict, Mapping}:
        part = _writer(bare(get_args(kind)[1]))
        return dict if part is _as_it_is else lambda value: {name: part(entry) for name, entry in value.items()}
    return _WRITERS.get(kind, _as_it_is)


def _union_writer(members: list[Any]) -> Convert:
    if all(_writer(part) is _as_it_is for part in members):
        return _as_it_is
    write = _writer(members[0]) if len(members) == 1 else lambda value: _writer(cast("Hashable", type(value)))(value)
    return lambda value: None if value is None else write(value)


def _record_writer(record: type[Struct]) -> Convert:
    entries = record_fields(record)
    names, values = [field.name for field in entries], _values_of([field.attribute for field in entries])
    special = [
        (field.name, field.key.sparse, field.default, convert)
        for field in entries
        if (convert := _writer(field.kind)) is not _as_it_is or field.key.sparse
    ]

    def write(value: Any) -> Document:  # noqa: ANN401 - a record
        document: Document = dict(zip(names, values(value), strict=True))
        for name, sparse, default, convert in special:
            part = document[name]
            if sparse and part == default:
                del document[name]
            else:
                document[name] = convert(part)
        return document

    return write


def _values_of(attributes: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    """Return what reads several attributes at once."""
    if len(attributes) == 1:
        return lambda value: (getattr(value, attributes[0]),)
    return attrgetter(*attributes)


def _as_it_is(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    return value


_WRITERS: Mapping[Hashable, Convert] = {Decimal: plain, datetime: time_text}


# --- reading ---


def read_record(record: type[T], document: Any) -> T:  # noqa: ANN401 - any JSON value
    """Read a record from its JSON form.

    Raises ValueError, TypeError or ArithmeticError for a key that is missing or unknown, and for a value that is none
    of its field's.
    """
    return cast("T", _reader(cast("Hashable", record))(document))


@cache
def _reader(kind: Hashable) -> Convert:
    if is_union(kind):
        return _union_reader(members_of(kind))
    if is_record(kind):
        return _record_reader(kind)
    if get_origin(kind) is not None:
        return _generic_reader(kind)
    if is_enum(kind):
        return cast("Convert", kind)
    if kind in {Decimal, datetime}:
        read: Convert = Decimal if kind is Decimal else parse_time
        return lambda value: read(_of(str, value))
    return lambda value: _of(cast("type", kind), value)


def _generic_reader(kind: Any) -> Convert:  # noqa: ANN401 - any type
    """Return how a tuple, a mapping by name, or one of few values is read."""
    arguments = get_args(kind)
    if get_origin(kind) is Literal:
        return lambda value: _one_of(arguments, value)
    if get_origin(kind) is tuple:
        item = _reader(bare(arguments[0]))
        return lambda value: tuple(item(part) for part in _of(list, value))
    part = _reader(bare(arguments[1]))
    return lambda value: {name: part(entry) for name, entry in _of(dict, value).items()}


def _union_reader(members: list[Any]) -> Convert:
    if len(members) == 1:
        read = _reader(members[0])
        return lambda value: None if value is None else read(value)
    plain_kinds = tuple(kind for kind in members if kind in {str, int, bool})
    others = [_reader(kind) for kind in members if kind not in plain_kinds]
    return lambda value: value if isinstance(value, plain_kinds) or value is None else others[0](value)


def _record_reader(record: type[Struct]) -> Convert:
    parts = {field.name: (field, _reader(field.kind)) for field in record_fields(record)}
    required = [name for name, (field, _) in parts.items() if not field.key.sparse]

    def read(document: Any) -> Any:  # noqa: ANN401 - any JSON value
        unknown = [name for name in _of(dict, document) if name not in parts]
        missing = [name for name in required if name not in document]
        if unknown or missing:
            raise ValueError(f"{record.__name__}: {', '.join(unknown + missing)} unknown or missing")
        return record(**{parts[name][0].attribute: parts[name][1](value) for name, value in document.items()})

    return read


def _of(kind: type, value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if not isinstance(value, kind):
        raise TypeError(f"{kind.__name__} expected, found {type(value).__name__}")
    return value


def _one_of(allowed: tuple[Any, ...], value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if value not in allowed:
        raise ValueError(f"{value!r} is none of {allowed}")
    return value
