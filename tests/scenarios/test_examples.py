"""The worked examples: each file isolates one sentence of the protocol and says what the plan must hold."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from exitplan.ruleset.model.progress import progress_from_document
from exitplan.ruleset.model.snapshot import snapshot_from_document
from exitplan.ruleset.model.values import parse_time
from exitplan.ruleset.planning.plan import Document, make_plan
from exitplan.ruleset.planning.planner import PlanInput
from tests.builders import blocked, guards, judged, policy_document, rulebook, shown

EXAMPLES = sorted((Path(__file__).parent / "examples").glob("*.json"))
Example = dict[str, Any]


def planned(example: Example) -> Document:
    book = rulebook(policy_document(**example.get("params", {})))
    progress = progress_from_document({"unwind_progress": example.get("progress", {})})
    account = snapshot_from_document(example["snapshot"])
    return make_plan(PlanInput(book, account, parse_time(example["now"]), progress)).document


@pytest.fixture(params=EXAMPLES, ids=lambda path: path.stem)
def example(request: pytest.FixtureRequest) -> Example:
    read: Example = json.loads(request.param.read_text("utf-8"), parse_float=Decimal)
    return read


def test_worked_example(example: Example) -> None:
    plan, expected = planned(example), example["expect"]
    for symbol, decided in expected.get("positions", {}).items():
        assert judged(plan, symbol) == tuple(decided)
    assert _written(plan, expected["actions"]) == expected["actions"]
    assert {symbol: list(found) for symbol, found in blocked(plan).items()} == expected.get(
        "blocked", {symbol: list(found) for symbol, found in blocked(plan).items()}
    )
    for symbol, facts in expected.get("facts", {}).items():
        found = shown(plan, symbol)["facts"]
        assert {name: found.get(name) for name in facts} == facts
    _check_figures(plan, expected)


def _check_figures(plan: Document, expected: Example) -> None:
    assert all(guards(plan).values()) == expected.get("guards_ok", all(guards(plan).values()))
    assert guards(plan) | expected.get("guards", {}) == guards(plan)
    assert plan["snapshot"]["equity"] == expected.get("equity", plan["snapshot"]["equity"])


def _written(plan: Document, expected: list[list[str]]) -> list[list[str]]:
    """Write the actions as the example does, which may leave out what comes last."""
    keys = ("kind", "symbol", "side", "quantity", "rule")
    rows = [[found[key] for key in keys] + [found["order_id"] or found["est_value"]] for found in plan["actions"]]
    lengths = [len(row) for row in expected] + [6] * len(rows)
    return [row[:length] for row, length in zip(rows, lengths, strict=False)]


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 15
