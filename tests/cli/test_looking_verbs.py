"""The verbs that look, and those that change nothing but the tracker: positions, diff, alerts, adopt, forget, show."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.conftest import xp

ALERTS = Path("data/alerts.jsonl")
TRACKER = Path("data/positions.json")
pytestmark = pytest.mark.usefixtures("folder")


def raise_alerts(*alerts: dict[str, str]) -> None:
    ALERTS.parent.mkdir(exist_ok=True)
    lines = [
        json.dumps({"timestamp": "2026-02-18T22:00:00Z", "severity": "WARNING", "user_id": "platform", **alert}) + "\n"
        for alert in alerts
    ]
    with ALERTS.open("a", encoding="utf-8") as file:
        file.writelines(lines)


def test_positions_lists_all_of_them_the_largest_first() -> None:
    shown = xp("positions", "--json").json
    values = [float(entry["value_usd"]) for entry in shown["positions"] if entry["value_usd"] is not None]
    assert (len(shown["positions"]), values) == (20, sorted(values, reverse=True))
    first, last = shown["positions"][0], shown["positions"][-1]
    assert (first["symbol"], first["quantity"], first["category"]) == ("BTC/USD", "0.065", "STRATEGY_ALIGNED")
    assert (last["value_usd"], last["category"]) == (None, "DEFERRED")
    actions = {entry["symbol"]: entry["action"] for entry in shown["positions"]}
    assert (actions["XRP/USD"], actions["XLM/USD"], actions["BTC/USD"]) == ("unwind", "close", None)


@pytest.mark.parametrize("columns", ["60", "80", "120"])
def test_the_table_of_positions_cuts_nothing(columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    lines = xp("positions").out.splitlines()
    assert max(map(len, lines)) <= int(columns)
    for text in ("VOUCHER/USD", "30,000,000", "4,420.00", "-31.1 %", "grid_bot"):
        assert any(text in line for line in lines), text


def test_a_plan_differs_from_a_narrowed_one_and_not_from_itself() -> None:
    xp("plan", "--out", "whole.json")
    xp("plan", "--target", "XRP", "--out", "part.json")
    assert xp("diff", "whole.json", "whole.json").code == 0
    shown = xp("diff", "whole.json", "part.json", "--json")
    assert (shown.code, {change["change"] for change in shown.json["changes"]}) == (2, {"removed"})
    assert "no longer planned" in xp("diff", "whole.json", "part.json").out


def test_two_saved_plans_that_do_the_same_are_told_so() -> None:
    xp("plan", "--out", "a.json")
    xp("plan", "--out", "b.json")
    shown = xp("diff", "a.json", "b.json")
    assert (shown.code, shown.out.splitlines()[0]) == (0, "Both plans do the same.")


def test_plans_of_two_accounts_are_not_compared() -> None:
    xp("plan", "--out", "a.json")
    xp("plan", "--account", "user123", "--out", "b.json")
    shown = xp("diff", "a.json", "b.json")
    assert (shown.code, "is for platform" in shown.err) == (64, True)


def test_show_draws_every_plan_of_a_folder() -> None:
    xp("plan", "--all", "--out", "plans")
    shown = xp("show", "plans")
    assert [line for line in shown.out.splitlines() if line.startswith("plans/")] == [
        "plans/platform.plan.json",
        "plans/user123.plan.json",
    ]
    assert {plan["account"]["id"] for plan in xp("show", "plans", "--json").lines} == {"platform", "user123"}
    assert xp("show", "policies").code == 65


def test_a_position_is_adopted_with_its_entry_price_and_forgotten() -> None:
    shown = xp("adopt", "xrp", "--entry-price", "0.5", "--source", "nija_strategy", "--json").json
    assert shown["symbol"] == "XRP/USD"
    record = json.loads(TRACKER.read_text(encoding="utf-8"))["positions"]["XRP/USD"]
    assert record == shown["record"]
    assert (float(record["entry_price"]), record["position_source"]) == (0.5, "nija_strategy")
    after = {entry["symbol"]: entry["category"] for entry in xp("positions", "--json").json["positions"]}
    assert after["XRP/USD"] == "STRATEGY_ALIGNED"
    assert xp("forget", "XRP-USD").code == 0
    assert "XRP/USD" not in json.loads(TRACKER.read_text(encoding="utf-8"))["positions"]
    after = {entry["symbol"]: entry["category"] for entry in xp("positions", "--json").json["positions"]}
    assert after["XRP/USD"] == "LEGACY_NON_COMPLIANT"


def test_the_other_records_stay_as_they_are() -> None:
    xp("plan")
    before = {entry["symbol"]: entry["category"] for entry in xp("positions", "--json").json["positions"]}
    xp("adopt", "XRP/USD", "--entry-price", "0.5")
    after = {entry["symbol"]: entry["category"] for entry in xp("positions", "--json").json["positions"]}
    assert {symbol for symbol in before if before[symbol] != after[symbol]} <= {"XRP/USD"}


def test_what_a_strategy_holds_stays_its_own_when_it_is_adopted_again() -> None:
    before = xp("positions", "--json").json["positions"]
    symbol = next(entry["symbol"] for entry in before if entry["category"] == "STRATEGY_ALIGNED")
    shown = xp("adopt", symbol, "--entry-price", "1", "--json")
    assert shown.json["record"]["position_source"] != "adopted"
    assert shown.err == ""
    after = {entry["symbol"]: entry["category"] for entry in xp("positions", "--json").json["positions"]}
    assert after[symbol] == "STRATEGY_ALIGNED"
    assert xp("adopt", symbol, "--source", "by-hand", "--json").json["record"]["position_source"] == "by-hand"


def test_a_source_that_is_no_strategy_is_warned_of() -> None:
    shown = xp("adopt", "XRP/USD", "--entry-price", "0.5")
    assert shown.code == 0
    assert "adopted is not among the strategy_sources" in shown.err


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("adopt XRB/USD", "holds no position XRB/USD"),
        ("adopt XRP --entry-price 0", "must be above 0"),
        ("adopt XRP --entry-price x", "takes a number"),
        ("adopt XRP --side up", "long or short"),
        ("forget XRP", "has no record of XRP"),
        ("alerts --kind EXIT_FALED", "did you mean 'EXIT_FAILED'?"),
        ("alerts --severity bad", "info, warning, critical"),
        ("alerts --since soon", "--since"),
    ],
)
def test_what_cannot_be_is_refused(line: str, message: str) -> None:
    shown = xp(*line.split())
    assert (shown.code, shown.out) == (64, "")
    assert message in shown.err


def test_alerts_are_filtered_and_the_newest_are_shown() -> None:
    assert xp("alerts").out == "No alerts.\n"
    raise_alerts(
        {"alert_type": "EXIT_FAILED", "symbol": "A/USD", "reason": "locked"},
        {"alert_type": "ZOMBIE_ESCALATED", "severity": "CRITICAL", "timestamp": "2026-02-19T00:00:00Z"},
        {"alert_type": "BALANCE_ACCEPTED", "severity": "INFO", "timestamp": "2026-02-17T00:00:00Z"},
    )

    def kinds(*line: str) -> list[str]:
        return [alert["alert_type"] for alert in xp("alerts", *line, "--json").json["alerts"]]

    assert kinds() == ["BALANCE_ACCEPTED", "EXIT_FAILED", "ZOMBIE_ESCALATED"]
    assert kinds("--severity", "warning") == ["EXIT_FAILED", "ZOMBIE_ESCALATED"]
    assert kinds("--kind", "exit-failed") == ["EXIT_FAILED"]
    assert kinds("--since", "2026-02-18") == ["EXIT_FAILED", "ZOMBIE_ESCALATED"]
    assert kinds("--limit", "1") == ["ZOMBIE_ESCALATED"]
    assert "A/USD" in xp("alerts").out


def test_a_line_that_is_no_alert_is_counted_and_hides_nothing() -> None:
    raise_alerts({"alert_type": "EXIT_FAILED"})
    with ALERTS.open("a", encoding="utf-8") as file:
        file.write('{"alert_type": 1}\nnot json\n')
    raise_alerts({"alert_type": "ZOMBIE_ESCALATED"})
    shown = xp("alerts")
    assert ("EXIT_FAILED" in shown.out, "ZOMBIE_ESCALATED" in shown.out) == (True, True)
    assert "2 lines cannot be read as alerts" in shown.err


def test_alerts_are_followed_until_they_are_interrupted() -> None:
    raise_alerts({"alert_type": "EXIT_FAILED"})
    root = str(Path(__file__).parents[2])
    line = [sys.executable, "-m", "exitplan", "alerts", "--follow", "--json"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": root}) as process:
        assert process.stdout is not None
        first = json.loads(process.stdout.readline())
        raise_alerts({"alert_type": "ZOMBIE_ESCALATED"})
        second = json.loads(process.stdout.readline())
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        code = process.wait(timeout=20)
    assert (first["alert_type"], second["alert_type"], code) == ("EXIT_FAILED", "ZOMBIE_ESCALATED", 0)
