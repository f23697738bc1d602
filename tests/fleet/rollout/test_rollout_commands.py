"""``exitplan fleet plan`` and ``exitplan fleet rollout``: what they say, and what they leave with."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

from exitplan.cli.arguments import present
from exitplan.schemas.policies import load_policy
from exitplan.schemas.shapes.answers import ANSWERS
from tests.builders import NOW
from tests.cli.conftest import Ran, nothing, xp
from tests.fleet.rollout.conftest import Fleet, of

__all__ = ["nothing"]
TRACKED = ("AAA/USD", "BBB/USD")
NAMES = [f"a{number:02}" for number in range(20)]


@pytest.fixture(autouse=True)
def database(nothing: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXITPLAN_DATA", postgres_url)
    monkeypatch.setenv("EXITPLAN_USER", "ann")


@pytest.fixture
def seen(fleet: Fleet) -> Fleet:
    """Twenty accounts that were seen a minute ago, and a twenty-first that never was."""
    fleet.add(*NAMES)
    minutes = (NOW - present()).total_seconds() / 60 + 1
    fleet.saw(*(of(name, tracked=TRACKED, minutes=minutes) for name in NAMES))
    fleet.add("unseen", venue="kraken")
    return fleet


@pytest.fixture
def tighter(policy_file: Callable[..., Path]) -> Path:
    return policy_file(parameters={"max_positions": 1})


def plan(*words: str | Path) -> Ran:
    return xp("fleet", "plan", "--jobs", "1", *words)


def fits(kind: str, ran: Ran) -> dict[str, object]:
    Draft7Validator(ANSWERS[kind]()).validate(ran.json)
    document: dict[str, object] = ran.json
    return document


def test_a_plan_of_the_fleet_shows_the_difference_and_leaves_with_2(seen: Fleet, tighter: Path) -> None:
    ran = plan("--policy", tighter, "--most", "1", "--out", "all.jsonl")
    assert ran.code == 2
    assert "21 accounts: 20 of 20 planned change; of 1 nobody can tell." in ran.out
    for text in ("over-cap", "20,000.00", "CLEAN -> NEEDS_CLEANUP  20 accounts", "never seen", "such as unseen"):
        assert text in ran.out
    lines = [json.loads(line) for line in Path("all.jsonl").read_text().splitlines()]
    assert sorted(line["account"] for line in lines) == NAMES
    document = fits("fleet-plan", plan("--policy", tighter, "--json"))
    assert (document["changed"], document["planned"]) == (20, 20)


def test_a_policy_that_changes_nothing_leaves_with_0(seen: Fleet, policy_file: Callable[..., Path]) -> None:
    ran = plan("--policy", policy_file(), "--where", "venue=paper")
    assert (ran.code, "20 accounts where venue=paper: nothing changes." in ran.out) == (0, True)
    ran = plan("--policy", policy_file(), "--max-age", "30s")
    assert (ran.code, "21 accounts: of 21 nobody can tell." in ran.out) == (2, True)
    assert "nothing changes for 20, of 1 nobody can tell." in plan("--policy", policy_file()).out


def test_what_means_nothing_is_refused(seen: Fleet, tighter: Path) -> None:
    assert "did you mean" in plan("--policy", tighter, "--where", "venues=paper").err
    assert "no account of the fleet is meant" in plan("--policy", tighter, "--where", "venue=okx").err
    assert plan("--policy", "missing.yaml").code == 65
    assert xp("fleet", "rollout", "status").code == 64
    start = ("fleet", "rollout", "start", "--policy", tighter, "--yes")
    for words, said in {
        ("--canary", "1"): "takes a share",
        ("--canary", "50%", "--stages", "10%,100%"): "stages grow",
        ("--canary", "1%", "--max-value", "USD"): "takes an amount",
    }.items():
        ran = xp(*start, *words)
        assert (ran.code, said in ran.err) == (64, True)


def test_a_rollout_from_start_to_abort(seen: Fleet, tighter: Path) -> None:
    start = ("fleet", "rollout", "start", "--policy", tighter, "--canary", "5%", "--where", "venue=paper")
    assert xp(*start, typed="no\n").code == 8
    ran = xp(*start, typed="yes\n")
    assert ran.code == 0
    for text in ("Rollout 1: new", "[5 %], 10 %, 100 %: 1 account", "moved            1 account", "ann"):
        assert text in ran.out


def test_every_verb_prints_how_the_rollout_stands(seen: Fleet, tighter: Path) -> None:
    def verb(*words: str | Path) -> dict[str, object]:
        return fits("fleet-rollout", xp("fleet", "rollout", *words, "--json"))

    start = verb("start", "--policy", tighter, "--canary", "5%", "--where", "venue=paper", "--yes")
    assert (start["standing"], start["moved"], start["not_planned_yet"]) == ("running", 1, 1)
    assert verb("pause", "--why", "lunch")["standing"] == "paused"
    assert [one["standing"] for one in xp("fleet", "status", "--json").json["rollouts"]] == ["paused"]
    assert "paused: lunch" in xp("fleet", "status").out
    assert verb("pause", "--undo")["standing"] == "running"
    assert verb("advance", "--yes")["moved"] == 2
    canary = min(seen.under(load_policy(tighter)))
    seen.alert(canary, "EXIT_FAILED", present())
    failing = verb("status", "1")["failing_accounts"]
    assert failing == [{"account": canary, "troubles": ["EXIT_FAILED"]}]
    aborted = verb("abort", "--roll-back", "--yes", "--why", "it fails")
    assert (aborted["standing"], aborted["put_back"]) == ("aborted", 2)
    assert fits("fleet-status", xp("fleet", "status", "--json"))["rollouts"] == []
    assert seen.under(load_policy(tighter)) == set()
    assert xp("fleet", "rollout", "abort", "--yes").code == 64
    listed = fits("fleet-rollouts", xp("fleet", "rollout", "status", "--all", "--json"))
    assert len(listed["rollouts"]) == 1  # type: ignore[arg-type]
    assert "aborted" in xp("fleet", "rollout", "status", "--all").out


def test_more_may_be_sold_only_where_that_is_allowed_and_known(seen: Fleet, tighter: Path) -> None:
    start = ("fleet", "rollout", "start", "--policy", tighter, "--canary", "5%", "--yes", "--max-value")
    for words, said in {
        ("30000USD",): "more would be sold in USD, by nobody knows how much",
        ("19999USD", "--where", "venue=paper"): "more would be sold by 20,000.00 USD",
        ("30000EUR", "--where", "venue=paper"): "--max-value allows 0.00 USD",
    }.items():
        ran = xp(*start, *words)
        assert (ran.code, said in ran.err) == (5, True), ran.err
    assert xp(*start, "20000USD", "--where", "venue=paper").code == 0


def test_a_policy_under_which_guards_refuse_is_not_started(seen: Fleet, policy_file: Callable[..., Path]) -> None:
    file = policy_file(parameters={"max_positions": 1}, guards={"max_actions": 0})
    ran = xp("fleet", "rollout", "start", "--policy", file, "--canary", "5%", "--yes")
    assert ran.code == 5
    assert "guards would refuse the plans of 20 of 20 accounts" in ran.err
