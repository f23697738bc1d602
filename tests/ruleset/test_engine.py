"""The rule engine at its edges: any doubt is an error, and no answer is made of a part of one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal

import orjson
import pytest

from exitplan.ruleset.engine.durable import MAX_RULES, RuleSet, alternatives, is_within_limits, rule_sets
from exitplan.ruleset.engine.matcher import Matcher
from exitplan.ruleset.engine.rulebook import Rulebook, rulebook_of
from exitplan.ruleset.errors import EngineDisagreement
from exitplan.ruleset.language.conditions import Group, Leaf, Op
from exitplan.ruleset.language.conditions import Test as Comparison
from exitplan.ruleset.language.policy import Policy
from exitplan.ruleset.model.fact_registry import Facts
from exitplan.ruleset.model.values import MICRO
from exitplan.ruleset.planning.planner import PlanInput, draft_plan
from tests.builders import NOW, Node, compiled, plan_input, policy_document, position, snapshot

ABOVE = Leaf("value_usd", Op.GT, 1)


def leaf(number: int, op: Op = Op.GT) -> Leaf:
    return Leaf("value_usd", op, number)


def either(*numbers: int, op: Op = Op.GT) -> Group:
    return Group(every=False, parts=tuple(leaf(number, op) for number in numbers))


def test_alternatives_add_up_and_multiply() -> None:
    assert alternatives(ABOVE) == alternatives(True) == 1
    assert alternatives(either(1, 2, 3)) == 3
    assert alternatives(Group(every=True, parts=(either(1, 2), either(3, 4, 5)))) == 6
    assert alternatives(either(1, 2, 3, op=Op.EQ)) == 1


def test_what_is_too_much_for_the_engine_is_known() -> None:
    assert is_within_limits(either(*range(MAX_RULES)))
    assert not is_within_limits(either(*range(MAX_RULES + 1)))
    assert is_within_limits(either(*range(64), op=Op.EQ))
    assert not is_within_limits(either(*range(65), op=Op.EQ))
    assert not is_within_limits(Group(every=True, parts=tuple(either(n, n + 1, op=Op.EQ) for n in range(7))))


def test_rules_are_split_over_rule_sets_by_what_may_hold_at_once() -> None:
    assert rule_sets([]) == []
    assert [start for start, _ in rule_sets([ABOVE] * 100)] == [0, 48, 96]
    assert [start for start, _ in rule_sets([either(1, 2, 3)] * 40)] == [0, 16, 32]


def test_rules_that_always_or_never_hold() -> None:
    engine = RuleSet([True, False, ABOVE])
    assert engine.matches([{"value_usd": 2}, {}]) == [0b101, 0b001]


def test_what_the_engine_fails_at_is_an_error_with_a_reproducer() -> None:
    with pytest.raises(EngineDisagreement) as raised:
        RuleSet([either(*range(40)), either(*range(100, 140))]).matches([{"value_usd": 10**9}])
    assert raised.value.exit_code == 1
    assert set(json.loads(raised.value.reproducer)) == {"rules", "facts"}


def disagreeing(monkeypatch: pytest.MonkeyPatch, answer: list[int]) -> Rulebook:
    book = Rulebook.of(compiled(policy_document()))
    monkeypatch.setattr(Matcher, "_ask", lambda _self, facts: (answer * len(facts))[: len(facts)])
    return book


@pytest.mark.parametrize("quantity", ["10", "1E+40"])
def test_a_disagreement_refuses_the_account_and_keeps_a_reproducer(
    monkeypatch: pytest.MonkeyPatch, quantity: str
) -> None:
    book = disagreeing(monkeypatch, [1])
    with pytest.raises(EngineDisagreement, match="disagree about AAA/USD") as raised:
        draft_plan(PlanInput(book, snapshot(position(quantity=quantity)), NOW))
    case = json.loads(raised.value.reproducer)
    assert case["facts"]["symbol"] == "AAA/USD"
    assert case["engine"] != case["check"]


def test_an_engine_that_loses_a_fact_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = RuleSet([ABOVE])
    run = engine._run

    def losing(batch: str) -> Node:
        return run(orjson.dumps(json.loads(batch)[:-1]).decode())

    monkeypatch.setattr(engine, "_run", losing)
    with pytest.raises(EngineDisagreement, match="answered for 1 of 2 positions"):
        engine.matches([{"value_usd": 2}, {"value_usd": 3}])


def test_after_a_failure_the_engine_answers_right_again() -> None:
    # More alternatives than a rule set is ever given: where all hold, the engine fails.
    engine = RuleSet([either(*range(40)), either(*range(100, 140))])
    for _ in range(3):
        with pytest.raises(EngineDisagreement, match="303"):
            engine.matches([{"value_usd": 10**9}])
        assert engine.matches([{"value_usd": 0}, {"value_usd": 50}, {"value_usd": 110}]) == [0, 1, 3]


def counting(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count the facts of every question to the engine."""
    asked = list[int]()
    matches = RuleSet.matches

    def count(engine: RuleSet, facts: Sequence[Facts]) -> list[int]:
        asked.append(len(facts))
        return matches(engine, facts)

    monkeypatch.setattr(RuleSet, "matches", count)
    return asked


def test_the_engine_is_asked_once_about_what_no_rule_can_tell_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, matcher = counting(monkeypatch), Matcher([Comparison("value_usd", Op.GT, Decimal(1))])
    small, large, larger = ({"value_usd": value * MICRO} for value in (1, 2, 3))
    assert matcher.matches([small, large, larger]) == [0, 1, 1]
    assert matcher.matches([larger, small]) == [1, 0]
    assert asked == [2]
    matcher.forget()
    assert matcher.matches([large]) == [1]
    assert asked == [2, 1]


def test_answers_are_forgotten_before_they_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exitplan.ruleset.engine.matcher.MOST_KEPT", 1)
    asked, matcher = counting(monkeypatch), Matcher([Comparison("value_usd", Op.GT, Decimal(1))])
    for _ in range(2):
        assert matcher.matches([{"value_usd": MICRO}, {"value_usd": 2 * MICRO}]) == [0, 1]
    assert asked == [2, 2]


def test_an_answer_that_the_check_refused_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    matcher = Matcher([Comparison("value_usd", Op.GT, Decimal(1))])
    with monkeypatch.context() as wrong:
        wrong.setattr(RuleSet, "matches", lambda _engine, facts: [0] * len(facts))
        with pytest.raises(EngineDisagreement):
            matcher.matches([{"value_usd": 2 * MICRO}])
    assert matcher.matches([{"value_usd": 2 * MICRO}]) == [1]


def test_a_policy_is_loaded_once_and_its_rules_stay_the_callers_own() -> None:
    first, second = compiled(policy_document()), compiled(policy_document())
    books = rulebook_of(first), rulebook_of(second)
    assert books[0].classification is books[1].classification
    assert books[1].policy is second


def test_an_unchecked_rulebook_says_so_in_the_plan() -> None:
    given = plan_input(snapshot(position()))
    unchecked = Rulebook.of(given.rulebook.policy, checked=False)
    assert draft_plan(PlanInput(unchecked, given.snapshot, NOW)).actions == draft_plan(given).actions
    assert unchecked.checked is False


def test_a_policy_without_rules_calls_everything_aligned() -> None:
    bare = compiled({"version": 1, "name": "bare"})
    assert isinstance(bare, Policy)
    (decision,) = draft_plan(PlanInput(Rulebook.of(bare), snapshot(position()), NOW)).decisions
    assert (decision.category, decision.exit) == ("STRATEGY_ALIGNED", None)
