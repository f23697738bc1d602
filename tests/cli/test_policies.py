"""``exitplan policies``: what is said of the shipped policies, and whether they keep it."""

from __future__ import annotations

from pathlib import Path

import pytest

import exitplan.schemas.shipped
from exitplan.schemas.shipped import SHIPPED_POLICIES
from tests.cli.conftest import xp


def test_the_list_has_each_with_what_it_is_for() -> None:
    lines = xp("policies", "list").out.splitlines()
    assert [line.split()[0] for line in lines[1 : len(SHIPPED_POLICIES) + 1]] == list(SHIPPED_POLICIES)
    assert "treasury          Many stablecoins, held on purpose: no dust, watched for their peg." in lines


def test_the_list_as_json_has_all_that_is_known() -> None:
    listed = {one["name"]: one for one in xp("policies", "list", "--json").json["policies"]}
    assert list(listed) == list(SHIPPED_POLICIES)
    assert listed["hedged"]["page"] == "docs/policies/hedged.md"
    assert listed["hedged"]["avoid"] == list(SHIPPED_POLICIES["hedged"].avoid)


@pytest.mark.parametrize("name", SHIPPED_POLICIES)
def test_each_is_shown_with_use_parameters_and_page(name: str) -> None:
    shown = xp("policies", "show", name)
    assert shown.code == 0
    for heading in ("When to use it", "When not", "Parameters"):
        assert f"\n{heading}\n" in shown.out
    assert f"page  docs/policies/{name}.md" in shown.out
    assert ("What differs from default" in shown.out) == (name != "default")


def test_what_differs_from_the_protocol_is_told_as_it_is_written() -> None:
    out = xp("policies", "show", "forced-cleanup").out
    assert "  exits.zombie  removed\n" in out
    assert "  guards.max_run_pct  1\n      was 0.5\n" in out
    assert "exitplan compare default forced-cleanup" in out
    differs = xp("policies", "show", "prop-desk", "--json").json["shipped"]["differs"]
    assert {"name": "plan.valid_minutes", "old": "15", "new": "5"} in differs
    assert {"name": "parameters.max_positions", "old": "8", "new": "12"} in differs


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["show", "hegded"], "did you mean 'hedged'?"),
        (["test", "default", "treasure"], "did you mean 'treasury'?"),
        (["show", "zzz"], "there are: default, "),
        (["show", "hedged", "--policy", "x.yaml"], "leave out the name"),
        (["show", "hedged", "--account", "x"], "leave out the name"),
    ],
)
def test_what_cannot_be_shown_has_a_hint(words: list[str], hint: str) -> None:
    ran = xp("policies", *words)
    assert ran.code == 64
    assert f"hint: {hint}" in ran.err


def test_the_shipped_policies_are_tested_and_proved_wherever_one_stands() -> None:
    ran = xp("policies", "test", "forced-cleanup", "conservative", "forced-cleanup")
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert [line.split()[0] for line in lines[1:3]] == ["forced-cleanup", "conservative"]
    assert "passed" in lines[1]
    assert "proved" in lines[1]
    assert lines[-1] == "2 policies: all is as promised."


