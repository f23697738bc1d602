"""``exitplan history --export``: the history for audit, as a table and as lines."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

from exitplan.cli.rendering.cells import spreadsheet_cell
from exitplan.schemas.shapes.answers import ANSWERS
from tests.cli.conftest import xp

pytestmark = pytest.mark.usefixtures("folder")


def test_lines_and_table_tell_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXITPLAN_USER", '=HYPERLINK("x")')
    xp("apply", "--auto-approve")
    told = xp("history", "--export", "all.jsonl", "--json").json
    Draft7Validator(ANSWERS["history-export"]()).validate(told)
    (line,) = Path("all.jsonl").read_text("utf-8").splitlines()
    entry = json.loads(line)
    Draft7Validator(ANSWERS["audit"]()).validate(entry)
    assert (told["runs"], told["orders"]) == (1, len(entry["orders"]))
    assert "Wrote 1 run with 16 orders" in xp("history", "--all", "--export", "all.csv").out
    with Path("all.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["client_order_id"] for row in rows] == [order["client_order_id"] for order in entry["orders"]]
    assert {row["actor"] for row in rows} == {'\'=HYPERLINK("x")'}
    assert {row["policy_sha256"] for row in rows} == {entry["policy"]["sha256"]}


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("=1+1", "'=1+1"),
        ("@SUM", "'@SUM"),
        ("-cmd", "'-cmd"),
        ("+1-1", "'+1-1"),
        ("-0.5", "-0.5"),
        (None, ""),
        (7, "7"),
    ],
)
def test_a_spreadsheet_computes_nothing(cell: object, written: str) -> None:
    assert spreadsheet_cell(cell) == written


@pytest.mark.parametrize(
    "line", ["--export all.txt", "1 --export all.csv", "--since 30d", "--all", "--export data/journal.db.csv"]
)
def test_what_cannot_be_exported_is_told(line: str) -> None:
    ran = xp("history", *line.split())
    assert ran.code == 64
    assert not Path("all.csv").exists()
