"""``exitplan apply --group``: two paper accounts, spot at one and its short perpetual at the other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from exitplan.executor.store.saved_plan import load_plan
from exitplan.ruleset.errors import FileIsInvalid
from tests.cli.conftest import xp
from tests.cli.group_desk import die_after, make_desk, positions
from tests.executor.groups.group_scene import CASH, HEDGE, SPOT


@pytest.fixture
def desk(nothing: Path) -> Path:
    return make_desk(nothing)


def test_it_plans_shows_asks_and_carries_out(desk: Path) -> None:
    ran = xp("apply", "--group", "desk", typed="yes\n")
    assert (ran.code, positions(desk, CASH), positions(desk, HEDGE)) == (0, [], [])
    assert "Carry this out? Only 'yes' goes on" in ran.err
    for said in ("Bundle b1: BTC", "All accounts are ready for", "b1, 8 slices", "done", "cash ", "hedge"):
        assert said in ran.out
    assert re.search(r"^cash   Applying .*\nhedge  Applying ", ran.out, re.MULTILINE)


def test_another_answer_than_yes_sends_nothing(desk: Path) -> None:
    assert xp("apply", "--group", "desk", typed="no\n").code == 8
    assert positions(desk, CASH) == [(SPOT, "1")]


def test_where_the_plan_of_an_account_is_wanted_that_of_a_group_is_named_as_what_it_is(desk: Path) -> None:
    xp("plan", "--group", "desk", "--out", "group.json")
    with pytest.raises(FileIsInvalid, match="is the plan of a group; that of one account is expected"):
        load_plan(desk / "group.json")


def test_a_saved_plan_goes_without_a_question_and_once(desk: Path) -> None:
    assert xp("plan", "--group", "desk", "--out", "group.json").code == 0
    dry = xp("apply", "group.json", "--dry-run")
    assert (dry.code, "can be carried out now" in dry.out) == (0, True)
    ran = xp("apply", "group.json", "--json")
    events = [line["event"] for line in ran.lines]
    assert (ran.code, events[-1], events.count("action_done")) == (0, "group_finished", 8)
    assert {line.get("account") for line in ran.lines if line["event"] == "action_done"} == {CASH, HEDGE}
    again = xp("apply", "group.json")
    assert (again.code, "applied before" in again.err) == (6, True)


def test_where_one_account_is_halted_nothing_is_sent_and_both_are_told_by_name(desk: Path) -> None:
    assert xp("plan", "--group", "desk", "--out", "group.json").code == 0
    assert xp("halt", "look first", "--account", HEDGE).code == 0
    ran = xp("apply", "group.json")
    assert (ran.code, "hedge:" in ran.err, positions(desk, CASH)) == (5, True, [(SPOT, "1")])
    told = xp("apply", "group.json", "--json").lines[0]
    assert (told["event"], list(told["refusals"])) == ("group_refused", [HEDGE])


def test_what_was_cut_short_goes_on_first_and_ordinary_runs_wait(desk: Path) -> None:
    die_after(3, "--group", "desk", "--auto-approve")
    alone = xp("apply", "--account", CASH, "--auto-approve")
    assert (alone.code, "takes part in a plan of the group desk" in alone.err) == (7, True)
    assert "exitplan apply --group desk" in alone.err
    assert xp("status", "--account", HEDGE, "--json").json["group_run"]["group"] == "desk"
    for verb in ("status", "gate", "doctor"):
        told = xp(verb, "--account", CASH)
        assert "of the group desk was not carried out to its" in " ".join((told.out + told.err).split()), verb
    again = xp("apply", "--group", "desk")
    assert (again.code, positions(desk, CASH), positions(desk, HEDGE)) == (0, [], [])
    assert "was not carried out to its end" in again.err


@pytest.mark.parametrize(
    "words",
    [
        ("apply", "--group", "desk", "group.json"),
        ("apply", "--group", "desk", "--refresh"),
        ("apply", "--group", "desk", "--account", CASH),
        ("apply", "--group", "desk", "--all"),
        ("apply", "--group", "desk", "--json"),
    ],
)
def test_what_does_not_go_with_a_group_is_a_usage_error(desk: Path, words: tuple[str, ...]) -> None:
    assert xp(*words).code == 64
    assert positions(desk, CASH) == [(SPOT, "1")]


def test_a_group_that_there_is_not_is_named(desk: Path) -> None:
    ran = xp("apply", "--group", "dsek")
    assert (ran.code, "did you mean 'desk'" in ran.err) == (64, True)
    assert desk.exists()
