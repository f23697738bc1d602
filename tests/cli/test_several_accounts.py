"""Several accounts at once: each by itself, failures told apart, the worst exit code."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from exitplan.brokers.paper.broker import PaperBroker
from exitplan.brokers.protocol import RefusalReason, Refused
from exitplan.cli.account_set import Answer, Stopped, ask_each
from exitplan.cli.main import app
from exitplan.executor.accounts.account import AccountFile
from exitplan.executor.accounts.selection import AccountSelection, select_accounts
from exitplan.ruleset.errors import AccountUnreadable
from exitplan.ruleset.exit_codes import ExitCode
from tests.cli.conftest import Ran, xp

BROKEN = "version: ["


def break_one(folder: Path) -> None:
    (folder / "policies/accounts/broken.yaml").write_text(BROKEN, encoding="utf-8")


def codes(shown: Ran) -> dict[str, int]:
    return {entry["account"]: entry["exit_code"] for entry in shown.json["accounts"]}


def add_accounts(folder: Path, *names: str) -> None:
    """Add accounts like user123, each with an account at paper of its own."""
    text = (folder / "policies/accounts/user123.yaml").read_text(encoding="utf-8")
    for name in names:
        (folder / f"policies/accounts/{name}.yaml").write_text(text.replace("user123", name), encoding="utf-8")


def unreadable(account: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the venue not answer for one account, and take the pauses out of asking again."""
    monkeypatch.setattr("exitplan.brokers.retrying._GROWING", lambda _: 0.0)
    read = PaperBroker.read_account

    def answer(self: PaperBroker) -> Any:
        found = read(self)
        if found.account == account:
            raise AccountUnreadable("no answer")
        return found

    monkeypatch.setattr(PaperBroker, "read_account", answer)


@pytest.mark.parametrize("line", ["plan --all", "verify --all", "status --all", "run --all"])
def test_what_is_worth_a_look_is_told_of_each_by_name(folder: Path, line: str) -> None:
    assert "Warnings" not in xp("plan", "--all").out
    file = folder / "policies/accounts/user123.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("protect:", "protect:\n  - {symbol: NOSUCH/USD, reason: none}"), encoding="utf-8")
    shown = xp(*line.split())
    section = shown.out.partition("Warnings")[2]
    assert "user123" in section
    assert "NOSUCH/USD" in section


# --- plan ---


def test_each_account_gets_a_plan_file_of_its_own(folder: Path) -> None:
    shown = xp("plan", "--account", "platform", "--account", "user123", "--out", "plans")
    assert shown.code == 0
    assert sorted(path.name for path in Path("plans").glob("*.plan.*")) == [
        "platform.plan.json",
        "user123.plan.json",
    ]
    assert "exitplan apply plans" in shown.out
    plan = json.loads(Path("plans/user123.plan.json").read_text(encoding="utf-8"))
    assert (plan["account"]["id"], plan["policy"]["name"]) == ("user123", "user123")
    assert [line.split()[:2] for line in shown.out.splitlines()[1:3]] == [["platform", "paper"], ["user123", "paper"]]


def test_a_broken_account_file_stops_no_other_and_is_the_exit_code(folder: Path) -> None:
    break_one(folder)
    shown = xp("plan", "--all", "--json")
    assert codes(shown) == {"platform": 0, "user123": 0, "policies/accounts/broken.yaml": 65}
    assert (shown.code, shown.json["exit_code"], shown.err) == (65, 65, "")
    told = shown.json["accounts"][-1]["error"]
    assert told["problems"][0]["file"] == "policies/accounts/broken.yaml"
    drawn = xp("plan", "--all")
    assert (drawn.code, drawn.err.startswith("policies/accounts/broken.yaml:1:")) == (65, True)


