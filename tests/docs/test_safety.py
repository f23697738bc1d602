"""The page on safety names the tests of what it promises: they are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/safety.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[^`]+)`", PAGE)))


def rows() -> list[list[str]]:
    """Return the cells of the page's tables, without headings."""
    lines = [line.strip("|").split(" | ") for line in PAGE.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in cells] for cells in lines if cells[-1].strip() != "tested by"]


@pytest.mark.parametrize("name", NAMED)
def test_a_test_that_the_page_names_is_there_and_holds_tests(name: str) -> None:
    path = ROOT / name
    files = sorted(path.rglob("test_*.py")) if path.is_dir() else [path]
    assert any("\ndef test_" in file.read_text(encoding="utf-8") for file in files)


def test_every_promise_and_every_accident_names_its_test() -> None:
    told = rows()
    assert len(told) >= 30
    for cells in told:
        assert len(cells) == 3, cells
        assert re.search(r"`(tests/[^`]+|make chaos)`|laws in `tests/", cells[-1]), cells
