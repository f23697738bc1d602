"""Find rules that can never decide, and positions that are never cleaned up.

Each finding is proved for every position or order that there can be, not tried on a few; what is said to be possible
has a witness, which the planner confirms. Not proved are the order of the cap, guards and quantities.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from exitplan.ruleset.engine.rulebook import Rulebook
from exitplan.ruleset.language.policy import Policy
from exitplan.ruleset.model.fact_registry import Category
from exitplan.workbench.invention import FactsDisagree, Replayed, replay
from exitplan.workbench.lint.checks import Code
from exitplan.workbench.lint.findings import Finding
from exitplan.workbench.lint.gaps import find_gaps
from exitplan.workbench.lint.parts import SharedParts, find_parts
from exitplan.workbench.lint.rule_lists import RuleList, rule_lists
from exitplan.workbench.lint.units import find_unit_slips
from exitplan.workbench.proving.cells import Cell
from exitplan.workbench.proving.policy_model import BUDGET, OrderModel, PolicyModel, unusual, wanted_facts
from exitplan.workbench.proving.solver import NotDecided

_DEAD = frozenset({Code.NEVER_MATCHES, Code.NEVER_DECIDES, Code.UNREACHED_EXIT})


def lint(policy: Policy, *, budget: int = BUDGET, effort: int | None = None) -> list[Finding]:
    """Prove what can be proved of a policy, in the order of its rules.

    ``budget`` is how much is tried for one question (conflicts of the solver) before it is "not decided"; ``effort``
    how much for all of them (:attr:`Solver.effort`).
    """
    positions, orders = PolicyModel.of(policy), OrderModel.of(policy)
    positions.budget = orders.budget = budget
    positions.facts.most_effort = orders.facts.most_effort = effort
    book = cache(lambda: Rulebook.of(policy))  # most policies need no replay
    return list(_Linter(positions, rule_lists(positions, orders), book).findings())


@dataclass(frozen=True, slots=True)
class _Linter:
    model: PolicyModel
    lists: Sequence[RuleList]
    book: Callable[[], Rulebook]
    shared: SharedParts = field(default_factory=SharedParts)

    def findings(self) -> Iterator[Finding]:
        for rules in self.lists:
            for number, rule in enumerate(rules.rules):
                question = f"{rule.id}: not decided whether it can ever decide"
                yield from _decided(self._of_rule(rules, number), Finding(Code.NOT_DECIDED, rule.path, question))
                yield from find_unit_slips(rule, rules.facts)
        yield from self.shared.findings()
        for category in (Category.LEGACY_NON_COMPLIANT, Category.ZOMBIE_LEGACY):
            question = f"not decided whether each {category.value} has an exit"
            undecided = Finding(Code.NOT_DECIDED, ("exits",), question, on_key=True)
            yield from _decided(self._without_exit(category, undecided), undecided)
        yield from find_gaps(self.lists, self.book)

    def _of_rule(self, rules: RuleList, number: int) -> Iterator[Finding]:
        found = list(self._of_decision(rules, number))
        yield from found
        codes = {finding.code for finding in found}
        if not codes & _DEAD:
            is_last_word = Code.ONLY_A_REASON in codes
            yield from find_parts(rules, number, self.shared, idle=not is_last_word)

    def _of_decision(self, rules: RuleList, number: int) -> Iterator[Finding]:
        rule, model, matches = rules.rules[number], rules.model, rules.decided.matches[number]
        if not model.possible(matches):
            yield self._never(rules, number)
        elif not model.possible(rules.decided.decides[number]):
            yield _shadowed(rules, number)
        elif not model.possible(-matches) and (number + 1 < len(rules.rules) or rules.block == "orders"):
            later = [other.id for other in rules.rules[number + 1 :]]
            rest = f": {_listed(later)} after it never decides" if later else ""
            message = f"{rule.id} matches every {rules.what}{rest}"
            yield Finding(Code.ALWAYS_MATCHES, (*rule.path, "when"), message, about=rule.id)
        elif not model.possible(rules.decided.decides[number], -rules.same_without(number)):
            message = f"without {rule.id} the same would be done: it only serves the reason"
            yield Finding(Code.ONLY_A_REASON, rule.path, message, about=rule.id)

    def _never(self, rules: RuleList, number: int) -> Finding:
        """Say that a rule never matches, or where only the categories are to blame, that none reaches it."""
        rule, facts = rules.rules[number], rules.model.facts
        free = {"category": facts.any_value(Category)} if rules.block == "exits" else None
        if free is not None and rules.model.possible(facts.holds(rule.when, free)):
            message = f"no rule of the classification makes a position what {rule.id} asks for: it never matches"
            return Finding(Code.UNREACHED_EXIT, (*rule.path, "when"), message, about=rule.id)
        message = f"{rule.id} never matches any {rules.what}"
        return Finding(Code.NEVER_MATCHES, (*rule.path, "when"), message, about=rule.id)

    def _without_exit(self, category: Category, undecided: Finding) -> Iterator[Finding]:
        model = self.model
        unprotected = model.facts.equals("protected", value=False)
        cells = model.ask_plainly(model.categories[category.value], model.exits.none, unprotected)
        if cells is None:
            return
        replayed = _replayed(self.book, cells)
        if replayed is None or replayed.decision.exit is not None or replayed.decision.category is not category:
            yield undecided
            return
        rule = replayed.decision.rule
        by = "" if rule is None else f" by {rule.id}"
        message = f"a position can be {category.value}{by} and have no exit: the account is then never CLEAN"
        yield Finding(Code.NO_EXIT, ("exits",), message, unusual(cells), about="exits", on_key=True)


def _decided(findings: Iterator[Finding], undecided: Finding) -> Iterator[Finding]:
    """Pass findings on; where a question is too hard, tell that in their place."""
    try:
        yield from findings
    except NotDecided:
        yield undecided


def _replayed(book: Callable[[], Rulebook], cells: Mapping[str, Cell]) -> Replayed | None:
    try:
        return replay(book(), wanted_facts(cells))
    except FactsDisagree:
        return None


def _shadowed(rules: RuleList, number: int) -> Finding:
    """Say which rules before it take all that a rule matches: the fewest that do so together."""
    rule, earlier = rules.rules[number], rules.decided.matches[:number]
    blamed = set(rules.model.blamed([rules.decided.matches[number]], rules.reached(number)))
    ids = [other.id for other, match in zip(rules.rules, earlier, strict=False) if -match in blamed]
    because = f"{_listed(ids)} before it" if ids else "one before it"
    message = f"{rule.id} never decides: all it matches is decided by {because}"
    return Finding(Code.NEVER_DECIDES, rule.path, message, about=rule.id)


def _listed(ids: Sequence[str]) -> str:
    return ids[0] if len(ids) == 1 else f"{', '.join(ids[:-1])} or {ids[-1]}"
