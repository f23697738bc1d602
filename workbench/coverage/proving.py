"""Prove that something of a policy can never be shown, or find a position that shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from exitplan.ruleset.engine.rulebook import Rulebook
from exitplan.ruleset.language.conditions import AllOf, AnyOf, Condition, Not, Test
from exitplan.ruleset.language.policy import Policy
from exitplan.workbench.coverage.counting import Counts, comparisons_in
from exitplan.workbench.invention import FactsDisagree, FactsWanted, Replayed, replay
from exitplan.workbench.proving.policy_model import Decided, PolicyModel, unusual
from exitplan.workbench.proving.solver import NotDecided
from exitplan.workbench.proving.theory import Told

_ALWAYS, _NEVER = AllOf(()), AnyOf(())


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be shown: that a rule decides, or that one of its comparisons matters with an answer."""

    block: str
    rule: int
    comparison: int | None = None
    answer: bool = True

    def hits(self, counts: Counts) -> int:
        """Return how often it was shown."""
        rule = counts.rules[self.block][self.rule]
        return rule.decided if self.comparison is None else rule.comparisons[self.comparison].hits(answer=self.answer)


@dataclass(frozen=True, slots=True)
class Proof:
    """What was found out: ``impossible`` says why it never happens, ``witness`` are facts of a position that shows it.

    ``replayed`` is what the planner makes of that position. With neither, it is not known whether it can happen.
    """

    impossible: str | None = None
    witness: FactsWanted | None = None
    replayed: Replayed | None = None


@dataclass
class Prover:
    """Answers whether something of one policy can be shown; order rules are asked nothing about."""

    policy: Policy
    model: PolicyModel = field(init=False)
    book: Rulebook = field(init=False)

    def __post_init__(self) -> None:
        """Read the policy."""
        self.model = PolicyModel.of(self.policy)
        self.book = Rulebook.of(self.policy)

    def prove(self, wanted: Wanted) -> Proof:
        """Prove that something never happens, or find a position, which the planner confirms."""
        if wanted.block == "orders":
            return Proof()
        try:
            return self._prove(wanted)
        except NotDecided:
            return Proof()

    def _prove(self, wanted: Wanted) -> Proof:
        decided = self.model.classification if wanted.block == "classification" else self.model.exits
        told: Mapping[str, Told] = {} if wanted.block == "classification" else {"category": self.model.categories}
        here = self._literals(decided, wanted, told)
        unreached = [-match for match in decided.matches[: wanted.rule]]
        cells = self.model.ask_plainly(*here, *unreached)
        if cells is None:
            return Proof(impossible=self._why_not(decided, wanted, here, unreached))
        return self._plainest(wanted, unusual(cells))

    def _plainest(self, wanted: Wanted, facts: FactsWanted) -> Proof:
        """Leave out of a witness what the planner does not need to confirm it; an ordinary position has the rest."""
        proof = self._confirmed(wanted, facts)
        for name in facts if proof.witness is not None else ():
            fewer = {other: value for other, value in (proof.witness or {}).items() if other != name}
            plainer = self._confirmed(wanted, fewer)
            proof = plainer if plainer.witness is not None else proof
        return proof

    def _confirmed(self, wanted: Wanted, facts: FactsWanted) -> Proof:
        """Return a witness that the planner confirms, or nothing."""
        try:
            replayed = replay(self.book, facts)
        except FactsDisagree:
            return Proof()
        counts = Counts(self.policy)
        counts.count(replayed.draft, self.policy, replayed.decision.key)
        return Proof(witness=facts, replayed=replayed) if wanted.hits(counts) else Proof()

    def _literals(self, decided: Decided, wanted: Wanted, told: Mapping[str, Told]) -> list[int]:
        """Return what has to hold at the rule itself; a comparison's answer comes first."""
        if wanted.comparison is None:
            return [decided.matches[wanted.rule]]
        facts, condition = self.model.facts, decided.rules[wanted.rule].when
        test = list(comparisons_in(condition))[wanted.comparison]
        if_true = facts.holds(put(condition, wanted.comparison, _ALWAYS), told)
        if_false = facts.holds(put(condition, wanted.comparison, _NEVER), told)
        matters = facts.any_of([facts.all_of([if_true, -if_false]), facts.all_of([-if_true, if_false])])
        answer = facts.holds(test, told)
        return [answer if wanted.answer else -answer, matters]

    def _why_not(self, decided: Decided, wanted: Wanted, here: Sequence[int], unreached: Sequence[int]) -> str:
        if wanted.comparison is not None and self.model.ask(here[0]) is None:
            return f"no position makes it {'true' if wanted.answer else 'false'}"
        if self.model.ask(*here) is None:
            return (
                "no position matches the rule"
                if wanted.comparison is None
                else "the rest of the rule then settles the answer"
            )
        blamed = set(self.model.blamed(here, unreached))
        ids = [rule.id for rule, literal in zip(decided.rules, unreached, strict=False) if literal in blamed]
        return f"{' or '.join(ids) or 'another rule'} decides before it"


def put(condition: Condition, number: int, other: Condition) -> Condition:
    """Put another condition in the place of a comparison, counted from left to right."""
    return _put(condition, number, other, 0)[0]


def _put(condition: Condition, number: int, other: Condition, start: int) -> tuple[Condition, int]:
    if isinstance(condition, Test):
        return (other if start == number else condition), start + 1
    if isinstance(condition, Not):
        part, start = _put(condition.part, number, other, start)
        return Not(part, condition.path), start
    parts = []
    for part in condition.parts:
        changed, start = _put(part, number, other, start)
        parts.append(changed)
    return type(condition)(tuple(parts), condition.path), start
