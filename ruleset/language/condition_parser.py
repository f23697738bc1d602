"""Read conditions from a policy document into the typed tree, collecting every problem.

Everything that could go wrong later is refused here: unknown facts, operators, parameters and definitions, values of
the wrong type, empty lists, cycles, and conditions too large for anybody to read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from exitplan.ruleset.language.conditions import (
    MAX_LEVELS,
    MAX_NODES,
    OPERATORS,
    AllOf,
    AnyOf,
    Condition,
    Not,
    Op,
    Scalar,
    Test,
    is_finer_than_facts,
)
from exitplan.ruleset.language.problems import Path, Problem, did_you_mean
from exitplan.ruleset.language.slips import comparison_hint, operator_hint, truth_hint
from exitplan.ruleset.model.fact_registry import Fact
from exitplan.ruleset.model.values import MICRO, unified_symbol

LARGEST = Decimal(2**53 // MICRO)
"""Numbers in conditions stay below this: the rule engine is exact for integers below 2^53 millionths.

Whole, so that a literal between two millionths and facts cut off at the limit cannot meet at the border.
"""

_UNITS = "write a plain number: 0.01 for 1 %, 1.00 for one dollar, 30 for thirty minutes"


@dataclass
class Scope:
    """What a condition may refer to, and what was found wrong while reading."""

    facts: Mapping[str, Fact]
    parameters: Mapping[str, Any]
    definitions: Mapping[str, Any]
    problems: list[Problem] = field(default_factory=list)
    used_parameters: set[str] = field(default_factory=set)
    used_definitions: set[str] = field(default_factory=set)
    _read: dict[str, Condition | None] = field(default_factory=dict)
    _open: list[str] = field(default_factory=list)

    def error(self, path: Path, message: str, hint: str | None = None, *, on_key: bool = False) -> None:
        """Note an error."""
        self.problems.append(Problem(path, message, hint=hint, on_key=on_key))

    def warning(self, path: Path, message: str, hint: str | None = None) -> None:
        """Note a warning."""
        self.problems.append(Problem(path, message, severity="warning", hint=hint))


def parse_condition(raw: Any, path: Path, scope: Scope) -> Condition | None:  # noqa: ANN401 - a node of a YAML document
    """Read one condition; None where it has errors, which are then in ``scope.problems``."""
    before = len(scope.problems)
    condition = _parse(raw, path, scope, level=1)
    if condition is None or any(problem.severity == "error" for problem in scope.problems[before:]):
        return None
    if condition.nodes > MAX_NODES:
        scope.error(path, f"the condition has {condition.nodes} parts; at most {MAX_NODES} are allowed")
        return None
    if condition.levels > MAX_LEVELS:
        scope.error(path, f"the condition is nested {condition.levels} levels deep; at most {MAX_LEVELS} are allowed")
        return None
    return condition


def _parse(raw: Any, path: Path, scope: Scope, level: int) -> Condition | None:  # noqa: ANN401 - as above
    if level > MAX_LEVELS + 1:  # the innermost facts are not a level of their own
        scope.error(path, f"the condition is nested more than {MAX_LEVELS} levels deep")
        return None
    if isinstance(raw, str):
        return _definition(raw, path, scope, level)
    if not isinstance(raw, Mapping):
        hint = "write a mapping of facts, or the name of one definition"
        if isinstance(raw, list):
            hint = "a list has no meaning of its own: write {all: [...]} or {any: [...]}"
        scope.error(path, f"a condition is expected, found {_kind(raw)}", hint)
        return None
    if not raw:
        scope.error(path, "an empty condition would match everything", "name at least one fact")
        return None
    parts = [_entry(key, value, (*path, key), scope, level) for key, value in raw.items()]
    return _joined(AllOf, parts, path)


def _joined(kind: type[AllOf], parts: list[Condition | None], path: Path) -> Condition | None:
    kept = [part for part in parts if part is not None]
    if len(kept) != len(parts):
        return None
    return kept[0] if len(kept) == 1 else kind(tuple(kept), path)


def _entry(key: str, value: Any, path: Path, scope: Scope, level: int) -> Condition | None:  # noqa: ANN401 - as above
    if key in {"all", "any"}:
        if not isinstance(value, list) or not value:
            scope.error(path, f"{key!r} takes a list of one or more conditions, found {_kind(value)}")
            return None
        parts = [_parse(item, (*path, index), scope, level + 1) for index, item in enumerate(value)]
        return _joined(AllOf if key == "all" else AnyOf, parts, path)
    if key == "not":
        part = _parse(value, path, scope, level + 1)
        return None if part is None else Not(part, path)
    fact = scope.facts.get(key)
    if fact is None:
        scope.error(path, f"unknown fact {key!r}", _unknown_fact_hint(key, scope), on_key=True)
        return None
    return _fact_tests(fact, value, path, scope)


def _unknown_fact_hint(key: str, scope: Scope) -> str:
    if key in OPERATORS:
        return f"{key!r} is an operator: it goes below a fact, such as value_usd: {{{key}: 1}}"
    if key in scope.definitions:
        return f"{key!r} is a definition: write it as a bare word, alone or in a list under all or any"
    return did_you_mean(key, [*scope.facts, "all", "any", "not"]) or f"known are {', '.join(scope.facts)}"


def _fact_tests(fact: Fact, value: Any, path: Path, scope: Scope) -> Condition | None:  # noqa: ANN401 - as above
    if not isinstance(value, Mapping):
        return _test(fact, Op.EQ, value, path, scope)
    if not value:
        scope.error(path, f"{fact.name!r} is compared with nothing", f"operators are {', '.join(OPERATORS)}")
        return None
    parts: list[Condition | None] = []
    for name, operand in value.items():
        here = (*path, name)
        operator = OPERATORS.get(name)
        if operator is None:
            hint = operator_hint(str(name)) or did_you_mean(str(name), OPERATORS)
            hint = hint or f"operators are {', '.join(OPERATORS)}"
            scope.error(here, f"unknown operator {name!r}", hint, on_key=True)
            parts.append(None)
        elif fact.type not in operator.types:
            fitting = ", ".join(key for key, other in OPERATORS.items() if fact.type in other.types)
            message = f"{name!r} does not compare {fact.type} facts such as {fact.name!r}"
            scope.error(here, message, f"use {fitting}", on_key=True)
            parts.append(None)
        else:
            parts.append(_test(fact, operator.op, operand, here, scope))
    return _joined(AllOf, parts, path)


def _test(fact: Fact, op: Op, raw: Any, path: Path, scope: Scope) -> Condition | None:  # noqa: ANN401 - as above
    if op is Op.EXISTS:
        expected = _resolved(raw, path, scope)
        if isinstance(expected, bool):
            return Test(fact.name, op, expected, path)
        scope.error(path, f"'exists' takes true or false, found {_kind(expected)}")
        return None
    if op in {Op.IN, Op.NOT_IN}:
        return _list_test(fact, op, raw, path, scope)
    value = _value(fact, raw, path, scope)
    return None if value is None else Test(fact.name, op, value, path)


def _list_test(fact: Fact, op: Op, raw: Any, path: Path, scope: Scope) -> Condition | None:  # noqa: ANN401 - as above
    items = _resolved(raw, path, scope)
    if items is None and isinstance(raw, str):
        return None
    if not isinstance(items, list) or not items:
        scope.error(path, f"{op.value!r} takes a list of one or more values, found {_kind(items)}")
        return None
    inner = path if isinstance(raw, str) else None
    values = [_value(fact, item, inner or (*path, index), scope) for index, item in enumerate(items)]
    kept = tuple(value for value in values if value is not None)
    return Test(fact.name, op, kept, path) if len(kept) == len(values) else None


def _resolved(raw: Any, path: Path, scope: Scope) -> Any:  # noqa: ANN401 - as above
    """Put a parameter's value in the place of ``$name``; None (and an error) where there is none."""
    if not isinstance(raw, str) or not raw.startswith("$"):
        return raw
    name = raw[1:]
    scope.used_parameters.add(name)
    if name not in scope.parameters:
        hint = did_you_mean(name, scope.parameters) or f"known are {', '.join(scope.parameters)}"
        scope.error(path, f"unknown parameter {raw!r}", hint)
        return None
    return scope.parameters[name]


