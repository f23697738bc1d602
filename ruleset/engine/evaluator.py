"""Conditions turned into one Python function: the check on the rule engine.

The function is generated from the condition tree as the policy writes it, not from the lowered form that the engine
gets, so that a mistake in either way of evaluating shows as a disagreement.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from exitplan.ruleset.language.conditions import AllOf, AnyOf, Condition, Not, Op, Scalar, Test, facts_in
from exitplan.ruleset.model.fact_registry import Facts
from exitplan.ruleset.model.values import EXACT, MICRO

Evaluator = Callable[[Sequence[Facts]], list[int]]
"""Gives for each position the rules that match it, as a bit mask."""

_SIGNS = {Op.LT: "<", Op.LTE: "<=", Op.GT: ">", Op.GTE: ">="}


def generate(conditions: Sequence[Condition]) -> Evaluator:
    """Compile conditions into an evaluator."""
    names = {fact: f"f{number}" for number, fact in enumerate(sorted(facts_in(conditions)))}
    constants: dict[str, object] = {}
    lines = [
        "def evaluate(positions):",
        "    masks = []",
        "    for facts in positions:",
        "        get = facts.get",
        *(f"        {name} = get({fact!r})" for fact, name in names.items()),
        "        mask = 0",
    ]
    for number, condition in enumerate(conditions):
        lines.append(f"        if {_expression(condition, names, constants)}: mask |= {1 << number}")
    lines += ["        masks.append(mask)", "    return masks"]
    exec("\n".join(lines), constants)  # noqa: S102 - made of registered fact names and literals by repr, nothing else
    evaluator: Evaluator = constants["evaluate"]  # type: ignore[assignment] # defined by the text above
    return evaluator


def _expression(condition: Condition, names: dict[str, str], constants: dict[str, object]) -> str:
    if isinstance(condition, Not):
        return f"not ({_expression(condition.part, names, constants)})"
    if isinstance(condition, AllOf):
        word = " or " if isinstance(condition, AnyOf) else " and "
        return word.join(f"({_expression(part, names, constants)})" for part in condition.parts)
    return _comparison(condition, names[condition.fact], constants)


def _comparison(test: Test, name: str, constants: dict[str, object]) -> str:
    if test.op is Op.EXISTS:
        return f"{name} is not None" if test.value else f"{name} is None"
    if isinstance(test.value, tuple):
        constant = f"c{len(constants)}"
        constants[constant] = frozenset(_literal(item) for item in test.value)
        return f"{name} in {constant}" if test.op is Op.IN else f"({name} is not None and {name} not in {constant})"
    constant = f"c{len(constants)}"
    constants[constant] = _literal(test.value)
    if test.op is Op.EQ:
        return f"{name} == {constant}"
    sign = "!=" if test.op is Op.NE else _SIGNS[test.op]
    return f"({name} is not None and {name} {sign} {constant})"


def _literal(value: Scalar) -> object:
    """Scale a number to millionths: an integer where it is one, else the exact decimal."""
    if isinstance(value, str | bool):
        return value
    exact = EXACT.multiply(Decimal(value), Decimal(MICRO))
    return int(exact) if exact == exact.to_integral_value() else exact