@pytest.mark.usefixtures("folder")
def test_a_venue_that_does_not_answer_for_one_account_is_told_of_that_one(monkeypatch: pytest.MonkeyPatch) -> None:
    xp("plan", "--all", "--out", "plans")
    unreadable("user123", monkeypatch)
    shown = xp("plan", "--all", "--out", "plans", "--detailed-exitcode")
    assert (shown.code, shown.err) == (1, "error: user123: no answer\n")
    assert [path.name for path in Path("plans").glob("*.plan.json")] == ["platform.plan.json"], (
        "no plan of before is left"
    )


def test_a_mistake_in_exitplan_stops_one_account_only(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: PaperBroker) -> Any:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(PaperBroker, "read_account", fail)
    shown = xp("plan", "--all")
    assert shown.code == 1
    assert shown.err.count("unexpected ZeroDivisionError") == 2


@pytest.mark.usefixtures("folder")
def test_a_guard_refuses_one_plan_and_it_is_written_all_the_same(folder: Path) -> None:
    with (folder / "policies/accounts/user123.yaml").open("a", encoding="utf-8") as file:
        file.write("guards: {max_actions: 1}\n")
    shown = xp("plan", "--all", "--out", "plans")
    assert shown.code == 5
    assert "max_actions" in shown.out
    assert Path("plans/user123.plan.json").is_file()


def test_a_tag_means_those_who_carry_it(folder: Path) -> None:
    add_accounts(folder, "user124")
    assert list(codes(xp("plan", "--tag", "desk-1", "--json"))) == ["user123", "user124"]
    shown = xp("plan", "--tag", "desk1")
    assert (shown.code, "did you mean 'desk-1'?" in shown.err) == (64, True)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("plan --all --snapshot x.json", "--snapshot is one recorded account"),
        ("plan --all --now 2026-01-01T00:00:00Z", "--now goes with --snapshot"),
        ("plan --all --target XRB/USD", "none of the accounts has a position"),
        ("plan -a platform -a user12", "did you mean 'user123'?"),
        ("plan --all --out policies/default.yaml", "policies/default.yaml is a file"),
        ("snapshot --all", "recorded into a folder"),
        ("apply --all --json", "--json cannot ask"),
        ("apply policies policies --all", "name their accounts themselves"),
        ("run --all --user-id user123", "--user-id names one account"),
        ("run --all --broker kraken", "none of the accounts is at kraken"),
        *(
            (f"{verb} -a platform -a user123", "one account at a time")
            for verb in (
                "history",
                "halt",
                "resume",
                "resolve",
                "unlock",
                "policies show",
                "state import",
                "explain ETH/USD",
            )
        ),
    ],
)
def test_what_makes_no_sense_for_several_is_refused(line: str, message: str) -> None:
    shown = xp(*line.split())
    assert shown.code == (1 if "is a file" in message else 64)
    told, silent = (shown.out, shown.err) if "--json" in line else (shown.err, shown.out)
    assert message in told
    assert not silent


@pytest.mark.usefixtures("folder")
def test_a_symbol_that_one_of_them_holds_is_planned_for_that_one() -> None:
    shown = xp("plan", "--all", "--target", "XRP/USD", "--json")
    assert shown.code == 0
    assert all(
        {action["symbol"] for action in entry["plan"]["actions"]} <= {"XRP/USD"} for entry in shown.json["accounts"]
    )


# --- apply, run ---


@pytest.mark.usefixtures("folder")
def test_a_folder_of_plans_is_applied_once() -> None:
    xp("plan", "--all", "--out", "plans")
    shown = xp("apply", "plans")
    assert (shown.code, shown.err) == (0, "")
    again = xp("apply", "plans/platform.plan.json", "plans/user123.plan.json")
    assert again.code == 6
    assert again.err.count("the plan was applied before") == 2


@pytest.mark.usefixtures("folder")
def test_one_of_several_plans_that_cannot_be_used_stops_no_other() -> None:
    xp("plan", "--all", "--out", "plans")
    Path("plans/platform.plan.json").write_text("{", encoding="utf-8")
    shown = xp("apply", "plans", "--json")
    last = shown.lines[-1]
    assert (shown.code, last["event"], last["exit_code"]) == (65, "accounts_finished", 65)
    assert {event["account"] for event in shown.lines[:-1]} == {"user123"}
    assert [entry["exit_code"] for entry in last["accounts"]] == [65, 0]


