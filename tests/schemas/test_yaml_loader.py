from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from exitplan.ruleset.errors import FileIsInvalid
from exitplan.schemas.loading.diagnostics import Diagnostic, FileHasProblems
from exitplan.schemas.loading.yaml_loader import MOST_BYTES, load_yaml, parse_yaml


def value(text: str) -> Any:
    return parse_yaml(text.encode(), "a.yaml").value


def problems(content: str | bytes) -> tuple[Diagnostic, ...]:
    with pytest.raises(FileHasProblems) as caught:
        parse_yaml(content.encode() if isinstance(content, str) else content, "a.yaml")
    return caught.value.diagnostics


def only(content: str | bytes) -> str:
    (problem,) = problems(content)
    return problem.line


@pytest.mark.parametrize(
    "word", ["NO", "no", "yes", "on", "off", "y", "12:30", "2026-02-18", "1_000", "1,5", "0b1", "010x"]
)
def test_words_that_yaml_1_1_would_twist_are_text(word: str) -> None:
    assert value(f"a: {word}") == {"a": word}


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("1e-8", Decimal("1e-8")),
        (".5", Decimal("0.5")),
        ("1.10", Decimal("1.10")),
        ("-3", -3),
        ("0o17", 15),
        ("0x1F", 31),
        ("017", 17),
        ("true", True),
        ("FALSE", False),
        ("null", None),
        ("~", None),
        ("", None),
    ],
)
def test_unquoted_words_have_the_values_of_the_core_schema(word: str, expected: object) -> None:
    found = value(f"a: {word}")["a"]
    assert (found, type(found)) == (expected, type(expected))


def test_decimals_keep_every_digit() -> None:
    assert str(value("a: 0.1000000000000000055511151231257827")["a"]) == "0.1000000000000000055511151231257827"


def test_quoted_words_are_text() -> None:
    assert value("""a: "1"\nb: 'true'\nc: "<<" """) == {"a": "1", "b": "true", "c": "<<"}


@pytest.mark.parametrize("word", [".inf", "-.INF", ".nan", "1e999", "9" * 81])
def test_a_number_nobody_can_work_with_is_refused_in_its_place(word: str) -> None:
    assert only(f"x: 1\na: {word}").startswith("a.yaml:2:4: error: ")


def test_a_duplicate_key_names_both_places() -> None:
    assert only("a: 1\nb: 2\na: 3") == "a.yaml:3:1: error: the key 'a' is there twice, first in line 1, column 1"


def test_a_merge_key_is_refused_with_a_hint_at_extends() -> None:
    line = only("base: &b {x: 1}\nuse:\n  <<: *b\n")
    assert line.startswith("a.yaml:3:3: ")
    assert "use 'extends: other.yaml'" in line


def test_a_tag_is_refused() -> None:
    assert only("a: !!python/object:os.system x").startswith("a.yaml:1:4: error: the tag !!python/object:os.system")


@pytest.mark.parametrize("key", ["1", "true", "null", "1.5", "[a]", "{a: b}"])
def test_a_key_that_is_not_text_is_refused(key: str) -> None:
    assert "a key must be text" in only(f"? {key}\n: x\n")


def test_a_second_document_is_refused() -> None:
    assert only("a: 1\n---\nb: 2").startswith("a.yaml:2:1: error: a second document begins")


