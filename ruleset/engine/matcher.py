"""Ask the rule engine which rules match, and check every answer.

Most positions of an account look alike to the rules: what matters of a number is its place among the literals that it
is compared with. The engine is asked once about all that no rule can tell apart; the check answers for each by itself.
"""

from __future__ import annotations

import itertools
import json
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Hashable, Sequence

from exitplan.ruleset.engine.durable import is_within_limits, leaves_of, rule_sets
from exitplan.ruleset.engine.evaluator import generate
from exitplan.ruleset.engine.trace import is_true
from exitplan.ruleset.errors import EngineDisagreement
from exitplan.ruleset.language.conditions import Condition, Leaf, Lowered, Op, lower
from exitplan.ruleset.model.fact_registry import Facts, FactValue

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
        self._likeness = _Likeness(lowered)
        self._engines = rule_sets(lowered)
        self._check = generate(conditions)

    def matches(self, facts: Sequence[Facts], *, checked: bool = True) -> list[int]:
        """Return for each position the rules that match it, as a bit mask (bit 0 is the first rule).

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
            asked = [{**fact, **{name: is_true(big, fact) for name, big in self._beforehand.items()}} for fact in facts]
        alike: dict[Hashable, int] = {}
        different: list[Facts] = []
        numbers: list[int] = []
        for fact in asked:
            number = alike.setdefault(self._likeness.of(fact), len(alike))
            if number == len(different):
                different.append(fact)
            numbers.append(number)
        masks = [0] * len(different)
        for first, engine in self._engines:
            masks = [mask | (more << first) for mask, more in zip(masks, engine.matches(different), strict=True)]
        return [masks[number] for number in numbers]


class _Likeness:
    """Which facts are alike to a set of rules: every comparison in the rules comes out the same for them."""

    def __init__(self, conditions: Sequence[Lowered]) -> None:
        literals: dict[str, set[FactValue]] = defaultdict(set)
        for leaf in itertools.chain.from_iterable(map(leaves_of, conditions)):
            literals[leaf.fact].update([] if leaf.op is Op.EXISTS else [leaf.value])
        kinds = {fact: {type(value) for value in values} for fact, values in literals.items()}
        self._numbers = [(fact, sorted(map(int, values))) for fact, values in literals.items() if kinds[fact] == {int}]
        self._texts = [(fact, values) for fact, values in literals.items() if kinds[fact] <= {str}]
        self._truths = [fact for fact in literals if kinds[fact] != {int} and not kinds[fact] <= {str}]

    def of(self, facts: Facts) -> Hashable:
        """Return what is the same for facts that are alike, and differs for others."""
        get = facts.get
        places: list[FactValue | None] = []
        for fact, literals in self._numbers:
            number = get(fact)
            # The sum is odd where the number equals a literal, even where it lies between two.
            places.append(None if number is None else bisect_left(literals, number) + bisect_right(literals, number))
        for fact, known in self._texts:
            text = get(fact)
            places.append(text if text is None or text in known else 0)
        return (*map(get, self._truths), *places)


def _disagreement(facts: Facts, engine: int, check: int) -> EngineDisagreement:
    case = {"facts": dict(facts), "engine": engine, "check": check}
    subject = facts.get("symbol", "a position")
    return EngineDisagreement(
        f"the rule engine and its check disagree about {subject}: {engine:b} against {check:b}",
        reproducer=json.dumps(case, indent=2),
        hint="nothing was planned; please report the reproducer",
    )