def test_a_policy_that_breaks_what_it_promises_is_told(nothing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, default = nothing / "tests", SHIPPED_POLICIES["default"].file
    folder.mkdir()
    (nothing / "prop-desk.yaml").write_text(
        f"version: 1\nname: prop-desk\nextends: {default}\n"
        "exits: [{id: all, when: {symbol: BTC/USD}, action: close, before: dust}]\n",
        encoding="utf-8",
    )
    (folder / "prop-desk.test.yaml").write_text(
        "policy: ../prop-desk.yaml\ncases: [{name: kept, given: {symbol: BTC/USD}, expect: {do: nothing}}]\n",
        encoding="utf-8",
    )
    monkeypatch.setattr(exitplan.schemas.shipped, "SHIPPED", nothing)
    monkeypatch.setattr(exitplan.schemas.shipped, "shipped_policy", lambda name: nothing / f"{name}.yaml")
    ran = xp("policies", "test", "prop-desk")
    assert ran.code == 1
    assert "0 passed, 1 failed  1 of 4 not kept" in ran.out
    assert "    - nothing\n    + close 10\n" in ran.out
    assert "prop-desk: all would close a position, and it is said: never sell or attach_stop where" in ran.out
    assert ran.out.splitlines()[-1] == "Not as promised: prop-desk."
    (told,) = xp("policies", "test", "prop-desk", "--json").json["policies"]
    assert (told["kept"], told["tests"]["failed"], len(told["broken"])) == (False, 1, 1)
    (folder / "prop-desk.test.yaml").write_text("policy: ../prop-desk.yaml\ncase: []\n", encoding="utf-8")
    assert xp("policies", "test", "prop-desk").code == 65


@pytest.mark.usefixtures("folder")
def test_the_former_name_of_the_verb_still_shows_what_an_account_runs_under() -> None:
    assert xp("policy", "show", "-a", "user123").out == xp("policies", "show", "-a", "user123").out
    assert "\n  policy " not in xp("--help").out


NAMING_A_POLICY = [
    *(
        [verb, *words, "--policy"]
        for verb, *words in (
            ["plan"],
            ["apply", "plan.json"],
            ["run"],
            ["verify"],
            ["explain", "XRP/USD"],
            ["eval", "over_cap"],
            ["positions"],
            ["snapshot"],
            ["simulate"],
            ["policies", "show"],
            ["health", "train", "--out", "model.json"],
            ["health", "evaluate", "default"],
            ["health", "explain"],
            ["fleet", "plan"],
            ["fleet", "rollout", "start"],
        )
    ),
    ["lint"],
    ["graph"],
    ["compare", "default"],
    ["lint", "--under"],
    ["validate", "--under"],
]


@pytest.mark.parametrize("words", NAMING_A_POLICY, ids=" ".join)
def test_wherever_a_policy_is_named_a_misspelt_name_has_a_hint(words: list[str]) -> None:
    ran = xp(*words, "adptive")
    assert ran.code == 64
    assert "there is no file 'adptive', and no policy of that name comes with exitplan" in ran.err
    assert "hint: did you mean 'adaptive'?" in ran.err


def test_these_are_all_verbs_that_take_a_policy() -> None:
    reference = Path(__file__).parents[2].joinpath("docs/reference/commands.md").read_text()
    sections = reference.split("\n## exitplan ")[1:]
    for option in ("--policy", "--under"):
        verbs = [section.partition("\n")[0] for section in sections if f"`{option} FILE\\|NAME`" in section]
        named = [" ".join(words) for words in NAMING_A_POLICY if words[-1] == option]
        assert len(verbs) == len(named)
        assert [verb for verb in verbs if not any(name.startswith(verb) for name in named)] == []


@pytest.mark.usefixtures("folder")
def test_a_policy_by_its_name_is_the_one_that_comes_with_exitplan() -> None:
    planned = xp("plan", "--policy", "adaptive", "--out", "plan.json")
    assert planned.code == 0
    assert "Saved. To carry it out: exitplan apply plan.json --policy adaptive" in planned.out
    assert "Policy   adaptive " in planned.out
    assert xp("apply", "plan.json", "--policy", "adaptive").code == 0
    assert xp("policies", "show", "--policy", "hedged").out.startswith("# policy hedged\n")


@pytest.mark.usefixtures("folder")
def test_a_file_of_ones_own_goes_before_a_policy_of_its_name_and_a_folder_does_not() -> None:
    Path("adaptive").write_text("version: 1\nname: mine\nextends: policies/default.yaml\n")
    assert "Policy   mine " in xp("plan", "--policy", "adaptive").out
    Path("hedged").mkdir()
    assert "Policy   hedged " in xp("plan", "--policy", "hedged").out
