"""Ask the rule engine which rules match, and check every answer."""

from __future__ import annotations

import json
from collections.abc import Sequence

from ruleset.conditions import Condition, Leaf, Lowered, Op, lower
from ruleset.engine import is_within_limits, rule_sets
from ruleset.errors import EngineDisagreement
from ruleset.evaluator import generate
from ruleset.facts import Facts
from ruleset.trace import is_true

_BEFOREHAND = "rule#"


class Matcher:
    """The conditions of one phase, ready to be matched.

    A condition too large for the rule engine (see :mod:`ruleset.engine`) is decided beforehand and reaches the engine
    as one truth value, so that every valid policy works.
    """

    def __init__(self, conditions: Sequence[Condition]) -> None:
        """Create the engine's rule sets and the generated check."""
        lowered: list[Lowered] = [lower(condition) for condition in conditions]
        self._beforehand: dict[str, Condition] = {}
        for number, condition in enumerate(conditions):
            if not is_within_limits(lowered[number]):
                self._beforehand[f"{_BEFOREHAND}{number}"] = condition
                lowered[number] = Leaf(f"{_BEFOREHAND}{number}", Op.EQ, value=True)
        self._engines = rule_sets(lowered)
        self._check = generate(conditions)

    def matches(self, facts: Sequence[Facts], *, checked: bool = True) -> list[int]:
        """Give for each position the rules that match it, as a bit mask (bit 0 is the first rule).

        Raises EngineDisagreement where the engine fails, loses a position, or answers otherwise than the check.
        """
        answers = self._ask(facts)
        if checked and answers != (expected := self._check(facts)):
            index = next(number for number, mask in enumerate(expected) if mask != answers[number])
            raise _disagreement(facts[index], answers[index], expected[index])
        return answers

    def _ask(self, facts: Sequence[Facts]) -> list[int]:
        asked: Sequence[Facts] = facts
        if self._beforehand:
            asked = [
                {**fact, **{name: is_true(big, fact) for name, big in self._beforehand.items()}} for fact in facts
            ]
        masks = [0] * len(facts)
        for first, engine in self._engines:
            masks = [mask | (found << first) for mask, found in zip(masks, engine.matches(asked), strict=True)]
        return masks


def _disagreement(facts: Facts, engine: int, check: int) -> EngineDisagreement:
    case = {"facts": dict(facts), "engine": engine, "check": check}
    subject = facts.get("symbol", "a position")
    return EngineDisagreement(
        f"the rule engine and its check disagree about {subject}: {engine:b} against {check:b}",
        reproducer=json.dumps(case, indent=2),
        hint="nothing was planned; please report the reproducer",
    )
