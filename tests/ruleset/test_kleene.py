"""Conditions over facts that are not asked yet: an answer that is given holds whatever the facts turn out to be."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitplan.ruleset.engine.trace import is_true
from exitplan.ruleset.language.partial_evaluation import possible_rules, truth
from exitplan.ruleset.language.policy import Rule
from tests.builders import Node
from tests.ruleset import conditions_strategy as random
from tests.ruleset.test_three_ways_to_evaluate import parsed

UNASKED = st.sets(st.sampled_from((*random.NUMBERS, *random.TEXTS, *random.FLAGS)))


def told(document: Node, facts: dict[str, Any], *unasked: str) -> bool | None:
    (condition,) = parsed([document])
    return truth(condition, facts, unasked)


@given(random.conditions, random.facts, random.facts, UNASKED)
def test_what_is_told_holds_whatever_the_answers_are(
    document: Node, facts: dict[str, Any], others: dict[str, Any], unasked: set[str]
) -> None:
    (condition,) = parsed([document])
    known = {name: value for name, value in facts.items() if name not in unasked}
    answered = known | {name: value for name, value in others.items() if name in unasked}
    found = truth(condition, known, unasked)
    assert found is None or found == is_true(condition, answered)


@given(random.conditions, random.facts)
def test_with_everything_asked_it_is_the_usual_answer(document: Node, facts: dict[str, Any]) -> None:
    (condition,) = parsed([document])
    assert truth(condition, facts, ()) is is_true(condition, facts)


@pytest.mark.parametrize(
    ("document", "answer"),
    [
        ({"pnl_pct": {"gt": 0}}, None),
        ({"pnl_pct": {"exists": False}}, None),
        ({"not": {"pnl_pct": {"gt": 0}}}, None),
        ({"any": [{"pnl_pct": {"gt": 0}}, {"tracked": True}]}, True),
        ({"pnl_pct": {"gt": 0}, "tracked": False}, False),
        ({"pnl_pct": {"gt": 0}, "tracked": True}, None),
        ({"not": {"pnl_pct": {"gt": 0}, "tracked": False}}, True),
    ],
)
def test_a_part_that_settles_it_settles_it(document: Node, answer: bool | None) -> None:
    assert told(document, {"tracked": True}, "pnl_pct") is answer


def test_rules_are_possible_up_to_the_first_that_surely_holds() -> None:
    documents = [{"pnl_pct": {"gt": 1}}, {"tracked": False}, {"tracked": True}, {"sellable": True}]
    rules = [Rule(str(number), when, ()) for number, when in enumerate(parsed(documents))]
    facts = {"tracked": True, "sellable": True}
    assert possible_rules(rules, facts, {"pnl_pct"}) == [rules[0], rules[2]]
    assert possible_rules(rules[:2], facts, {"pnl_pct"}) == [rules[0], None]
