"""Conditions: the typed tree between YAML and everything that evaluates it.

A condition is read once, by ``condition_parser``. From that one tree come the rule engine's rules (``engine.durable``,
by way of :func:`lower`), the generated Python evaluator (``engine.evaluator``) and the trace that ``explain`` shows
(``engine.trace``).

Three-valued facts, two-valued answers: a fact that is absent makes every comparison with it false; ``exists`` asks for
presence; ``not`` negates the whole condition inside it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import cached_property

from exitplan.ruleset.language.problems import Path
from exitplan.ruleset.model.fact_registry import FactType, FactValue
from exitplan.ruleset.model.values import EXACT, MICRO, plain

MAX_LEVELS = 50
MAX_NODES = 10_000

Scalar = Decimal | int | str | bool
"""A value as the policy writes it; numbers are not yet scaled."""


class Op(StrEnum):
    """The operators of the policy language."""

    EQ = "eq"
    NE = "ne"
    LT = "lt"
    LTE = "lte"
    GT = "gt"
    GTE = "gte"
    IN = "in"
    NOT_IN = "not_in"
    EXISTS = "exists"


@dataclass(frozen=True, slots=True)
class Operator:
    """What an operator means, which types of facts it takes, and how ``explain`` writes it."""

    op: Op
    meaning: str
    types: tuple[FactType, ...]
    sign: str


_ALL_TYPES: tuple[FactType, ...] = ("number", "text", "bool")
OPERATORS: Mapping[str, Operator] = {
    operator.op.value: operator
    for operator in (
        Operator(Op.EQ, "Equal; the same as writing the value alone.", _ALL_TYPES, "="),
        Operator(Op.NE, "Known and not equal.", _ALL_TYPES, "!="),
        Operator(Op.LT, "Less than.", ("number",), "<"),
        Operator(Op.LTE, "Less than or equal.", ("number",), "<="),
        Operator(Op.GT, "Greater than.", ("number",), ">"),
        Operator(Op.GTE, "Greater than or equal.", ("number",), ">="),
        Operator(Op.IN, "One of a list.", ("number", "text"), "in"),
        Operator(Op.NOT_IN, "Known and none of a list.", ("number", "text"), "not in"),
        Operator(Op.EXISTS, "true: the fact is known; false: it is absent.", _ALL_TYPES, "exists"),
    )
}


@dataclass(frozen=True)
class Test:
    """Compare one fact with a value: a literal, for ``in`` and ``not_in`` a tuple, for ``exists`` a truth value."""

    fact: str
    op: Op
    value: Scalar | tuple[Scalar, ...]
    path: Path = ()
    nodes: int = 1
    levels: int = 0

    @cached_property
    def text(self) -> str:
        """The test as a person reads it: ``value_usd < 1``."""
        if self.op is Op.EXISTS:
            return f"{self.fact} is known" if self.value else f"{self.fact} is absent"
        return f"{self.fact} {OPERATORS[self.op].sign} {literal_text(self.value)}"


@dataclass(frozen=True)
class AllOf:
    """True where every part is true."""

    parts: tuple[Condition, ...]
    path: Path = ()

    @cached_property
    def nodes(self) -> int:
        """The number of nodes, this one included."""
        return 1 + sum(part.nodes for part in self.parts)

    @cached_property
    def levels(self) -> int:
        """The depth of nesting."""
        return 1 + max(part.levels for part in self.parts)

    @property
    def text(self) -> str:
        """The condition as a person reads it."""
        return " and ".join(_bracketed(part) for part in self.parts)


@dataclass(frozen=True)
class AnyOf(AllOf):
    """True where at least one part is true."""

    @property
    def text(self) -> str:
        """The condition as a person reads it."""
        return " or ".join(_bracketed(part) for part in self.parts)


@dataclass(frozen=True)
class Not:
    """True where its part is false."""

    part: Condition
    path: Path = ()

    @cached_property
    def nodes(self) -> int:
        """The number of nodes, this one included."""
        return 1 + self.part.nodes

    @cached_property
    def levels(self) -> int:
        """The depth of nesting."""
        return 1 + self.part.levels

    @property
    def text(self) -> str:
        """The condition as a person reads it."""
        return f"not {_bracketed(self.part)}"


Condition = Test | AllOf | Not
"""A condition; :class:`AnyOf` is an :class:`AllOf` that asks for one part only."""


def facts_in(conditions: Iterable[Condition]) -> set[str]:
    """Name the facts that conditions compare."""
    names: set[str] = set()
    todo = list(conditions)
    while todo:
        condition = todo.pop()
        if isinstance(condition, Test):
            names.add(condition.fact)
        elif isinstance(condition, Not):
            todo.append(condition.part)
        else:
            todo.extend(condition.parts)
    return names


def _bracketed(part: Condition) -> str:
    return part.text if isinstance(part, Test) else f"({part.text})"


def literal_text(value: Scalar | tuple[Scalar, ...]) -> str:
    """Write a value of a policy as a person reads it."""
    if isinstance(value, tuple):
        return "[" + ", ".join(literal_text(item) for item in value) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return plain(value) if isinstance(value, Decimal) else str(value)


# --- Lowering: negation pushed inward, numbers scaled to integers, lists unfolded
# ---------------------------------------


@dataclass(frozen=True, slots=True)
class Leaf:
    """One comparison of a fact with a scaled literal; ``exists`` with True or False asks for presence or absence."""

    fact: str
    op: Op
    value: FactValue


@dataclass(frozen=True, slots=True)
class Group:
    """A conjunction (``every``) or disjunction of lowered conditions, never empty."""

    every: bool
    parts: tuple[Lowered, ...]


Lowered = Leaf | Group | bool
"""A condition without ``not`` and lists; a bare truth value where it does not depend on any fact."""

_NEGATED = {Op.EQ: Op.NE, Op.NE: Op.EQ, Op.LT: Op.GTE, Op.GTE: Op.LT, Op.GT: Op.LTE, Op.LTE: Op.GT}


def lower(condition: Condition, *, negate: bool = False) -> Lowered:
    """Push ``not`` inward and scale numbers: not(x < 5) becomes x >= 5 or x absent.

    A literal finer than a millionth is compared exactly all the same: x < 0.0000005 holds for 0 and not for 0.000001.
    """
    if isinstance(condition, Not):
        return lower(condition.part, negate=not negate)
    if isinstance(condition, AllOf):
        every = isinstance(condition, AnyOf) == negate
        return join(every, [lower(part, negate=negate) for part in condition.parts])
    if condition.op is Op.EXISTS:
        return Leaf(condition.fact, Op.EXISTS, bool(condition.value) != negate)
    if isinstance(condition.value, tuple):
        # in: one of them equal; not_in: known and all of them different. Negated, each part is negated.
        op, every = (Op.EQ, False) if condition.op is Op.IN else (Op.NE, True)
        return join(every != negate, [_lower_test(condition.fact, op, item, negate) for item in condition.value])
    return _lower_test(condition.fact, condition.op, condition.value, negate)


def join(every: bool, parts: list[Lowered]) -> Lowered:  # noqa: FBT001 - the sense of the group, always named by its callers
    """Make a group of parts; truth values are folded and groups of the same sense are flattened."""
    kept: list[Lowered] = []
    for part in parts:
        if isinstance(part, bool):
            if part != every:
                return part
        elif isinstance(part, Group) and part.every == every:
            kept.extend(part.parts)
        else:
            kept.append(part)
    unique = tuple(dict.fromkeys(kept))
    if not unique:
        return every
    return unique[0] if len(unique) == 1 else Group(every, unique)


def _lower_test(fact: str, op: Op, value: Scalar, negate: bool) -> Lowered:  # noqa: FBT001 - as above
    leaf = _leaf(fact, op, value)
    if not negate:
        return leaf
    absent = Leaf(fact, Op.EXISTS, value=False)
    if isinstance(leaf, bool):
        return not leaf
    if leaf.op is Op.EXISTS:
        return Leaf(fact, Op.EXISTS, not leaf.value)
    return join(False, [Leaf(fact, _NEGATED[leaf.op], leaf.value), absent])  # noqa: FBT003 - any of the two


def scaled(number: Decimal | int) -> Decimal:
    """Scale a number to millionths, exactly: a literal may have more digits than Python's usual arithmetic keeps."""
    return EXACT.multiply(Decimal(number), Decimal(MICRO))


def is_finer_than_facts(number: Decimal) -> bool:
    """Check whether a number has more than the six decimal places of facts."""
    millionths = scaled(number)
    return millionths != millionths.to_integral_value()


def _leaf(fact: str, op: Op, value: Scalar) -> Leaf | bool:
    if isinstance(value, bool | str):
        return Leaf(fact, op, value)
    exact = scaled(value)
    if exact == exact.to_integral_value():
        return Leaf(fact, op, int(exact))
    if op is Op.EQ:
        return False
    if op is Op.NE:
        return Leaf(fact, Op.EXISTS, value=True)
    # Facts are whole millionths: below 7.3 is below 8, up to 7.3 is up to 7.
    return Leaf(fact, op, math.ceil(exact) if op in {Op.LT, Op.GTE} else math.floor(exact))
