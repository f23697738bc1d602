"""The product's plan and the oracle's are the same, on the worked examples and on random accounts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from exitplan.ruleset.model.progress import progress_from_document
from exitplan.ruleset.model.snapshot_reading import snapshot_from_document
from exitplan.ruleset.model.values import parse_time
from exitplan.ruleset.planning.plan import make_plan
from exitplan.ruleset.planning.planner import PlanInput
from tests.builders import policy_document, rulebook
from tests.oracle.accounts import Account, random_account
from tests.oracle.plan_oracle import expected_plan

EXAMPLES = sorted((Path(__file__).parents[1] / "scenarios" / "examples").glob("*.json"))
BATCHES, SIZE = 8, 50
"""The accounts that every run compares; the seeds after them are for the thorough one."""
MANY = 20_000


def product_plan(account: Account) -> dict[str, Any]:
    """Plan an account with the product, and bring the plan into the oracle's shape."""
    book = rulebook(policy_document(**account.policy))
    snapshot, progress = snapshot_from_document(account.snapshot), progress_from_document(account.state)
    plan = make_plan(PlanInput(book, snapshot, account.now, progress)).document
    return {
        "positions": {
            (position["symbol"], position["facts"]["side"]): (
                position["category"],
                position["rule"],
                {name: as_number(fact) for name, fact in position["facts"].items()},
            )
            for position in plan["positions"]
        },
        "counted": plan["checks"]["checks"]["position_count"]["current"],
        "actions": [as_row(action) for action in plan["actions"]],
        "blocked": sorted(
            (
                entry["symbol"],
                entry["rule"],
                entry["reason"],
                entry["escalate"],
                parse_time(entry["until"]) if entry.get("until") else None,
            )
            for entry in plan["blocked"]
        ),
        "guards": {guard["name"]: guard["ok"] for guard in plan["guards"]},
        "equity": Decimal(plan["snapshot"]["equity"]),
        "managed_equity": Decimal(plan["snapshot"]["managed_equity"]),
        "debts": {
            debt.get("symbol") or debt["currency"]: (Decimal(debt["amount"]), maybe(debt["value"]))
            for debt in plan["debts"]
        },
        "other_cash": {
            cash["currency"]: (Decimal(cash["free"]), Decimal(cash["locked"]), maybe(cash["value"]))
            for cash in plan["other_cash"]
        },
        "state": plan["checks"]["state"],
    }


def as_number(fact: Any) -> Any:
    try:
        return Decimal(fact) if isinstance(fact, str) and fact[-7:-6] == "." else fact
    except ArithmeticError:
        return fact


def maybe(value: str | None) -> Decimal | None:
    return None if value is None else Decimal(value)


def as_row(action: Mapping[str, Any]) -> dict[str, Any]:
    row = {key: action[key] for key in ("kind", "symbol", "side", "rule")}
    row["quantity"] = Decimal(action["quantity"])
    if action["kind"] == "cancel_order":
        return {**row, "order_id": action["order_id"]}
    return {**row, "est_value": maybe(action["est_value"])}


def oracle_plan(account: Account) -> dict[str, Any]:
    plan = expected_plan(account.snapshot, policy_document(**account.policy), account.state, account.now)
    plan["other_cash"] = {name: (cash[0], cash[1], cash[3]) for name, cash in plan["other_cash"].items()}
    return plan


def differences(account: Account) -> list[str]:
    """Return what the two plans differ in, one line each."""
    product, oracle = product_plan(account), oracle_plan(account)
    figures = ("equity", "managed_equity", "debts", "other_cash", "counted", "actions", "blocked", "guards", "state")
    lines = [
        f"{part}\n   product {product[part]}\n   oracle  {oracle[part]}"
        for part in figures
        if product[part] != oracle[part] and not is_nearly(product[part], oracle[part])
    ]
    for key in sorted(product["positions"].keys() | oracle["positions"].keys()):
        one, other = product["positions"].get(key), oracle["positions"].get(key)
        if one is None or other is None:
            lines.append(f"position {key}: product {one}, oracle {other}")
            continue
        if one[:2] != other[:2]:
            lines.append(f"category {key}: product {one[:2]}, oracle {other[:2]}")
        names = sorted(name for name in one[2].keys() | other[2].keys() if one[2].get(name) != other[2].get(name))
        lines += [f"fact {key} {name}: product {one[2].get(name)}, oracle {other[2].get(name)}" for name in names]
    return lines


def is_nearly(one: Any, other: Any) -> bool:
    """Check that two sums are the same but for the last of 120 digits: the order of adding is not laid down."""
    return isinstance(one, Decimal) and abs(one - other) < Decimal("1e-20")


def example_account(path: Path) -> tuple[Account, dict[str, Any]]:
    example = json.loads(path.read_text("utf-8"), parse_float=Decimal)
    state = {"unwind_progress": example.get("progress", {}), **example.get("state", {})}
    now = datetime.fromisoformat(example["now"])
    return Account(example["snapshot"], example.get("params", {}), state, now), example["expect"]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_oracle_agrees_with_the_worked_example(path: Path) -> None:
    account, expected = example_account(path)
    plan = oracle_plan(account)
    for name, decided in expected.get("positions", {}).items():
        symbol, _, side = name.partition(" ")
        assert list(plan["positions"][symbol, side or "long"][:2]) == decided
    for name, facts in expected.get("facts", {}).items():
        symbol, _, side = name.partition(" ")
        known = plan["positions"][symbol, side or "long"][2]
        assert {fact: known.get(fact) for fact in facts} == {fact: as_number(value) for fact, value in facts.items()}
    stopped = {entry[0]: [entry[2], entry[3]] for entry in plan["blocked"]}
    assert stopped == expected.get("blocked", stopped)
    assert all(plan["guards"].values()) == expected.get("guards_ok", all(plan["guards"].values()))
    assert plan["guards"] | expected.get("guards", {}) == plan["guards"]
    assert plan["equity"] == Decimal(expected.get("equity", plan["equity"]))
    rows = [
        [row["kind"], row["symbol"], row["side"], row["quantity"], row["rule"]]
        for row in summed(plan["actions"], expected["actions"])
    ]
    assert rows == [[*row[:3], Decimal(row[3]), row[4]] for row in expected["actions"]]


def summed(actions: list[dict[str, Any]], expected: list[list[str]]) -> list[dict[str, Any]]:
    """Put the parts of an exit together where the example does."""
    if all(len(row) < 7 for row in expected):
        return actions
    total = sum((row["quantity"] for row in actions), Decimal(0))
    return [{**actions[0], "quantity": total}]


@pytest.mark.parametrize("batch", range(BATCHES))
def test_product_and_oracle_agree_on_random_accounts(batch: int) -> None:
    for seed in range(batch * SIZE, (batch + 1) * SIZE):
        assert not differences(random_account(seed)), f"random_account({seed})"


@pytest.mark.thorough
@pytest.mark.parametrize("batch", range(MANY // 1_000))
def test_product_and_oracle_agree_on_many_random_accounts(batch: int) -> None:
    for seed in range(BATCHES * SIZE + batch * 1_000, BATCHES * SIZE + (batch + 1) * 1_000):
        assert not differences(random_account(seed)), f"random_account({seed})"
