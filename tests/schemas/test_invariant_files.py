"""Invariants in files: merged, added to and never taken away, with the place of what is wrong in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from exitplan.schemas.loading.diagnostics import FileHasProblems
from exitplan.schemas.policies import load_policy

BASE = """\
version: 1
name: base
parameters: {edge: 5}
never:
  - {when: {strategy: core}, do: sell, because: the desk manages it}
always:
  - {when: {value_usd: {gt: $edge}}, do: [unwind, nothing]}
"""


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def said(path: Path) -> list[str]:
    return [invariant.text for invariant in load_policy(path).policy.invariants]


def test_a_child_adds_to_the_invariants_of_its_parent(tmp_path: Path) -> None:
    write(tmp_path, "base.yaml", BASE)
    extended = "version: 1\nname: x\nextends: base.yaml\nnever:\n  - {when: {side: short}, do: close}\n"
    child = write(tmp_path, "child.yaml", extended)
    assert said(child) == [
        "never sell where strategy = core (the desk manages it)",
        "never close where side = short",
        "always unwind or do nothing where value_usd > 5",
    ]
    loaded = load_policy(child)
    assert [str(loaded.marks[("never", at)]).rpartition("/")[2] for at in (0, 1)] == ["base.yaml:5:5", "child.yaml:5:5"]


def test_the_same_invariant_twice_is_one(tmp_path: Path) -> None:
    write(tmp_path, "base.yaml", BASE)
    again = (
        "version: 1\nextends: base.yaml\nnever:\n  - {do: sell, because: the desk manages it, when: {strategy: core}}\n"
    )
    assert len(said(write(tmp_path, "child.yaml", again))) == 2


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{when: {strategy: core}, do: sell, remove: true}", "unknown key 'remove'"),
        ("{when: {strategy: core}, do: sel}", "did you mean 'sell'"),
        ("{when: {strategy: core}}", "do"),
        ("{do: sell}", "when"),
        ("{when: {strateg: core}, do: sell}", "did you mean 'strategy'"),
        ("{when: {value_usd: {gt: $edg}}, do: sell}", "did you mean 'edge'"),
        ("{when: {strategy: core}, do: []}", "never[0].do"),
    ],
)
def test_what_is_wrong_has_its_place(tmp_path: Path, entry: str, message: str) -> None:
    text = f"version: 1\nname: x\nparameters: {{edge: 1}}\nnever:\n  - {entry}\n"
    with pytest.raises(FileHasProblems) as raised:
        load_policy(write(tmp_path, "x.yaml", text))
    assert message in str(raised.value)
    assert "x.yaml:5:" in str(raised.value)


def test_an_account_keeps_its_invariants_under_another_policy(tmp_path: Path) -> None:
    account = load_policy(write(tmp_path, "account.yaml", BASE))
    other = write(tmp_path, "other.yaml", "version: 1\nname: other\nparameters: {edge: 7}\n")
    texts = [invariant.text for invariant in load_policy(other, account=account).policy.invariants]
    assert texts == [
        "never sell where strategy = core (the desk manages it)",
        "always unwind or do nothing where value_usd > 7",
    ]
