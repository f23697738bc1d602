"""Ask the rule engine which rules match, and check every answer.

Most positions of an account look alike to the rules: what matters of a number is its place among the literals that it
is compared with. The engine is asked once about all that no rule can tell apart, and its answers are kept for the next
accounts; the check answers for each position of each account by itself.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Sequence

from exitplan.ruleset.engine.durable import is_within_limits, rule_sets
from exitplan.ruleset.engine.evaluator import generate
from exitplan.ruleset.engine.likeness import likeness_of
from exitplan.ruleset.engine.trace import is_true
from exitplan.ruleset.errors import EngineDisagreement
from exitplan.ruleset.language.conditions import Condition, Leaf, Lowered, Op, lower
from exitplan.ruleset.model.fact_registry import Facts

MOST_KEPT = 10_000
"""Answers of the engine that are kept; then it is asked anew."""
_BEFOREHAND = "rule#"


class Matcher:
    """The conditions of one phase, ready to be matched.

    A condition too large for the rule engine (see :mod:`.durable`) is decided beforehand and reaches the engine
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
        self._likeness = likeness_of(lowered)
        self._engines = rule_sets(lowered)
        self._check = generate(conditions)
        self._known: dict[Hashable, int] = {}

    def matches(self, facts: Sequence[Facts], *, checked: bool = True) -> list[int]:
        """Return for each position the rules that match it, as a bit mask (bit 0 is the first rule).

        Raises EngineDisagreement where the engine fails, loses a position, or answers otherwise than the check.
        """
        answers = self._ask(facts)
        if checked and answers != (expected := self._check(facts)):
            self.forget()  # what was wrong once is not kept
            index = next(number for number, mask in enumerate(expected) if mask != answers[number])
            raise _disagreement(facts[index], answers[index], expected[index])
        return answers

    def forget(self) -> None:
        """Forget what the engine has answered."""
        self._known = {}

    def _ask(self, facts: Sequence[Facts]) -> list[int]:
        asked: Sequence[Facts] = facts
        if self._beforehand:
            asked = [{**fact, **{name: is_true(big, fact) for name, big in self._beforehand.items()}} for fact in facts]
        known = self._known
        alike = self._likeness(asked)
        answers = [mask for likeness in alike if (mask := known.get(likeness)) is not None]
        if len(answers) == len(alike):  # as it is nearly always
            return answers
        different = {likeness: fact for likeness, fact in zip(alike, asked, strict=True) if likeness not in known}
        if different:
            known.update(zip(different, self._ask_engine(list(different.values())), strict=True))
        if len(known) > MOST_KEPT:
            self.forget()
        return [known[likeness] for likeness in alike]

    def _ask_engine(self, facts: Sequence[Facts]) -> list[int]:
        masks = [0] * len(facts)
        for first, engine in self._engines:
            masks = [mask | (more << first) for mask, more in zip(masks, engine.matches(facts), strict=True)]
        return masks


def _disagreement(facts: Facts, engine: int, check: int) -> EngineDisagreement:
    case = {"facts": dict(facts), "engine": engine, "check": check}
    subject = facts.get("symbol", "a position")
    return EngineDisagreement(
        f"the rule engine and its check disagree about {subject}: {engine:b} against {check:b}",
        reproducer=json.dumps(case, indent=2),
        hint="nothing was planned; please report the reproducer",
    )
