"""``exitplan simulate``: what it shows, writes and refuses."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

from exitplan.schemas.policies import shipped_policy
from exitplan.schemas.shapes.answers import ANSWERS
from tests.builders import market, position, snapshot
from tests.cli.conftest import Ran, write_snapshot, xp

ACCOUNT = snapshot(
    position(quantity=10, entry=100), markets={"AAA/USD": market(bid="99", ask="101"), "BBB/USD": market("5")}
)


@pytest.fixture(autouse=True)
def _recorded(nothing: Path) -> None:
    write_snapshot(ACCOUNT)


def simulate(*words: str) -> Ran:
    return xp("simulate", "--snapshot", "snapshot.json", "--policy", "default", *words)


def test_json_fits_its_schema_and_says_how_it_came_about() -> None:
    ran = simulate("--paths", "2", "--cycles", "5", "--volatility", "0.5", "--volatility", "BBB=0.1", "--json")
    Draft7Validator(ANSWERS["simulate"]()).validate(ran.json)
    assert ran.json["prices"]["volatilities"] == {"BBB": "0.1"}
    assert (ran.json["cycles"], ran.json["every_minutes"], ran.json["paths"]) == (5, "5", 2)
    (policy,) = ran.json["policies"]
    assert policy["clean"] == {
        "paths": 2,
        "cycles": dict.fromkeys(("p05", "p25", "p50", "p75", "p95"), 4),
        "minutes": dict.fromkeys(("p05", "p25", "p50", "p75", "p95"), "15"),
    }
    assert [entry["p50"] for entry in policy["left"]] == ["0.75", "0.5625", "0.4219", "0", "0"]


def test_the_same_seed_writes_the_same_bytes() -> None:
    line = ("--paths", "1", "--cycles", "2", "--delay", "30s", "--jumps", "50", "--jump-share", "-0.01")
    first, again, other = (simulate(*line, "--seed", seed, "--csv", f"{n}.csv") for n, seed in enumerate("778"))
    assert first.out == again.out != other.out
    tables = [Path(f"{n}.csv").read_bytes() for n in range(3)]
    assert tables[0] == tables[1] != tables[2]


def test_the_table_of_paths_has_a_row_a_policy_and_path_whose_parts_add_up() -> None:
    ran = simulate("--policy", "conservative", "--paths", "2", "--cycles", "1", "--csv", "p.csv")
    assert ran.code == 0
    rows = list(csv.DictReader(Path("p.csv").read_text(encoding="utf-8").splitlines()))
    assert [(row["policy"], row["path"]) for row in rows] == [
        ("default", "1"), ("default", "2"), ("conservative", "1"), ("conservative", "2"),
    ]  # fmt: skip
    assert rows[0]["half_spread"] == "2.5"
    assert rows[2]["value"] == "0"


def test_drawings_and_page_are_written_and_need_nothing_else() -> None:
    ran = simulate("--paths", "1", "--cycles", "1", "--plots", "drawn", "--html", "page.html")
    assert ran.code == 0
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in Path("drawn").iterdir())
    assert sorted(path.stem for path in Path("drawn").iterdir()) == ["clean", "left", "parts", "shortfall"]
    page = Path("page.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == 4
    assert "<td>half the spread</td><td>2.50</td>" in page
    assert "http" not in page


def test_without_matplotlib_the_extra_is_named_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    ran = simulate("--html", "page.html")
    assert ran.code == 1
    assert 'pip install "exitplan[plots]"' in ran.err
    assert not Path("page.html").exists()
    assert simulate("--paths", "1", "--cycles", "1").code == 0


def test_a_paper_account_is_simulated_with_its_own_policy_and_nothing_of_it_changes(nothing: Path) -> None:
    xp("init", "here")
    folder = nothing / "here"
    assert xp("-C", str(folder), "plan").code == 0
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    ran = xp("-C", str(folder), "simulate", "--paths", "1", "--cycles", "2")
    assert ran.code == 0
    assert ran.out.startswith("platform: up to 2 cycles, 5 minutes apart, on 1 path; random walk of 4 % a day, seed 1.")
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--volatility", "4"], "--volatility is 4; allowed is 0 to 2"),
        (["--volatility", "XRP=0.1"], "no market of the account trades 'XRP'"),
        (["--volatility", "x"], "--volatility takes a number, found 'x'"),
        (["--correlation", "-0.1"], "allowed is 0 to 1"),
        (["--jumps", "1"], "--jumps and --jump-share go together"),
        (["--jumps", "1", "--jump-share", "-1"], "-1 would leave no price at all"),
        (["--shock", "AAA=-0.3"], "--shock takes ASSET=SHARE@CYCLE"),
        (["--shock", "AAA=-0.3@13"], "there are cycles 1 to 12"),
        (["--shock", "AAB=-0.3@1"], "did you mean 'AAA'?"),
        (["--impact", "0.01"], "--impact takes SHARE@VALUE"),
        (["--impact", "0.01@0"], "the value of an order is above 0"),
        (["--fee", "1"], "a share is from 0 to below 1"),
        (["--every", "5"], "--every takes a duration"),
        (["--delay", "5m", "--every", "5m"], "--delay has to be shorter than --every"),
        (["--policy", "default"], "the same policy is named twice"),
        (["--prices", "p.csv", "--volatility", "0.1"], "--volatility does not go with --prices"),
        (["--plots", "snapshot.json"], "--plots takes a folder"),
    ],
)
def test_what_is_impossible_is_told_in_the_words_of_the_option(words: list[str], message: str) -> None:
    ran = simulate(*words)
    assert ran.code == 64
    assert message in " ".join(ran.err.split())


def test_a_table_that_is_wrong_or_not_there_is_told_with_its_line() -> None:
    Path("p.csv").write_text("time,AAA\n0,1\n5,much\n", encoding="utf-8")
    ran = simulate("--prices", "p.csv")
    assert ran.code == 65
    assert "p.csv:3: column 2 (AAA): 'much' is no price" in ran.err
    assert simulate("--prices", "none.csv").code == 65


def test_a_live_account_is_recorded_first(nothing: Path) -> None:
    folder = nothing / "policies/accounts"
    folder.mkdir(parents=True)
    account = "account: {id: real, venue: kraken, quote: USD, credentials: 'env:REAL'}"
    (folder / "real.yaml").write_text(
        f"version: 1\nname: real\nextends: {shipped_policy('default')}\n{account}\n", encoding="utf-8"
    )
    ran = xp("simulate", "--account", "real")
    assert ran.code == 64
    assert "exitplan snapshot --account real" in ran.err
