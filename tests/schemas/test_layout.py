"""The canonical layout of YAML files: it says the same, keeps every comment, and is reached in one step."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitplan.ruleset.errors import ExitplanError
from exitplan.schemas.layout.parts import comments_in
from exitplan.schemas.layout.printing import laid_out
from exitplan.schemas.loading.diagnostics import FileHasProblems
from exitplan.schemas.loading.yaml_loader import parse_yaml

SHIPPED = sorted(Path("policies").absolute().rglob("*.yaml"))


def out(text: str) -> str:
    return laid_out(text.encode(), "x.yaml")


WORDS = (
    "a", "b.c", "1.00", "1e-8", "true", "~", "NO", "12:30", "$name", '"{why}"', "'it''s'", '"plain"', "'1'",
    '"a: b"', '"\\u202e"', "word " * 30 + "end", "&name a",
)  # fmt: skip
COMMENTS = ("", "", "", "  # one", " # two: {", "   #three")
ABOVE = ("", "", "", "\n", "\n\n", "# above\n", "\n# [above\n\n", "# above\n# twice\n")
GAPS = (" ", " ", " ", "  ", " \n   ", "  # in\n     ", "\n  # alone\n\n   ")
TEXTS = (("one",), ("one", "  # two"), ("a", "", "b"), ("a", ""))


@dataclass(frozen=True)
class Writer:
    """Writes YAML as badly as people do, by chance."""

    chance: Random

    def flow(self, depth: int = 2) -> str:
        """Return a value in brackets, with comments and line breaks in it."""
        choice = self.chance.choice
        if depth == 0 or choice((True, False)):
            return choice(WORDS)
        first, last = choice(("{}", "[]"))
        inner = [self.flow(depth - 1) for _ in range(self.chance.randint(0, 4))]
        parts = [f"k{at}:{choice(GAPS)}{part}" if first == "{" else part for at, part in enumerate(inner)]
        text = "".join(f"{choice(GAPS)}{part}{choice(GAPS)}," for part in parts)
        return first + (text if choice((True, False)) else text.rstrip(",")) + choice(GAPS) + last

    def block(self, indent: int = 0, depth: int = 3) -> str:
        """Return the lines of a mapping or list without brackets."""
        choice = self.chance.choice
        is_mapping, step = choice((True, False)), self.chance.randint(2, 4)
        text = ""
        for number in range(self.chance.randint(1, 4)):
            text += "".join(
                line if line == "\n" else " " * indent + line for line in choice(ABOVE).splitlines(keepends=True)
            )
            head = " " * indent + (f"key{number}:" if is_mapping else "-")
            kind = choice(("flow", "text", "block", "dash") if depth else ("flow", "text"))
            if kind == "block":
                text += f"{head}{choice(COMMENTS)}\n{self.block(indent + step, depth - 1)}"
            elif kind == "dash" and not is_mapping:
                text += head + self.block(indent + step, depth - 1)[len(head) :].lstrip("\n")
            elif kind == "text":
                lines = "".join(f"{' ' * (indent + step)}{line}".rstrip() + "\n" for line in choice(TEXTS))
                text += f"{head} {choice(('|', '>', '|-', '>-', '|+'))}{choice(COMMENTS)}\n{lines}"
            else:
                text += f"{head} {self.flow()}{choice(COMMENTS)}\n"
        return text


@given(st.integers(0, 2**32))
def test_a_layout_says_the_same_keeps_comments_and_is_reached_in_one_step(seed: int) -> None:
    text = Writer(Random(seed)).block()  # noqa: S311 - chance, seeded
    try:
        before = parse_yaml(text.encode(), "x.yaml")
    except FileHasProblems:
        return
    once = out(text)
    assert repr(parse_yaml(once.encode(), "x.yaml").value) == repr(before.value)
    assert sorted(one.text for one in comments_in(once)) == sorted(one.text for one in comments_in(text))
    assert out(once) == once
    assert "\n\n\n" not in once or "|+" in once
    assert not any(line.endswith(" ") for line in once.splitlines())


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_what_is_shipped_is_laid_out(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert laid_out(text.encode(), path.name) == text


@pytest.mark.parametrize(
    ("written", "printed"),
    [
        ("a:   {b:1,c:  2 ,}\n", "a: {b:1: null, c: 2}\n"),
        ("a: [1,2,\n  3]\n", "a: [1, 2, 3]\n"),
        ("a:\n- 1\n-   2\n", "a:\n  - 1\n  - 2\n"),
        ("a:\n\n    b: 1\n\n\n    c: 2\n", "a:\n  b: 1\n\n  c: 2\n"),
        ("a: 'x y'\nb: \"NO\"\nc: '{why}'\n", 'a: x y\nb: "NO"\nc: "{why}"\n'),
        ("a: 1 # one\nbcd: 2    # two\n", "a: 1    # one\nbcd: 2  # two\n"),
        ("---\na: 1\r\n", "a: 1\n"),
        ("a:  # of a\n  # of b\n  b: 1\n# of c\nc: 1", "a:  # of a\n  # of b\n  b: 1\n# of c\nc: 1\n"),
        ("a:\n- b: 1\n  c: 2\n# of d\nd: 1\n", "a:\n  - b: 1\n    c: 2\n# of d\nd: 1\n"),
        ("a: >-\n      one\n      two\n", "a: >-\n  one\n  two\n"),
        ("a: &x {b: 1}\nc: *x\n", "a: &x {b: 1}\nc: *x\n"),
        ("a: |\n  one", "a: |-\n  one\n"),
        ("a: [$name\n  when]\n", "a: [$name when]\n"),
        ("a: > # empty", "a: >  # empty\n"),
        ("a:\nb: ~\nc: []\n", "a:\nb: ~\nc: []\n"),
    ],
)
def test_one_thing_is_written_in_one_way(written: str, printed: str) -> None:
    assert out(written) == printed


def test_a_table_is_aligned_below_its_columns() -> None:
    text = 'columns: [value_usd, "=>", do]\nrows:\n- [1, "=>", nothing]\n- [0.999999, "=>", close]\n'
    assert out(text) == (
        'columns: [value_usd, "=>", do]\n'
        "rows:\n"
        '  - [     1,         "=>", nothing]\n'
        '  - [     0.999999,  "=>", close]\n'
    )  # fmt: skip


def test_what_does_not_fit_on_a_line_is_filled() -> None:
    rule = "- {id: legacy.something, category: LEGACY_NON_COMPLIANT, when: {account_pct: {gt: 1}}, because: "
    assert out(rule + "the position is larger than it may be}\n") == (
        "- {id: legacy.something, category: LEGACY_NON_COMPLIANT, when: {account_pct: {gt: 1}},\n"
        "   because: the position is larger than it may be}\n"
    )


def test_a_long_text_on_several_lines_is_folded() -> None:
    words = "word " * 40
    printed = out(f"description: {words[:100]}\n   {words[100:].strip()}\n")
    assert printed.startswith("description: >-\n  word word")
    assert parse_yaml(printed.encode(), "x").value == {"description": words.strip()}


def test_a_comment_in_brackets_stays_with_its_entry() -> None:
    text = "a: [PEPE/USD, # moves\n LUNA/USD,\n # gone\n SHIB/USD]\n"
    assert out(text) == "a: [PEPE/USD,  # moves\n    LUNA/USD,\n    # gone\n    SHIB/USD]\n"


def test_a_directive_is_left_alone() -> None:
    with pytest.raises(ExitplanError, match="left alone"):
        out("%YAML 1.2\n---\na: 1\n")
