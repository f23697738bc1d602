"""What the checker decides in one run of the model, and which runs follow from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

Script = Mapping[int, int]
"""Where a run leaves the normal way: the number of the decision, and which of its options is taken there."""


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision: the first option is the normal way; taking another one costs a deviation, or nothing."""

    about: str
    options: Sequence[str]
    taken: int
    cost: int

    def __str__(self) -> str:
        return f"{self.about}: {self.options[self.taken]}"


@dataclass
class Choices:
    """Takes the options of a script, and the normal way wherever that says nothing."""

    script: Script
    trail: list[Decision] = field(default_factory=list)

    def choose(self, about: str, options: Sequence[str], *, free: bool = False) -> str:
        taken = self.script.get(len(self.trail), 0)
        self.trail.append(Decision(about, options, taken, 0 if free else 1))
        return options[taken]

    @property
    def cost(self) -> int:
        """How many deviations were taken."""
        return sum(decision.cost for decision in self.trail if decision.taken)

    @property
    def story(self) -> list[str]:
        """What was decided beside the normal way."""
        return [str(decision) for decision in self.trail if decision.taken]

    def following(self, budget: int) -> Iterator[Script]:
        """Give the scripts that go on like this one and leave it once, later on, within a budget of deviations."""
        left = budget - self.cost
        for number in range(max(self.script, default=-1) + 1, len(self.trail)):
            decision = self.trail[number]
            if decision.cost <= left:
                yield from ({**self.script, number: other} for other in range(1, len(decision.options)))
