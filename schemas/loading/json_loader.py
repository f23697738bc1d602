"""Strict JSON: decimals exactly as written, no duplicate keys, and places where something is wrong.

A text as exitplan itself writes it is read by orjson, and taken where writing it again gives the same bytes: then there
was nothing in it that orjson passes over. Any other text is read by the standard library's parser, which keeps no
places either. Only where something is wrong does :mod:`exitplan.schemas.loading.json_marks` go over the text again.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path as FilePath
from typing import Any, Never

import orjson

from exitplan.schemas.loading.diagnostics import FileHasProblems, Source
from exitplan.schemas.loading.json_marks import DEEPEST, Walk
from exitplan.schemas.loading.scalars import LONGEST_NUMBER, exact_decimal
from exitplan.schemas.loading.text import decoded, display_name, error_at, one_problem, read_limited
from exitplan.schemas.loading.yaml_loader import Document

MOST_BYTES = 256_000_000
_ESCAPE_TO_LOOK_AT = re.compile(r"\\u(?:[dD][89a-fA-F]|00[01])")


class _Suspect(Exception):
    """Something that JSON allows and exitplan does not: it ends the fast way."""


def load_json(path: FilePath, name: str | None = None) -> Source:
    """Read a JSON file of at most 256 MB as text.

    Raises FileHasProblems where it cannot be read or is not UTF-8.
    """
    name = name or display_name(path)
    return decoded(read_limited(path, MOST_BYTES), name)


def parse_json(source: Source) -> Any:  # noqa: ANN401 - any JSON value
    """Parse one JSON document strictly; numbers are ``int`` and ``Decimal``.

    Raises FileHasProblems for what is not JSON, duplicate keys, NaN and infinities, numbers of absurd length, text that
    is not Unicode, and more than 100 levels.
    """
    known = _parse_own(source.text)
    if known is not None:
        return known
    if not source.text.strip(" \t\r\n"):
        raise one_problem(source, source.mark(0), "the file is empty")
    try:
        value = _parse(source.text)
    except json.JSONDecodeError as error:
        raise _syntax_error(source, error) from None
    except (_Suspect, RecursionError):
        _check_syntax(source)
        diagnostics = Walk(source).diagnostics or one_problem(source, source.mark(0), "it cannot be read").diagnostics
        raise FileHasProblems(diagnostics) from None
    if _ESCAPE_TO_LOOK_AT.search(source.text) is not None or _is_deep(value):
        diagnostics = Walk(source).diagnostics
        if diagnostics:
            raise FileHasProblems(diagnostics)
    return value


def json_document(source: Source, value: Any) -> Document:  # noqa: ANN401 - any JSON value
    """Assign a parsed text its places; this reads the text a second time, slowly."""
    return Document(source, value, Walk(source).marks)


def _parse_own(text: str) -> dict[str, Any] | None:
    """Parse an object written as exitplan writes it: no key twice, no number that is not exact; None for any other."""
    if text[:1] != "{" or "\\u" in text:
        return None
    content = text.encode()
    try:
        value: dict[str, Any] = orjson.loads(content)
    except orjson.JSONDecodeError:
        return None
    layout = orjson.OPT_INDENT_2 if content[1:2] == b"\n" else 0
    end = orjson.OPT_APPEND_NEWLINE if content[-1:] == b"\n" else 0
    if orjson.dumps(value, option=layout | end) != content or _is_deep(value, without=float):
        return None
    return value


def _check_syntax(source: Source) -> None:
    """Look for errors of syntax only; what is suspect in other ways passes."""
    try:
        json.loads(source.text, parse_float=str, parse_int=str)
    except json.JSONDecodeError as error:
        raise _syntax_error(source, error) from None
    except RecursionError:  # the walk finds the place
        return


def _syntax_error(source: Source, error: json.JSONDecodeError) -> FileHasProblems:
    place = source.mark(error.pos) if error.pos < len(source.text) else error_at(source)
    hint = "the file ends too early" if error.pos >= len(source.text.rstrip()) else None
    return one_problem(source, place, f"this is not JSON: {error.msg[:1].lower()}{error.msg[1:]}", hint)


def _parse(text: str) -> Any:  # noqa: ANN401 - any JSON value
    return json.loads(
        text, parse_float=_decimal, parse_int=_integer, parse_constant=_refuse, object_pairs_hook=_without_duplicates
    )


def _decimal(word: str) -> Decimal:
    try:
        return exact_decimal(word)
    except ValueError:
        raise _Suspect from None


def _integer(word: str) -> int:
    if len(word) > LONGEST_NUMBER:
        raise _Suspect
    return int(word)


def _refuse(_word: str) -> Never:
    raise _Suspect


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entries = dict(pairs)
    if len(entries) != len(pairs):
        raise _Suspect
    return entries


def _is_deep(value: Any, without: type | None = None) -> bool:  # noqa: ANN401 - any JSON value
    """Check whether a value is nested too deep, or holds anything of one type, without going deep itself."""
    level = [value]
    for _ in range(DEEPEST):
        inner: list[Any] = []
        for outer in level:
            parts = outer.values() if isinstance(outer, dict) else outer if isinstance(outer, list) else ()
            kinds = set(map(type, parts))
            if without in kinds:
                return True
            if not kinds.isdisjoint(_CONTAINERS):
                inner.extend(parts)
        if not inner:
            return False
        level = inner
    return True


_CONTAINERS = {dict, list}
