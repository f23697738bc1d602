"""Count what rules and their comparisons decide while cases run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from exitplan.ruleset.engine.trace import holds
from exitplan.ruleset.language.conditions import AnyOf, Condition, Not, Test
from exitplan.ruleset.language.policy import Policy, Rule
from exitplan.ruleset.model.fact_registry import Facts
from exitplan.ruleset.planning.planner import Draft

Part = tuple[bool, list[tuple[int, bool]]]
"""The answer of a condition, and the comparisons that settle it with theirs."""
BLOCKS = ("classification", "orders", "exits")
"""The lists of rules of a policy; in each of them the first match decides."""


@dataclass(slots=True)
class ComparisonCount:
    """How often a comparison was true, and false, where that settled which rule decides."""

    test: Test
    true: int = 0
    false: int = 0

    def hits(self, *, answer: bool) -> int:
        """Return how often an answer mattered."""
        return self.true if answer else self.false


@dataclass(slots=True)
class RuleCount:
    """How often a rule matched and decided, and what its comparisons did, in the order of its condition."""

    rule: Rule
    comparisons: list[ComparisonCount]
    matched: int = 0
    decided: int = 0

    @property
    def shadowed(self) -> int:
        """How often it matched what another rule before it decided."""
        return self.matched - self.decided


@dataclass
class Counts:
    """What the rules of one policy did in all cases about it, with whatever parameters."""

    policy: Policy
    rules: Mapping[str, Sequence[RuleCount]] = field(init=False)

    def __post_init__(self) -> None:
        """Start from zero."""
        self.rules = {
            block: [RuleCount(rule, [ComparisonCount(test) for test in comparisons_in(rule.when)]) for rule in rules]
            for block, rules in rules_of(self.policy).items()
        }

    def count(self, draft: Draft, policy: Policy, own: str | None = None) -> None:
        """Count what was decided of an account; ``own`` is the key of the only position that is meant.

        ``policy`` has the same rules, perhaps with other parameters. Orders whose age is not known are judged by none.
        """
        rules = rules_of(policy)
        for decision in draft.decisions:
            if own in {None, decision.key}:
                for block in ("classification", "exits"):
                    self._count(block, rules[block], decision.view.facts)
        for view in draft.account.orders:
            if own is None and view.age_minutes is not None:
                self._count("orders", rules["orders"], view.facts)

    def add(self, other: Counts) -> None:
        """Add what was counted elsewhere of a policy with the same rules."""
        for block, counts in self.rules.items():
            for count, more in zip(counts, other.rules[block], strict=True):
                count.matched += more.matched
                count.decided += more.decided
                for comparison, again in zip(count.comparisons, more.comparisons, strict=True):
                    comparison.true += again.true
                    comparison.false += again.false

    def _count(self, block: str, rules: Sequence[Rule], facts: Facts) -> None:
        is_decided = False
        for rule, count in zip(rules, self.rules[block], strict=True):
            matches, mattered = settled(rule.when, facts)
            count.matched += matches
            if is_decided:
                continue
            is_decided = matches
            count.decided += matches
            for number, answer in mattered:
                comparison = count.comparisons[number]
                comparison.true += answer
                comparison.false += not answer


def rules_of(policy: Policy) -> dict[str, tuple[Rule, ...]]:
    """Return the lists of rules of a policy, by the name of the block."""
    return {"classification": policy.classification, "orders": policy.orders, "exits": policy.exits}


def comparisons_in(condition: Condition) -> Iterator[Test]:
    """List the comparisons of a condition, from left to right."""
    if isinstance(condition, Test):
        yield condition
    else:
        for part in (condition.part,) if isinstance(condition, Not) else condition.parts:
            yield from comparisons_in(part)


def settled(condition: Condition, facts: Facts) -> Part:
    """Decide a condition, and list the comparisons that settle it: with the other answer it would turn around.

    Each is given by its place among :func:`comparisons_in`, with its answer.
    """
    result, mattering, _ = _settled(condition, facts, 0)
    return result, mattering


def _settled(condition: Condition, facts: Facts, start: int) -> tuple[bool, list[tuple[int, bool]], int]:
    if isinstance(condition, Test):
        answer = holds(condition, facts.get(condition.fact))
        return answer, [(start, answer)], start + 1
    if isinstance(condition, Not):
        inner, mattering, end = _settled(condition.part, facts, start)
        return not inner, mattering, end
    parts: list[Part] = []
    for part in condition.parts:
        answer, mattering, start = _settled(part, facts, start)
        parts.append((answer, mattering))
    return (*_joined(parts, settles=isinstance(condition, AnyOf)), start)


def _joined(parts: Sequence[Part], *, settles: bool) -> Part:
    """Join parts; one whose answer is ``settles`` settles the whole, and matters where it is the only one."""
    settling = [mattering for answer, mattering in parts if answer == settles]
    if not settling:
        return not settles, [entry for _, mattering in parts for entry in mattering]
    return settles, settling[0] if len(settling) == 1 else []
