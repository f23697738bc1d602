"""A project of two paper accounts in one group, and runs of its plan that die on the way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from msgspec.structs import replace

from exitplan.executor.groups.saga import Saga
from exitplan.ruleset.model.snapshot import Snapshot
from exitplan.ruleset.model.snapshot_writing import snapshot_to_document
from exitplan.schemas.policies import shipped_policy
from tests.builders import record
from tests.cli.conftest import xp
from tests.executor.groups.group_scene import CASH, HEDGE, SPOT, held, strategy_short
from tests.faults import Crash

GROUP = {
    "version": 1,
    "name": "desk",
    "quote": "USD",
    "max_leg_imbalance": {"value": 250, "seconds": 60},
    "on_leg_failure": {"then": "reduce", "attempts": 2},
}


def make_desk(root: Path) -> Path:
    """Put accounts whose positions hedge each other into a project; one of them is to go."""
    (root / "policies/accounts").mkdir(parents=True)
    (root / "policies/groups").mkdir()
    (root / "policies/groups/desk.yaml").write_text(yaml.safe_dump(GROUP))
    spot = strategy_short()
    _put(root, HEDGE, spot)
    long = held(*[replace(one, symbol=SPOT, side="long") for one in spot.positions], tracked={SPOT: record(entry=None)})
    _put(root, CASH, replace(long, positions=tuple(replace(one, entry_price=None) for one in long.positions)))
    return root


def _put(root: Path, name: str, account: Snapshot) -> None:
    block = {"id": name, "venue": "paper", "quote": "USD", "group": "desk", "options": {"file": f"{name}.json"}}
    policy = {"version": 1, "name": name, "extends": str(shipped_policy("default")), "account": block}
    guards = {"guards": {"max_run_pct": 1, "max_equity_change_pct": 1}}
    policy_of(root, name).write_text(yaml.safe_dump({**policy, **guards}))
    document = snapshot_to_document(replace(account, account=name))
    (root / "policies/accounts" / f"{name}.json").write_text(json.dumps(document))


def policy_of(root: Path, name: str) -> Path:
    """Return the file of an account's policy."""
    return root / "policies/accounts" / f"{name}.yaml"


def change_account(root: Path, name: str, **parts: Any) -> None:
    """Change what stands in an account's block; None takes it out."""
    policy = yaml.safe_load(policy_of(root, name).read_text())
    block = {key: value for key, value in {**policy["account"], **parts}.items() if value is not None}
    policy_of(root, name).write_text(yaml.safe_dump({**policy, "account": block}))


def positions(root: Path, name: str) -> list[tuple[str, str]]:
    """Return what an account holds at its venue; its file alone lags behind the log beside it."""
    read = xp("snapshot", "--account", str(policy_of(root, name)), "--json").json
    return [(one["symbol"], one["quantity"]) for one in read["positions"]]


def die_after(slices: int, *words: str) -> None:
    """Carry out a plan of the group until so many slices were sent, and die."""
    sent, send = iter(range(100)), Saga._send

    def dying(*args: Any) -> Any:
        if next(sent) == slices:
            raise Crash
        return send(*args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Saga, "_send", dying)
        with pytest.raises(Crash):
            xp("apply", *words)
