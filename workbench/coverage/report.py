"""What the tests of a policy show, what they do not, and what nobody can show."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property

from exitplan.ruleset.language.policy import Rule
from exitplan.ruleset.language.problems import Path
from exitplan.schemas.loading.diagnostics import Mark
from exitplan.schemas.policies import LoadedPolicy
from exitplan.workbench.coverage.counting import BLOCKS, ComparisonCount, Counts, RuleCount
from exitplan.workbench.coverage.proving import Proof, Prover, Wanted

WHOLE = Decimal(100)


@dataclass(frozen=True, slots=True)
class Goal:
    """One thing that tests can show of a policy: that a rule decides, or that a comparison matters with an answer.

    ``hits`` is how often they did; where it is 0, ``proof`` says whether it can happen.
    """

    wanted: Wanted
    rule: Rule
    comparison: ComparisonCount | None
    hits: int
    mark: Mark
    proof: Proof = field(default_factory=Proof)

    @property
    def is_impossible(self) -> bool:
        """Check whether it was proved that it never happens."""
        return self.proof.impossible is not None

    @property
    def is_missed(self) -> bool:
        """Check whether no case shows it although it may happen."""
        return self.hits == 0 and not self.is_impossible

    @property
    def text(self) -> str:
        """What it is, after the name of the rule."""
        if self.comparison is None:
            return "decides"
        return f"{self.comparison.test.text} is {'true' if self.wanted.answer else 'false'} where it matters"


@dataclass
class Coverage:
    """The coverage of one policy; ``name`` is how people call its file.

    ``unread`` is what the cases show that nobody has read yet: it does not count.
    """

    name: str
    loaded: LoadedPolicy
    counts: Counts = field(init=False)
    unread: Counts = field(init=False)

    def __post_init__(self) -> None:
        """Start from zero."""
        self.counts, self.unread = Counts(self.loaded.policy), Counts(self.loaded.policy)

    @property
    def files(self) -> list[tuple[str, str]]:
        """The files of the policy, the base first: how each is called, and its text."""
        return [(plain_path(str(path)), path.read_text(encoding="utf-8")) for path in self.loaded.files]

    @property
    def rules(self) -> list[tuple[str, RuleCount]]:
        """The rules with their blocks, in the order of the policy."""
        return [(block, count) for block in BLOCKS for count in self.counts.rules[block]]

    @cached_property
    def goals(self) -> list[Goal]:
        """All that can be shown, once every case has been counted; what is missing is proved now."""
        prover = Prover(self.loaded.policy)
        return [
            goal
            if goal.hits
            else Goal(goal.wanted, goal.rule, goal.comparison, 0, goal.mark, prover.prove(goal.wanted))
            for goal in self._goals()
        ]

    def goals_of(self, rule: Rule) -> list[Goal]:
        """Return what can be shown of one rule."""
        return [goal for goal in self.goals if goal.rule is rule]

    @property
    def possible(self) -> int:
        """How many goals there are, without the impossible ones."""
        return sum(not goal.is_impossible for goal in self.goals)

    @property
    def covered(self) -> int:
        """How many goals the cases show."""
        return sum(goal.hits > 0 for goal in self.goals)

    @property
    def impossible(self) -> list[Goal]:
        """What nobody can show."""
        return [goal for goal in self.goals if goal.is_impossible]

    @property
    def missed(self) -> list[Goal]:
        """What the cases do not show."""
        return [goal for goal in self.goals if goal.is_missed]

    @property
    def percent(self) -> Decimal:
        """The share of what can be shown that is shown, in per cent."""
        return WHOLE * self.covered / self.possible if self.possible else WHOLE

    def _goals(self) -> Iterator[Goal]:
        for block in BLOCKS:
            for number, count in enumerate(self.counts.rules[block]):
                wanted = Wanted(block, number)
                yield Goal(wanted, count.rule, None, count.decided, self.mark(count.rule.path))
                for place, comparison in enumerate(count.comparisons):
                    for answer in (True, False):
                        asked = Wanted(block, number, place, answer)
                        mark = self.mark(comparison.test.path or count.rule.path)
                        yield Goal(asked, count.rule, comparison, comparison.hits(answer=answer), mark)

    def mark(self, path: Path) -> Mark:
        """Return where something of the policy stands, or what is around it."""
        marks = self.loaded.marks
        while path and path not in marks:
            path = path[:-1]
        mark = marks.get(path)
        return Mark(self.name) if mark is None else replace(mark, file=plain_path(mark.file))


def plain_path(name: str) -> str:
    """Return how a file is called from here, without detours: as people and lcov want it."""
    path = os.path.relpath(os.path.realpath(name))
    return os.path.realpath(name) if path.startswith(os.pardir) else path
