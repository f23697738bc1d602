"""Walk a condition over facts and keep what each part said: what ``explain`` shows."""

from __future__ import annotations

from msgspec import Struct

from exitplan.ruleset.language.conditions import AllOf, AnyOf, Condition, Not, Op, Scalar, Test, scaled
from exitplan.ruleset.language.problems import Path
from exitplan.ruleset.model.fact_registry import Facts, FactValue
from exitplan.ruleset.model.values import micro_text


class Trace(Struct, frozen=True, gc=False):
    """What one part of a condition said about one position; ``found`` is the value of the fact it compares."""

    text: str
    holds: bool
    path: Path
    found: str | None = None
    parts: tuple[Trace, ...] = ()


def trace(condition: Condition, facts: Facts) -> Trace:
    """Evaluate every part of a condition, the parts that no longer matter included."""
    if isinstance(condition, Not):
        inner = trace(condition.part, facts)
        return Trace("not", not inner.holds, condition.path, parts=(inner,))
    if isinstance(condition, AllOf):
        parts = tuple(trace(part, facts) for part in condition.parts)
        either = isinstance(condition, AnyOf)
        truths = [part.holds for part in parts]
        return Trace("any of" if either else "all of", (any if either else all)(truths), condition.path, parts=parts)
    value = facts.get(condition.fact)
    return Trace(condition.text, holds(condition, value), condition.path, fact_text(value))


def fact_text(value: FactValue | None) -> str:
    """Write a fact's value as a person reads it."""
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else micro_text(value)


def is_true(condition: Condition, facts: Facts) -> bool:
    """Decide a condition, stopping at the first part that settles it."""
    if isinstance(condition, Not):
        return not is_true(condition.part, facts)
    if isinstance(condition, AnyOf):
        return any(is_true(part, facts) for part in condition.parts)
    if isinstance(condition, AllOf):
        return all(is_true(part, facts) for part in condition.parts)
    return holds(condition, facts.get(condition.fact))


def holds(test: Test, value: FactValue | None) -> bool:
    """Decide one comparison; with an absent fact it is false, but for ``exists: false``."""
    if test.op is Op.EXISTS:
        return (value is not None) == bool(test.value)
    if value is None:
        return False
    if isinstance(test.value, tuple):
        return any(_equal(value, item) for item in test.value) == (test.op is Op.IN)
    if test.op in {Op.EQ, Op.NE}:
        return _equal(value, test.value) == (test.op is Op.EQ)
    return _ordered(test.op, int(value), test.value)


def _equal(value: FactValue, literal: Scalar) -> bool:
    return value == (literal if isinstance(literal, str | bool) else scaled(literal))


def _ordered(op: Op, value: int, literal: Scalar | tuple[Scalar, ...]) -> bool:
    if isinstance(literal, str | tuple):
        raise TypeError(f"{op} takes a number, found {literal!r}")
    bound = scaled(literal)
    if op is Op.LT:
        return value < bound
    if op is Op.LTE:
        return value <= bound
    return value > bound if op is Op.GT else value >= bound
