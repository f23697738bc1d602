"""The engines in the comparison: each takes the twelve rules and the facts, and returns a function to time."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from importlib.util import find_spec

from bench.rules import by_hand, facts_read
from exitplan.ruleset.engine.evaluator import generate
from exitplan.ruleset.engine.matcher import Matcher
from exitplan.ruleset.language.conditions import AllOf, AnyOf, Condition, Not, Op, Scalar, Test
from exitplan.ruleset.model.fact_registry import Facts
from exitplan.ruleset.model.values import MICRO

Ask = Callable[[], list[int]]
"""Ask all rules about all positions; returns the matching rules of each position as a bit mask."""

FLOOR = "hand-written Python"
OURS = "exitplan, checked"

_SIGNS = {Op.IN: "in", Op.EQ: "==", Op.LT: "<", Op.GT: ">"}
_LOGIC = {Op.IN: "in", Op.EQ: "===", Op.LT: "<", Op.GT: ">"}


@dataclass(frozen=True, slots=True)
class Engine:
    """One way to evaluate the rules; ``module`` is the external engine that it needs."""

    name: str
    prepare: Callable[[Sequence[Condition], Sequence[Facts]], Ask]
    module: str | None = None


def _durable_checked(rules: Sequence[Condition], facts: Sequence[Facts]) -> Ask:
    return _asked_anew(Matcher(rules), facts, checked=True)


def _durable(rules: Sequence[Condition], facts: Sequence[Facts]) -> Ask:
    return _asked_anew(Matcher(rules), facts, checked=False)


def _asked_anew(matcher: Matcher, facts: Sequence[Facts], *, checked: bool) -> Ask:
    """Ask about an account as if it was the first one."""

    def ask() -> list[int]:
        matcher.forget()
        return matcher.matches(facts, checked=checked)

    return ask


def _after_others(rules: Sequence[Condition], facts: Sequence[Facts]) -> Ask:
    matcher = Matcher(rules)
    return lambda: matcher.matches(facts)


def _generated(rules: Sequence[Condition], facts: Sequence[Facts]) -> Ask:
    evaluate = generate(rules)
    return lambda: evaluate(facts)


def _by_hand(_rules: Sequence[Condition], facts: Sequence[Facts]) -> Ask:
    return lambda: by_hand(facts)


def _zen(rules: Sequence[Condition], facts: Sequence[Facts]) -> Ask:
    import zen  # noqa: PLC0415 - here and below: each process pays for one engine only

    asked = _only_read(rules, facts)
    compiled = [zen.compile_expression(_text(rule)) for rule in rules]
    return lambda: [_mask([rule.evaluate(known) for rule in compiled]) for known in asked]


def _zen_at_once(rules: Sequence[Condition], facts: Sequence[Facts]) -> Ask:
    import zen  # noqa: PLC0415

    asked = _only_read(rules, facts)
    compiled = zen.compile_expression(f"[{', '.join(map(_text, rules))}]")
    return lambda: [_mask(compiled.evaluate(known)) for known in asked]


def _rule_engine(rules: Sequence[Condition], facts: Sequence[Facts]) -> Ask:
    import rule_engine  # noqa: PLC0415

    asked = _only_read(rules, facts)
    context = rule_engine.Context(default_value=None)
    compiled = [rule_engine.Rule(_text(rule), context=context) for rule in rules]
    return lambda: [_mask([rule.matches(known) for rule in compiled]) for known in asked]


def _rule_engine_at_once(rules: Sequence[Condition], facts: Sequence[Facts]) -> Ask:
    import rule_engine  # noqa: PLC0415

    asked = _only_read(rules, facts)
    context = rule_engine.Context(default_value=None)
    compiled = rule_engine.Rule(f"[{', '.join(map(_text, rules))}]", context=context)
    return lambda: [_mask(compiled.evaluate(known)) for known in asked]


def _json_logic(rules: Sequence[Condition], facts: Sequence[Facts]) -> Ask:
    from json_logic import jsonLogic  # noqa: PLC0415

    asked = _only_read(rules, facts)
    compiled = [_logic(rule) for rule in rules]
    return lambda: [_mask([jsonLogic(rule, known) for rule in compiled]) for known in asked]


ENGINES: Mapping[str, Engine] = {
    engine.name: engine
    for engine in (
        Engine(FLOOR, _by_hand),
        Engine("generated evaluator", _generated),
        Engine(OURS, _durable_checked),
        Engine("exitplan, unchecked", _durable),
        Engine("exitplan, asked before", _after_others),
        Engine("zen-engine", _zen, "zen"),
        Engine("zen-engine, one array", _zen_at_once, "zen"),
        Engine("rule-engine", _rule_engine, "rule_engine"),
        Engine("rule-engine, one array", _rule_engine_at_once, "rule_engine"),
        Engine("json-logic", _json_logic, "json_logic"),
    )
}


def installed_engines() -> list[str]:
    """Return the engines whose modules are installed."""
    return [name for name, engine in ENGINES.items() if engine.module is None or find_spec(engine.module) is not None]


def _only_read(rules: Sequence[Condition], facts: Sequence[Facts]) -> list[dict[str, object]]:
    """Keep only the facts that the rules read; for other engines this happens before the clock starts."""
    names = sorted(set[str]().union(*map(facts_read, rules)))
    return [{name: known[name] for name in names if name in known} for known in facts]


def _mask(answers: Sequence[object]) -> int:
    mask = 0
    for number, answer in enumerate(answers):
        if answer:
            mask |= 1 << number
    return mask


def _text(condition: Condition) -> str:
    """Write a condition in the language that zen-engine and rule-engine share."""
    if isinstance(condition, Not):
        return f"not ({_text(condition.part)})"
    if isinstance(condition, AllOf):
        word = " or " if isinstance(condition, AnyOf) else " and "
        return "(" + word.join(map(_text, condition.parts)) + ")"
    comparison = f"{condition.fact} {_SIGNS[condition.op]} {json.dumps(_literal(condition))}"
    return comparison if condition.op is Op.EQ else f"({condition.fact} != null and {comparison})"


def _logic(condition: Condition) -> dict[str, object]:
    """Write a condition as JsonLogic, whose comparisons with null are false anyway."""
    if isinstance(condition, Not):
        return {"!": [_logic(condition.part)]}
    if isinstance(condition, AllOf):
        return {"or" if isinstance(condition, AnyOf) else "and": [_logic(part) for part in condition.parts]}
    return {_LOGIC[condition.op]: [{"var": condition.fact}, _literal(condition)]}


def _literal(test: Test) -> str | int | bool | list[str | int | bool]:
    value: Scalar | tuple[Scalar, ...] = test.value
    return [_scalar(part) for part in value] if isinstance(value, tuple) else _scalar(value)


def _scalar(value: Scalar) -> str | int | bool:
    return value if isinstance(value, str | bool) else int(Decimal(value) * MICRO)
