"""What a person should know is told by validate, plan, verify and status, and in their JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import xp

DEMO = Path("policies/accounts/demo.yaml")
NAMES = """\
protect: [{asset: ETC}, {symbol: SOLL/USD}, {symbol: XBT/EUR}, {asset: USDC}]
aliases: {MATIC: POL}
exits:
  - {id: odd, rule: 3, when: {symbol: LINKK/USD}, action: close, before: legacy}
"""
WRONG = {
    ("protects-nothing", "ETC", "LTC"),
    ("protects-nothing", "SOLL/USD", "SOL/USD"),
    ("protects-nothing", "USDC", None),
    ("matches-nothing", "MATIC", None),
    ("matches-nothing", "LINKK/USD", "LINK/USD"),
}


@pytest.fixture
def mistyped(folder: Path) -> Path:
    """A demo account whose policy names what is neither held nor listed; XBT/EUR means BTC, which is held."""
    append(NAMES)
    return folder


def append(text: str) -> None:
    DEMO.write_text(DEMO.read_text(encoding="utf-8") + text, encoding="utf-8")


def register(records: dict[str, dict[str, str]], folder: str = "data") -> None:
    path = Path(folder) / "positions.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"positions": records, "last_updated": "2026-01-01T00:00:00Z"}), encoding="utf-8")


def kinds(warnings: list[dict[str, str]]) -> set[tuple[str, str, str | None]]:
    return {(warning["kind"], warning["symbol"], warning["nearest"]) for warning in warnings}


@pytest.mark.usefixtures("mistyped")
@pytest.mark.parametrize("verb", ["plan", "verify", "status"])
def test_names_that_match_nothing_are_told_with_the_nearest_name(verb: str) -> None:
    assert kinds(xp(verb, "--json").json["warnings"]) == WRONG
    flat = " ".join(xp(verb).out.split())
    assert "protect names SOLL/USD, which is neither held nor listed; did you mean SOL/USD?" in flat


@pytest.mark.usefixtures("mistyped")
def test_validate_points_at_each_of_them_and_does_not_fail() -> None:
    shown = xp("validate", "--json")
    assert shown.code == 0
    demo = next(entry for entry in shown.json["files"] if entry["path"].endswith("demo.yaml"))
    places = {".".join(map(str, problem["path"])) for problem in demo["problems"]}
    assert {problem["severity"] for problem in demo["problems"]} == {"warning"}
    assert {"protect.0", "protect.1", "protect.3", "aliases.MATIC"} < places
    lines = {problem["line"] for problem in demo["problems"]}
    last = len(DEMO.read_text(encoding="utf-8").splitlines())
    assert lines == {last - 3, last - 2, last}


def test_where_nothing_is_known_offline_nothing_is_said(folder: Path) -> None:
    text = DEMO.read_text(encoding="utf-8").replace("start_from: demo", "taker_fee: 0.001") + NAMES
    (folder / DEMO).write_text(text, encoding="utf-8")
    assert xp("validate").out.endswith("nothing is wrong.\n")
    assert xp("status", "--json").json["warnings"] == []


@pytest.mark.usefixtures("folder")
def test_a_recording_of_a_live_account_is_its_latest_reading() -> None:
    assert xp("snapshot", "--out", "recordings/live.json").code == 0
    live = Path("policies/accounts/live.yaml")
    live.write_text(
        f"version: 1\nname: live\nextends: ../default.yaml\n{NAMES}"
        "account: {id: live, venue: kraken, quote: USD, credentials: env:NOT_THERE}\n",
        encoding="utf-8",
    )
    assert kinds(xp("status", "--account", "live", "--json").json["warnings"]) == WRONG


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("verb", ["status", "verify"])
def test_a_record_of_something_not_held_is_told(verb: str) -> None:
    register({"SOL/USD": {"entry_price": "130"}, "POL/USD": {"entry_price": "1"}})
    assert ("nothing-held", "POL/USD", "SOL/USD") in kinds(xp(verb, "--json").json["warnings"])


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("verb", ["status", "verify"])
def test_a_tracker_that_registers_nothing_held_is_told_with_the_other_data_folder(verb: str) -> None:
    register({})
    register({"SOL/USD": {"entry_price": "130"}}, "production")
    warnings = xp(verb, "--json").json["warnings"]
    (warning,) = [one for one in warnings if one["symbol"] == ""]
    assert (warning["kind"], warning["nearest"]) == ("nothing-held", "production")
    assert "data/positions.json registers nothing that is held" in warning["text"]
    planned = xp("plan")
    assert "--data production" in planned.err
    assert planned.code == 0


@pytest.mark.usefixtures("folder")
def test_a_tracker_that_registers_something_held_is_not_told() -> None:
    register({"SOL/USD": {"entry_price": "130"}})
    assert xp("plan").err == ""
    assert xp("status", "--json").json["warnings"] == []


@pytest.mark.usefixtures("folder")
def test_without_a_reading_records_are_held_against_the_last_run() -> None:
    assert xp("run").code == 2
    text = DEMO.read_text(encoding="utf-8").partition("  options:")[0]
    DEMO.write_text(text.replace("venue: paper", "venue: kraken\n  credentials: env:NOT_THERE"), encoding="utf-8")
    register({"SOL/USD": {"entry_price": "130"}, "POL/USD": {"entry_price": "1"}})
    warnings = xp("status", "--json").json["warnings"]
    assert kinds(warnings) == {("nothing-held", "POL/USD", None)}