def test_only_the_plans_of_the_last_time_are_carried_out(folder: Path) -> None:
    add_accounts(folder, "user7", "user8")
    xp("plan", "--all", "--out", "plans")
    xp("plan", "--account", "platform", "--account", "user7", "--out", "plans")
    shown = xp("apply", "plans", "--json")
    assert {event["account"] for event in shown.lines[:-1]} == {"platform", "user7"}
    assert "left out" in shown.err
    assert "user123.plan.json, user8.plan.json" in shown.err
    assert xp("apply", "plans/user8.plan.json").code == 0


def test_an_account_that_could_not_be_planned_is_not_carried_out_by_its_old_plan(folder: Path) -> None:
    xp("plan", "--all", "--out", "plans")
    (folder / "policies/accounts/user123.yaml").write_text(BROKEN, encoding="utf-8")
    xp("plan", "--all", "--out", "plans")
    (folder / "policies/accounts/user123.yaml").unlink()
    shown = xp("apply", "plans", "--json")
    assert {event["account"] for event in shown.lines[:-1]} == {"platform"}


@pytest.mark.usefixtures("folder")
def test_a_folder_that_a_person_filled_is_taken_whole_and_a_broken_list_is_told() -> None:
    xp("plan", "--all", "--out", "plans")
    Path("plans/plans.json").write_text("[", encoding="utf-8")
    assert xp("apply", "plans").code == 65
    Path("plans/plans.json").unlink()
    assert xp("apply", "plans").code == 0


@pytest.mark.usefixtures("folder")
def test_several_plans_can_be_checked_without_sending_anything() -> None:
    xp("plan", "--all", "--out", "plans")
    before = Path("data/paper/platform.json").read_bytes()
    assert xp("apply", "plans", "--dry-run").code == 0
    assert Path("data/paper/platform.json").read_bytes() == before
    assert xp("apply", "plans", "--refresh").code == 64


@pytest.mark.usefixtures("folder")
def test_two_plans_of_one_account_are_refused() -> None:
    xp("plan", "--all", "--out", "plans")
    shutil.copy("plans/platform.plan.json", "other.json")
    shown = xp("apply", "plans", "other.json")
    assert (shown.code, "two plans of the account platform" in shown.err) == (64, True)


@pytest.mark.usefixtures("folder")
def test_a_plan_of_an_account_that_is_gone_is_told_of_that_one() -> None:
    xp("plan", "--all", "--out", "plans")
    Path("policies/accounts/user123.yaml").unlink()
    shown = xp("apply", "plans")
    assert (shown.code, "no account file carries the id 'user123'" in shown.err) == (64, True)
    assert xp("status", "--json").json["last_cleanup_run"]


@pytest.mark.usefixtures("folder")
def test_without_files_each_account_is_asked_about_on_its_own() -> None:
    answered = CliRunner().invoke(app, ["apply", "--all"], input="no\nyes\n", prog_name="exitplan")
    assert answered.exit_code == 8
    assert "platform: cancelled: nothing was sent" in answered.stderr
    assert xp("status", "-a", "platform", "--json").json["last_cleanup_run"] is None
    assert xp("status", "-a", "user123", "--json").json["last_cleanup_run"]


@pytest.mark.usefixtures("folder")
def test_nobody_is_asked_where_that_is_wished() -> None:
    shown = xp("apply", "--all", "--auto-approve", "--json", "--json-into", "events.jsonl")
    assert shown.code == 0
    written = [json.loads(line) for line in Path("events.jsonl").read_text(encoding="utf-8").splitlines()]
    assert written == shown.lines[:-1]
    assert xp("apply", "--all", "--dry-run").code == 0