def _value(fact: Fact, raw: Any, path: Path, scope: Scope) -> Scalar | None:  # noqa: ANN401 - as above
    value = _resolved(raw, path, scope)
    if value is None:
        if raw is None:
            scope.error(
                path, f"{fact.name!r} is compared with null", "to ask whether it is known write {exists: false}"
            )
        return None
    named = f" (the value of {raw})" if value is not raw else ""
    if fact.type == "number" and not isinstance(value, bool) and isinstance(value, int | Decimal):
        return _number(Decimal(value), path, scope)
    if fact.type == "bool" and isinstance(value, bool):
        return value
    if fact.type == "text" and isinstance(value, str):
        return _text(fact, value, path, scope)
    hint = _UNITS if fact.type == "number" else None
    if isinstance(value, list):
        hint = "a list is compared with in or not_in"
    elif isinstance(value, str):
        hint = comparison_hint(value) or (truth_hint(value) if fact.type == "bool" else hint)
    scope.error(path, f"{fact.name!r} is a {fact.type} fact, but is compared with {_kind(value)}{named}", hint)
    return None


def _number(value: Decimal, path: Path, scope: Scope) -> Decimal | None:
    if abs(value) >= LARGEST:
        scope.error(path, f"{value} is too large: numbers in conditions stay below {LARGEST}")
        return None
    if is_finer_than_facts(value):
        scope.warning(path, f"{value} is finer than facts are", "facts have six decimal places, rounded down")
    return value


