"""What verbs on files say of the policies and the plans of groups."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft7Validator

from exitplan.schemas.shapes.answers import ANSWERS
from tests.cli.conftest import xp
from tests.cli.group_desk import GROUP, change_account, die_after, make_desk
from tests.executor.groups.group_scene import CASH, HEDGE

FILE = Path("policies/groups/desk.yaml")


@pytest.fixture
def desk(nothing: Path) -> Path:
    return make_desk(nothing)


def said(*words: str) -> tuple[int, str]:
    ran = xp(*words)
    return ran.code, ran.out + ran.err


# --- validate and lint ------------------------------------------------------------------------------------------------


def test_a_sound_group_is_valid_alone_and_with_its_accounts(desk: Path) -> None:
    assert said("validate") == (0, "3 files checked: nothing is wrong.\n")
    assert said("validate", str(FILE)) == (0, "1 file checked: nothing is wrong.\n")


def test_a_wrong_key_is_told_with_its_place_and_the_nearest_one(desk: Path) -> None:
    FILE.write_text(FILE.read_text() + "pairs: {min_ration: 0.5}\n")
    line = len(FILE.read_text().splitlines())
    code, told = said("validate")
    assert code == 65
    assert f"policies/groups/desk.yaml:{line}:9: error: pairs.min_ration: unknown key" in told
    assert "did you mean 'min_ratio'?" in told


def test_an_account_of_a_group_that_there_is_not_is_told_with_the_nearest_one(desk: Path) -> None:
    change_account(desk, CASH, group="dsek")
    code, told = said("validate", "policies/accounts/cash.yaml")
    assert code == 65
    assert "policies/accounts/cash.yaml:" in told
    assert "error: account.group: there is no group 'dsek'; did you mean 'desk'?" in told


def test_a_group_that_one_account_names_is_told_by_validate_and_plan_alike(desk: Path) -> None:
    change_account(desk, CASH, group=None)
    wanted = "policies/groups/desk.yaml:2:7: error: name: a group is of two accounts or more, and only hedge names it"
    FILE.write_text("version: 1\nname: desk\nquote: USD\nmax_leg_imbalance: {value: 250, seconds: 60}\n")
    for words in (("validate", str(FILE)), ("plan", "--group", "desk")):
        code, told = said(*words)
        assert (code, wanted in told) == (65, True), told


def test_a_listed_position_of_none_of_its_accounts_is_told_with_its_place(desk: Path) -> None:
    listed = [
        [{"account": "cash", "symbol": "BTC/USD"}, {"account": "hegde", "symbol": "BTC/USD:USD", "side": "short"}]
    ]
    FILE.write_text(yaml.safe_dump({**GROUP, "pairs": {"find": "listed", "listed": listed}}))
    code, told = said("validate", str(FILE))
    assert code == 65
    assert "hegde is not in the group; did you mean 'hedge'?" in told
    assert "error: pairs.listed[0][1]: " in told


def test_where_an_account_file_is_broken_nobody_says_that_the_group_is_too_small(desk: Path) -> None:
    Path("policies/accounts/cash.yaml").write_text("version: 1\nnmae: cash\n")
    code, told = said("validate")
    assert (code, "unknown key 'nmae'" in told, "two accounts" in told) == (65, True, False)


@pytest.mark.parametrize(
    "words",
    [
        ("lint", str(FILE)),
        ("plan", "--account", CASH, "--policy", str(FILE)),
        ("policies", "show", "--policy", str(FILE)),
        ("compare", str(FILE), "policies/accounts/cash.yaml"),
    ],
)
def test_where_the_policy_of_an_account_is_needed_that_of_a_group_is_told_as_such(
    desk: Path, words: tuple[str, ...]
) -> None:
    code, told = said(*words)
    assert (code, told.count("error:")) == (65, 1)
    assert "policies/groups/desk.yaml:1:1: error: this is the policy of a group of accounts" in told
    assert "exitplan plan --group desk" in told


def test_lint_of_the_project_leaves_groups_out(desk: Path) -> None:
    assert said("lint") == (0, "2 policies: nothing found.\n")


# --- diff -------------------------------------------------------------------------------------------------------------


def saved(name: str) -> str:
    assert xp("plan", "--group", "desk", "--out", name).code == 0
    return name


def test_two_plans_that_do_the_same_differ_in_nothing(desk: Path) -> None:
    old, new = saved("a.json"), saved("b.json")
    assert said("diff", old, new) == (0, "Both plans do the same.\n")
    assert xp("diff", old, new, "--json").json["changes"] == []


def test_what_differs_is_told_account_by_account(desk: Path) -> None:
    old = saved("a.json")
    FILE.write_text(yaml.safe_dump({**GROUP, "hedged": "keep"}))
    new = saved("b.json")
    code, told = said("diff", old, new)
    assert code == 2
    for words in (
        "The group's policy differs in hedged.",
        "cash: from the old plan",
        "BTC/USD:USD",
        "no longer planned",
    ):
        assert words in told
    document = xp("diff", old, new, "--json").json
    assert not list(Draft7Validator(ANSWERS["diff"]()).iter_errors(document))
    assert (document["group"], document["account"], document["policy"]) == ("desk", None, ["hedged"])
    assert {(change["account"], change["change"]) for change in document["changes"]} >= {(HEDGE, "removed")}


def test_an_account_that_is_in_one_of_them_alone_is_all_new(desk: Path) -> None:
    old = saved("a.json")
    make_third = Path("policies/accounts/third.yaml")
    make_third.write_text(Path("policies/accounts/cash.yaml").read_text().replace("cash", "third"))
    Path("policies/accounts/third.json").write_text(
        json.dumps({**json.loads(Path("policies/accounts/cash.json").read_text()), "account": "third"})
    )
    new = saved("b.json")
    changes = xp("diff", old, new, "--json").json["changes"]
    assert {change["change"] for change in changes if change["account"] == "third"} == {"added"}


@pytest.mark.parametrize("is_first", [True, False])
def test_the_plan_of_a_group_is_not_compared_with_that_of_an_account(desk: Path, is_first: bool) -> None:
    of_group = saved("a.json")
    assert xp("plan", "--account", CASH, "--out", "b.json").code == 0
    code, told = said("diff", *((of_group, "b.json") if is_first else ("b.json", of_group)))
    assert (code, "a.json is the plan of a group, b.json is not" in told) == (64, True)


def test_plans_of_two_groups_are_not_compared(desk: Path) -> None:
    old = saved("a.json")
    FILE.rename("policies/groups/other.yaml")
    Path("policies/groups/other.yaml").write_text(yaml.safe_dump({**GROUP, "name": "other"}))
    for name in (CASH, HEDGE):
        change_account(desk, name, group="other")
    assert xp("plan", "--group", "other", "--out", "b.json").code == 0
    code, told = said("diff", old, "b.json")
    assert (code, "the plans are of desk and of other" in told) == (64, True)


# --- groups -----------------------------------------------------------------------------------------------------------


def test_groups_are_listed_with_their_accounts(desk: Path) -> None:
    code, told = said("groups")
    assert code == 0
    assert all(word in told for word in ("desk", "close_together", "at most 250.00 USD", "60 s", "cash, hedge"))
    (group,) = xp("groups", "--json").json["groups"]
    assert (group["accounts"], group["open_plan"]) == ([CASH, HEDGE], None)


def test_a_plan_that_was_cut_off_is_listed_with_what_ends_it(desk: Path) -> None:
    die_after(3, "--group", "desk", "--auto-approve")
    code, told = said("groups")
    assert (code, "exitplan apply --group desk" in told) == (0, True)
    document = xp("groups", "--json").json
    assert not list(Draft7Validator(ANSWERS["groups"]()).iter_errors(document))
    assert document["groups"][0]["open_plan"] in " ".join(told.split())
    gate = xp("gate", "--account", CASH)
    assert "exitplan apply --group desk" in " ".join((gate.out + gate.err).split())


def test_a_broken_group_does_not_hide_the_others(desk: Path) -> None:
    Path("policies/groups/other.yaml").write_text(yaml.safe_dump({**GROUP, "name": "other"}))
    ran = xp("groups")
    assert (ran.code, "desk" in ran.out, "no account file names it" in ran.err) == (65, True, True)


def test_where_there_is_no_group_it_is_said_how_to_make_one(nothing: Path) -> None:
    assert nothing.exists()
    code, told = said("groups")
    assert (code, "policies/groups/NAME.yaml" in told) == (0, True)
    assert xp("groups", "--json").json["groups"] == []
