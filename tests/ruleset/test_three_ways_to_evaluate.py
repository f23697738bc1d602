"""The engine, the generated check and a plain interpreter answer alike, whatever the conditions and the facts."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exitplan.ruleset.engine.matcher import Matcher
from exitplan.ruleset.engine.trace import is_true, trace
from exitplan.ruleset.language.condition_parser import Scope, parse_condition
from exitplan.ruleset.language.conditions import Condition
from exitplan.ruleset.model.fact_registry import CLASSIFICATION_FACTS
from tests.builders import Node
from tests.conftest import examples
from tests.ruleset import conditions_strategy as random
from tests.ruleset.interpreter import holds

Documents = Sequence[Any]


def parsed(documents: Documents, named: Node = None) -> list[Condition]:
    scope = Scope(CLASSIFICATION_FACTS, {}, {"named": named or {"tracked": True}})
    conditions = [parse_condition(document, ("when",), scope) for document in documents]
    assert not [problem for problem in scope.problems if problem.severity == "error"]
    return [condition for condition in conditions if condition is not None]


def agree(documents: Documents, facts: Sequence[dict[str, Any]], named: Node = None) -> None:
    """Ask all ways; the matcher raises by itself where engine and check differ."""
    named = named or {"tracked": True}
    conditions = parsed(documents, named)
    answers = Matcher(conditions).matches(facts)
    for fact, mask in zip(facts, answers, strict=True):
        expected = [holds(document, fact, {"named": named}) for document in documents]
        assert [bool(mask >> number & 1) for number in range(len(documents))] == expected
        assert [is_true(condition, fact) for condition in conditions] == expected
        assert [trace(condition, fact).holds for condition in conditions] == expected


accounts = st.lists(random.facts, min_size=1, max_size=12)


@given(st.lists(random.conditions, min_size=1, max_size=12), accounts, random.tests)
@examples(50)
@example([{"value_usd": {"gt": Decimal("9007199253.9999999")}}], [{"value_usd": 2**53}], {"tracked": True})
@example([{"value_usd": {"lt": Decimal("1." + "0" * 36 + "1")}}], [{"value_usd": 1_000_000}], {"tracked": True})
@example([{"value_usd": Decimal("0." + "9" * 36)}], [{"value_usd": 1_000_000}], {"tracked": True})
def test_random_rules_and_facts(documents: Documents, facts: list[dict[str, Any]], named: Node) -> None:
    agree(documents, facts, named)


@given(st.lists(random.deep_conditions(), min_size=1, max_size=4), accounts)
@examples(10)
def test_fifty_levels(documents: Documents, facts: list[dict[str, Any]]) -> None:
    agree(documents, facts)


@given(st.data())
@examples(5, 50)
def test_more_rules_than_one_rule_set_holds(data: st.DataObject) -> None:
    few = data.draw(st.lists(random.conditions, min_size=10, max_size=14))
    agree(few * 10, data.draw(accounts))


@given(st.lists(random.tests, min_size=60, max_size=90, unique_by=repr), accounts, st.sampled_from(["all", "any"]))
@examples(5, 50)
def test_more_comparisons_than_the_engine_takes_in_a_rule(
    leaves: list[Any], facts: list[dict[str, Any]], word: str
) -> None:
    agree([{word: leaves}, {"not": {word: leaves}}, leaves[0]], facts)


@pytest.mark.parametrize("size", [1, 47, 48, 49, 64, 65, 600])
@pytest.mark.parametrize("operator", ["in", "not_in"])
def test_wide_lists(operator: str, size: int) -> None:
    texts = [{"strategy": {operator: [f"s{number}" for number in range(size)]}}]
    numbers = [{"value_usd": {operator: list(range(size))}}]
    facts: list[dict[str, Any]] = [{"strategy": f"s{size - 1}"}, {"strategy": f"s{size}"}, {}]
    facts += [{"value_usd": (size - 1) * 1_000_000}, {"value_usd": (size - 1) * 1_000_000 + 1}]
    agree([*texts, *numbers, {"not": texts[0]}, {"not": numbers[0]}], facts)


def above(*bounds: int) -> dict[str, Any]:
    return {"any": [{"value_usd": {"gt": bound}} for bound in bounds]}


@pytest.mark.parametrize(("rules", "alternatives"), [(48, 2), (2, 40), (48, 11), (24, 22), (9, 64), (48, 60), (1, 64)])
@pytest.mark.parametrize("value", [0, 5, 10**6])
def test_many_rules_with_many_alternatives_that_hold_at_once(rules: int, alternatives: int, value: int) -> None:
    # The engine fails from 64 alternatives on that hold for one fact, and never returns from 512 in one place.
    documents = [above(*range(rule * 100, rule * 100 + alternatives)) for rule in range(rules)]
    agree(documents, [{"value_usd": value * 1_000_000}])


def test_alternatives_that_multiply() -> None:
    # Six groups of ten alternatives, all true, would fire a million times.
    groups = [above(*range(group * 10, group * 10 + 10)) for group in range(6)]
    agree([{"all": groups}], [{"value_usd": 10**9}, {"value_usd": 55 * 10**6}, {"value_usd": 45 * 10**6}])


@pytest.mark.parametrize("count", [1, 47, 48, 49, 63, 64, 65, 96, 97, 300])
def test_many_rules_that_all_hold(count: int) -> None:
    agree([{"value_usd": {"gt": number}} for number in range(count)], [{"value_usd": 10**12}, {"value_usd": 0}, {}])


@pytest.mark.parametrize("size", [0, 1, 999, 1000, 1001, 2001])
def test_batches(size: int) -> None:
    facts = [{"value_usd": index * 1_000_000} for index in range(size)]
    masks = Matcher(parsed([{"value_usd": {"lt": 5}}, {"value_usd": {"gte": size - 1}}])).matches(facts)
    assert len(masks) == size
    assert [index for index, mask in enumerate(masks) if mask & 1] == list(range(min(size, 5)))
    assert [index for index, mask in enumerate(masks) if mask & 2] == [size - 1][:size]


def test_facts_that_look_alike_to_the_rules_are_still_told_apart_where_they_differ() -> None:
    documents = [{"value_usd": {"gt": 5}}, {"value_usd": 5}, {"strategy": "a"}, {"not": {"tracked": True}}]
    values = [None, 4_999_999, 5_000_000, 5_000_001, 0, -1, 2**53, 2**64]
    facts = [
        {"value_usd": value, "strategy": text, "tracked": tracked}
        for value in values
        for text in (None, "a", "b", "")
        for tracked in (None, True, False)
    ]
    present = [{name: value for name, value in fact.items() if value is not None} for fact in facts]
    agree(documents, [*present, *present[::-1]])


def test_no_rules_match_nothing() -> None:
    assert Matcher([]).matches([{"value_usd": 1}, {}]) == [0, 0]


def test_rule_sets_one_after_the_other_do_not_mix() -> None:
    for bound in range(400):
        matcher = Matcher(parsed([{"value_usd": {"gt": bound}}, {"strategy": f"s{bound}"}]))
        facts: list[dict[str, Any]] = [
            {"value_usd": bound * 10**6},
            {"value_usd": bound * 10**6 + 1},
            {"strategy": f"s{bound}"},
        ]
        assert matcher.matches(facts) == [0, 1, 2]


def test_one_matcher_answers_alike_every_time() -> None:
    matcher = Matcher(parsed([{"value_usd": {"gt": 1}}, {"not": {"tracked": True}}]))
    facts = [{"value_usd": 2_000_000, "tracked": True}, {"value_usd": 1_000_000}]
    assert {tuple(matcher.matches(facts)) for _ in range(200)} == {(1, 2)}


def test_facts_that_no_rule_reads_make_no_difference() -> None:
    matcher = Matcher(parsed([{"tracked": True}]))
    assert matcher.matches([{"tracked": True, "value_usd": 10**30, "strategy": '"}]'}]) == [1]
