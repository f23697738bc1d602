"""The pytest plugin, in a repository of its own, as a user's pytest loads it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from exitplan.schemas.policies import SHIPPED

CASES = """\
policy: ../mine.yaml
cases:
  - name: dust is sold
    given: {value_usd: 0.5}
    expect: {exit: dust, do: close}
"""
FAILING = """\
  - name: all is well
    given: {tracked: false}
    expect: {do: nothing}
"""
POLICY = "version: 1\nname: mine\nextends: default.yaml\ndescription: {about}\nparameters: {{max_positions: 3}}\n"
TESTS = """\
from decimal import Decimal

import pytest

HELD = {"BTC": "0.05 @ 60000", "ADA": {"is": "2600 @ 0.42", "tracked": False}}


def test_a_plan(account, plan, snapshot):
    assert plan(account(cash=5000, positions=HELD), "../policies/mine.yaml") == snapshot
    assert {"anything": "else"} == snapshot


def test_a_day(account, paper):
    trial = paper(account(cash=5000, positions=HELD))
    trial.apply()
    assert trial.held("ADA") == 1950
    trial.move_price("ADA", "0.0004")
    trial.wait(6)
    (action,) = trial.plan().actions
    assert (action.kind, action.rule) == ("close", "dust")
    assert trial.apply().exit_code == 0
    assert trial.held("ADA") == 0


def test_changes(account, plan):
    base = account(cash=5000, positions=HELD)
    (action,) = plan(base.but(positions={"ADA": None, "UNI": {"is": "4 @ 10", "tracked": False}})).actions
    assert (action.symbol, action.quantity) == ("UNI/USD", Decimal(4))
    (action,) = plan(base, parameters={"unwind_cycles": 3, "gradual_unwind_pct": Decimal("0.5")}).actions
    assert action.quantity == 1300


def test_what_is_wrong_is_told(account, plan):
    with pytest.raises(Exception, match="did you mean 'positions'"):
        account(position={})
    with pytest.raises(Exception, match="float"):
        account(cash=0.1)
"""
NOTHING_LOADED = """\
import sys


def test_x():
    heavy = [name for name in sys.modules if name.startswith("exitplan.") and name.count(".") > 1]
    assert set(heavy) <= {"exitplan.ruleset.version", "exitplan.workbench.plugin", "exitplan.workbench.plugin.hooks"}
    assert "yaml" not in sys.modules
"""


@pytest.fixture(autouse=True)
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "policies" / "tests").mkdir(parents=True)
    (tmp_path / "tests").mkdir()
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -p no:cacheprovider\n", encoding="utf-8")
    shutil.copy(SHIPPED / "default.yaml", tmp_path / "policies")
    write_policy("the first words")
    return tmp_path


def write_policy(about: str) -> None:
    Path("policies/mine.yaml").write_text(POLICY.format(about=about), encoding="utf-8")


def run(*words: str) -> tuple[int, str]:
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_", "COVERAGE_"))}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words], capture_output=True, text=True, check=False, env=bare, timeout=100
    )
    return done.returncode, done.stdout + done.stderr


def test_files_of_cases_are_collected_what_is_wrong_is_told_and_others_are_left_alone() -> None:
    folder = Path("policies/tests")
    (folder / "mine.test.yaml").write_text(CASES + FAILING, encoding="utf-8")
    (folder / "wrong.test.yaml").write_text(CASES.replace("value_usd", "valu_usd"), encoding="utf-8")
    (folder / "prometheus.test.yaml").write_text("rule_files: [a.yaml]\ntests: []\n", encoding="utf-8")
    code, told = run("-rA", "--continue-on-collection-errors")
    assert code == 1, told
    assert "1 failed, 1 passed, 1 error" in told
    assert "PASSED policies/tests/mine.test.yaml::dust is sold" in told
    assert "all is well  policies/tests/mine.test.yaml:6:5\n  do  line 8\n    - nothing\n    + unwind 2.5\n" in told
    assert "legacy.untracked decided (default.yaml:" in told
    assert "wrong.test.yaml:4:" in told
    assert "did you mean 'value_usd'" in told
    assert "Traceback" not in told


def test_python_tests_plan_trade_on_paper_and_compare_plans() -> None:
    Path("tests/test_mine.py").write_text(TESTS, encoding="utf-8")
    code, told = run("--snapshot-update")
    assert (code, "4 passed" in told) == (0, True), told
    write_policy("other words, and with them another hash of the policy and another id of everything")
    code, told = run("tests/test_mine.py::test_a_plan")
    assert code == 0, told
    Path("policies/mine.yaml").write_text(POLICY.format(about="x").replace("3}", "1}"), encoding="utf-8")
    code, told = run("tests/test_mine.py::test_a_plan")
    assert code == 1, told


def test_where_nothing_is_ours_nothing_is_loaded() -> None:
    Path("tests/test_other.py").write_text(NOTHING_LOADED, encoding="utf-8")
    Path("some.test.yaml").write_text("policy-engine: other\ncases: []\n", encoding="utf-8")
    code, told = run("-p", "no:syrupy")
    assert (code, "1 passed" in told) == (0, True), told
