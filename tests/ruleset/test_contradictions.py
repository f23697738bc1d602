"""A condition that is told never to match holds for no facts at all; the plain contradictions are found."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given

from exitplan.ruleset.engine.trace import is_true
from exitplan.ruleset.language.contradictions import find_contradiction
from exitplan.ruleset.model.fact_registry import POSITION_FACTS
from tests.builders import Node
from tests.ruleset import conditions_strategy as random
from tests.ruleset.test_three_ways_to_evaluate import parsed


def excluded(document: Node) -> str | None:
    (condition,) = parsed([document])
    return find_contradiction(condition, POSITION_FACTS)


@given(random.conditions, random.facts)
def test_what_holds_for_some_facts_is_no_contradiction(document: Node, facts: dict[str, Any]) -> None:
    (condition,) = parsed([document])
    if is_true(condition, facts):
        assert find_contradiction(condition, POSITION_FACTS) is None


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"value_usd": {"lt": 5, "gt": 10}}, "value_usd < 5 and value_usd > 10"),
        ({"value_usd": {"lte": 5, "gt": 5}}, "value_usd <= 5 and value_usd > 5"),
        ({"value_usd": {"eq": 5, "ne": 5}}, "value_usd = 5 and value_usd != 5"),
        ({"value_usd": {"gte": 5, "lte": 5, "ne": 5}}, "value_usd >= 5 and value_usd <= 5 and value_usd != 5"),
        ({"value_usd": {"lt": 5, "exists": False}}, "value_usd < 5 and value_usd is absent"),
        ({"all": [{"side": "long"}, {"side": "short"}]}, "side = long and side = short"),
        ({"side": {"not_in": ["long", "short"]}}, "side != long and side != short"),
        ({"all": [{"tracked": True}, {"not": {"tracked": True, "sellable": True}}, {"sellable": True}]}, "tracked"),
        ({"any": [{"value_usd": {"lt": 1, "gt": 2}}, {"side": {"eq": "long", "ne": "long"}}]}, "value_usd < 1"),
    ],
)
def test_comparisons_that_exclude_each_other_are_named(document: Node, said: str) -> None:
    assert (excluded(document) or "").startswith(said)


@pytest.mark.parametrize(
    "document",
    [
        {"value_usd": {"gte": 5, "lte": 5}},
        {"value_usd": {"gt": 5, "lt": Decimal("5.000002")}},
        {"value_usd": {"exists": False}, "side": "long"},
        {"any": [{"value_usd": {"lt": 1, "gt": 2}}, {"side": "long"}]},
        {"symbol": {"not_in": ["A", "B"]}},
    ],
)
def test_what_may_hold_is_left_alone(document: Node) -> None:
    assert excluded(document) is None
