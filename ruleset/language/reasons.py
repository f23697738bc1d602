"""Describe why a rule matched."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from types import MappingProxyType

from exitplan.ruleset.engine.trace import fact_text, is_true
from exitplan.ruleset.language.conditions import AllOf, AnyOf, Condition, Op, Test, literal_text
from exitplan.ruleset.language.policy import Rule
from exitplan.ruleset.model.fact_registry import Facts
from exitplan.ruleset.model.values import MICRO, micro_text, plain

_MANY = 10 * MICRO
_CENT = MICRO // 100
_HOUR, _DAY = 60, 24 * 60
_SETTINGS = frozenset({"price_basis"})
"""Facts that only say how another one was found: they explain nothing by themselves."""


class _Texts(dict[str, str]):
    """Facts as texts, each written when a sentence asks for it; an absent one reads ``unknown``."""

    def __init__(self, facts: Facts, words: Mapping[str, str]) -> None:
        super().__init__(words)
        self._facts = facts

    def __missing__(self, key: str) -> str:
        if key in WORDS:
            return WORDS[key].write(self._facts)
        return _rounded_text(self._facts, key) if key in self._facts else "unknown"


@dataclass(frozen=True, slots=True)
class Word:
    """A place of a sentence that is no fact: what it says, and how it is made of the facts."""

    meaning: str
    write: Callable[[Facts], str]


def reason_for(rule: Rule, facts: Facts, words: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return the rule's own sentence with the facts in their places, else the part of its condition that held.

    ``words`` are further places, such as ``cap_rank``.
    """
    if rule.because is None:
        return describe(rule.when, facts, dust=rule.id.rpartition(".")[2] == "dust")
    return rule.because.format_map(_Texts(facts, words))


def describe(condition: Condition, facts: Facts, *, dust: bool = False) -> str:
    """Describe the part of a condition that made it true."""
    if isinstance(condition, Test):
        return _describe_test(condition, facts, dust=dust)
    if isinstance(condition, AnyOf):
        held = next((part for part in condition.parts if is_true(part, facts)), condition.parts[0])
        return describe(held, facts, dust=dust)
    if isinstance(condition, AllOf):
        telling = [part for part in condition.parts if not (isinstance(part, Test) and part.fact in _SETTINGS)]
        return " and ".join(describe(part, facts, dust=dust) for part in telling or condition.parts)
    return f"not {condition.part.text}" if isinstance(condition.part, Test) else f"not ({condition.part.text})"


def _describe_test(test: Test, facts: Facts, *, dust: bool) -> str:
    if test.fact == "category" and test.op is Op.EQ:
        return _CATEGORIES.get(str(test.value), test.text)
    if test.op is Op.EQ and isinstance(test.value, bool):
        return test.fact if test.value else f"not {test.fact}"
    if test.op is Op.EQ:
        return f"{test.fact} is {literal_text(test.value)}"
    if test.op in {Op.LT, Op.LTE, Op.GT, Op.GTE}:
        return _describe_comparison(test, facts, dust=dust)
    return test.text


def _describe_comparison(test: Test, facts: Facts, *, dust: bool) -> str:
    limit = Decimal(str(test.value))
    relation = "below" if test.op in {Op.LT, Op.LTE} else "above"
    relation = f"dust {relation}" if dust else relation
    if test.fact == "account_pct":
        return f"{WORDS['share'].write(facts)} of the account, {relation} {plain(limit * 100)} %"
    if test.fact == "value_usd":
        return f"worth {WORDS['value'].write(facts)}, {relation} {plain(limit)}"
    return test.text.replace(test.fact, f"{test.fact} {short_text(facts, test.fact)}", 1)


def duration_text(minutes: int) -> str:
    """Write a number of whole minutes as a person says it: ``45 min``, ``23 h``, ``12 days``."""
    if minutes < 2 * _HOUR:
        return f"{minutes} min"
    return f"{minutes // _HOUR} h" if minutes < 2 * _DAY else f"{minutes // _DAY} days"


def percent_text(share: Decimal) -> str:
    """Write a fraction as percent with as many places as say something: ``0.4 %``, ``12 %``, ``0.013 %``."""
    percent = share * 100
    places = 0 if abs(percent) >= 10 else 1 if abs(percent) >= Decimal("0.1") else 2 if percent else 0  # noqa: PLR2004
    places = max(places, -percent.adjusted()) if percent and abs(percent) < Decimal("0.01") else places
    return f"{plain(percent.quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN))} %"


def money_text(value: Decimal) -> str:
    """Write an amount of money in short: cents from one unit on, below it what says something."""
    if abs(value) >= 1 or value == 0:
        return f"{value.quantize(_CENTS, ROUND_HALF_EVEN):,}"
    return plain(Context(prec=2).plus(value))


def _age(facts: Facts) -> str:
    return duration_text(int(facts["age_minutes"]) // MICRO) if "age_minutes" in facts else "an unknown time"


def _share(facts: Facts) -> str:
    return percent_text(Decimal(facts["account_pct"]) / MICRO) if "account_pct" in facts else "an unknown share"


def _value(facts: Facts) -> str:
    return money_text(Decimal(facts["value_usd"]) / MICRO) if "value_usd" in facts else "an unknown amount"


_CENTS = Decimal("0.01")
_CATEGORIES = {
    "STRATEGY_ALIGNED": "managed by a strategy",
    "LEGACY_NON_COMPLIANT": "not managed by a strategy",
    "ZOMBIE_LEGACY": "nothing that a strategy could manage",
    "DEFERRED": "not judged",
}
WORDS: Mapping[str, Word] = {
    "age": Word("age_minutes as a person says it: 45 min, 23 h, 12 days", _age),
    "share": Word("account_pct in percent: 0.4 %", _share),
    "value": Word("value_usd with cents", _value),
    "why": Word("why the position is of its category", lambda _: "of its category"),
    "cap_rank": Word("why the cap chose it: 5th smallest of 12, the cap is 8", lambda _: "over the cap"),
}
"""What the places of a ``because`` may name besides facts."""


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
