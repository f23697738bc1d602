"""The worked examples: each file isolates one sentence of the protocol and says what the plan must hold."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from exitplan.ruleset.model.progress import progress_from_document
from exitplan.ruleset.model.snapshot_reading import snapshot_from_document
from exitplan.ruleset.model.values import parse_time, plain
from exitplan.ruleset.planning.plan import Document, make_plan
from exitplan.ruleset.planning.planner import PlanInput
from tests.builders import blocked, guards, judged, policy_document, rulebook, shown

EXAMPLES = sorted((Path(__file__).parent / "examples").glob("*.json"))
Example = dict[str, Any]


def planned(example: Example) -> Document:
    book = rulebook(policy_document(**example.get("params", {})))
    state = {"unwind_progress": example.get("progress", {}), **example.get("state", {})}
    account = snapshot_from_document(example["snapshot"])
    return make_plan(PlanInput(book, account, parse_time(example["now"]), progress_from_document(state))).document


@pytest.fixture(params=EXAMPLES, ids=lambda path: path.stem)
def example(request: pytest.FixtureRequest) -> Example:
    read: Example = json.loads(request.param.read_text("utf-8"), parse_float=Decimal)
    return read


def test_worked_example(example: Example) -> None:
    plan, expected = planned(example), example["expect"]
    for name, decided in expected.get("positions", {}).items():
        symbol, _, side = name.partition(" ")
        assert judged(plan, symbol, side or "long") == tuple(decided)
    assert _written(plan, expected["actions"]) == expected["actions"]
    stopped = {symbol: list(found) for symbol, found in blocked(plan).items()}
    assert stopped == expected.get("blocked", stopped)
    for name, facts in expected.get("facts", {}).items():
        symbol, _, side = name.partition(" ")
        known = shown(plan, symbol, side or "long")["facts"]
        assert {fact: known.get(fact) for fact in facts} == facts
    _check_figures(plan, expected)


def _check_figures(plan: Document, expected: Example) -> None:
    assert all(guards(plan).values()) == expected.get("guards_ok", all(guards(plan).values()))
    assert guards(plan) | expected.get("guards", {}) == guards(plan)
    for figure in ("equity", "managed_equity"):
        assert plan["snapshot"][figure] == expected.get(figure, plan["snapshot"][figure])
    debts = {
        debt.get("symbol") or debt["currency"]: {"amount": debt["amount"], "value": debt["value"]}
        for debt in plan["debts"]
    }
    assert debts == expected.get("debts", debts)
    assert not (expected.get("not_clean") and plan["checks"]["state"] == "CLEAN")


def _written(plan: Document, expected: list[list[str]]) -> list[list[str]]:
    """Write the actions as the example does: the orders of one exit as one, with the maximum that none exceeds."""
    rows: list[list[str]] = []
    for action in plan["actions"]:
        row = [action[key] for key in ("kind", "symbol", "side", "quantity", "rule")]
        _, _, part = action["id"].partition(".")
        if part and int(part) > 1:
            sums = rows[-1]
            for place, figure in ((3, action["quantity"]), (5, action["est_value"])):
                sums[place] = plain(Decimal(sums[place]) + Decimal(figure))
        else:
            rows.append([*row, action["order_id"] or action["est_value"], *([action["quantity"]] if part else [])])
    for row, wanted in zip(rows, expected, strict=False):
        if len(row) == len(wanted) == 7 and Decimal(row[6]) <= Decimal(wanted[6]):
            row[6] = wanted[6]
    lengths = [len(row) for row in expected] + [6] * len(rows)
    return [row[:length] for row, length in zip(rows, lengths, strict=False)]


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 32
