"""``exitplan compare``: two policies, for people, pull requests and programs."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

from exitplan.schemas.policies import SHIPPED
from exitplan.schemas.shapes.answers import ANSWERS
from tests.cli.conftest import xp

MINE = "version: 1\nname: mine\nextends: base.yaml\nparameters: {dust_usd_threshold: 5}\n"
DEMO = SHIPPED.parent / "brokers/paper/demo-account.json"


@pytest.fixture
def mine(nothing: Path) -> Path:
    """Write a policy that differs from the default one in what dust is."""
    shutil.copy(SHIPPED / "default.yaml", "base.yaml")
    path = nothing / "mine.yaml"
    path.write_text(MINE, encoding="utf-8")
    return path


def git(*words: str) -> None:
    line = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org", *words]
    subprocess.run(line, check=True, capture_output=True)


def test_equal_policies_are_proved_equal() -> None:
    ran = xp("compare", "default", "default")
    assert (ran.code, ran.out) == (0, "default -> default\nProved: no position is treated otherwise.\n")


def test_kinds_of_positions_and_settings_that_differ_are_told(mine: Path) -> None:
    assert "10 more kinds not shown" in xp("compare", "default", mine.name, "--most", "2").out
    ran = xp("compare", "default", mine.name, "--most", "12")
    assert ran.code == 2
    assert "12 kinds of positions are treated otherwise." in ran.out
    assert "1. 1 <= value_usd < 5" in ran.out
    assert "before   STRATEGY_ALIGNED; nothing is done" in ran.out
    assert "after    ZOMBIE_LEGACY by zombie.dust; close by dust" in ran.out
    assert "parameters.dust_usd_threshold  1 -> 5" in ran.out
    assert "not confirmed" not in ran.out


def test_positions_may_be_left_out(mine: Path) -> None:
    ran = xp("compare", "default", mine.name, "--assuming", "{value_usd: {gte: 5}}")
    assert "Proved: no position where value_usd >= 5 is treated otherwise." in ran.out
    assert ran.code == 2  # the setting itself differs
    assert xp("compare", "default", mine.name, "--assuming", "value_us > 5").code == 64


def test_recorded_accounts_show_what_changes_for_them(mine: Path) -> None:
    Path("accounts").mkdir()
    shutil.copy(DEMO, "accounts/one.json")
    mine.write_text(MINE.replace("dust_usd_threshold: 5", "max_positions: 6"), encoding="utf-8")
    ran = xp("compare", "default", mine.name, "--snapshot", "accounts")
    assert "2 of 20 positions change, on 1 of 1 recorded account; worth 1,908.00 USD" in ran.out
    assert "ADA/USD" in ran.out
    assert xp("compare", "default", "default", "--snapshot", "accounts/one.json").code == 0
    Path("empty").mkdir()
    assert xp("compare", "default", "default", "--snapshot", "empty").code == 64


def test_json_fits_its_schema(mine: Path) -> None:
    for words in ((mine.name, "--snapshot", str(DEMO)), ("default",), ("conservative", "--assuming", "tracked")):
        document = xp("compare", "default", *words, "--json").json
        Draft7Validator(ANSWERS["compare"]()).validate(document)


def test_markdown_is_a_table_for_a_pull_request(mine: Path) -> None:
    lines = xp("compare", "default", mine.name, "--format", "markdown").out.splitlines()
    assert "| positions | before | after | such as |" in lines
    assert any(line.startswith("| 1 \\<= value\\_usd \\< 5") for line in lines)
    assert "| parameters.dust\\_usd\\_threshold | 1 | 5 |" in lines


def test_a_policy_is_compared_with_what_it_was_in_git_its_parents_too(mine: Path) -> None:
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "first")
    assert xp("compare", "--base", "HEAD", mine.name).code == 0
    base = Path("base.yaml")
    base.write_text(base.read_text(encoding="utf-8").replace("max_positions: 8", "max_positions: 9"), encoding="utf-8")
    ran = xp("compare", "--base", "HEAD", mine.name)
    assert ran.code == 2
    assert "parameters.max_positions  8 -> 9" in ran.out
    assert ran.out.startswith("HEAD:mine.yaml -> mine.yaml\n")


def test_what_git_does_not_have_is_told(mine: Path) -> None:
    assert "no git repository" in xp("compare", "--base", "HEAD", mine.name).err
    git("init", "-q")
    git("add", "base.yaml")
    git("commit", "-qm", "first")
    missing = xp("compare", "--base", "HEAD", mine.name)
    assert (missing.code, "there is no such file in this revision" in missing.err) == (65, True)
    assert "git knows no revision 'nope'" in xp("compare", "--base", "nope", mine.name).err
    assert "git knows no revision '--help'" in xp("compare", "--base=--help", mine.name).err
    git("add", ".")
    git("commit", "-qm", "second")
    Path("base.yaml").rename("moved.yaml")
    mine.write_text(MINE.replace("base", "moved"), encoding="utf-8")
    assert xp("compare", "--base", "HEAD", mine.name).code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["default"], "two policies are compared, found 1"),
        (["default", "published", "conservative"], "found 3"),
        (["--base", "HEAD", "default", "published"], "with --base one policy is named, found 2"),
        (["default", "nowhere.yaml"], "there is no such file"),
    ],
)
def test_what_cannot_be_compared_is_refused(words: list[str], said: str) -> None:
    ran = xp("compare", *words)
    assert ran.code in {64, 65}
    assert said in ran.err
