"""The locks are closed, and a gap in one is found."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tools.locks import ROOT, find_gaps, find_problems, read_pins

A = "a==1.0 \\\n    --hash=sha256:00\n"


def gaps(text: str, requires: dict[str, list[str]], *roots: str) -> list[str]:
    return find_gaps(roots, read_pins(text), requires)


def test_the_locks_are_closed() -> None:
    assert find_problems() == []


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


@pytest.mark.parametrize(("file", "name"), [("dev.txt", "coverage"), ("runtime.txt", "mdurl"), ("dev.txt", "jeepney")])
def test_a_line_taken_out_of_a_lock_is_found(copied: Path, file: str, name: str) -> None:
    path = copied / "requirements" / file
    blocks = path.read_text(encoding="utf-8").split(f"\n{name}==")
    rest = blocks[1].split("    # via", 1)[1]
    path.write_text(f"{blocks[0]}\n    # via{rest}", encoding="utf-8")
    problems = find_problems(copied)
    assert any(f"requires {name}" in problem and "not locked" in problem for problem in problems)


def test_what_an_extra_requires_has_to_be_locked() -> None:
    requires = {"a==1.0": ["b[toml]>=1"], "b==1.0": ['c>=2; extra == "toml"', 'd; extra == "other"']}
    (gap,) = {one.split(" (")[0] for one in gaps(A + "b==1.0\n", requires)}
    assert gap == 'b==1.0[toml] requires c>=2; extra == "toml", which is not locked'
    assert gaps(A + "b==1.0\nc==2.0\n", requires) == []


def test_a_version_that_does_not_satisfy_is_a_gap() -> None:
    found = gaps(A + "b==1.0\n", {"a==1.0": ["b>=2"]})
    assert "a==1.0 requires b>=2, but 1.0 is locked" in found[0]


def test_markers_are_judged_on_every_supported_python() -> None:
    requires = {"a==1.0": ['b; python_version < "3.12"']}
    (gap,) = gaps(A, requires)
    assert gap.endswith("which is not locked (Python 3.11 on linux x86_64 and 3 more)")
    assert gaps(A + "b==1.0 ; python_full_version < '3.12'\n", requires) == []
    assert gaps(A + "b==1.0 ; sys_platform == 'darwin'\n", requires)


def test_the_projects_own_requirements_are_roots() -> None:
    assert gaps(A, {}, "b>=1")
    assert gaps(A, {}, "a>=1") == []
