"""A condition as a person types it on a command line: ``value_usd < 5 and tracked``, or as policies write it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from exitplan.ruleset.errors import UsageError
from exitplan.ruleset.language.condition_parser import Scope, parse_condition
from exitplan.ruleset.language.conditions import Condition
from exitplan.ruleset.language.parameters import PARAMETERS
from exitplan.ruleset.model.fact_registry import Fact
from exitplan.schemas.loading.diagnostics import FileHasProblems
from exitplan.schemas.loading.yaml_loader import parse_yaml

_SIGNS = {"<": "lt", "<=": "lte", ">": "gt", ">=": "gte", "=": "eq", "==": "eq", "!=": "ne", "is": "eq"}
_TURNED = {"lt": "gt", "lte": "gte", "gt": "lt", "gte": "lte", "eq": "eq", "ne": "ne"}
_SIGN = r"(<=|>=|==|!=|<|>|=|\bis\b)"
_COMPARED = re.compile(rf"\s*([A-Za-z_]\w*)\s*{_SIGN}\s*(.+?)\s*")
_BETWEEN = re.compile(rf"\s*([-+\d.$][\w.]*)\s*{_SIGN}\s*([A-Za-z_]\w*)\s*(?:{_SIGN}\s*(.+?)\s*)?")
_PRESENCE = {"known": True, "absent": False}
_HINT = "such as 'value_usd < 5 and tracked', or as policies write it: '{value_usd: {lt: 5}}'"


def read_condition(text: str, facts: Mapping[str, Fact], document: Mapping[str, Any]) -> Condition:
    """Read a condition; parameters and definitions are those of a merged policy.

    Raises UsageError for what is no condition, with the nearest right name.
    """
    written = document.get("parameters") or {}
    parameters = {name: setting.default for name, setting in PARAMETERS.items()} | written
    scope = Scope(facts, parameters, document.get("definitions") or {})
    condition = parse_condition(_document(text, facts), (), scope)
    if condition is None:
        problem = next(problem for problem in scope.problems if problem.severity == "error")
        raise UsageError(f"{text!r} is no condition: {problem.message}", hint=problem.hint or _HINT)
    return condition


def _document(text: str, facts: Mapping[str, Fact]) -> Any:  # noqa: ANN401 - a node of a document
    """Turn what was typed into what a policy would say."""
    if text.lstrip().startswith("{") or re.search(r":\s", text):
        try:
            return parse_yaml(text.encode(), "condition").value
        except FileHasProblems as problem:
            raise UsageError(f"{text!r} is no condition: {problem.diagnostics[0].message}", hint=_HINT) from None
    if re.search(r"\sor\s", text):
        raise UsageError(f"{text!r}: 'or' is not read here", hint="write '{any: [{value_usd: {lt: 5}}, ...]}'")
    parts = [_part(part, facts) for part in re.split(r",|\band\b", text) if part.strip()]
    if not parts:
        raise UsageError("the condition is empty", hint=_HINT)
    return parts[0] if len(parts) == 1 else {"all": parts}


def _part(text: str, facts: Mapping[str, Fact]) -> Any:  # noqa: ANN401 - as above
    words = text.split()
    if words[0] == "not" and len(words) > 1:
        return {"not": _part(text.split("not", 1)[1], facts)}
    if between := _BETWEEN.fullmatch(text):
        low, first, fact, second, high = between.groups()
        tests = {_TURNED[_SIGNS[first]]: _value(low)}
        return {fact: tests if second is None else {**tests, _SIGNS[second]: _value(high)}}
    if compared := _COMPARED.fullmatch(text):
        fact, sign, value = compared.groups()
        if sign == "is" and value in _PRESENCE:
            return {fact: {"exists": _PRESENCE[value]}}
        return {fact: {_SIGNS[sign]: _value(value)}}
    if len(words) == 1:
        return {words[0]: True} if words[0] in facts else words[0]
    raise UsageError(f"{text.strip()!r} is no condition", hint=_HINT)


def _value(text: str) -> Decimal | bool | str:
    if text in {"true", "false"}:
        return text == "true"
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text.strip("'\"")
    return number if number.is_finite() else text
