"""The Python API: the same core, from dicts and files, exact and checked."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest

import exitplan
from exitplan import errors
from exitplan.executor.accounts.account import Account
from exitplan.ruleset.planning.plan_text import plan_bytes
from exitplan.schemas.policies import SHIPPED
from tests.executor.conftest import Stage
from tests.executor.scene import legacy

SNAPSHOT: dict[str, Any] = {
    "format_version": 1,
    "account": "desk",
    "venue": "paper",
    "quote": "USD",
    "taken_at": "2026-02-18T22:00:00Z",
    "cash": {"free": "1000"},
    "positions": [{"symbol": "ETH/USD", "quantity": "0.5"}],
    "open_orders": [],
    "markets": {"ETH/USD": {"last": "2500"}},
}


def test_it_plans_from_a_dict_what_it_plans_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "snapshot.json"
    file.write_bytes(orjson.dumps(SNAPSHOT))
    plan = exitplan.plan("default", SNAPSHOT)
    assert plan_bytes(plan) == plan_bytes(exitplan.plan(SHIPPED / "default.yaml", file))
    assert [(action.kind, action.quantity) for action in plan.actions] == [("unwind", Decimal("0.125"))]


def test_amounts_and_times_may_be_python_s_own() -> None:
    exact = {**SNAPSHOT, "taken_at": datetime(2026, 2, 18, 22, tzinfo=UTC), "cash": {"free": Decimal(1000)}}
    assert plan_bytes(exitplan.plan("default", exact)) == plan_bytes(exitplan.plan("default", SNAPSHOT))


def test_a_policy_may_be_a_dict_that_extends_a_shipped_one() -> None:
    until = datetime(2027, 1, 1, tzinfo=UTC)
    source = {
        "version": 1,
        "name": "mine",
        "extends": "default.yaml",
        "parameters": {"dust_usd_threshold": Decimal(2)},
        "protect": [{"symbol": "ETH/USD", "until": until}],
    }
    plan = exitplan.plan(exitplan.load_policy(source, parameters={"max_positions": 3}), SNAPSHOT)
    assert (plan.policy.name, plan.actions, plan.positions[0].is_protected) == ("mine", (), True)


def test_parameters_are_set_over_it() -> None:
    assert exitplan.load_policy("default", parameters={"max_positions": 3}).policy.max_positions == 3
    with pytest.raises(errors.FileIsInvalid, match="max_positions"):
        exitplan.load_policy("default", parameters={"max_positions": -1})


@pytest.mark.parametrize(
    ("make", "place"),
    [
        (lambda: exitplan.plan("default", {**SNAPSHOT, "cash": {"free": 0.1}}), "snapshot: cash.free is the float 0.1"),
        (
            lambda: exitplan.plan("default", {**SNAPSHOT, "positions": [{"symbol": "A/USD", "quantity": 1.0}]}),
            "snapshot: positions\\[0\\].quantity is the float 1.0",
        ),
        (
            lambda: exitplan.load_policy({"version": 1, "name": "x", "parameters": {"dust_pct_threshold": 0.01}}),
            "policy: parameters.dust_pct_threshold is the float 0.01",
        ),
        (lambda: exitplan.load_policy("default", parameters={"max_positions": 2.0}), "max_positions is the float 2.0"),  # type: ignore[dict-item] # the mistake itself
    ],
)
def test_a_float_is_refused_with_a_sentence(make: Any, place: str) -> None:
    with pytest.raises(errors.UsageError, match=place) as refusal:
        make()
    assert "write it as text" in str(refusal.value.hint)


def test_every_problem_of_a_dict_is_told_at_once_with_its_key() -> None:
    with pytest.raises(errors.FileIsInvalid) as refusal:
        exitplan.plan("default", {**SNAPSHOT, "positons": [], "cash": {}})
    assert "did you mean 'positions'" in str(refusal.value)
    assert "'free' is missing" in str(refusal.value)
    with pytest.raises(errors.FileIsInvalid, match=r"policy: error: cap\.scoop: unknown key"):
        exitplan.load_policy({"version": 1, "name": "x", "extends": "default.yaml", "cap": {"scoop": "all"}})


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(errors.UsageError, match="no time zone"):
        exitplan.plan("default", SNAPSHOT, now=datetime(2026, 1, 1))  # noqa: DTZ001 - the mistake itself


def test_it_applies_and_verifies_an_account(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    account: Account = scene.open()
    looked = exitplan.apply(account, dry_run=True)
    assert (looked.result, scene.held()) == (None, "100")
    outcome = exitplan.apply(account, looked.plan)
    assert (outcome.exit_code, scene.held()) == (exitplan.ExitCode.DONE, "75")
    assert exitplan.verify(account).state == "CLEANUP_IN_PROGRESS"
    with pytest.raises(errors.PlanIsUsed):
        exitplan.apply(account, looked.plan)


def test_every_name_it_exports_is_there_and_every_error_among_them() -> None:
    assert all(getattr(exitplan, name) is not None for name in exitplan.__all__)
    inner = [name for name, value in vars(errors).items() if isinstance(value, type)]
    assert set(inner) == set(errors.__all__)
    from exitplan.ruleset import errors as all_errors  # noqa: PLC0415 - beside what is exported

    assert {name for name, value in vars(all_errors).items() if isinstance(value, type)} == set(inner)


def test_it_finds_the_project_as_the_command_line_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts = tmp_path / "desk" / "policies" / "accounts"
    (accounts / "deeper").mkdir(parents=True)
    (tmp_path / "desk" / ".exitplan").touch()
    content = "version: 1\nname: desk\nextends: {base}\naccount: {{id: platform, venue: paper, quote: USD}}\n"
    (accounts / "desk.yaml").write_text(content.format(base=SHIPPED / "default.yaml"))
    monkeypatch.chdir(accounts / "deeper")
    assert exitplan.open_account("platform").folder.root == tmp_path / "desk" / "data"
    monkeypatch.chdir(tmp_path)
    assert exitplan.open_account(accounts / "desk.yaml").folder.root == tmp_path / "desk" / "data"
    assert exitplan.open_account("platform", root="desk").folder.root == Path("desk/data")
    monkeypatch.setenv("EXITPLAN_HOME", str(tmp_path / "desk"))
    assert exitplan.open_account("platform").folder.root == tmp_path / "desk" / "data"
    assert exitplan.open_account("platform", data="mine").folder.root == Path("mine")
