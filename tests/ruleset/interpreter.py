"""A third reading of conditions: plain, slow, over the document as written, and sharing no line with the core.

Facts are the core's (millionths, texts, truth values); numbers are compared as fractions, so nothing is ever rounded.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

Node = Any
"""A node of a YAML document, or a fact."""

_SIGNS: Mapping[str, Callable[[Any, Any], bool]] = {
    "lt": operator.lt,
    "lte": operator.le,
    "gt": operator.gt,
    "gte": operator.ge,
    "eq": operator.eq,
    "ne": operator.ne,
}


def holds(node: Node, facts: Mapping[str, Any], definitions: Mapping[str, Any]) -> bool:
    """Say whether a condition as a YAML document holds."""
    if isinstance(node, str):
        return holds(definitions[node], facts, definitions)
    return all(_entry(key, value, facts, definitions) for key, value in node.items())


def _entry(key: str, value: Node, facts: Mapping[str, Any], definitions: Mapping[str, Any]) -> bool:
    if key == "all":
        return all(holds(part, facts, definitions) for part in value)
    if key == "any":
        return any(holds(part, facts, definitions) for part in value)
    if key == "not":
        return not holds(value, facts, definitions)
    wanted = value if isinstance(value, Mapping) else {"eq": value}
    return all(_compare(name, facts.get(key), operand) for name, operand in wanted.items())


def _compare(name: str, fact: Node, operand: Node) -> bool:
    if name == "exists":
        return (fact is not None) is operand
    if fact is None:
        return False
    found = Fraction(fact, 10**6) if isinstance(fact, int) and not isinstance(fact, bool) else fact
    if name == "in":
        return any(found == _exact(item) for item in operand)
    if name == "not_in":
        return all(found != _exact(item) for item in operand)
    return _SIGNS[name](found, _exact(operand))


def _exact(literal: Node) -> Node:
    is_number = isinstance(literal, int | Decimal) and not isinstance(literal, bool)
    return Fraction(literal) if is_number else literal