@pytest.mark.usefixtures("folder")
def test_an_action_that_fails_in_one_account_is_the_worst_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    place = PaperBroker.place_orders

    def refuse(self: PaperBroker, requests: Any) -> Any:
        if self.read_account().account == "user123":
            return tuple(Refused(RefusalReason.OTHER, "no") for _ in requests)
        return place(self, requests)

    monkeypatch.setattr(PaperBroker, "place_orders", refuse)
    shown = xp("run", "--all", "--json")
    ended = {entry["account"]: entry["exit_code"] for entry in shown.lines[-1]["accounts"]}
    assert (shown.code, ended) == (4, {"platform": 2, "user123": 4})


@pytest.mark.usefixtures("folder")
def test_the_whole_protocol_for_all_and_parts_of_it() -> None:
    assert xp("run", "--all", "--dry-run").code == 2
    assert xp("run", "--all", "--phase", "1", "--broker", "paper").code == 0
    assert not Path("data/journal.db").exists()
    assert xp("run", "--all").code == 2
    assert xp("run", "--all", "--verify-only").code == 2
    assert xp("run", "--mode", "full", "--phase", "2", "--json").lines[-1]["event"] == "accounts_finished"


# --- verify, status, snapshot ---


@pytest.mark.usefixtures("folder")
def test_accounts_are_verified_in_one_table(monkeypatch: pytest.MonkeyPatch) -> None:
    assert xp("verify", "--all").code == 2
    unreadable("user123", monkeypatch)
    shown = xp("verify", "--all")
    assert (shown.code, shown.err) == (9, "error: user123: no answer\n")
    told = xp("verify", "--all", "--json").json["accounts"]
    assert [(entry["state"], entry["problem"]) for entry in told] == [("NEEDS_CLEANUP", None), ("UNKNOWN", "no answer")]


@pytest.mark.usefixtures("folder")
def test_how_they_stand_is_told_a_line_each() -> None:
    assert "not verified yet" in xp("status", "--all").out
    xp("run", "--account", "platform")
    assert [entry["account_state"] for entry in xp("status", "--all", "--json").json["accounts"]] == [
        "NEEDS_CLEANUP",
        None,
    ]


@pytest.mark.usefixtures("folder")
def test_each_is_recorded_in_a_file_of_its_own() -> None:
    shown = xp("snapshot", "--all", "--out", "recorded", "--json")
    assert shown.code == 0
    assert [entry["file"] for entry in shown.json["accounts"]] == [
        "recorded/platform.snapshot.json",
        "recorded/user123.snapshot.json",
    ]
    assert xp("plan", "--snapshot", "recorded/user123.snapshot.json").code == 0


# --- side by side ---


def what_is_done(plan: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(action["kind"], action["symbol"], action["quantity"]) for action in plan["actions"]]


def test_accounts_side_by_side_share_nothing(folder: Path) -> None:
    names = [f"user{number}" for number in range(6)]
    add_accounts(folder, *names)
    for name in names:
        xp("run", "--account", name, "--data", "alone")
    shutil.rmtree("data/paper")
    assert xp("run", "--all", "--jobs", "6").code == 2
    for name in names:
        alone, beside = (Path(data) / "users" / name for data in ("alone", "data"))
        assert sorted(path.name for path in alone.iterdir()) == sorted(path.name for path in beside.iterdir())
        states = [json.loads((place / "legacy_exit_protocol_state.json").read_text()) for place in (alone, beside)]
        assert states[0]["cleanup_metrics"] == states[1]["cleanup_metrics"]
        assert xp("history", "-a", name, "--json").json["runs"][0]["run"] == 1


def test_side_by_side_or_in_turn_the_same_is_planned(folder: Path) -> None:
    add_accounts(folder, *(f"user{number}" for number in range(6)))
    turns = [xp("plan", "--all", "--json", "--jobs", jobs).json["accounts"] for jobs in ("1", "8")]
    plans = [[what_is_done(entry["plan"]) for entry in turn] for turn in turns]
    assert plans[0] == plans[1]
    assert len(plans[0]) == 8


