"""``exitplan plan --group`` on the shipped pair of paper accounts: spot in one, its short perpetual in the other."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import xp

ROOT = Path(__file__).parents[2]


@pytest.fixture
def desk(nothing: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a copy of the demo, below the policies that it extends."""
    shutil.copytree(ROOT / "policies", nothing / "policies")
    shutil.copytree(ROOT / "demo/pair", nothing / "demo/pair", ignore=shutil.ignore_patterns("data"))
    monkeypatch.chdir(nothing / "demo/pair")
    return nothing / "demo/pair"


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_the_demo_is_valid_and_closes_both_sides_in_one_share(desk: Path) -> None:
    assert xp("validate").code == 0
    ran = xp("plan", "--group", "desk", "--detailed-exitcode")
    assert ran.code == 2
    for said in ("Bundle b1: BTC  25 %, all or nothing; net 0 -> 0", "with the other side", "SOL      60      0   60"):
        assert said in ran.out


def test_json_is_the_document_that_out_saves_and_show_reads(desk: Path) -> None:
    ran = xp("plan", "--group", "desk", "--json", "--out", "plan.json")
    assert (ran.code, ran.json) == (0, json.loads((desk / "plan.json").read_text()))
    assert set(ran.json["accounts"]) == {"cash", "hedge"}
    assert xp("validate", "plan.json").code == 0
    assert "Bundle b1: BTC" in xp("show", "plan.json").out


def test_a_saved_plan_is_stale_once_one_of_its_accounts_has_changed(desk: Path) -> None:
    assert xp("plan", "--group", "desk", "--out", "plan.json").code == 0
    change(desk / "data/paper/hedge.json", '"quantity": "400"', '"quantity": "360"')
    ran = xp("apply", "plan.json")
    assert (ran.code, "the quantity was 400 and is 360" in ran.err) == (6, True)


def test_an_altered_plan_is_refused(desk: Path) -> None:
    assert xp("plan", "--group", "desk", "--out", "plan.json").code == 0
    change(desk / "plan.json", '"hedged": "close_together"', '"hedged": "alone"')
    ran = xp("apply", "plan.json")
    assert (ran.code, "the plan was changed after it was made" in ran.err) == (6, True)


def test_a_part_of_a_group_is_not_applied_alone(desk: Path) -> None:
    made = xp("plan", "--group", "desk", "--json").json
    (desk / "part.json").write_text(json.dumps(made["accounts"]["hedge"]))
    ran = xp("apply", "part.json", "--account", "hedge")
    assert (ran.code, "does not stand alone" in ran.err) == (6, True)


def test_a_guard_of_one_account_refuses_all_and_says_whose_policy_to_change(desk: Path) -> None:
    change(desk / "hedge.json", '"free": "48000.00"', '"free": "9000.00"')
    ran = xp("plan", "--group", "desk", "--out", "plan.json")
    assert (ran.code, (desk / "plan.json").is_file()) == (5, True)
    assert "the plan of hedge is refused by a guard of its own policy (max_run_pct" in ran.err
    assert "in the policy of hedge, set another limit under guards" in ran.err
    assert "--target" not in ran.err


def test_a_guard_of_the_group_refuses_too(desk: Path) -> None:
    with (desk / "policies/groups/desk.yaml").open("a") as file:
        file.write("guards: {max_bundle_value: 100}\n")
    ran = xp("plan", "--group", "desk")
    assert (ran.code, "a guard of the group desk (max_bundle_value" in ran.err) == (5, True)


def test_an_account_that_cannot_be_read_leaves_no_plan(desk: Path) -> None:
    (desk / "hedge.json").write_text("{")
    ran = xp("plan", "--group", "desk", "--out", "plan.json")
    assert ran.code in {1, 65}
    assert "hedge" in ran.err
    assert not (desk / "plan.json").exists()


def test_an_account_of_a_group_that_is_planned_alone_says_so(desk: Path) -> None:
    assert "hedge is in the group desk, and this plan looks at it alone" in xp("plan", "--account", "hedge").err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--group", "dsek"), 64, "did you mean 'desk'?"),
        (("--group", "desk", "--target", "BTC/USD"), 64, "--target does not go with --group"),
        (("--group", "desk", "--account", "cash"), 64, "does not go with --group"),
    ],
)
def test_what_does_not_go_is_told(desk: Path, words: tuple[str, ...], code: int, said: str) -> None:
    ran = xp("plan", *words)
    assert (ran.code, said in ran.err) == (code, True)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("  group: desk\n", "", "a group is of two accounts or more, and only cash names it"),
        ("  group: desk\n", "  group: dusk\n", "a group is of two accounts or more, and only cash names it"),
    ],
)
def test_a_group_of_one_account_is_none(desk: Path, old: str, new: str, said: str) -> None:
    change(desk / "policies/accounts/hedge.yaml", old, new)
    ran = xp("plan", "--group", "desk")
    assert (ran.code, said in " ".join(ran.err.split())) == (65, True)


def test_a_quote_without_a_rate_is_refused(desk: Path) -> None:
    change(desk / "policies/groups/desk.yaml", "quote: USD", "quote: CHF")
    ran = xp("plan", "--group", "desk")
    assert (ran.code, "CHF" in ran.err) == (1, True)


def test_a_listed_pair_of_another_account_is_told_with_the_nearest(desk: Path) -> None:
    with (desk / "policies/groups/desk.yaml").open("a") as file:
        file.write(
            "pairs: {find: listed, listed: [[{account: cahs, symbol: BTC/USD},"
            " {account: hedge, symbol: 'BTC/USD:USD', side: short}]]}\n"
        )
    ran = xp("plan", "--group", "desk")
    assert (ran.code, "did you mean 'cash'?" in ran.err) == (65, True)
