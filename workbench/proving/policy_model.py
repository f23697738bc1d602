"""A policy over the facts of any position: which rule decides, which category that is, and which exit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from exitplan.ruleset.language.policy import ClassificationRule, ExitRule, Policy, Rule
from exitplan.ruleset.model.fact_registry import Category, FactValue
from exitplan.workbench.invention import FactsWanted
from exitplan.workbench.proving.cells import OTHER, Cell, cut, cut_orders
from exitplan.workbench.proving.solver import Solver
from exitplan.workbench.proving.theory import Facts, Told, demand_sense, demand_sense_of_orders

BUDGET = 20_000
"""Conflicts after which a question is not decided."""
_STRANGER = "somebody_else"


@dataclass(frozen=True, slots=True)
class Decided:
    """A list of rules of which the first match decides, as literals: what matches, what decides, and that none does."""

    rules: tuple[Rule, ...]
    matches: tuple[int, ...]
    decides: tuple[int, ...]
    none: int


@dataclass
class Questions:
    """Rules over the facts of any position or order, and what can be asked of them."""

    facts: Facts
    policy: Policy
    budget: int = field(default=BUDGET, kw_only=True)

    def decided(self, rules: Sequence[Rule], told: Mapping[str, Told] | None = None) -> Decided:
        """Read a list of rules of which the first match decides; ``told`` are facts that they find set."""
        matches = tuple(self.facts.holds(rule.when, told or {}) for rule in rules)
        decides = tuple(
            self.facts.all_of([match, *(-earlier for earlier in matches[:at])]) for at, match in enumerate(matches)
        )
        return Decided(tuple(rules), matches, decides, self.facts.all_of(-match for match in matches))

    def ask(self, *literals: int) -> dict[str, Cell] | None:
        """Find a position or order for which all literals hold; None where there is none. Raises NotDecided."""
        true = self.facts.solve(literals, self.budget)
        return None if true is None else self.facts.chosen(true)

    def possible(self, *literals: int) -> bool:
        """Check whether there is a position or order for which all literals hold. Raises NotDecided."""
        return self.facts.solve(literals, self.budget) is not None

    def ask_plainly(self, *literals: int) -> dict[str, Cell] | None:
        """Find the one among those of :meth:`ask` that is as ordinary as can be."""
        found = self.ask(*literals)
        kept = list(literals)
        for name in self.facts.cells if found is not None else ():
            ordinary = self.facts.where(name, lambda cell: cell.is_ordinary)
            plainer = self.ask(*kept, ordinary)
            if plainer is not None:
                found = plainer
                kept.append(ordinary)
        return found

    def blamed(self, fixed: Sequence[int], suspects: Sequence[int]) -> list[int]:
        """Return the fewest of some literals that rule the fixed ones out; they do so all together."""
        if self.ask(*fixed, *suspects) is not None:
            return list(suspects)
        needed = [literal for literal in suspects if literal in self.facts.solver.core]
        for suspect in tuple(needed):
            fewer = [literal for literal in needed if literal != suspect]
            if suspect in needed and self.ask(*fixed, *fewer) is None:
                core = self.facts.solver.core
                needed = [literal for literal in fewer if literal in core]
        return needed


@dataclass
class OrderModel(Questions):
    """The order rules of a policy as literals over the facts of an open order."""

    orders: Decided = field(init=False)

    def __post_init__(self) -> None:
        """Read the rules."""
        self.orders = self.decided(self.policy.orders)

    @classmethod
    def of(cls, policy: Policy) -> OrderModel:
        """Make the model of one policy, over facts of its own."""
        facts = Facts(Solver(), cut_orders([policy]))
        demand_sense_of_orders(facts, policy)
        return cls(facts, policy)


@dataclass
class PolicyModel(Questions):
    """One policy as literals over the facts of a position; several policies may stand over the same facts."""

    classification: Decided = field(init=False)
    exits: Decided = field(init=False)
    categories: Told = field(init=False)
    may_be_chosen: int = field(init=False)
    """The literal that the cap may choose the position, if its place among the others is such."""

    def __post_init__(self) -> None:
        """Read both lists of rules, and demand what the cap demands of those that it chooses."""
        policy = self.policy
        self.classification = self.decided(policy.classification)
        self.categories = self.categories_of(self.classification)
        self.exits = self.decided(policy.exits, {"category": self.categories})
        self._demand_cap()

    @classmethod
    def of(cls, policy: Policy) -> PolicyModel:
        """Make the model of one policy, over facts of its own."""
        facts = Facts(Solver(), cut([policy]))
        demand_sense(facts, policy)
        return cls(facts, policy)

    def categories_of(self, decided: Decided) -> dict[FactValue, int]:
        """Return the literal of each category."""
        sums: dict[FactValue, list[int]] = {category.value: [] for category in Category}
        for rule, literal in zip(decided.rules, decided.decides, strict=True):
            if isinstance(rule, ClassificationRule):
                sums[rule.category.value].append(literal)
        sums[Category.STRATEGY_ALIGNED.value].append(decided.none)
        return {category: self.facts.any_of(literals) for category, literals in sums.items()}

    def _demand_cap(self) -> None:
        """Demand what the cap looks for: it chooses by the decisions that there are before it has chosen."""
        facts, policy = self.facts, self.policy
        before: dict[str, Told] = {"over_cap": {False: facts.true}}
        first = self.decided(policy.classification, before)
        categories = self.categories_of(first)
        exits = self.decided(policy.exits, {**before, "category": categories})
        takes = [Category.LEGACY_NON_COMPLIANT]
        if policy.cap.scope == "all":
            takes.append(Category.STRATEGY_ALIGNED)
        gone = [
            literal
            for rule, literal in zip(exits.rules, exits.decides, strict=True)
            if isinstance(rule, ExitRule) and (rule.is_dust or rule.is_zombie)
        ]
        able = [facts.equals("sellable", value=True), facts.equals("protected", value=False)]
        able += [facts.any_of(categories[category.value] for category in takes), -facts.any_of(gone)]
        able += [-facts.equals("price_status", status) for status in ("unavailable", "implausible")]
        self.may_be_chosen = facts.all_of(able)
        facts.implies(facts.equals("over_cap", value=True), self.may_be_chosen)


def wanted_facts(cells: Mapping[str, Cell]) -> FactsWanted:
    """Return the facts of an answer as an account can be invented from them."""
    wanted: dict[str, FactValue | None] = {}
    for name, cell in cells.items():
        if cell.value != OTHER:
            wanted[name] = cell.value
        elif name == "position_source":
            wanted[name] = _STRANGER
        elif name == "strategy":
            wanted[name] = OTHER
    return wanted


def unusual(cells: Mapping[str, Cell]) -> dict[str, FactValue | None]:
    """Return the facts of an answer that are not those of an ordinary position."""
    wanted = wanted_facts(cells)
    if wanted.get("opened_by_strategy") and cells["opened_by_strategy"].is_ordinary:
        wanted = {name: value for name, value in wanted.items() if name != "position_source"}  # any of the policy's
    return {name: wanted[name] for name, cell in cells.items() if name in wanted and not cell.is_ordinary}
