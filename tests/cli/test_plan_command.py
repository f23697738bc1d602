"""``exitplan plan`` and ``exitplan show``."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from exitplan.ruleset.planning.plan import plan_sha256
from tests.builders import market, order, position, record, snapshot
from tests.cli.conftest import write_snapshot, xp

CLEAN = snapshot(position("AAA/USD"), tracked=["AAA/USD"])
LEGACY = snapshot(position("AAA/USD"))


def test_a_recorded_account_is_planned_with_the_shipped_policy() -> None:
    plan = xp("plan", "--snapshot", write_snapshot(LEGACY), "--json").json
    assert plan["policy"]["name"] == "default"
    assert plan["created_at"] == "2026-02-18T22:00:00Z"
    assert [action["kind"] for action in plan["actions"]] == ["unwind"]


def test_where_there_is_no_account_the_policy_of_the_working_folder_goes_before_the_shipped_one(folder: Path) -> None:
    shutil.rmtree(folder / "policies/accounts")
    path = folder / "policies/default.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("name: default", "name: ours"), encoding="utf-8")
    assert xp("plan", "--snapshot", write_snapshot(LEGACY), "--json").json["policy"]["name"] == "ours"


@pytest.mark.usefixtures("folder")
def test_a_recording_may_be_planned_by_the_policy_of_an_account() -> None:
    plan = xp("plan", "--snapshot", write_snapshot(LEGACY), "--account", "user123", "--json").json
    assert plan["policy"]["name"] == "user123"
    assert plan["account"]["id"] == "platform"


def test_planning_a_recording_writes_nothing(nothing: Path) -> None:
    path = write_snapshot(LEGACY)
    assert xp("plan", "--snapshot", path).code == 0
    assert list(nothing.iterdir()) == [nothing / path]


def test_out_holds_the_same_bytes_as_json() -> None:
    path = write_snapshot(LEGACY)
    shown = xp("plan", "--snapshot", path, "--json", "--out", "deep/er/plan.json")
    assert Path("deep/er/plan.json").read_text(encoding="utf-8") == shown.out
    assert shown.json["sha256"] == plan_sha256(shown.json)


def test_the_same_recording_gives_the_same_bytes() -> None:
    path = write_snapshot(LEGACY)
    assert xp("plan", "--snapshot", path, "--json").out == xp("plan", "--snapshot", path, "--json").out


def test_now_moves_the_time_of_a_recording() -> None:
    path = write_snapshot(snapshot(orders=[order(minutes=20)]))
    assert xp("plan", "--snapshot", path, "--json").json["actions"] == []
    later = xp("plan", "--snapshot", path, "--now", "2026-02-18T22:30:00Z", "--json").json
    assert [action["kind"] for action in later["actions"]] == ["cancel_order"]


def test_progress_comes_from_a_state_file() -> None:
    step = {"cycle": 1, "remaining_pct": "0.75", "initial_quantity": "13.333", "started_at": "2026-02-18T20:00:00Z"}
    Path("state.json").write_text(json.dumps({"unwind_progress": {"AAA-USD": step}}), encoding="utf-8")
    plan = xp("plan", "--snapshot", write_snapshot(LEGACY), "--progress", "state.json", "--json").json
    assert plan["positions"][0]["unwind"]["cycle"] == 2


@pytest.mark.parametrize(
    ("account", "code"), [(LEGACY, 2), (CLEAN, 0), (snapshot(orders=[order(minutes=60)]), 2), (snapshot(), 0)]
)
def test_detailed_exitcode_tells_whether_anything_is_to_be_done(account: object, code: int) -> None:
    path = write_snapshot(account)  # type: ignore[arg-type] # parametrised
    assert xp("plan", "--snapshot", path, "--detailed-exitcode").code == code
    assert xp("plan", "--snapshot", path).code == 0


def test_detailed_exitcode_is_2_where_only_a_cycle_counts() -> None:
    step = {"cycle": 0, "remaining_pct": "1", "initial_quantity": "100", "started_at": "2026-02-18T20:00:00Z"}
    Path("state.json").write_text(json.dumps({"unwind_progress": {"AAA/USD": step}}), encoding="utf-8")
    shown = xp("plan", "--snapshot", write_snapshot(LEGACY), "--progress", "state.json", "--detailed-exitcode")
    assert shown.code == 2
    assert "Nothing to send, but 1 unwind cycle to count." in shown.out


def test_a_plan_that_a_guard_refuses_is_written_and_shown_and_exits_5() -> None:
    refused = xp("plan", "--snapshot", many(), "--out", "plan.json", "--detailed-exitcode")
    assert refused.code == 5
    assert "Refused" in refused.out
    assert "error: the plan is refused by max_zombie_pct" in refused.err
    assert "Saved" not in refused.out
    assert Path("plan.json").is_file()


def test_out_makes_the_folders_that_are_not_there() -> None:
    xp("plan", "--snapshot", write_snapshot(LEGACY), "--out", "plans/today/plan.json")
    assert Path("plans/today/plan.json").is_file()


def many() -> Path:
    """An account whose venue has forgotten all its markets."""
    held = [position(f"{name}/USD") for name in ("AAA", "BBB", "CCC")]
    return write_snapshot(snapshot(*held, markets={found.symbol: None for found in held}), "many.json")


def test_a_plan_is_narrowed_by_target_exclude_rule_and_phase() -> None:
    path = write_snapshot(snapshot(position("AAA/USD"), position("BBB/USD"), orders=[order(minutes=60)]))

    def kinds(*words: str) -> list[tuple[str, str]]:
        plan = xp("plan", "--snapshot", path, "--json", *words).json
        return [(action["kind"], action["symbol"]) for action in plan["actions"]]

    cancel, first, second = ("cancel_order", "AAA/USD"), ("unwind", "AAA/USD"), ("unwind", "BBB/USD")
    assert kinds() == [cancel, first, second]
    assert kinds("--target", "BBB-USD") == [second]
    assert kinds("--exclude", "BBB-USD") == [cancel, first]
    assert kinds("--rule", "legacy") == [first, second]
    assert kinds("--phase", "2") == [cancel]
    assert kinds("--phase", "1") == []


def test_overrides_are_recorded_in_the_plan() -> None:
    words = ("--max-positions", "0", "--dust-pct", "0.05", "--stale-minutes", "7.5")
    plan = xp("plan", "--snapshot", write_snapshot(LEGACY), "--json", *words).json
    assert plan["policy"]["overrides"] == {
        "dust_pct_threshold": "0.05",
        "max_positions": "0",
        "stale_order_minutes": "7.5",
    }
    assert plan["actions"][0]["rule"] == "over-cap"


@pytest.mark.usefixtures("folder")
def test_a_saved_plan_says_how_to_go_on() -> None:
    words = ("--policy", "policies/conservative.yaml", "--data", "my data", "-a", "policies/accounts/demo.yaml")
    shown = xp("plan", "--out", "plan.json", *words)
    assert shown.out.splitlines()[-1] == (
        "Saved. To carry it out: exitplan apply plan.json --account policies/accounts/demo.yaml "
        "--policy policies/conservative.yaml --data 'my data'"
    )
    recorded = xp("plan", "--snapshot", write_snapshot(LEGACY), "--out", "plan.json")
    assert recorded.out.endswith("Saved. To draw it again: exitplan show plan.json\n")


def test_a_clean_account_has_no_changes() -> None:
    shown = xp("plan", "--snapshot", write_snapshot(CLEAN))
    assert "No changes. The account is clean." in shown.out


def test_an_account_that_nothing_can_be_done_for_says_why() -> None:
    account = snapshot(position("AAA/USD"), position("BBB/USD"), tracked=["BBB/USD"], markets={"AAA/USD": None})
    shown = xp("plan", "--snapshot", write_snapshot(account))
    assert "No changes. The account is not clean: zombies, unregistered positions." in shown.out


def test_a_plan_cannot_be_written_over_a_folder() -> None:
    Path("out").mkdir()
    shown = xp("plan", "--snapshot", write_snapshot(LEGACY), "--out", "out")
    assert shown.code == 1
    assert shown.err == "error: out is a folder\nhint: name a file in it\n"


def test_show_draws_what_plan_drew(saved: Path) -> None:
    drawn = xp("plan").out.splitlines()
    shown = xp("show", saved)
    assert shown.code == 0
    assert shown.out.splitlines()[-1] == drawn[-3]
    assert drawn[-1] == "To carry it out, keep it with --out plan.json, and apply that file."


def test_show_warns_of_an_expired_plan() -> None:
    xp("plan", "--snapshot", write_snapshot(LEGACY), "--out", "plan.json")
    shown = xp("show", "plan.json")
    assert shown.code == 0
    assert "warning: this plan expired" in shown.err


def test_show_draws_an_altered_plan_and_exits_6() -> None:
    xp("plan", "--snapshot", write_snapshot(LEGACY), "--out", "plan.json")
    text = Path("plan.json").read_text(encoding="utf-8")
    Path("plan.json").write_text(text.replace('"quantity": "2.5"', '"quantity": "9.5"'), encoding="utf-8")
    shown = xp("show", "plan.json", "--json")
    assert shown.code == 6
    assert shown.error["type"] == "PlanIsAltered"
    assert shown.json["actions"][0]["quantity"] == "9.5"
    assert "unwind 9.5" in xp("show", "plan.json").out


def test_show_as_json_is_the_file() -> None:
    xp("plan", "--snapshot", write_snapshot(LEGACY), "--out", "plan.json")
    shown = xp("show", "plan.json", "--json")
    assert shown.out == Path("plan.json").read_text(encoding="utf-8")
    assert json.loads(shown.err)["warning"]["hint"] == "make a new one with: exitplan plan"


def test_the_records_of_the_tracker_ride_along() -> None:
    account = snapshot(position("AAA/USD"), tracked={"AAA/USD": record("manual")}, markets={"AAA/USD": market(5)})
    plan = xp("plan", "--snapshot", write_snapshot(account), "--json").json
    assert plan["positions"][0]["facts"]["position_source"] == "manual"


@pytest.mark.usefixtures("folder")
def test_a_stable_plan_is_the_same_each_time_and_changes_with_the_account() -> None:
    first, second = xp("plan", "--json", "--stable"), xp("plan", "--json", "--stable")
    assert first.out == second.out
    assert xp("plan", "--json").out != xp("plan", "--json").out
    assert first.json["actions"]
    assert xp("plan", "--json", "--stable", "--max-positions", "3").out != first.out
    assert xp("plan", "--stable").code == 64
