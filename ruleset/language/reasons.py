"""Say in words why a rule matched."""

from __future__ import annotations

from exitplan.ruleset.engine.trace import fact_text, is_true
from exitplan.ruleset.language.conditions import AllOf, AnyOf, Condition, Op, Test, literal_text
from exitplan.ruleset.language.policy import Rule
from exitplan.ruleset.model.fact_registry import Facts
from exitplan.ruleset.model.values import MICRO, micro_text

_MANY = 10 * MICRO
_CENT = MICRO // 100


class _Texts(dict[str, str]):
    """Facts as texts, each written when a sentence asks for it; an absent one reads ``unknown``."""

    def __init__(self, facts: Facts) -> None:
        super().__init__()
        self._facts = facts

    def __missing__(self, key: str) -> str:
        return _rounded_text(self._facts, key) if key in self._facts else "unknown"


def reason_for(rule: Rule, facts: Facts) -> str:
    """Give the rule's own sentence with the facts in their places, else the part of its condition that held."""
    if rule.because is None:
        return describe(rule.when, facts)
    return rule.because.format_map(_Texts(facts))


def describe(condition: Condition, facts: Facts) -> str:
    """Word the part of a condition that made it true."""
    if isinstance(condition, Test):
        return _describe_test(condition, facts)
    if isinstance(condition, AnyOf):
        held = next((part for part in condition.parts if is_true(part, facts)), condition.parts[0])
        return describe(held, facts)
    if isinstance(condition, AllOf):
        return " and ".join(describe(part, facts) for part in condition.parts)
    return f"not {condition.part.text}" if isinstance(condition.part, Test) else f"not ({condition.part.text})"


def _describe_test(test: Test, facts: Facts) -> str:
    if test.op is Op.EQ and isinstance(test.value, bool):
        return test.fact if test.value else f"not {test.fact}"
    if test.op is Op.EQ:
        return f"{test.fact} is {literal_text(test.value)}"
    if test.op in {Op.LT, Op.LTE, Op.GT, Op.GTE}:
        found = short_text(facts, test.fact)
        return test.text.replace(test.fact, f"{test.fact} {found}", 1)
    return test.text


def _rounded_text(facts: Facts, name: str) -> str:
    """Write a fact for a sentence: numbers of ten and more with two decimals, rounded down like the facts."""
    value = facts[name]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= _MANY:
        return micro_text(value // _CENT * _CENT).rstrip("0").rstrip(".")
    return short_text(facts, name)


def short_text(facts: Facts, name: str) -> str:
    """Write a fact's value without zeros that say nothing."""
    text = fact_text(facts.get(name))
    value = facts.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        return text.rstrip("0").rstrip(".") if "." in text else text
    return text
