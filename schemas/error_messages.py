"""From the errors of a JSON Schema validator to what a person can act on: one message a mistake."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from exitplan.ruleset.language.problems import Path, Problem, did_you_mean, nearest
from exitplan.ruleset.language.slips import truth_hint
from exitplan.ruleset.model.values import plain
from exitplan.schemas.loading.units import number_hint, range_hint
from exitplan.schemas.shapes.common import Schema
from exitplan.schemas.validators import Violation

_TYPES = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "null": "null",
}
_SECRET = re.compile(r"(?i)secret|api_?key|passw|passphrase|private_?key|token")
_LONGEST_SHOWN = 60
_MOST_LISTED = 40


def translate(errors: Iterable[Violation]) -> list[Problem]:
    """Word every error once; where the type is wrong, nothing else is said of the value."""
    errors = list(errors)
    mistyped = {error.path for error in errors if error.keyword == "type"}
    problems: dict[tuple[Path, str], Problem] = {}
    for error in errors:
        if error.path in mistyped and error.keyword != "type":
            continue
        for problem in _problems(error):
            problems.setdefault((problem.path, problem.message), problem)
    return list(problems.values())


def value_text(value: Any) -> str:  # noqa: ANN401 - any value of a document
    """Describe what stands in a place: ``the text 'abc'``, ``a list``, ``nothing``."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | Decimal):
        return f"the number {value if isinstance(value, int) else plain(value)}"
    if isinstance(value, str):
        shown = value if len(value) <= _LONGEST_SHOWN else value[:_LONGEST_SHOWN] + "..."
        return f"the text {shown!r}"
    kind = "list" if isinstance(value, list) else "mapping"
    return f"a {kind}" if value else f"an empty {kind}"


def _problems(error: Violation) -> Iterator[Problem]:
    if error.keyword == "anyOf":
        yield from _of_branches(error)
    else:
        yield from _WORDINGS.get(error.keyword, _other)(error, error.path)


def _of_branches(error: Violation) -> Iterator[Problem]:
    """Word the branch of an ``anyOf`` that was meant: the one whose type is that of the value."""
    meant = [branch for branch in error.branches if not any(one.keyword == "type" and one.is_own for one in branch)]
    chosen = [branch for branch in meant if not _is_foreign(branch[0])]
    if not chosen:
        yield _wrong_type(error, _scalars_first(error))
        return
    for one in min(chosen, key=len):
        yield from _problems(one)


def _scalars_first(error: Violation) -> set[str]:
    """Return the types that were wanted; of those, what is no mapping or list where none was written."""
    kinds = {kind for branch in error.branches for one in branch if one.is_own for kind in _types(one)}
    scalars = kinds - {"object", "array"}
    return scalars if scalars and not isinstance(error.value, dict | list) else kinds


def _is_foreign(error: Violation) -> bool:
    """Check whether an error is about a ``$name`` where the value was not meant as one."""
    return error.keyword == "pattern" and error.is_own and not str(error.value).startswith("$")


def _types(error: Violation) -> list[str]:
    if error.keyword != "type":
        return []
    kinds = error.wanted
    return [kinds] if isinstance(kinds, str) else list(kinds)


def _wrong_type(error: Violation, kinds: Iterable[str]) -> Problem:
    path = error.path
    wanted = set(kinds)
    shown = " or ".join(text for kind, text in _TYPES.items() if kind in wanted and kind != "null")
    hint = number_hint(error.value, path) if wanted & {"number", "integer"} else None
    if not hint and isinstance(error.value, str):
        hint = _shaped_hint(error.value, wanted)
    if not hint and "patternErrorMessage" in error.schema and wanted & {"string"}:
        hint = _as_text_hint(error)
    return Problem(path, f"{shown} is expected, found {_value_text(error)}", hint=hint)


def _shaped_hint(word: str, wanted: set[str]) -> str | None:
    """Describe how to write a word where a list or a truth value belongs."""
    if "boolean" in wanted:
        return truth_hint(word)
    return f"write [{word}]" if "array" in wanted and "string" not in wanted else None


def _as_text_hint(error: Violation) -> str:
    value = error.value
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return f'write it as text, "{value}"'
    return str(error.schema["patternErrorMessage"])


def _value_text(error: Violation) -> str:
    """Describe what was found, unless it may be a secret."""
    return "something that is not shown" if error.schema.get("x-secret") else value_text(error.value)


def _type(error: Violation, _path: Path) -> Iterator[Problem]:
    yield _wrong_type(error, _types(error))


def _unknown_keys(error: Violation, path: Path) -> Iterator[Problem]:
    known = list(error.schema.get("properties", {}))
    noun = error.schema.get("x-names", "key")
    for key in error.value:
        if key not in known:
            hint = _belongs_hint(key, error.schema) or did_you_mean(key, known)
            hint = hint or f"known are {', '.join(known[:_MOST_LISTED])}"
            yield Problem((*path, key), f"unknown {noun} {key!r}", hint=hint, on_key=True)


