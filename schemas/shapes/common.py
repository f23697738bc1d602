"""The pieces that several schemas share: amounts, times, symbols, and how a schema says what it wants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = dict[str, Any]

DRAFT = "http://json-schema.org/draft-07/schema#"
# The last two are white space to some readers of patterns, and none to others.
SYMBOL_PATTERN = r"^[^\s\u0000-\u001f\u007f\u0085\ufeff]{1,64}$"
NAME_PATTERN = r"^[^\s\u0000-\u001f\u007f\u0085\ufeff]{1,128}$"
DECIMAL_PATTERN = r"^[+-]?[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,2})?$"
NOT_NEGATIVE_PATTERN = r"^\+?[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,2})?$"
TIME_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})$"
DATE_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
LOCAL_TIME_PATTERN = TIME_PATTERN.removesuffix("$") + "?$"
SHA256_PATTERN = r"^[0-9a-f]{64}$"


def schema(kind: str, title: str, description: str, body: Schema) -> Schema:
    """Make the head of a schema; its id names no host."""
    return {
        "$schema": DRAFT,
        "$id": f"exitplan/{kind}.schema.json",
        "title": title,
        "description": description,
        **body,
    }


def record(
    properties: Mapping[str, Schema], required: tuple[str, ...] = (), *, extra: bool = False, about: str = ""
) -> Schema:
    """Describe an object; unknown keys are an error unless ``extra`` is true."""
    shape: Schema = {"type": "object", "properties": dict(properties), "additionalProperties": extra}
    if about:
        shape["description"] = about
    if required:
        shape["required"] = list(required)
    return shape


def listed(items: Schema, about: str = "") -> Schema:
    """Describe a list."""
    return {"type": "array", "items": items, **({"description": about} if about else {})}


def keyed(values: Schema, about: str, key_pattern: str = SYMBOL_PATTERN) -> Schema:
    """Describe an object whose keys are names, such as symbols."""
    names = {"pattern": key_pattern, "patternErrorMessage": "a name without spaces is expected, such as ETH/USD"}
    return {"type": "object", "description": about, "propertyNames": names, "additionalProperties": values}


def text(about: str = "", *, optional: bool = False, **more: object) -> Schema:
    """Describe a text."""
    return _described({"type": _or_null("string", optional=optional), **more}, about)


def flag(about: str, *, optional: bool = True) -> Schema:
    """Describe a truth value."""
    return _described({"type": _or_null("boolean", optional=optional)}, about)


def one_of(values: Mapping[str, str], about: str, *, optional: bool = False, **more: object) -> Schema:
    """Describe a text with few possible values, given with their meanings."""
    choices: list[str | None] = [*values, *([None] if optional else [])]
    meanings = " ".join(f"{value}: {meaning}" for value, meaning in values.items() if meaning)
    return _described({"enum": choices, **more}, f"{about} {meanings}".strip())


def symbol() -> Schema:
    """Describe a symbol."""
    about = "The unified symbol, such as ETH/USD or BTC/USDT:USDT; ETH-USD and ETH_USD are read as ETH/USD."
    message = "a symbol without spaces is expected, such as ETH/USD"
    return text(about, pattern=SYMBOL_PATTERN, patternErrorMessage=message)


def name(about: str, *, optional: bool = False, **more: object) -> Schema:
    """Describe an identifier."""
    message = "an identifier without spaces is expected"
    return text(about, optional=optional, pattern=NAME_PATTERN, patternErrorMessage=message, **more)


def amount(about: str, *, optional: bool = True, negative: bool = True, number: bool = False) -> Schema:
    """Describe a decimal written as text; with ``number`` a JSON number is tolerated too."""
    types = ["string", *(["number"] if number else []), *(["null"] if optional else [])]
    wanted = "a decimal" if negative else "a decimal that is not negative"
    return _described(
        {
            "type": types if len(types) > 1 else types[0],
            "pattern": DECIMAL_PATTERN if negative else NOT_NEGATIVE_PATTERN,
            "patternErrorMessage": f'{wanted} is expected, written as text such as "0.5"',
            **({} if negative or not number else {"minimum": 0}),
        },
        about,
    )


def figure(about: str) -> Schema:
    """Describe a computed amount: exact products and quotients have more digits than what a venue sends."""
    return {**amount(about, optional=False), "pattern": r"^-?[0-9]{1,400}(\.[0-9]{1,400})?$"}


def moment(about: str, *, optional: bool = True) -> Schema:
    """Describe a time."""
    return _described(
        {
            "type": _or_null("string", optional=optional),
            "format": "date-time",
            "pattern": TIME_PATTERN,
            "patternErrorMessage": "an ISO 8601 time in UTC is expected, such as 2026-02-18T22:00:00Z",
        },
        about,
    )


def written_moment(about: str) -> Schema:
    """Describe a time that a person writes: a date alone is its midnight in UTC."""
    message = "an ISO 8601 time in UTC is expected, such as 2026-02-18T22:00:00Z or 2026-02-18"
    pattern = f"{TIME_PATTERN}|{DATE_PATTERN}"
    return text(about, pattern=pattern, patternErrorMessage=message)


def local_moment(about: str) -> Schema:
    """Describe a time that other programs write too: one without a zone is local time."""
    message = "an ISO 8601 time is expected, such as 2026-02-18T22:00:00Z"
    return text(about, optional=True, pattern=LOCAL_TIME_PATTERN, patternErrorMessage=message)


def sha256(about: str) -> Schema:
    """Describe a SHA-256 in hexadecimal."""
    return text(about, pattern=SHA256_PATTERN, patternErrorMessage="64 hexadecimal digits in lower case are expected")


def format_version() -> Schema:
    """Describe the version of a file's format, of which there is one so far."""
    return {"type": "integer", "enum": [1], "description": "The version of this file's format."}


def _or_null(kind: str, *, optional: bool) -> str | list[str]:
    return [kind, "null"] if optional else kind


def _described(shape: Schema, about: str) -> Schema:
    return {"description": about, **shape} if about else shape
