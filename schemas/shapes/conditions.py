"""The shape of conditions, made from the registry of facts and operators."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from exitplan.ruleset.language.conditions import OPERATORS, Operator
from exitplan.ruleset.model.fact_registry import Fact, FactType
from exitplan.schemas.shapes.common import Schema

PARAMETER_PATTERN = r"^\$[A-Za-z_][A-Za-z0-9_]*$"
DEFINITION_PATTERN = r"^[A-Za-z_][A-Za-z0-9_.-]*$"
_PARAMETER: Schema = {
    "type": "string",
    "pattern": PARAMETER_PATTERN,
    "patternErrorMessage": "a parameter is written $name",
    "description": "The value of a parameter.",
}


def condition_schema(own_name: str, facts: Mapping[str, Fact], about: str) -> Schema:
    """Describe a condition over the given facts; ``own_name`` is where it stands among the schema's definitions."""
    itself: Schema = {"$ref": f"#/definitions/{own_name}"}
    listed: Schema = {"type": "array", "minItems": 1, "items": itself}
    properties = {
        "all": {**listed, "description": "True where every one of these is true."},
        "any": {**listed, "description": "True where at least one of these is true."},
        "not": {**itself, "description": "True where this is false; facts that are absent make it true."},
        **{fact.name: _fact(fact) for fact in facts.values()},
    }
    return {
        "description": f"{about} A mapping means all of it; a bare word is a definition.",
        "type": ["object", "string"],
        "pattern": DEFINITION_PATTERN,
        "patternErrorMessage": "a mapping of facts or the name of a definition is expected",
        "minProperties": 1,
        "properties": properties,
        "additionalProperties": False,
        "x-names": "fact",
    }


def shared_definitions() -> dict[str, Schema]:
    """Describe what facts are compared with, once for each type of fact."""
    return {
        "number_test": {"anyOf": _comparisons("number", [{"type": "number"}, _PARAMETER])},
        "truth_test": {"anyOf": _comparisons("bool", [{"type": "boolean"}, _PARAMETER])},
        "text_test": {"anyOf": _comparisons("text", [{"type": "string"}])},
    }


def either(first: Mapping[str, Fact], second: Mapping[str, Fact]) -> dict[str, Fact]:
    """Return the facts of both tables; a fact of both may have the values of either."""
    facts = {**first, **second}
    for name in first.keys() & second.keys():
        facts[name] = replace(first[name], values=(*first[name].values, *second[name].values))
    return facts


def _fact(fact: Fact) -> Schema:
    """Describe what a fact may be compared with: a value, a parameter, or operators."""
    if fact.values:
        values: list[Schema] = [{"type": "string", "enum": list(fact.values)}, _PARAMETER]
        return {"description": fact.description, "anyOf": _comparisons("text", values)}
    test = {"number": "number_test", "bool": "truth_test", "text": "text_test"}[fact.type]
    return {"description": fact.description, "allOf": [{"$ref": f"#/definitions/{test}"}]}


def _comparisons(kind: FactType, values: list[Schema]) -> list[Schema]:
    operators = {name: _operand(operator, values) for name, operator in OPERATORS.items() if kind in operator.types}
    comparison: Schema = {
        "type": "object",
        "minProperties": 1,
        "properties": operators,
        "additionalProperties": False,
        "x-names": "operator",
    }
    return [*values, comparison]


def _operand(operator: Operator, values: list[Schema]) -> Schema:
    if operator.op == "exists":
        return {"type": "boolean", "description": operator.meaning}
    one: Schema = values[0] if len(values) == 1 else {"anyOf": values}
    if operator.op in {"in", "not_in"}:
        return {"description": operator.meaning, "anyOf": [{"type": "array", "minItems": 1, "items": one}, _PARAMETER]}
    return {"description": operator.meaning, **one}