@pytest.mark.parametrize("content", [b"", b"\n\n", b"# only a comment\n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_refused(content: bytes) -> None:
    assert only(content) == "a.yaml:1:1: error: the file is empty"


def test_a_byte_order_mark_is_accepted() -> None:
    document = parse_yaml(b"\xef\xbb\xbfa: 1", "a.yaml")
    assert document.value == {"a": 1}
    assert document.marks[("a",)].column == 4


def test_a_file_that_is_not_utf8_names_line_and_byte() -> None:
    assert only(b"a: 1\nb: \xfc\n") == "a.yaml:2:4: error: the file is not UTF-8: byte 8 is 0xfc; save it as UTF-8"


def test_utf16_is_recognised() -> None:
    assert "it looks like UTF-16" in only("a: 1".encode("utf-16"))


@pytest.mark.parametrize("content", [b"a\x00b", b"a: \x1b[2J", b"a: \x7f"])
def test_control_characters_are_refused(content: bytes) -> None:
    assert "is not allowed in a text file" in only(content)


@pytest.mark.parametrize("escaped", [r"\ud800", r"\0", r"\e"])
def test_escapes_of_what_is_no_text_are_refused(escaped: str) -> None:
    assert only(f'a: "{escaped}"').startswith("a.yaml:1:4: error: the text holds the character U+")


def test_a_tab_in_the_indentation_gets_a_hint() -> None:
    assert only("a:\n\t- b") == ("a.yaml:2:1: error: this is not YAML: a tab cannot indent a line; indent with spaces")


@pytest.mark.parametrize("content", ["a: [1, 2", "a: b: c", "a: 'x", "{", "%YAML 2.0\n---\na", '"\\U00110000"', "*a"])
def test_what_is_not_yaml_is_refused_with_a_place(content: str) -> None:
    assert only(content).startswith("a.yaml:1:")


def test_a_syntax_error_does_not_hide_what_was_found_before_it() -> None:
    assert [problem.mark.line for problem in problems("a: 1\na: 2\nb: [")] == [2, 3]


def test_an_alias_bomb_is_refused_before_it_expands() -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]" for old, new in zip("abcdefgh", "bcdefghi", strict=True)]
    assert "more than 100,000 values, aliases written out" in only("\n".join(lines))


def test_an_alias_stands_for_a_value_of_its_own() -> None:
    found = value("a: &x {k: [1]}\nb: *x")
    found["a"]["k"].append(2)
    assert found["b"] == {"k": [1]}


def test_an_anchor_inside_itself_is_refused() -> None:
    assert only("a: &a [*a]") == "a.yaml:1:8: error: the alias *a stands inside its own anchor"


def test_deep_nesting_is_refused() -> None:
    assert value("[" * 100 + "]" * 100)
    assert "more than 100 levels" in only("[" * 101 + "]" * 101)
    assert "more than 100 levels" in only("[" * 5_000)


def test_depth_is_counted_through_aliases() -> None:
    deep = "[" * 60 + "]" * 60
    assert "more than 100 levels" in only(f"a: &a {deep}\nb: {'[' * 50}*a{']' * 50}")


def test_a_large_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    path.write_bytes(b"a" * (MOST_BYTES + 1))
    with pytest.raises(FileIsInvalid, match="larger than 1,000,000 bytes"):
        load_yaml(path)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileIsInvalid, match="this is a folder"):
        load_yaml(tmp_path)


TEXT = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=12)
PLAIN_DOCUMENTS = st.dictionaries(
    TEXT, st.recursive(TEXT, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=12), min_size=1
)


@given(PLAIN_DOCUMENTS)
def test_text_only_documents_read_as_pyyaml_reads_them(document: dict[str, Any]) -> None:
    written = yaml.safe_dump(document, default_style='"')
    assert parse_yaml(written.encode(), "a.yaml").value == yaml.safe_load(written)


@given(PLAIN_DOCUMENTS)
def test_marks_point_at_the_text_of_the_value(document: dict[str, Any]) -> None:
    loaded = parse_yaml(yaml.safe_dump(document, default_style='"', width=10_000).encode(), "a.yaml")
    lines = loaded.text.splitlines()
    for path, mark in loaded.marks.items():
        found: Any = loaded.value
        for part in path:
            found = found[part]
        if isinstance(found, str):
            escaped = found.replace("\\", "\\\\").replace('"', '\\"')
            assert lines[mark.line - 1][mark.column - 1 :].startswith(f'"{escaped}"')
        if mark.key is not None:
            assert lines[mark.key.line - 1][mark.key.column - 1] in '"?'


@given(st.binary(max_size=200))
def test_garbage_gives_nothing_worse_than_an_invalid_file(content: bytes) -> None:
    try:
        parse_yaml(content, "a.yaml")
    except FileIsInvalid as error:
        assert str(error).startswith("a.yaml:")  # noqa: PT017 - a good file is fine as well


@given(st.text(st.sampled_from(list("[]{}:,-?*&!|>'\"#%@ \n\tab1.~<\\")), max_size=60))
def test_garbage_of_yaml_signs_gives_nothing_worse_than_an_invalid_file(content: str) -> None:
    try:
        parse_yaml(content.encode(), "a.yaml")
    except FileIsInvalid as error:
        assert str(error).startswith("a.yaml:")  # noqa: PT017 - as above
