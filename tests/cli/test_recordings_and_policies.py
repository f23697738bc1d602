"""By which policy a recorded account is planned, and what a policy with an account block is."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.builders import position, snapshot
from tests.cli.conftest import write_snapshot, xp


@pytest.fixture
def recorded(folder: Path) -> Path:
    """Have another account recorded, under a policy of its own with its own id."""
    text = (folder / "policies/accounts/user123.yaml").read_text().replace("name: user123", "name: of-the-user")
    (folder / "policies/accounts/user123.yaml").write_text(text)
    assert xp("snapshot", "-a", "user123", "--out", "account.json").code == 0
    return folder / "account.json"


@pytest.mark.parametrize(
    "line", ["plan --snapshot account.json --json", "plan -a user123 --snapshot account.json --json"]
)
def test_a_recording_is_planned_by_the_policy_of_its_account(recorded: Path, line: str) -> None:
    planned = xp(*line.split())
    assert planned.json["policy"]["name"] == "of-the-user"


def test_what_is_typed_goes_before_the_account_of_a_recording(recorded: Path) -> None:
    line = ("plan", "--snapshot", recorded, "--json")
    assert xp(*line, "--policy", "policies/default.yaml").json["policy"]["name"] == "default"
    assert xp(*line, "-a", "platform").json["policy"]["name"] == "demo"


@pytest.mark.parametrize("line", ["plan", "explain AAA/USD"])
def test_for_a_recording_of_nobody_known_the_policy_is_asked_for(folder: Path, line: str) -> None:
    path = write_snapshot(replace(snapshot(position("AAA/USD", 1)), account="stranger"))
    refused = xp(*line.split(), "--snapshot", path)
    assert refused.code == 64
    assert "of the account stranger" in refused.err
    assert "--policy FILE" in refused.err


def test_a_recording_of_an_account_whose_file_is_broken_is_not_planned_by_another_policy(recorded: Path) -> None:
    Path("policies/accounts/user123.yaml").write_text("version: 1\nname: [\n")
    assert xp("plan", "--snapshot", recorded).code == 65


def test_where_there_are_no_account_files_a_recording_is_planned_by_the_default_policy(nothing: Path) -> None:
    path = write_snapshot(replace(snapshot(position("AAA/USD", 1)), account="stranger"))
    assert xp("plan", "--snapshot", path, "--json").json["policy"]["name"] == "default"


@pytest.mark.parametrize(
    "line", ["plan", "verify", "run --verify-only", "apply --dry-run", "snapshot", "explain XRP/USD"]
)
def test_without_account_files_a_policy_with_an_account_block_is_the_account(nothing: Path, line: str) -> None:
    assert xp("init", "there").code == 0
    shown = xp(*line.split(), "--policy", "there/policies/accounts/demo.yaml")
    assert shown.code in {0, 2}, shown.err


def test_without_account_files_a_policy_without_an_account_block_is_none(nothing: Path) -> None:
    assert xp("init", "there").code == 0
    refused = xp("plan", "--policy", "there/policies/default.yaml")
    assert (refused.code, "there are no account files" in refused.err) == (64, True)


@pytest.mark.usefixtures("folder")
def test_a_plan_from_a_recording_says_so_and_is_carried_out_only_with_its_flag() -> None:
    xp("snapshot", "--out", "recorded.json")
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    drawn = xp("plan", "--snapshot", "recorded.json", "--now", now, "--out", "plan.json")
    assert "a file, and not from what the venue tells now" in drawn.out
    assert json.loads(Path("plan.json").read_text(encoding="utf-8"))["snapshot"]["recorded"] is True
    for words in (["apply", "plan.json"], ["apply", "plan.json", "--dry-run"]):
        shown = xp(*words)
        assert (shown.code, "--from-recording" in shown.err) == (6, True)
    assert xp("apply", "plan.json", "--from-recording").code == 0
    xp("plan", "--out", "plan.json")
    assert "recorded" not in json.loads(Path("plan.json").read_text(encoding="utf-8"))["snapshot"]
