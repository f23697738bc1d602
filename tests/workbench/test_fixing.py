"""``lint --fix``: what it takes out, what it leaves, and that comments and behaviour stay."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from exitplan.schemas.loading.diagnostics import FileHasProblems
from exitplan.schemas.policies import load_policy, shipped_policy
from exitplan.schemas.shipped import SHIPPED_POLICIES
from exitplan.workbench.lint.files import lint_files
from exitplan.workbench.lint.fixing import FIXABLE, fix_file, remove
from exitplan.workbench.lint.rule_lists import effect_of
from exitplan.workbench.proving.equality import do_the_same
from tests.workbench.test_proofs import EXITS, RULES

POLICY = """\
version: 1
name: x
# about these
classification:
  - {id: small, category: ZOMBIE_LEGACY, when: {value_usd: {lt: 10}}}   # keep me
  # about the smaller ones
  - id: smaller
    category: ZOMBIE_LEGACY
    when:
      value_usd: {lt: 5}   # gone with it

  - {id: m, category: LEGACY_NON_COMPLIANT, when: {market_known: true, sellable: true, tracked: false}}  # and me
  - id: block
    category: LEGACY_NON_COMPLIANT
    when:
      any:
        - {age_minutes: {gt: 10}}
        - age_minutes: {gt: 20}
          # inside
          tracked: true
exits:
  - {id: gone, when: {category: DEFERRED}, action: close}
  # the last
  - {id: all, when: {category: {in: [LEGACY_NON_COMPLIANT, ZOMBIE_LEGACY]}}, action: close}
"""
MENDED = """\
version: 1
name: x
# about these
classification:
  - {id: small, category: ZOMBIE_LEGACY, when: {value_usd: {lt: 10}}}   # keep me
  # about the smaller ones

  - {id: m, category: LEGACY_NON_COMPLIANT, when: {sellable: true, tracked: false}}  # and me
  - id: block
    category: LEGACY_NON_COMPLIANT
    when:
      any:
        - {age_minutes: {gt: 10}}
exits:
  # the last
  - {id: all, when: {category: {in: [LEGACY_NON_COMPLIANT, ZOMBIE_LEGACY]}}, action: close}
"""


def write(folder: Path, text: str, name: str = "x.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_rules_and_parts_that_are_never_needed_go_and_all_else_stays(tmp_path: Path) -> None:
    path = write(tmp_path, POLICY)
    fixed = fix_file(path)
    assert fixed.after == MENDED
    assert [placed.finding.code.value for placed in fixed.mended] == ["P102", "P107", "P107", "P106"]
    assert fixed.left == []
    assert path.read_text(encoding="utf-8") == POLICY, "it is for the caller to write"


def test_the_ends_of_lines_stay_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(POLICY.replace("\n", "\r\n").encode())
    assert fix_file(path).after == MENDED.replace("\n", "\r\n")


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"version: 1\nname: [\n"])
def test_a_file_that_cannot_be_used_is_told_as_validate_does(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(FileHasProblems):
        fix_file(path)


def test_what_is_ignored_stays(tmp_path: Path) -> None:
    text = POLICY.replace("  # and me", "  # exitplan: ignore P107 because it is easier to read")
    assert "market_known: true" in fix_file(write(tmp_path, text)).after


def test_a_rule_that_replaces_an_inherited_one_is_left_where_that_would_come_back(tmp_path: Path) -> None:
    write(tmp_path, POLICY.replace("value_usd: {lt: 5}", "value_usd: {lt: 50}"), "base.yaml")
    when = "{value_usd: {lt: 5}}"
    own = f"  - {{id: smaller, category: DEFERRED, when: {when}}}\n"
    path = write(tmp_path, f"version: 1\nname: y\nextends: base.yaml\nclassification:\n{own}", "child.yaml")
    fixed = fix_file(path)
    assert fixed.after == fixed.before
    assert [placed.finding.message.split()[0] for placed in fixed.left] == ["smaller"]


def test_what_is_inherited_is_not_touched(tmp_path: Path) -> None:
    write(tmp_path, POLICY, "base.yaml")
    fixed = fix_file(write(tmp_path, "version: 1\nname: y\nextends: base.yaml\n", "child.yaml"))
    assert (fixed.after, fixed.left) == (fixed.before, [])


def test_shipped_policies_have_nothing_to_mend() -> None:
    for name in SHIPPED_POLICIES:
        fixed = fix_file(shipped_policy(name))
        assert fixed.after == fixed.before


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        ("a: {b: 1, c: 2, d: 3}\n", ("a", "b"), "a: {c: 2, d: 3}\n"),
        ("a: {b: 1, c: 2, d: 3}\n", ("a", "d"), "a: {b: 1, c: 2}\n"),
        ("a: [1, [2, 3], 4]  # x\n", ("a", 1), "a: [1, 4]  # x\n"),
        ("a:\n  b: 1\n  c: 2  # two\n  d: 3\n", ("a", "c"), "a:\n  b: 1\n  d: 3\n"),
        ("a:\n  - x: 1\n    y: 2\n\n  # more\n  - z: 3\n", ("a", 0), "a:\n\n  # more\n  - z: 3\n"),
        ("a:\n  - x: 1\n    y: 2\n  - z: 3", ("a", 1), "a:\n  - x: 1\n    y: 2\n"),
        ("a:\n  - x: 1\n    y: 2\n", ("a", 0, "x"), "a:\n  - y: 2\n"),
        ("a:\n  - x: 1  # one\n    y: 2\n", ("a", 0, "x"), None),
        ("a:\n  - - 1\n    - 2\n", ("a", 0, 0), None),
        ("a: {b: 1}\n", ("a", "c"), None),
        ("a: [1]\n", ("b", 0), None),
        ("a: [1]\n", ("a", 4), None),
    ],
)
def test_an_entry_is_taken_out_of_a_text(text: str, path: tuple[str | int, ...], expected: str | None) -> None:
    assert remove(text, path) == expected


STYLES = st.sampled_from([True, False, None])


@given(RULES, EXITS, STYLES)
def test_what_is_mended_does_the_same_and_leaves_nothing_to_mend(
    tmp_path_factory: pytest.TempPathFactory, rules: list[Any], exits: list[Any], style: bool | None
) -> None:
    document = {
        "version": 1,
        "name": "made",
        "parameters": {"strategy_sources": ["core"]},
        "classification": [
            {"id": f"r{at}", "category": one, "when": _plain(when)} for at, (one, when) in enumerate(rules)
        ],
        "exits": [
            {"id": f"e{at}", "action": action, "when": {"category": category}}
            for at, (action, category) in enumerate(exits)
        ],
    }
    path = write(tmp_path_factory.mktemp("made"), yaml.safe_dump(document, default_flow_style=style, sort_keys=False))
    before = load_policy(path).policy
    fixed = fix_file(path)
    write(path.parent, fixed.after)
    after = load_policy(path).policy
    assert do_the_same(before, after, effect_of)
    left = {placed.finding.message for placed in fixed.left}
    again = [one for one in lint_files([path]) if one.finding.code in FIXABLE]
    assert {one.finding.message for one in again} <= left


def _plain(node: Any) -> Any:
    """Numbers as YAML writes them."""
    if isinstance(node, dict):
        return {key: _plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_plain(value) for value in node]
    return node if isinstance(node, bool | int | str) else float(node)
