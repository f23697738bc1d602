"""Every link of a page leads somewhere: to a file that is there, and to a heading in it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)


def links(page: Path) -> list[str]:
    """The links of a page within the checkout."""
    text = _CODE.sub("", page.read_text(encoding="utf-8"))
    return [link for link in _LINK.findall(text) if not re.match(r"[a-z]+:", link)]


def headings(page: Path) -> set[str]:
    """The anchors of a page, as GitHub makes them of its headings."""
    found: dict[str, int] = {}
    anchors = set()
    for title in re.findall(
        r"^#+ (.+)$", re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL), re.MULTILINE
    ):
        anchor = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        count = found.get(anchor, 0)
        found[anchor] = count + 1
        anchors.add(f"{anchor}-{count}" if count else anchor)
    return anchors


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for link in links(page):
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in headings(target)):
            broken.append(link)
    assert not broken


def test_broken_links_would_be_found(tmp_path: Path) -> None:
    page = tmp_path / "x.md"
    page.write_text("# A title: `x`\n[one](#a-title-x) [two](y.md) `[code](z.md)` [out](https://x.org)\n")
    assert links(page) == ["#a-title-x", "y.md"]
    assert headings(page) == {"a-title-x"}


def test_every_page_of_the_reference_is_linked_from_its_index_and_every_index_entry_is_there() -> None:
    folder = ROOT / "docs/reference"
    linked = {(folder / link).resolve() for link in links(folder / "README.md")}
    assert {page.resolve() for page in folder.glob("*.md")} - {(folder / "README.md").resolve()} <= linked
    assert (folder / "README.md").resolve() in {(ROOT / link).resolve() for link in links(ROOT / "README.md")}
