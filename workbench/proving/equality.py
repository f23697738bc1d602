"""Prove that two policies do the same with every position and every order."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

from exitplan.ruleset.language.policy import Policy, Rule
from exitplan.ruleset.model.fact_registry import Category
from exitplan.workbench.proving.cells import cut, cut_orders
from exitplan.workbench.proving.policy_model import Decided, OrderModel, PolicyModel, Questions
from exitplan.workbench.proving.solver import Solver
from exitplan.workbench.proving.theory import Facts, demand_sense, demand_sense_of_orders

Effect = Callable[[Rule], Hashable]


def do_the_same(one: Policy, other: Policy, effect: Effect) -> bool:
    """Check that two policies give each position the same category and exit, and cancel the same orders.

    Their settings are the same; ``effect`` tells what a rule does. Raises NotDecided.
    """
    facts = Facts(Solver(), cut([one, other]))
    demand_sense(facts, one)
    first, second = PolicyModel(facts, one), PolicyModel(facts, other)
    for category in Category:
        if _differ(first, first.categories[category.value], second.categories[category.value]):
            return False
    if not _same_effects(first, first.exits, second.exits, effect):
        return False
    facts = Facts(Solver(), cut_orders([one, other]))
    demand_sense_of_orders(facts, one)
    orders = OrderModel(facts, one)
    return _same_effects(orders, orders.orders, OrderModel(facts, other).orders, effect)


def _same_effects(model: Questions, one: Decided, other: Decided, effect: Effect) -> bool:
    effects = {effect(rule) for rule in (*one.rules, *other.rules)}
    return not any(
        _differ(model, _doing(model, one, wanted, effect), _doing(model, other, wanted, effect)) for wanted in effects
    )


def _doing(model: Questions, decided: Decided, wanted: Hashable, effect: Effect) -> int:
    literals: Sequence[tuple[Rule, int]] = list(zip(decided.rules, decided.decides, strict=True))
    return model.facts.any_of(literal for rule, literal in literals if effect(rule) == wanted)


def _differ(model: Questions, one: int, other: int) -> bool:
    return model.possible(one, -other) or model.possible(-one, other)
