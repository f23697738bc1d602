"""Coverage: what is counted, what is proved impossible, and that the two never contradict each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from exitplan.ruleset.engine.rulebook import Rulebook
from exitplan.ruleset.engine.trace import is_true
from exitplan.ruleset.language.conditions import AllOf, AnyOf, Condition, Not, Op
from exitplan.ruleset.language.conditions import Test as Comparison
from exitplan.ruleset.model.fact_registry import Facts
from exitplan.schemas.policies import SHIPPED
from exitplan.workbench.cases.case_file import load_cases
from exitplan.workbench.cases.running import Runner
from exitplan.workbench.coverage.counting import Counts, comparisons_in, settled
from exitplan.workbench.coverage.proving import Prover, Wanted, put
from exitplan.workbench.coverage.report import Coverage
from exitplan.workbench.invention import FactsDisagree, replay
from tests.workbench.test_invention import facts
from tests.workbench.test_proofs import EXITS, RULES, made

LARGE = {
    "id": "large",
    "category": "LEGACY_NON_COMPLIANT",
    "when": {"all": [{"tracked": False}, {"value_usd": {"gt": 5}}]},
}
HUGE = {"id": "huge", "category": "LEGACY_NON_COMPLIANT", "when": {"value_usd": {"gt": 50}, "tracked": False}}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def cover(rules: list[dict[str, Any]], *cases: dict[str, Any]) -> Coverage:
    sources = {"strategy_sources": ["ours"]}
    policy = {"version": 1, "name": "p", "parameters": sources, "classification": rules, "exits": [], "orders": []}
    Path("p.yaml").write_text(yaml.safe_dump(policy), encoding="utf-8")
    named = [{"name": f"case {number}", **case} for number, case in enumerate(cases)]
    Path("p.test.yaml").write_text(yaml.safe_dump({"policy": "p.yaml", "cases": named}), encoding="utf-8")
    return of_file(Path("p.test.yaml"))


def of_file(path: Path) -> Coverage:
    file = load_cases(path)
    coverage = Coverage(path.name, file.loaded)
    runner = Runner(file, coverage.counts.count)
    for case in file.cases:
        runner.run(case)
    return coverage


def about(*, tracked: bool = False, value: float = 20) -> dict[str, Any]:
    return {"given": {"tracked": tracked, "value_usd": value}, "expect": {"category": "LEGACY_NON_COMPLIANT"}}


def missed(coverage: Coverage) -> list[str]:
    return [f"{goal.rule.id}: {goal.text}" for goal in coverage.missed]


def impossible(coverage: Coverage) -> dict[str, str | None]:
    return {f"{goal.rule.id}: {goal.text}": goal.proof.impossible for goal in coverage.impossible}


def test_a_comparison_counts_where_the_others_leave_it_to_it() -> None:
    coverage = cover([LARGE], about(), about(tracked=True, value=1))
    (rule,) = coverage.counts.rules["classification"]
    assert (rule.decided, rule.matched) == (1, 1)
    assert [(one.true, one.false) for one in rule.comparisons] == [(1, 0), (1, 0)]
    assert missed(coverage) == [
        "large: tracked = false is false where it matters",
        "large: value_usd > 5 is false where it matters",
    ]
    assert (coverage.covered, coverage.possible, int(coverage.percent)) == (3, 5, 60)


def test_cases_that_fail_are_counted_too() -> None:
    coverage = cover([LARGE], {**about(), "expect": {"category": "ZOMBIE_LEGACY"}})
    assert coverage.counts.rules["classification"][0].decided == 1


def test_what_is_missed_comes_with_a_position_that_shows_it() -> None:
    coverage = cover([LARGE], about())
    witnesses = [dict(goal.proof.witness or {}) for goal in coverage.missed]
    assert witnesses[0] == {}  # an ordinary position is tracked
    assert witnesses[1].keys() == {"tracked", "value_usd"}
    assert int(str(witnesses[1]["value_usd"])) <= 5_000_000


def test_what_cannot_happen_leaves_the_denominator_with_its_reason() -> None:
    coverage = cover([LARGE, HUGE], about(), about(tracked=True, value=60), about(value=1))
    assert missed(coverage) == []
    assert int(coverage.percent) == 100
    told = impossible(coverage)
    assert told["huge: decides"] == "large decides before it"
    assert told["huge: value_usd > 50 is true where it matters"] == "large decides before it"
    (rule, shadowed) = coverage.counts.rules["classification"]
    assert (rule.shadowed, shadowed.matched, shadowed.shadowed) == (0, 0, 0)


def test_a_redundant_comparison_is_said_to_be_settled_by_the_rest() -> None:
    rule = {**LARGE, "when": {"all": [{"price_status": "ok"}, {"value_usd": {"gt": 5}}]}}
    coverage = cover([rule], {"given": {"value_usd": 20}, "expect": {"category": "LEGACY_NON_COMPLIANT"}})
    assert impossible(coverage) == {
        "large: price_status = ok is false where it matters": "the rest of the rule then settles the answer"
    }


def test_parameters_of_a_case_count_for_the_same_rules() -> None:
    coverage = of_file(write_parameters())
    (dust,) = [count for _, count in coverage.rules if count.rule.id == "zombie.dust"]
    assert dust.decided == 1


def write_parameters() -> Path:
    case = {"name": "x", "given": {"value_usd": 90, "account_pct": 0.5}, "expect": {"rule": "zombie.dust"}}
    document = {"policy": "default", "cases": [{**case, "parameters": {"dust_usd_threshold": 100}}]}
    path = Path("x.test.yaml")
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


NAMES = ("tracked", "sellable", "api_mismatch", "protected")
LEAVES = st.sampled_from(NAMES).map(lambda name: Comparison(name, Op.EQ, value=True))
TREES: st.SearchStrategy[Condition] = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: AllOf(tuple(parts))),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: AnyOf(tuple(parts))),
    ),
    max_leaves=8,
)


@given(TREES, st.fixed_dictionaries(dict.fromkeys(NAMES, st.booleans())))
def test_a_comparison_matters_exactly_where_the_other_answer_turns_the_condition(tree: Condition, facts: Facts) -> None:
    result, mattering = settled(tree, facts)
    assert result == is_true(tree, facts)
    turned = []
    for number, leaf in enumerate(comparisons_in(tree)):
        answer = is_true(leaf, facts)
        other = put(tree, number, AnyOf(()) if answer else AllOf(()))
        if is_true(other, facts) != result:
            turned.append((number, answer))
    assert sorted(mattering) == turned


@pytest.mark.parametrize("name", ["default", "published"])
def test_whatever_a_case_shows_has_a_witness_too(name: str) -> None:
    coverage = of_file(SHIPPED / "tests" / f"{name}.test.yaml")
    prover = Prover(coverage.loaded.policy)
    shown = [goal for goal in coverage.goals if goal.hits and goal.wanted.block != "orders"]
    assert [goal.text for goal in shown if prover.prove(goal.wanted).witness is None] == []


@given(RULES, EXITS, st.lists(facts(), min_size=1, max_size=4), st.booleans())
def test_no_position_shows_what_was_proved_impossible_of_any_policy(
    rules: list[Any], exits: list[Any], positions: list[dict[str, Any]], chosen: bool
) -> None:
    policy = made(rules, exits)
    book, counts, prover = Rulebook.of(policy), Counts(policy), Prover(policy)
    for wanted in positions:
        try:
            replayed = replay(book, {**wanted, **({"over_cap": True} if chosen else {})})
        except FactsDisagree:
            continue
        counts.count(replayed.draft, policy, replayed.decision.key)
    for block, rule_counts in counts.rules.items():
        for number, count in enumerate(rule_counts):
            goals = [Wanted(block, number)]
            goals += [
                Wanted(block, number, at, answer) for at in range(len(count.comparisons)) for answer in (True, False)
            ]
            for goal in goals:
                if goal.hits(counts):
                    assert prover.prove(goal).impossible is None
