from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitplan.ruleset.errors import FileIsInvalid
from exitplan.schemas.loading import json_loader
from exitplan.schemas.loading.diagnostics import FileHasProblems, Source
from exitplan.schemas.loading.json_loader import json_document, load_json, parse_json
from exitplan.schemas.loading.text import decoded


def value(text: str) -> Any:
    return parse_json(Source("a.json", text))


def lines(text: str) -> list[str]:
    with pytest.raises(FileHasProblems) as caught:
        value(text)
    return [problem.line for problem in caught.value.diagnostics]


def test_numbers_are_exact() -> None:
    found = value('{"a": 1.50, "b": 1e-8, "c": 7}')
    assert [str(item) for item in found.values()] == ["1.50", "1E-8", "7"]
    assert isinstance(found["b"], Decimal)


def test_a_duplicate_key_names_both_places() -> None:
    assert lines('{"a": {"x": 1,\n "x": 2}}') == [
        "a.json:2:2: error: the key 'x' is there twice, first in line 1, column 8"
    ]


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity", "1e999", "1" * 100, "1" * 10_000])
def test_a_number_nobody_can_work_with_is_refused_in_its_place(word: str) -> None:
    (line,) = lines(f'{{"a":\n  {word}}}')
    assert line.startswith("a.json:2:3: error: ")


@pytest.mark.parametrize(
    ("text", "place"),
    [('{"a": 1', "1:7"), ('{"a": 1 "b"}', "1:9"), ("{\n'a': 1}", "2:1"), ('{"a":1} x', "1:9"), ("[01]", "1:3")],
)
def test_a_syntax_error_names_line_and_column(text: str, place: str) -> None:
    (line,) = lines(text)
    assert line.startswith(f"a.json:{place}: error: this is not JSON: ")


def test_a_syntax_error_after_a_duplicate_key_is_told() -> None:
    (line,) = lines('{"a": {"b": 1, "b": 2}, }')
    assert "this is not JSON" in line


def test_an_empty_file_is_refused() -> None:
    assert lines(" \n") == ["a.json:1:1: error: the file is empty"]


@pytest.mark.parametrize("depth", [101, 2_000, 200_000])
def test_deep_nesting_is_refused_without_recursion(depth: int) -> None:
    (line,) = lines("[" * depth + "]" * depth)
    assert line == "a.json:1:101: error: the file is nested more than 100 levels deep"


def test_a_hundred_levels_are_fine() -> None:
    assert value("[" * 100 + "]" * 100)


@pytest.mark.parametrize("escaped", [r"\ud800", r"\u0000", r"\u001b[2J"])
def test_escapes_of_what_is_no_text_are_refused(escaped: str) -> None:
    (line,) = lines(f'{{"a": "{escaped}"}}')
    assert line.startswith("a.json:1:7: error: the text holds the character U+")


def test_a_surrogate_pair_and_a_line_break_are_text() -> None:
    assert value(r'{"a": "\ud83d\ude00\u000a"}') == {"a": "\U0001f600\n"}


def test_a_byte_order_mark_is_accepted() -> None:
    assert parse_json(decoded(b'\xef\xbb\xbf{"a": 1}', "a.json")) == {"a": 1}


def test_a_missing_file_names_the_one_that_was_meant(tmp_path: Path) -> None:
    (tmp_path / "snapshot.json").write_text("{}")
    with pytest.raises(FileIsInvalid, match=r"there is no such file; did you mean 'snapshot\.json'\?"):
        load_json(tmp_path / "snapshto.json")


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**12), 10**12)
    | st.text(st.characters(codec="utf-8", categories=["L", "P"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="ascii", min_codepoint=32)), inner),
    max_leaves=20,
)


@given(JSON, st.sampled_from([None, 1]))
def test_every_value_has_a_mark_that_points_at_it(document: Any, indent: int | None) -> None:
    source = Source("a.json", json.dumps(document, indent=indent))
    loaded = json_document(source, parse_json(source))
    rows = source.text.split("\n")
    decoder = json.JSONDecoder()
    for path, mark in loaded.marks.items():
        expected = document
        for part in path:
            expected = expected[part]
        rest = "\n".join([rows[mark.line - 1][mark.column - 1 :], *rows[mark.line :]])
        assert decoder.raw_decode(rest)[0] == expected
        if mark.key is not None:
            assert decoder.raw_decode(rows[mark.key.line - 1][mark.key.column - 1 :])[0] == path[-1]


@given(st.text(st.sampled_from(list('[]{}:,"\\ \n1e.-ntruefalsNI0')), max_size=60))
def test_garbage_gives_nothing_worse_than_an_invalid_file(text: str) -> None:
    try:
        value(text)
    except FileIsInvalid as error:
        assert str(error).startswith("a.json:")  # noqa: PT017 - good JSON is fine as well


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)
SPOILING = st.sampled_from(
    [b'"', b"{", b"}", b",", b":", b"0", b"1.5", b"1e3", b"\\", b"\\u0000", b"\\ud800", b" ", b""]
)


@given(
    value=st.dictionaries(st.text(max_size=4), VALUES, max_size=4),
    layout=st.sampled_from([0, orjson.OPT_INDENT_2, orjson.OPT_APPEND_NEWLINE]),
    place=st.integers(0, 200),
    cut=st.integers(0, 3),
    put=SPOILING,
)
def test_what_is_read_the_short_way_is_what_the_careful_way_reads(
    value: dict[str, Any], layout: int, place: int, cut: int, put: bytes
) -> None:
    try:
        written = orjson.dumps(value, option=layout)
    except TypeError:  # an integer beyond 64 bits
        written = json.dumps(value, separators=(",", ":")).encode()
    for content in (written, written[:place] + put + written[place + cut :]):
        text = content.decode("utf-8", "ignore")
        short = json_loader._parse_own(text)
        assert short is None or repr(short) == repr(json_loader._parse(text))


def test_a_file_as_exitplan_writes_it_is_read_the_short_way() -> None:
    document = {"quantity": "0.10", "name": "\u00fc", "numbers": [1, -(2**63), 2**64 - 1], "nothing": None}
    for layout in (0, orjson.OPT_INDENT_2, orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE):
        assert json_loader._parse_own(orjson.dumps(document, option=layout).decode()) == document


@pytest.mark.parametrize(
    "text", ['{"a":1,"a":1}', '{"a":1.5}', '{"a":1e3}', '{"a":[[0.5]]}', '{"a": 1}', '{"a":"\\u0041"}', "[]", "", "{"]
)
def test_any_other_text_is_read_with_care(text: str) -> None:
    assert json_loader._parse_own(text) is None
