"""Whether a policy can break an invariant: proved for every position, or with one that shows it.

At run time the planner blocks an exit that would break an invariant; a policy that is proved to keep it never comes to
that. Protected and deferred positions are never touched, whatever the exits say, and so are they here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from exitplan.ruleset.engine.rulebook import Rulebook
from exitplan.ruleset.engine.trace import is_true
from exitplan.ruleset.language.policy import ExitRule, Invariant, Policy
from exitplan.ruleset.language.problems import Path
from exitplan.ruleset.model.fact_registry import Category, FactValue
from exitplan.workbench.invention import FactsDisagree, replay
from exitplan.workbench.proving.cells import Cell
from exitplan.workbench.proving.policy_model import PolicyModel, unusual, wanted_facts
from exitplan.workbench.proving.solver import NotDecided


@dataclass(frozen=True, slots=True)
class Broken:
    """An invariant that a policy can break, or of which it is not decided whether it can.

    ``path`` is the place in the policy: of the invariant, where it is the policy's own, else of the exit that breaks
    it. ``witness`` are the facts of a position that shows it, where they are not those of an ordinary one.
    """

    path: Path
    message: str
    is_decided: bool = True
    witness: Mapping[str, FactValue | None] = field(default_factory=dict)


def find_broken_invariants(policy: Policy, under: Iterable[Invariant] = ()) -> list[Broken]:
    """Prove that a policy keeps its invariants, and those of an outer policy, or find how each can be broken."""
    outer = tuple(under)
    if not policy.invariants and not outer:
        return []
    carried = replace(policy, invariants=(*policy.invariants, *outer))
    return list(_Prover(carried, frozenset(map(id, outer)), PolicyModel.of(carried), Rulebook.of(policy)).broken())


@dataclass(frozen=True, slots=True)
class _Prover:
    policy: Policy
    outer: frozenset[int]
    model: PolicyModel
    book: Rulebook

    def broken(self) -> Iterator[Broken]:
        for invariant in self.policy.invariants:
            for rule in (*self.policy.exits, None):
                if invariant.forbids(rule.action if rule else None):
                    yield from self._by(invariant, rule)

    def _by(self, invariant: Invariant, rule: ExitRule | None) -> Iterator[Broken]:
        """Look for a position for which an exit, or that there is none, breaks an invariant."""
        model = self.model
        holds = model.facts.holds(invariant.when, {"category": model.categories})
        where = invariant.path if id(invariant) not in self.outer else rule.path if rule else ("exits",)
        done = f"{rule.id} would {rule.action} a position" if rule else "nothing is done with a position"
        try:
            cells = model.ask_plainly(holds, self._done(rule))
        except NotDecided:
            cells = None
            yield Broken(where, f"not decided: {invariant.text}", is_decided=False)
        if cells is None:
            return
        if self._is_confirmed(invariant, rule, cells):
            yield Broken(where, f"{done}, and it is said: {invariant.text}", witness=unusual(cells))
        else:
            yield Broken(where, f"not decided: {invariant.text}", is_decided=False)

    def _done(self, rule: ExitRule | None) -> int:
        """Return the literal that an exit is carried out, or that none is."""
        facts, model = self.model.facts, self.model
        unjudged = [facts.equals("price_status", status) for status in ("unavailable", "implausible")]
        left = [facts.equals("protected", value=True), model.categories[Category.DEFERRED.value], *unjudged]
        if rule is None:
            return facts.any_of([model.exits.none, *left])
        decides = model.exits.decides[self.policy.exits.index(rule)]
        return facts.all_of([decides, *(-literal for literal in left)])

    def _is_confirmed(self, invariant: Invariant, rule: ExitRule | None, cells: Mapping[str, Cell]) -> bool:
        """Check that the planner decides so for the position, and that the invariant is about it."""
        try:
            decision = replay(self.book, wanted_facts(cells)).decision
        except FactsDisagree:
            return False
        is_left = decision.is_protected or decision.is_deferred or decision.exit is None
        done = None if is_left else decision.exit
        same = done is None if rule is None else done is not None and done.id == rule.id
        return same and is_true(invariant.when, decision.view.facts)