@pytest.mark.usefixtures("folder")
def test_ctrl_c_finishes_what_has_begun_and_tells_of_the_rest(capsys: pytest.CaptureFixture[str]) -> None:
    def work(file: AccountFile, stopped: Stopped) -> tuple[str, int]:
        os.kill(os.getpid(), signal.SIGINT)
        while not stopped():
            time.sleep(0.001)
        return file.id, 0

    selected = select_accounts(AccountSelection(every=True))
    answers: list[Answer[str]] = ask_each(selected, work, jobs=1, quiet=True)
    assert [(answer.account, answer.exit_code) for answer in answers] == [("platform", 0), ("user123", 8)]
    assert str(answers[1].problem) == "cancelled before it was begun"
    assert "stopping after in-flight orders" in capsys.readouterr().err


@pytest.mark.usefixtures("folder")
def test_an_account_that_wants_to_end_the_process_is_not_waited_for() -> None:
    def leave(_file: AccountFile, _stopped: Stopped) -> tuple[str, int]:
        raise SystemExit(3)

    answers: list[Answer[str]] = ask_each(select_accounts(AccountSelection(every=True)), leave, jobs=2, quiet=True)
    assert [answer.exit_code for answer in answers] == [1, 1]


@given(st.lists(st.sampled_from([*ExitCode, 141])))
def test_the_worst_exit_code_is_one_of_theirs_and_nothing_worse_is_left_out(given_codes: list[int]) -> None:
    worst, severity = ExitCode.worst(given_codes), list(ExitCode)
    known = [ExitCode.of(code) for code in given_codes]
    assert worst in (known or [ExitCode.DONE])
    assert all(severity.index(worst) <= severity.index(code) for code in known)


# --- one account is a set of one ---


def make_clean(folder: Path) -> None:
    """Leave of both accounts what is clean: money alone."""
    for name in ("platform", "user123"):
        xp("snapshot", "-a", name, "--out", "bare.json")
        bare = json.loads(Path("bare.json").read_text(encoding="utf-8"))
        Path(f"data/paper/{name}.json").write_text(
            json.dumps({**bare, "positions": [], "open_orders": [], "tracker": {}}), encoding="utf-8"
        )


@pytest.mark.parametrize("who", [[], ["--all"]], ids=["one", "several"])
@pytest.mark.parametrize("how", [[], ["--json"]], ids=["drawn", "json"])
@pytest.mark.parametrize("verb", [["apply", "--auto-approve"], ["run"]], ids=["apply", "run"])
def test_an_empty_plan_is_journalled_and_verified_however_it_was_asked(
    folder: Path, who: list[str], how: list[str], verb: list[str]
) -> None:
    make_clean(folder)
    shown = xp(*verb, *who, *how)
    assert (shown.code, shown.err) == (0, "")
    assert "CLEAN" in shown.out
    (run,) = xp("history", "--json").json["runs"]
    assert (run["exit_code"], run["account_state"]) == (0, "CLEAN")
    assert xp("gate").code == 0
    if who and how:
        assert [entry["result"]["verification"]["state"] for entry in shown.lines[-1]["accounts"]] == ["CLEAN"] * 2


@pytest.mark.parametrize("who", [[], ["--all"]], ids=["one", "several"])
@pytest.mark.parametrize("how", [[], ["--json"]], ids=["drawn", "json"])
def test_a_dry_run_plans_and_leaves_no_trace_however_it_was_asked(folder: Path, who: list[str], how: list[str]) -> None:
    for verb, code in (("apply", 0), ("run", 2)):
        shown = xp(verb, "--dry-run", *who, *how)
        assert (shown.code, shown.err) == (code, "")
        assert not (folder / "data/journal.db").exists()
        if how:
            plans = [entry["plan"] for entry in shown.json["accounts"]] if who else [shown.json]
            assert {plan["account"]["id"] for plan in plans} == {"platform", *(["user123"] if who else [])}
