"""The worked example of docs/simulating.md does what the page shows, and its figures are those of the venue."""

from __future__ import annotations

import csv
import re
from decimal import Decimal
from pathlib import Path

import pytest

from tests.cli.conftest import xp
from tests.docs.console import first_missing

PAGE = (Path(__file__).parents[2] / "docs" / "simulating.md").read_text(encoding="utf-8")


def block(kind: str) -> str:
    (text,) = re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return str(text)


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Write the files of the example; gives the words of its command line."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    Path("sol.json").write_text(block("json"), encoding="utf-8")
    Path("prices.csv").write_text(block("csv"), encoding="utf-8")
    return block("shell-session").splitlines()[0].removeprefix("$ exitplan ").split()


def test_the_worked_example_prints_what_the_page_shows(example: list[str]) -> None:
    ran = xp(*example)
    assert ran.code == 0
    shown = tuple(line for line in block("shell-session").splitlines()[1:] if line.strip())
    assert first_missing(shown, ran.out) is None


def test_its_figures_can_be_computed_by_hand(example: list[str]) -> None:
    xp(*example, "--csv", "paths.csv")
    (row,) = csv.DictReader(Path("paths.csv").read_text(encoding="utf-8").splitlines())
    sold, marks = [Decimal(part) for part in ("10", "7.5", "5.62", "16.88")], (149, 147, 148, 144)
    bids = [mark * Decimal("0.999") for mark in marks]
    at_bid = [quantity * bid for quantity, bid in zip(sold, bids, strict=True)]
    impact = sum(value * Decimal("0.001") * (value / 1000).sqrt() for value in at_bid)
    received = sum(at_bid) - impact
    fees = received * Decimal("0.001")
    assert Decimal(row["impact"]) == pytest.approx(impact, abs=Decimal("1e-20"))
    assert Decimal(row["total"]) == pytest.approx(6000 - received + fees, abs=Decimal("1e-20"))
    assert f"{received - fees:,.2f}" in PAGE
