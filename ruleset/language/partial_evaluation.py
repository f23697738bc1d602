"""Conditions over facts that nobody has asked for yet: true, false, or not to be told without them.

The logic is Kleene's strong one. An absent fact makes a comparison false; a fact that is not yet asked makes it
unknown, presence included. What comes out as true or false stays so whatever the answers are.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TypeVar

from exitplan.ruleset.engine.trace import holds
from exitplan.ruleset.language.conditions import AllOf, AnyOf, Condition, Not
from exitplan.ruleset.language.policy import Rule
from exitplan.ruleset.model.fact_registry import Facts

R = TypeVar("R", bound=Rule)


def truth(condition: Condition, facts: Facts, unasked: Collection[str]) -> bool | None:
    """Decide a condition; None where it depends on the facts named in ``unasked``."""
    if isinstance(condition, Not):
        inner = truth(condition.part, facts, unasked)
        return None if inner is None else not inner
    if isinstance(condition, AllOf):
        settles, is_known = isinstance(condition, AnyOf), True
        for part in condition.parts:
            inner = truth(part, facts, unasked)
            if inner is settles:
                return settles
            is_known = is_known and inner is not None
        return not settles if is_known else None
    return None if condition.fact in unasked else holds(condition, facts.get(condition.fact))


def possible_rules(rules: Sequence[R], facts: Facts, unasked: Collection[str]) -> list[R | None]:
    """Return the rules of a list that may turn out to decide; None among them stands for no rule at all."""
    deciding: list[R | None] = []
    for rule in rules:
        holding = truth(rule.when, facts, unasked)
        if holding is not False:
            deciding.append(rule)
        if holding:
            return deciding
    return [*deciding, None]