def _belongs_hint(key: str, schema: Schema) -> str | None:
    """Describe where an unknown key belongs: inside a block that stands beside it, or nowhere if it is a secret."""
    blocks: Mapping[str, Schema] = schema.get("properties", {})
    if "credentials" in blocks and _SECRET.search(key):
        return "keys and secrets have no place in a file; write a reference: credentials: env:NAME"
    block = next((name for name, inner in blocks.items() if key in inner.get("properties", {})), None)
    return None if block is None else f"it belongs under {block}: indent it below {block}:"


def _missing(error: Violation, path: Path) -> Iterator[Problem]:
    known = error.schema.get("properties", {})
    strangers = [key for key in error.value if key not in known]
    for key in error.wanted:
        # A misspelled key is one mistake: it is reported as an unknown key, with the name that is missing as its hint.
        if key not in error.value and nearest(key, strangers) is None:
            about = known.get(key)
            allowed = about.get("enum") if isinstance(about, Mapping) else None
            hint = f"write {key}: {allowed[0]}" if allowed and len(allowed) == 1 else None
            yield Problem(path, f"{key!r} is missing", hint=hint)


def _not_one_of(error: Violation, path: Path) -> Iterator[Problem]:
    allowed = [_word(value) for value in error.wanted if value is not None]
    wanted = allowed[0] if len(allowed) == 1 else f"one of {', '.join(allowed)}"
    hint = did_you_mean(error.value, allowed) if isinstance(error.value, str) else None
    yield Problem(path, f"{wanted} is expected, found {_value_text(error)}", hint=hint)


def _word(value: object) -> str:
    return "true" if value is True else str(value)


def _pattern(error: Violation, path: Path) -> Iterator[Problem]:
    wanted = error.schema.get("patternErrorMessage", f"text of the form {error.wanted} is expected")
    types = error.schema.get("type", ())
    hint = number_hint(error.value, path) if "$" in error.wanted[:3] or "number" in types else None
    if "propertyNames" in error.place[-2:]:
        yield Problem((*path, str(error.value)), f"{wanted}, found {_value_text(error)}", on_key=True)
        return
    yield Problem(path, f"{wanted}, found {_value_text(error)}", hint=hint)


def _out_of_range(error: Violation, path: Path) -> Iterator[Problem]:
    schema = error.schema
    above = schema.get("minimum", schema.get("exclusiveMinimum"))
    below = schema.get("maximum", schema.get("exclusiveMaximum"))
    if below is None:
        limits = f"a number above {above}" if "exclusiveMinimum" in schema else f"a number of {above} or more"
    else:
        limits = f"a number from {above} to {below}"
        excluded = [str(schema[key]) for key in ("exclusiveMinimum", "exclusiveMaximum") if key in schema]
        limits += f" (without {' and '.join(excluded)})" if excluded else ""
    yield Problem(path, f"{limits} is expected, found {_value_text(error)}", hint=range_hint(error.value, below))


def _empty(error: Violation, path: Path) -> Iterator[Problem]:
    kinds = {"minItems": "a list of one or more", "minProperties": "one key or more", "minLength": "some text"}
    yield Problem(path, f"{kinds[error.keyword]} is expected, found {_value_text(error)}")


def _forbidden(_error: Violation, path: Path) -> Iterator[Problem]:
    hint = "a rule with 'remove' has only an id"
    yield Problem(path, f"{path[-1]!r} has no meaning here", hint=hint, on_key=True)


def _bad_time(error: Violation, path: Path) -> Iterator[Problem]:
    if "pattern" in error.schema and _looks_like_time(error):
        yield Problem(path, f"there is no such moment as {error.value!r}")


def _looks_like_time(error: Violation) -> bool:
    """Check whether only the format is wrong: a pattern that fails has a message of its own."""
    return re.fullmatch(error.schema["pattern"].strip("^$"), error.value) is not None


def _other(error: Violation, path: Path) -> Iterator[Problem]:
    yield Problem(path, error.message)


_WORDINGS: Mapping[str, Callable[[Violation, Path], Iterator[Problem]]] = {
    "additionalProperties": _unknown_keys,
    "required": _missing,
    "type": _type,
    "enum": _not_one_of,
    "pattern": _pattern,
    "minimum": _out_of_range,
    "maximum": _out_of_range,
    "exclusiveMinimum": _out_of_range,
    "exclusiveMaximum": _out_of_range,
    "minItems": _empty,
    "minProperties": _empty,
    "minLength": _empty,
    "format": _bad_time,
    "not": _forbidden,
}
