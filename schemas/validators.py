"""Two validators over the same schema files: a fast one that says yes or no, a thorough one that says what is wrong.

jsonschema-rs compiles a schema in two milliseconds and checks 10,000 positions in a thirtieth of the time that
jsonschema takes, but its errors have no tree that ours could be made of. So it goes first, and jsonschema is loaded
only where something is wrong.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from exitplan.ruleset.language.problems import Path
from exitplan.ruleset.model.values import parse_time
from exitplan.schemas.build import FOLDER
from exitplan.schemas.shapes.common import Schema

if TYPE_CHECKING:
    import jsonschema_rs
    from jsonschema import ValidationError
    from jsonschema.protocols import Validator


@dataclass(frozen=True, slots=True)
class Violation:
    """One keyword of a schema that a value does not satisfy.

    ``wanted`` is the keyword's own value, ``place`` its path inside the schema; ``branches`` are the violations of each
    alternative of an ``anyOf``.
    """

    keyword: str
    wanted: Any
    value: Any
    schema: Schema
    path: Path
    place: Path
    message: str
    is_own: bool
    branches: tuple[tuple[Violation, ...], ...] = ()


@cache
def committed_schema(kind: str) -> Schema:
    """Read a schema file, without its id, which is nothing to be fetched; numbers are exact."""
    text = (FOLDER / f"{kind}.schema.json").read_text(encoding="utf-8")
    schema: Schema = json.loads(text, parse_float=Decimal)
    return {key: value for key, value in schema.items() if key != "$id"}


def is_time(value: object) -> bool:
    """Check whether a text is a moment that exists; what is not text is not judged here."""
    if not isinstance(value, str):
        return True
    try:
        parse_time(value)
    except (ValueError, OverflowError):  # OverflowError: an offset that leads out of the years 1 to 9999
        return False
    return True


def passes(kind: str, value: object) -> bool:
    """Check whether a document has the shape of its kind."""
    try:
        return _fast(kind).is_valid(value)
    except (UnicodeEncodeError, ValueError):  # half a surrogate, or a key that is no text: no JSON
        return False


def violations(kind: str, value: Any) -> Iterator[Violation]:  # noqa: ANN401 - any document
    """Find everything that keeps a document from having the shape of its kind."""
    return map(_violation, _thorough(kind).iter_errors(value))


def _violation(error: ValidationError) -> Violation:
    branches: dict[Any, list[Violation]] = {}
    for inner in error.context or ():
        branches.setdefault(inner.relative_schema_path[0], []).append(_violation(inner))
    return Violation(
        keyword=str(error.validator),
        wanted=error.validator_value,
        value=error.instance,
        schema=cast("Schema", error.schema),
        path=tuple(error.absolute_path),
        place=tuple(error.absolute_schema_path),
        message=error.message,
        is_own=not error.relative_path,
        branches=tuple(map(tuple, branches.values())),
    )


@cache
def _fast(kind: str) -> jsonschema_rs.Draft7Validator:
    import jsonschema_rs  # noqa: PLC0415 - commands that read no file need not wait for it

    formats = {"date-time": is_time}
    return jsonschema_rs.Draft7Validator(committed_schema(kind), formats=formats, validate_formats=True)


@cache
def _thorough(kind: str) -> Validator:
    from jsonschema import Draft7Validator, FormatChecker, validators  # noqa: PLC0415 - only where something is wrong

    checker = FormatChecker(formats=())
    checker.checks("date-time")(is_time)
    strict: Any = validators.extend(Draft7Validator, {"pattern": _pattern})  # type: ignore[no-untyped-call]
    return cast("Validator", strict(committed_schema(kind), format_checker=checker))


def _pattern(_validator: Validator, pattern: str, instance: Any, _schema: Schema) -> Iterator[ValidationError]:  # noqa: ANN401 - jsonschema's protocol
    """Match as JSON Schema means it: ``$`` is the end of the text, not the place before a last line break."""
    from jsonschema import ValidationError  # noqa: PLC0415 - as above

    if isinstance(instance, str) and _compiled(pattern).search(instance) is None:
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"(?<!\\)\$", r"\\Z", pattern))
