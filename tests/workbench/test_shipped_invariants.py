"""What no shipped policy ever does, proved for every position: it sells nothing deferred, protected or managed."""

from __future__ import annotations

import pytest

from exitplan.ruleset.engine.rulebook import Rulebook
from exitplan.ruleset.language.policy import ExitRule
from exitplan.ruleset.model.fact_registry import Category
from exitplan.schemas.policies import load_policy, shipped_policy
from exitplan.schemas.shipped import SHIPPED_POLICIES
from exitplan.workbench.invention import replay
from exitplan.workbench.proving.policy_model import PolicyModel, wanted_facts
from exitplan.workbench.proving.theory import CAP

_OVER_CAP = 2
NAMES = tuple(SHIPPED_POLICIES)
POLICIES = {name: load_policy(shipped_policy(name)).policy for name in NAMES}
MODELS = {name: PolicyModel.of(policy) for name, policy in POLICIES.items()}


@pytest.mark.parametrize("name", NAMES)
def test_what_is_deferred_has_no_exit(name: str) -> None:
    model = MODELS[name]
    assert model.possible(model.categories[Category.DEFERRED.value])
    assert not model.possible(model.categories[Category.DEFERRED.value], -model.exits.none)


@pytest.mark.parametrize("name", NAMES)
def test_what_could_not_be_priced_has_no_exit(name: str) -> None:
    model = MODELS[name]
    for status in ("unavailable", "implausible"):
        assert not model.possible(model.facts.equals("price_status", status), -model.exits.none)


@pytest.mark.parametrize("name", NAMES)
def test_what_a_strategy_manages_is_closed_by_dust_or_the_cap_alone(name: str) -> None:
    model = MODELS[name]
    before = model.categories_of(
        model.decided(model.policy.classification, {"over_cap": {False: model.facts.true}})
    )  # what it would be had the cap not chosen it
    aligned = before[Category.STRATEGY_ALIGNED.value]
    taking = {
        rule.id
        for rule, literal in zip(model.exits.rules, model.exits.decides, strict=True)
        if model.possible(aligned, literal)
    }
    known = {rule.id: rule for rule in model.exits.rules if isinstance(rule, ExitRule)}
    assert all(known[name].is_dust or known[name].number == _OVER_CAP for name in taking)
    assert not model.possible(aligned, model.facts.equals("over_cap", value=False), -model.exits.none)
    is_capped = model.policy.cap.scope == "all" and "over-cap" in known
    assert taking == ({"over-cap"} if is_capped else set()), "what is dust is a zombie, and not aligned"


@pytest.mark.parametrize("name", NAMES)
def test_the_cap_chooses_only_what_its_words_say(name: str) -> None:
    facts, words = CAP
    model = MODELS[name]
    chosen = model.facts.equals("over_cap", value=True)
    assert model.possible(chosen)
    ruled_out: list[tuple[str, str | bool]] = [("sellable", False), ("protected", True)]
    for fact, value in [*ruled_out, ("price_status", "unavailable"), ("price_status", "implausible")]:
        assert fact in facts
        assert fact in words
        assert not model.possible(chosen, model.facts.equals(fact, value))


@pytest.mark.parametrize("name", NAMES)
def test_what_is_protected_is_never_sold_whichever_exit_would_take_it(name: str) -> None:
    model, book = MODELS[name], Rulebook.of(POLICIES[name])
    protected = model.facts.equals("protected", value=True)
    assert not model.possible(protected, model.facts.equals("over_cap", value=True))
    taking = 0
    for literal in model.exits.decides:
        cells = model.ask_plainly(literal, protected)
        if cells is not None:
            taking += 1
            draft = replay(book, wanted_facts(cells)).draft
            assert draft.actions == ()
            assert draft.blocked == ()
    assert taking, "no exit would ever take a protected position: nothing was tried"
