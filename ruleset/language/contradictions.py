"""Find conditions that no position and no order can fulfil, whatever its facts are.

What is found is certain; what only a search over all combinations would show is not looked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from exitplan.ruleset.language.conditions import OPERATORS, Condition, Group, Leaf, Lowered, Op, literal_text, lower
from exitplan.ruleset.model.fact_registry import Fact, FactValue
from exitplan.ruleset.model.values import MICRO

_MOST_NODES = 500
_TRUTH = frozenset({True, False})


def find_contradiction(condition: Condition, facts: Mapping[str, Fact]) -> str | None:
    """Return the comparisons of one fact that exclude each other, as text; None where the condition may hold.

    A condition that is too large for a person to read is taken as one that may.
    """
    return None if condition.nodes > _MOST_NODES else _contradiction(lower(condition), (), facts)


def _contradiction(lowered: Lowered, given: tuple[Leaf, ...], facts: Mapping[str, Fact]) -> str | None:
    """Look for a contradiction in a condition, where the comparisons in ``given`` hold as well."""
    if isinstance(lowered, bool):
        return None if lowered else "a comparison with more decimal places than facts have"
    if isinstance(lowered, Leaf):
        return _among((*given, lowered), facts)
    if not lowered.every:
        found = [_contradiction(part, given, facts) for part in lowered.parts]
        return None if None in found else found[0]
    together = (*given, *(part for part in lowered.parts if isinstance(part, Leaf)))
    inner = (_contradiction(part, together, facts) for part in lowered.parts if isinstance(part, Group))
    return _among(together, facts) or next((found for found in inner if found is not None), None)


def _among(leaves: Iterable[Leaf], facts: Mapping[str, Fact]) -> str | None:
    by_fact: dict[str, list[Leaf]] = {}
    for leaf in leaves:
        by_fact.setdefault(leaf.fact, []).append(leaf)
    return next((_text(own) for name, own in by_fact.items() if not _can_hold(own, facts[name])), None)


def _can_hold(leaves: Sequence[Leaf], fact: Fact) -> bool:
    """Check whether some value of a fact, or its absence, fulfils all comparisons with it."""
    absent = [leaf.op is Op.EXISTS and not leaf.value for leaf in leaves]
    if any(absent):
        return all(absent)
    compared = [leaf for leaf in leaves if leaf.op is not Op.EXISTS]
    if fact.type == "number":
        return _has_number(compared)
    possible: frozenset[FactValue] = _TRUTH if fact.type == "bool" else frozenset(fact.values)
    equal = {leaf.value for leaf in compared if leaf.op is Op.EQ}
    other = {leaf.value for leaf in compared if leaf.op is Op.NE}
    if equal:
        return len(equal) == 1 and not equal & other
    return not possible or bool(possible - other)


def _has_number(leaves: Iterable[Leaf]) -> bool:
    """Check whether a whole number of millionths fulfils all comparisons."""
    lowest, highest = Decimal("-Infinity"), Decimal("Infinity")
    excluded = set[Decimal]()
    for leaf in leaves:
        value = Decimal(leaf.value)
        if leaf.op is Op.NE:
            excluded.add(value)
        if leaf.op in {Op.EQ, Op.GTE, Op.GT}:
            lowest = max(lowest, value + (leaf.op is Op.GT))
        if leaf.op in {Op.EQ, Op.LTE, Op.LT}:
            highest = min(highest, value - (leaf.op is Op.LT))
    return lowest < highest or (lowest == highest and lowest not in excluded)


def _text(leaves: Iterable[Leaf]) -> str:
    return " and ".join(dict.fromkeys(map(_leaf_text, leaves)))


def _leaf_text(leaf: Leaf) -> str:
    if leaf.op is Op.EXISTS:
        return f"{leaf.fact} is known" if leaf.value else f"{leaf.fact} is absent"
    is_number = isinstance(leaf.value, int) and not isinstance(leaf.value, bool)
    value = Decimal(leaf.value) / MICRO if is_number else leaf.value
    return f"{leaf.fact} {OPERATORS[leaf.op].sign} {literal_text(value)}"
