"""Find comparisons with a number that is most likely in another unit: 5 for 5 %, seconds for minutes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

from exitplan.ruleset.language.conditions import Condition, Not, Op, Test
from exitplan.ruleset.language.policy import Rule
from exitplan.ruleset.model.fact_registry import Fact
from exitplan.ruleset.model.values import plain
from exitplan.workbench.lint.checks import Code
from exitplan.workbench.lint.findings import Finding

_SECONDS = {3600: "an hour", 86_400: "a day", 604_800: "a week", 2_592_000: "30 days"}
"""Seconds that everybody knows, where minutes are meant."""
_HOUR, _DAY = 60, 1440
_TEN_YEARS = 10 * 365 * _DAY
_MOST_PROFIT = 5
_MOST_COUNTED = 100
_LEAST_MONEY = Decimal("0.01")
_HUNDRED = 100


def find_unit_slips(rule: Rule, facts: Mapping[str, Fact]) -> Iterator[Finding]:
    """Find the comparisons of a rule whose number is most likely in another unit than the fact."""
    for test in dict.fromkeys(_tests(rule.when)):
        for number in _numbers(test):
            slip = _slip(facts[test.fact], number)
            if slip is not None:
                message = f"{rule.id} compares {test.fact} with {plain(number)}: {slip}"
                yield Finding(Code.UNIT_SLIP, test.path, message, about=rule.id)


def _tests(condition: Condition) -> Iterator[Test]:
    if isinstance(condition, Test):
        yield condition
        return
    for part in (condition.part,) if isinstance(condition, Not) else condition.parts:
        yield from _tests(part)


def _numbers(test: Test) -> Iterator[Decimal]:
    if test.op is Op.EXISTS:
        return
    for value in test.value if isinstance(test.value, tuple) else (test.value,):
        if isinstance(value, int | Decimal) and not isinstance(value, bool):
            yield Decimal(value)


def _slip(fact: Fact, number: Decimal) -> str | None:
    """Say what is odd about a number that a fact is compared with; None where nothing is."""
    if fact.unit == "share":
        return _slip_of_share(fact, number)
    if fact.unit == "minutes":
        return _slip_of_minutes(number)
    if fact.unit == "money":
        return _slip_of_money(number)
    return _slip_of_count(number) if fact.unit == "count" else None


def _slip_of_share(fact: Fact, number: Decimal) -> str | None:
    is_profit = fact.name == "pnl_pct"
    low, high = (Decimal(-1), Decimal(_MOST_PROFIT)) if is_profit else (Decimal(0), Decimal(1))
    if low <= number <= high and not (is_profit and number == high):
        return None
    meant = f"; {plain(number)} % is {plain(number / _HUNDRED)}"
    return f"it is a fraction, and {plain(number)} is {plain(number * _HUNDRED)} %{meant}"


def _slip_of_minutes(number: Decimal) -> str | None:
    if number < 0:
        return "it counts minutes, which are never below 0"
    if number in _SECONDS:
        minutes = plain(number / _HOUR)
        return f"it counts minutes, and that many seconds are {_SECONDS[int(number)]}, which is {minutes} minutes"
    if number > _TEN_YEARS:
        years = int(number / (365 * _DAY))
        return f"it counts minutes, and that is {years} years; a day is {_DAY} minutes"
    return None


def _slip_of_money(number: Decimal) -> str | None:
    if number < 0:
        return "a value is never below 0"
    if 0 < number < _LEAST_MONEY:
        return "it is an amount in the account's quote currency, and that is less than a cent; a share is account_pct"
    return None


def _slip_of_count(number: Decimal) -> str | None:
    if number < 0 or number != number.to_integral_value():
        return "it is a whole number, from 0 on"
    return f"it counts how often, and is never above {_MOST_COUNTED}" if number > _MOST_COUNTED else None
