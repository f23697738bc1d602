"""Find what is wrong with a policy that is well formed: rules that can never decide, and what is never cleaned up.

Each finding is proved for every position that an account can hold, not tried on a few; what is said to be possible has
a witness, which the planner confirms. Not proved are the order of the cap, guards, quantities and order rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from exitplan.ruleset.engine.rulebook import Rulebook
from exitplan.ruleset.language.policy import ClassificationRule, ExitRule, Invariant, Policy, Rule
from exitplan.ruleset.language.problems import Path
from exitplan.ruleset.model.fact_registry import Category, FactValue
from exitplan.workbench.invariants import find_broken_invariants
from exitplan.workbench.invention import FactsDisagree, Replayed, replay
from exitplan.workbench.proving.cells import Cell
from exitplan.workbench.proving.policy_model import Decided, PolicyModel, unusual, wanted_facts
from exitplan.workbench.proving.solver import NotDecided


class Code(StrEnum):
    """The kinds of findings."""

    NEVER_MATCHES = "P101"
    NEVER_DECIDES = "P102"
    ALWAYS_MATCHES = "P103"
    ONLY_A_REASON = "P104"
    NO_EXIT = "P105"
    NOT_DECIDED = "P109"
    INVARIANT_BROKEN = "P201"
    INVARIANT_NOT_DECIDED = "P202"


MEANINGS: Mapping[Code, str] = {
    Code.NEVER_MATCHES: "No position can match the rule: its parts contradict each other or what facts mean.",
    Code.NEVER_DECIDES: "Whatever matches the rule is decided by one before it.",
    Code.ALWAYS_MATCHES: "Every position matches the rule, so that none after it ever decides.",
    Code.ONLY_A_REASON: "Without the rule the same would be done: it only serves the reason that is told.",
    Code.NO_EXIT: "A position is legacy or a zombie and no exit takes it: the account is never CLEAN.",
    Code.NOT_DECIDED: "The question was too hard to answer in time. It is not said that all is well.",
    Code.INVARIANT_BROKEN: "The policy can break an invariant, its own or one of the outer policy (--under).",
    Code.INVARIANT_NOT_DECIDED: "It is not decided whether the policy can break an invariant.",
}
WARNINGS = frozenset({Code.NEVER_MATCHES, Code.NEVER_DECIDES, Code.ALWAYS_MATCHES, Code.NO_EXIT, Code.INVARIANT_BROKEN})
"""The findings that want to be mended; the others are for information."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was proved of a policy, with its place in the merged document.

    ``witness`` are the facts of a position that shows it, where they differ from those of an ordinary one.
    """

    code: Code
    path: Path
    message: str
    witness: Mapping[str, FactValue | None] = field(default_factory=dict)

    @property
    def is_warning(self) -> bool:
        """Check whether it wants to be mended."""
        return self.code in WARNINGS


def lint(policy: Policy, under: Iterable[Invariant] = ()) -> list[Finding]:
    """Prove what can be proved of a policy, in the order of its rules; ``under`` are invariants of an outer policy."""
    found = _Linter(policy, PolicyModel.of(policy), Rulebook.of(policy)).findings()
    return [*found, *invariant_findings(policy, under)]


def invariant_findings(policy: Policy, under: Iterable[Invariant] = ()) -> Iterator[Finding]:
    """Prove that a policy keeps its invariants and those of an outer policy, or find how it breaks them."""
    for broken in find_broken_invariants(policy, under):
        code = Code.INVARIANT_BROKEN if broken.is_decided else Code.INVARIANT_NOT_DECIDED
        yield Finding(code, broken.path, broken.message, broken.witness)


@dataclass(frozen=True, slots=True)
class _Linter:
    policy: Policy
    model: PolicyModel
    book: Rulebook

    def findings(self) -> Iterator[Finding]:
        for decided in (self.model.classification, self.model.exits):
            for number, rule in enumerate(decided.rules):
                try:
                    yield from self._of_rule(decided, number)
                except NotDecided:
                    yield Finding(Code.NOT_DECIDED, rule.path, f"{rule.id}: not decided whether it can ever decide")
        for category in (Category.LEGACY_NON_COMPLIANT, Category.ZOMBIE_LEGACY):
            try:
                yield from self._without_exit(category)
            except NotDecided:
                yield Finding(Code.NOT_DECIDED, ("exits",), f"not decided whether each {category.value} has an exit")

    def _of_rule(self, decided: Decided, number: int) -> Iterator[Finding]:
        model, rule = self.model, decided.rules[number]
        matches = decided.matches[number]
        if model.ask(matches) is None:
            yield Finding(Code.NEVER_MATCHES, (*rule.path, "when"), f"{rule.id} never matches any position")
            return
        if model.ask(decided.decides[number]) is None:
            yield self._shadowed(decided, number)
            return
        if model.ask(-matches) is None and number + 1 < len(decided.rules):
            later = _listed([other.id for other in decided.rules[number + 1 :]])
            yield Finding(
                Code.ALWAYS_MATCHES, (*rule.path, "when"), f"{rule.id} matches every position: {later} after it"
            )
        elif model.ask(decided.decides[number], -self._same_without(decided, number)) is None:
            message = f"without {rule.id} the same would be done: it only serves the reason"
            yield Finding(Code.ONLY_A_REASON, rule.path, message)

    def _shadowed(self, decided: Decided, number: int) -> Finding:
        """Say which rules before it take all that a rule matches: the fewest that do so together."""
        rule, earlier = decided.rules[number], decided.matches[:number]
        blamed = set(self.model.blamed([decided.matches[number]], [-match for match in earlier]))
        ids = [other.id for other, match in zip(decided.rules, earlier, strict=False) if -match in blamed]
        because = f"{_listed(ids)} before it" if ids else "one before it"
        return Finding(
            Code.NEVER_DECIDES, rule.path, f"{rule.id} never decides: all it matches is decided by {because}"
        )

    def _same_without(self, decided: Decided, number: int) -> int:
        """Return the literal that without a rule another one with the same effect would decide."""
        facts, rule = self.model.facts, decided.rules[number]
        later = decided.matches[number + 1 :]
        same = [
            facts.all_of([match, *(-between for between in later[:at])])
            for at, (other, match) in enumerate(zip(decided.rules[number + 1 :], later, strict=True))
            if _effect(other) == _effect(rule)
        ]
        if _effect(rule) == (Category.STRATEGY_ALIGNED,):
            same.append(facts.all_of(-match for match in later))
        return facts.any_of(same)

    def _without_exit(self, category: Category) -> Iterator[Finding]:
        model = self.model
        unprotected = model.facts.equals("protected", value=False)
        cells = model.ask_plainly(model.categories[category.value], model.exits.none, unprotected)
        if cells is None:
            return
        replayed = self._replayed(cells)
        if replayed is None or replayed.decision.exit is not None or replayed.decision.category is not category:
            yield Finding(Code.NOT_DECIDED, ("exits",), f"not decided whether each {category.value} has an exit")
            return
        rule = replayed.decision.rule
        by = "" if rule is None else f" by {rule.id}"
        message = f"a position can be {category.value}{by} and have no exit: the account is then never CLEAN"
        yield Finding(Code.NO_EXIT, ("exits",), message, unusual(cells))

    def _replayed(self, cells: Mapping[str, Cell]) -> Replayed | None:
        try:
            return replay(self.book, wanted_facts(cells))
        except FactsDisagree:
            return None


def _effect(rule: Rule) -> tuple[object, ...]:
    """Return what a rule does, its reason aside."""
    if isinstance(rule, ClassificationRule):
        return (rule.category,)
    if isinstance(rule, ExitRule):
        kind = (rule.number, rule.is_dust, rule.is_zombie)
        return (rule.action, *kind, rule.attempts, rule.escalates, rule.stop_pct, rule.adopt)
    return (rule.id,)


def _listed(ids: Sequence[str]) -> str:
    return ids[0] if len(ids) == 1 else f"{', '.join(ids[:-1])} or {ids[-1]}"
