"""What is proved of policies agrees with the planner, on every position that it is tried on."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from exitplan.ruleset.engine.rulebook import Rulebook
from exitplan.ruleset.language.policy import Policy
from exitplan.schemas.policies import load_policy, policy_from_document, shipped_policy
from exitplan.schemas.shipped import SHIPPED_POLICIES
from exitplan.workbench.invention import FactsDisagree, replay
from exitplan.workbench.lint import Code, lint
from exitplan.workbench.proving.cells import Cell
from exitplan.workbench.proving.policy_model import PolicyModel, wanted_facts
from tests.workbench.test_invention import facts

SHIPPED = tuple(SHIPPED_POLICIES)
POLICIES = {name: load_policy(shipped_policy(name)).policy for name in SHIPPED}
BOOKS = {name: Rulebook.of(policy) for name, policy in POLICIES.items()}
MODELS = {name: PolicyModel.of(policy) for name, policy in POLICIES.items()}


def holds(model: PolicyModel, found: dict[str, Any]) -> list[int]:
    """The literals that the position has its facts."""

    def is_in(cell: Cell, value: object) -> bool:
        if cell.low is None or cell.high is None:
            return cell.value == value
        return value is not None and not isinstance(value, str) and cell.low <= int(value) <= cell.high  # type: ignore[call-overload]

    literals = []
    for name, cells in model.facts.cells.items():
        value = found.get(name)
        if not any(is_in(cell, value) for cell in cells):
            value = "other"
        literals.append(model.facts.where(name, lambda cell, value=value: is_in(cell, value)))  # type: ignore[misc]
    return literals


@pytest.mark.parametrize("name", SHIPPED)
@given(wanted=facts(), chosen=st.booleans())
def test_what_the_planner_decides_is_what_the_model_says(name: str, wanted: dict[str, Any], chosen: bool) -> None:
    model = MODELS[name]
    try:
        replayed = replay(BOOKS[name], {**wanted, **({"over_cap": True} if chosen else {})})
    except FactsDisagree:
        assume(False)
    decision = replayed.decision
    literals = holds(model, dict(replayed.facts))
    rule = next((at for at, one in enumerate(model.policy.classification) if one is decision.rule), None)
    exit_rule = next((at for at, one in enumerate(model.policy.exits) if one is decision.exit), None)
    classified, exits = model.classification, model.exits
    assert model.ask(*literals) is not None, "the theory rules out a position that there is"
    assert model.ask(*literals, classified.none if rule is None else classified.decides[rule]) is not None
    assert model.ask(*literals, -(classified.none if rule is None else classified.decides[rule])) is None
    assert model.ask(*literals, -(exits.none if exit_rule is None else exits.decides[exit_rule])) is None


@pytest.mark.parametrize("name", SHIPPED)
def test_every_witness_is_a_position_that_the_planner_decides_so(name: str) -> None:
    model, book = MODELS[name], BOOKS[name]
    for decided, part in ((model.classification, "rule"), (model.exits, "exit")):
        for rule, literal in zip(decided.rules, decided.decides, strict=True):
            for cells in (model.ask(literal), model.ask_plainly(literal)):
                if cells is not None:
                    assert getattr(replay(book, wanted_facts(cells)).decision, part).id == rule.id


TESTS = st.one_of(
    st.sampled_from(
        [{"tracked": True}, {"tracked": False}, {"over_cap": True}, {"side": "short"}, {"sellable": False}]
    ),
    st.sampled_from([{"price_status": "missing"}, {"market_known": False}, {"position_source": "bot"}]),
    st.sampled_from([{"strategy": {"in": ["a", "b"]}}, {"strategy": {"not_in": ["b", "c", "d"]}}]),
    st.sampled_from(
        [
            {"pnl_pct": {"lt": Decimal("-0.5")}},
            {"account_pct": {"gte": Decimal("0.2")}},
            {"age_minutes": {"exists": False}},
        ]
    ),
    st.sampled_from([{"value_usd": {"lt": 10}}, {"value_usd": {"gt": 10}}, {"unwind_cycle": {"gt": 1}}]),
)
CONDITIONS = st.recursive(
    TESTS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"any": parts}),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"all": parts}),
        inner.map(lambda part: {"not": part}),
    ),
    max_leaves=5,
)
CATEGORIES = ("LEGACY_NON_COMPLIANT", "ZOMBIE_LEGACY", "DEFERRED")
RULES = st.lists(st.tuples(st.sampled_from(CATEGORIES), CONDITIONS), min_size=1, max_size=6)
EXITS = st.lists(st.tuples(st.sampled_from(["close", "unwind"]), st.sampled_from(CATEGORIES)), max_size=3)


def made(rules: list[Any], exits: list[Any]) -> Policy:
    document = {
        "version": 1,
        "name": "made",
        "parameters": {"strategy_sources": ["core"]},
        "classification": [
            {"id": f"r{at}", "category": category, "when": when} for at, (category, when) in enumerate(rules)
        ],
        "exits": [
            {"id": f"e{at}", "action": action, "when": {"category": category}}
            for at, (action, category) in enumerate(exits)
        ],
    }
    return policy_from_document(document).policy


@given(RULES, EXITS)
def test_no_witness_of_a_policy_at_random_is_decided_otherwise(rules: list[Any], exits: list[Any]) -> None:
    policy = made(rules, exits)
    book, model = Rulebook.of(policy), PolicyModel.of(policy)
    for rule, literal in zip(policy.classification, model.classification.decides, strict=True):
        cells = model.ask(literal)
        if cells is not None:
            decided = replay(book, wanted_facts(cells)).decision.rule
            assert decided is not None
            assert decided.id == rule.id
    assert all(finding.code is not Code.NOT_DECIDED for finding in lint(policy))


# --- findings ---


def codes(*rules: dict[str, Any], exits: list[dict[str, Any]] | None = None) -> list[tuple[str, str]]:
    document = {
        "version": 1,
        "name": "x",
        "classification": [
            {"id": f"r{at}", "category": "LEGACY_NON_COMPLIANT", **rule} for at, rule in enumerate(rules)
        ],
        "exits": exits or [{"id": "all", "when": {"market_known": {"exists": True}}, "action": "close"}],
    }
    return [(finding.code.value, finding.message) for finding in lint(policy_from_document(document).policy)]


def test_a_rule_whose_facts_cannot_go_together_never_matches() -> None:
    ((code, message),) = codes({"when": {"market_known": False, "sellable": True}})
    assert (code, message) == ("P101", "r0 never matches any position")


def test_a_shadowed_rule_names_the_fewest_that_shadow_it() -> None:
    rules: list[dict[str, Any]] = [
        {"when": {"side": "short"}},
        {"when": {"value_usd": {"lt": 10}}},
        {"when": {"value_usd": {"lt": 5}}},
    ]
    assert codes(*rules)[-1] == ("P102", "r2 never decides: all it matches is decided by r1 before it")


def test_two_rules_may_shadow_a_third_together() -> None:
    long: dict[str, Any] = {"when": {"side": "long"}, "category": "ZOMBIE_LEGACY"}
    rules: list[dict[str, Any]] = [{"when": {"side": "short"}}, long, {"when": {"tracked": True}}]
    assert codes(*rules)[-1] == ("P102", "r2 never decides: all it matches is decided by r0 or r1 before it")


def test_a_rule_that_always_matches_leaves_nothing_to_those_after_it() -> None:
    found = codes({"when": {"side": {"in": ["long", "short"]}}}, {"when": {"tracked": True}})
    assert [code for code, _ in found] == ["P103", "P102"]


def test_a_rule_that_only_serves_the_reason_is_told() -> None:
    found = codes({"when": {"value_usd": {"lt": 5}}}, {"when": {"value_usd": {"lt": 10}}})
    assert found == [("P104", "without r0 the same would be done: it only serves the reason")]


def test_a_category_without_an_exit_has_a_witness() -> None:
    policy = made([("ZOMBIE_LEGACY", {"tracked": False})], [("close", "LEGACY_NON_COMPLIANT")])
    (finding,) = [finding for finding in lint(policy) if finding.code is Code.NO_EXIT]
    assert finding.message.startswith("a position can be ZOMBIE_LEGACY by r0 and have no exit")
    assert finding.witness["tracked"] is False


def test_the_shipped_policies_have_the_findings_that_are_known() -> None:
    warned = {name: [finding for finding in lint(POLICIES[name]) if finding.is_warning] for name in SHIPPED}
    found = {name: [f"{one.code.value} {one.message.split()[0]}" for one in each] for name, each in warned.items()}
    assert found == {
        "default": [],
        "conservative": ["P102 legacy.over-cap"],
        "forced-cleanup": ["P105 a"],
        "published": ["P102 legacy.over-cap"],
        "hedged": ["P105 a", "P105 a"],
        "treasury": ["P105 a", "P105 a"],
        "prop-desk": ["P102 legacy.over-cap"],
        "adaptive": [],
        "ranked-by-health": [],
    }
