"""The plans of one account under two policies: what is a difference, and what is none."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from exitplan.executor.store.last_reading import reading_of
from exitplan.ruleset.engine.rulebook import rulebook_of
from exitplan.ruleset.language.policy import Policy
from exitplan.ruleset.model.snapshot import Cash, Snapshot
from exitplan.ruleset.planning.checks import AccountState
from exitplan.ruleset.planning.planner import PlanInput, draft_plan
from exitplan.schemas.policies import policy_from_document
from exitplan.workbench.comparing.drafts import Books, DraftChange, Sold
from tests.builders import NOW, market, order, position, snapshot

TRACKED = ("AAA/USD", "BBB/USD")


def policy(**parts: Any) -> Policy:
    return policy_from_document({"version": 1, "name": "x", "extends": "default.yaml", **parts}).policy


def change(seen: Snapshot, old: dict[str, Any], new: dict[str, Any]) -> DraftChange:
    return Books(rulebook_of(policy(**old)), rulebook_of(policy(**new))).change(seen, NOW)


def two(**more: Any) -> Snapshot:
    return snapshot(position("AAA/USD"), position("BBB/USD"), tracked=TRACKED, **more)


def test_an_action_of_another_rule_with_the_same_effect_is_no_difference() -> None:
    renamed = [
        {"id": "stale-limit-order", "remove": True},
        {"id": "old", "when": {"type": "limit", "age_minutes": {"gt": 30}}, "action": "cancel"},
    ]
    assert not change(two(orders=[order(minutes=40)]), {}, {"orders": renamed}).is_change


def test_what_only_one_plan_does_is_told_with_its_value() -> None:
    found = change(two(), {}, {"parameters": {"max_positions": 1}})
    (only,) = found.actions
    assert only.before is None
    assert only.after is not None
    assert (only.after.kind, only.after.rule, only.after.value) == ("close", "over-cap", Decimal(1000))
    assert found.sold == (Sold(), Sold(Decimal(1000)))
    assert found.states == (AccountState.CLEAN, AccountState.NEEDS_CLEANUP)


def test_an_exchange_of_money_is_a_difference_though_no_position_is_treated_otherwise() -> None:
    euros = snapshot(
        other_cash={"EUR": Cash(Decimal(500), Decimal(0))}, rates={"EUR": "1.1"}, markets={"EUR/USD": market("1.1")}
    )
    found = change(euros, {}, {"cash": {"convert": True}})
    assert [act.after.kind for act in found.actions if act.after] == ["convert_cash"]
    assert (found.positions, found.is_change) == ((), True)


def test_the_state_alone_is_a_difference() -> None:
    tiny = market(100, min_amount="0.001", min_notional=50)
    dust = snapshot(position("AAA/USD", "0.005"), markets={"AAA/USD": tiny}, tracked=["AAA/USD"])
    found = change(dust, {}, {"clean": {"tolerate_untradeable_dust": False}})
    assert (found.actions, found.positions) == ((), ())
    assert found.is_change


def test_a_guard_that_refuses_only_under_the_new_policy_makes_it_newly_refused_and_sells_nothing() -> None:
    found = change(two(), {}, {"parameters": {"max_positions": 1}, "guards": {"max_actions": 0}})
    assert found.is_newly_refused
    assert found.sold == (Sold(), Sold())
    assert not change(two(), {"guards": {"max_actions": 0}}, {}).is_newly_refused


def test_a_reading_tells_which_guards_refuse() -> None:
    for limit, refused in ((0, ("max_actions",)), (5, ())):
        book = rulebook_of(policy(parameters={"max_positions": 1}, guards={"max_actions": limit}))
        assert reading_of(draft_plan(PlanInput(book, two(), NOW))).refused_by == refused
