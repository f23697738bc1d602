"""``exitplan report``: for people, as JSON, as a table and as a page."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

from exitplan.schemas.shapes.answers import ANSWERS
from tests.cli.conftest import xp


def test_a_report_agrees_with_the_history(folder: Path) -> None:
    assert xp("apply", "--auto-approve").code == 0
    document = xp("report", "--json").json
    Draft7Validator(ANSWERS["report"]()).validate(document)
    (run,) = xp("history", "--json").json["runs"]
    sold = [entry for entry in run["summary"]["outcomes"] if entry["proceeds"] is not None]
    assert Decimal(document["total"]["proceeds"]) == sum(Decimal(entry["proceeds"]) for entry in sold)
    assert Decimal(document["total"]["fees"]["USD"]) == sum(Decimal(entry["fee"]) for entry in sold)
    assert document["runs"] == 1
    assert document["clean"]["open_since"] == run["started_at"]
    state = xp("status", "--json").json
    assert document["total"]["released"] == state["cleanup_metrics"]["capital_freed_usd"]


def test_several_accounts_are_a_table_and_what_is_written_holds_all_of_them(folder: Path) -> None:
    xp("apply", "--auto-approve", "--account", "platform")
    ran = xp("report", "--all", "--csv", "r.csv", "--html", "r.html")
    assert ran.code == 0
    assert "user123" in ran.out
    rows = list(csv.DictReader(Path("r.csv").read_text(encoding="utf-8").splitlines()))
    assert {row["account"] for row in rows} == {"platform"}
    assert [row["rule"] for row in rows] == sorted(row["rule"] for row in rows)
    page = Path("r.html").read_text(encoding="utf-8")
    assert "<h2>platform at paper, in USD</h2>" in page
    assert "<h2>user123 at paper, in USD</h2>" in page
    assert len(xp("report", "--all", "--json").json["accounts"]) == 2


def test_an_account_without_a_run_has_nothing_to_tell(folder: Path) -> None:
    ran = xp("report", "--since", "2026-01-01")
    assert "Nothing was sold or cancelled." in ran.out
    assert "There was no run in this time; exitplan verify tells whether the account is CLEAN." in ran.out
    assert "did not have to" not in ran.out


@pytest.mark.parametrize(
    ("since", "message"),
    [
        ("30", "--since"),
        ("soon", "--since"),
        ("2999-01-01", "--since 2999-01-01 is in the future"),
        ("999999d", "too early"),
        ("5y", "--since takes a duration"),
    ],
)
def test_a_time_that_makes_no_sense_is_refused(folder: Path, since: str, message: str) -> None:
    ran = xp("report", "--since", since)
    assert ran.code == 64
    assert message in ran.err


def test_prices_of_a_table_are_compared_with_and_what_it_lacks_is_told(folder: Path) -> None:
    xp("apply", "--auto-approve")
    Path("p.csv").write_text("time,XRP/USD\n2026-01-01T00:00:00Z,1\n2999-01-01T00:00:00Z,1\n", encoding="utf-8")
    document = xp("report", "--json", "--prices", "p.csv").json
    Draft7Validator(ANSWERS["report"]()).validate(document)
    assert document["total"]["then"]["untold"] > 0
    assert document["total"]["later"] is None
    ran = xp("report", "--prices", "p.csv")
    assert "Without a market price, and not compared:" in ran.out
    assert "-" in ran.out.split()
    assert xp("report", "--prices", "none.csv").code == 65


def test_a_paper_account_has_no_prices_of_its_past(folder: Path) -> None:
    xp("apply", "--auto-approve")
    ran = xp("report", "--prices", "venue")
    assert "a paper account keeps no past prices" in ran.err
    assert "bp then" not in xp("report").out


def test_the_page_is_drawn_and_the_same_report_is_the_same_page(folder: Path) -> None:
    pytest.importorskip("matplotlib")
    xp("apply", "--auto-approve")
    xp("report", "--html", "r.html")
    page = Path("r.html").read_text(encoding="utf-8")
    assert page.count('src="data:image/svg+xml;base64,') == 2
    assert 'alt="Closed over time"' in page


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("time,XRP/USD\n0,1\n", "its times are in minutes"),
        ("time,path,XRP/USD\n2026-01-01,a,1\n2026-01-01,b,1\n", "several paths"),
        ("time,XRP/USD\nsoon,1\n", "is no time"),
    ],
)
def test_a_table_that_is_no_history_is_refused(folder: Path, table: str, message: str) -> None:
    Path("p.csv").write_text(table, encoding="utf-8")
    ran = xp("report", "--prices", "p.csv")
    assert ran.code == 65
    assert message in ran.err