def _text(fact: Fact, value: str, path: Path, scope: Scope) -> str | None:
    if fact.name == "symbol":
        symbol = unified_symbol(value)
        if symbol == symbol.lower() != symbol.upper():
            message = f"{value} is in lower case, as no symbol is: it matches nothing"
            scope.warning(path, message, f"did you mean {symbol.upper()!r}?")
        return symbol
    if fact.values and value not in fact.values:
        hint = did_you_mean(value, fact.values)
        scope.error(path, f"{fact.name!r} is never {value!r}; it is one of {', '.join(fact.values)}", hint)
        return None
    return value


def _definition(name: str, path: Path, scope: Scope, level: int) -> Condition | None:
    if name not in scope.definitions:
        known = ", ".join(scope.definitions) or "none"
        scope.error(
            path, f"unknown definition {name!r}", did_you_mean(name, scope.definitions) or f"defined are {known}"
        )
        return None
    scope.used_definitions.add(name)
    if name in scope._open:  # noqa: SLF001 - the scope belongs to this parser
        loop = " -> ".join([*scope._open[scope._open.index(name) :], name])  # noqa: SLF001 - as above
        scope.error(path, f"the definitions go in a circle: {loop}")
        return None
    if len(scope._open) == MAX_LEVELS:  # noqa: SLF001 - as above
        scope.error(path, f"definitions name one another more than {MAX_LEVELS} levels deep")
        return None
    if name not in scope._read:  # noqa: SLF001 - as above
        scope._open.append(name)  # noqa: SLF001 - as above
        scope._read[name] = _parse(scope.definitions[name], ("definitions", name), scope, level)  # noqa: SLF001 - as above
        scope._open.pop()  # noqa: SLF001 - as above
    return scope._read[name]  # noqa: SLF001 - as above


def _kind(value: Any) -> str:  # noqa: ANN401 - any node of a document
    if value is None:
        return "null"
    if isinstance(value, bool):
        return f"the truth value {str(value).lower()}"
    if isinstance(value, int | Decimal):
        return f"the number {value}"
    if isinstance(value, str):
        return f"the text {value!r}"
    if isinstance(value, list):
        return "an empty list" if not value else "a list"
    return "a mapping"
