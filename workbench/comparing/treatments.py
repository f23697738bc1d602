"""Which positions two policies treat otherwise: proved for every position, with one of each kind that both plan.

The positions are the same under both policies; what they see of one may differ: who is protected, whose strategy is
one of theirs. The cap reaches as far down under both, and each policy says whom it may take. Treated alike are
positions of the same category for which the same is done; that another rule decides so is no difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeVar

from msgspec import structs

from exitplan.ruleset.engine.rulebook import Rulebook
from exitplan.ruleset.language.conditions import Condition, Leaf
from exitplan.ruleset.language.policy import ClassificationRule, ExitRule, Policy, Protection, Rule
from exitplan.ruleset.model.fact_registry import Category, FactValue
from exitplan.ruleset.planning.classify import Decision
from exitplan.ruleset.planning.planner import PlanInput, draft_plan
from exitplan.workbench.comparing.regions import Variable, region_texts, widest
from exitplan.workbench.invention import NOW, FactsDisagree, Invented, invent
from exitplan.workbench.proving.cells import OTHER, Cell, cut, leaves
from exitplan.workbench.proving.policy_model import BUDGET, PolicyModel, wanted_facts
from exitplan.workbench.proving.solver import NotDecided, Solver
from exitplan.workbench.proving.theory import Facts, demand_sense

R = TypeVar("R", bound=Rule)
MOST_COUNTED = 100
"""Kinds of positions beyond this many are not counted any more."""
_NAMES = frozenset({"symbol", "asset", "venue", "position_source", "strategy"})
"""The facts that are names: a region says what they mean for a policy where that is enough."""
_UNJUDGED = ("unavailable", "implausible")


@dataclass(frozen=True, slots=True)
class Treatment:
    """What a policy does with a kind of positions; ``action`` None where nothing is done, ``why_not`` then why.

    ``details`` are what else belongs to the exit: its number in the protocol, attempts, the stop.
    """

    category: str
    rule: str | None
    exit: str | None
    action: str | None
    why_not: str | None = None
    details: tuple[object, ...] = ()

    @classmethod
    def of(
        cls, rule: ClassificationRule | None, exit_rule: ExitRule | None, *, protected: bool, deferred: bool
    ) -> Treatment:
        """Describe what becomes of a position for which these rules decide."""
        category = Category.STRATEGY_ALIGNED if rule is None else rule.category
        why_not = "protected" if protected else "deferred" if deferred else None
        acts = None if why_not else exit_rule
        return cls(
            category.value,
            rule.id if rule else None,
            exit_rule.id if exit_rule else None,
            acts.action if acts else None,
            why_not,
            effect_of(acts) if acts else (),
        )

    @classmethod
    def of_decision(cls, decision: Decision) -> Treatment:
        """Describe what the planner has decided."""
        return cls.of(decision.rule, decision.exit, protected=decision.is_protected, deferred=decision.is_deferred)

    @property
    def means(self) -> tuple[object, ...]:
        """What has to be the same for two positions to be treated alike."""
        if self.why_not == "protected":
            return ("protected",)
        return (self.category, self.details)


def effect_of(rule: ExitRule) -> tuple[object, ...]:
    """Return all that an exit rule does; its id and its reason are no part of it."""
    kind = (rule.number, rule.is_dust, rule.is_zombie)
    return (rule.action, *kind, rule.attempts, rule.escalates, rule.stop_pct, rule.adopt)


@dataclass(frozen=True, slots=True)
class Difference:
    """A kind of positions that is treated otherwise.

    ``region`` says which they are, each part of it has to hold. ``witness`` are the facts of one of them where they are
    not those of an ordinary position. ``is_confirmed`` where the planner has planned it so, under both policies.
    """

    region: tuple[str, ...]
    before: Treatment
    after: Treatment
    witness: Mapping[str, FactValue | None]
    is_confirmed: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """What is proved of two policies: the first differences, and how many more there are.

    ``has_more`` says that there are more than were counted; ``is_decided`` that no question was too hard.
    """

    differences: tuple[Difference, ...] = ()
    more: int = 0
    has_more: bool = False
    is_decided: bool = True

    @property
    def is_equal(self) -> bool:
        """Check that it is proved that no position is treated otherwise."""
        return self.is_decided and not self.differences


def compare_policies(old: Policy, new: Policy, *, assuming: Condition | None = None, most: int = 10) -> Comparison:
    """Find the kinds of positions that two policies treat otherwise, at most so many.

    ``assuming`` leaves out the positions for which it does not hold.
    """
    return _Pair(old, new, assuming).compare(most)


@dataclass
class _Kind:
    """The positions for which the same rules decide, under both policies."""

    literal: int
    before: Treatment
    after: Treatment


@dataclass
class _Pair:
    old: Policy
    new: Policy
    assuming: Condition | None
    before: PolicyModel = field(init=False)
    after: PolicyModel = field(init=False)
    cap: Facts = field(init=False)
    assumed: list[int] = field(init=False)
    deferred: tuple[int, int] = field(init=False)
    """The literals that each policy does not judge the position; made before any question: answers have them."""

    def __post_init__(self) -> None:
        """Put both policies over the facts of one position."""
        old, new = self.old, self.new
        assumed = [] if self.assuming is None else [ClassificationRule("assumed", self.assuming, ())]
        carrier = replace(new, classification=tuple(assumed), exits=())
        facts = Facts(Solver(), cut([old, new, carrier]))
        own = _own_facts(old, new)
        others = facts.seen_by_another(own)
        self.cap = facts.seen_by_another(["over_cap"])
        demand_sense(facts, old)
        demand_sense(others, new)
        self.before, self.after = PolicyModel(facts, old), PolicyModel(others, new)
        reached = self.cap.equals("over_cap", value=True)
        for model in (self.before, self.after):
            chosen = model.facts.all_of([reached, model.may_be_chosen])
            facts.same(model.facts.equals("over_cap", value=True), chosen)
        facts.always(-reached, *(model.facts.equals("over_cap", value=True) for model in (self.before, self.after)))
        _demand_relations(self.before, self.after, own)
        self.assumed = [facts.holds(one.when) for one in assumed]
        self.deferred = _is_deferred(self.before), _is_deferred(self.after)

    # --- questions ---

    def ask(self, *literals: int) -> frozenset[int] | None:
        return self.before.facts.solver.solve([*self.assumed, *literals], BUDGET)

    @cached_property
    def variables(self) -> list[Variable]:
        """The facts by which regions are described, first those that the policies ask otherwise."""
        telling = _asked_otherwise(self.old, self.new)
        own = _own_facts(self.old, self.new)
        found = [Variable("over_cap", "over_cap", self.cap)]
        for name in self.before.facts.cells:
            if name not in own:
                found.append(Variable(name, name, self.before.facts))
            elif name != "over_cap":
                found.append(Variable(f"{name} (before)", name, self.before.facts))
                found.append(Variable(f"{name} (after)", name, self.after.facts))
        return sorted(found, key=lambda variable: (variable.name not in telling, variable.name == "over_cap"))

    # --- what is the same ---

    @cached_property
    def same(self) -> int:
        """The literal that a position is treated alike."""
        facts, models = self.before.facts, (self.before, self.after)
        shielded = [model.facts.equals("protected", value=True) for model in models]
        alike = [-self._differ(*shielded)]
        alike += [-self._differ(*(model.categories[category.value] for model in models)) for category in Category]
        effects = dict.fromkeys(effect_of(rule) for policy in (self.old, self.new) for rule in policy.exits)
        alike += [-self._differ(*(self._does(model, effect) for model in models)) for effect in effects]
        return facts.any_of([facts.all_of(shielded), facts.all_of(alike)])

    def _differ(self, one: int, other: int) -> int:
        facts = self.before.facts
        return facts.any_of([facts.all_of([one, -other]), facts.all_of([-one, other])])

    def _does(self, model: PolicyModel, effect: tuple[object, ...]) -> int:
        """Return the literal that an exit with this effect is carried out."""
        decided = model.exits
        deciding = [
            literal
            for rule, literal in zip(model.policy.exits, decided.decides, strict=True)
            if effect_of(rule) == effect
        ]
        return model.facts.all_of([model.facts.any_of(deciding), self._acts(model)])

    def _acts(self, model: PolicyModel) -> int:
        return model.facts.all_of([-model.facts.equals("protected", value=True), -self.deferred[model is self.after]])

    # --- kinds ---

    def compare(self, most: int) -> Comparison:
        found: list[Difference] = []
        known: list[int] = []
        try:
            while (true := self.ask(-self.same, *(-literal for literal in known))) is not None:
                if len(known) >= most + MOST_COUNTED:
                    return Comparison(tuple(found), len(known) - len(found), has_more=True)
                kind = self._kind(true)
                known.append(kind.literal)
                if len(found) < most:
                    found.append(self._difference(kind))
        except NotDecided:
            return Comparison(tuple(found), len(known) - len(found), is_decided=False)
        return Comparison(tuple(found), len(known) - len(found))

    def _kind(self, true: frozenset[int]) -> _Kind:
        literals: list[int] = []
        treatments = []
        for model in (self.before, self.after):
            rule, decides = _deciding(model.policy.classification, model.classification.decides, true)
            exit_rule, exits = _deciding(model.policy.exits, model.exits.decides, true)
            literals += [decides or model.classification.none, exits or model.exits.none]
            protected, deferred = model.facts.equals("protected", value=True), self.deferred[model is self.after]
            states = [literal if literal in true else -literal for literal in (protected, deferred)]
            literals += states
            treatments.append(Treatment.of(rule, exit_rule, protected=states[0] > 0, deferred=states[1] > 0))
        return _Kind(self.before.facts.all_of(literals), *treatments)

    def _difference(self, kind: _Kind) -> Difference:
        true = self._plainest(kind.literal)
        cells = {variable.label: _cell(variable, true) for variable in self.variables}
        goal = _Is(self, kind.literal)
        by_name = [variable for variable in self.variables if not _is_derived(variable, cells[variable.label])]
        plain = [variable for variable in by_name if variable.name not in _NAMES]
        regions = (widest(variables, cells, goal) for variables in (plain, by_name, self.variables))
        region = next((region for region in regions if region is not None), ())
        return Difference(
            tuple(region_texts(region)),
            kind.before,
            kind.after,
            {
                variable.label: _shown(cell)
                for variable, cell in ((each, cells[each.label]) for each in self.variables)
                if not cell.is_ordinary and cell.value != OTHER
            },
            self._is_confirmed(true, kind),
        )

    def _plainest(self, literal: int) -> frozenset[int]:
        """Find the position of a kind that is ordinary in as much as can be."""
        ordinary = [
            variable.facts.where(variable.name, lambda cell: cell.is_ordinary) for variable in reversed(self.variables)
        ]
        while True:
            true = self.ask(literal, *ordinary)
            if true is not None:
                return true
            core = self.before.facts.solver.core
            ordinary.remove(next(one for one in reversed(ordinary) if one in core))

    # --- the planner's own word ---

    def _is_confirmed(self, true: frozenset[int], kind: _Kind) -> bool:
        """Plan one account with such a position under both policies, and check that both decide as proved."""
        try:
            invented = self._invented(true)
            told = [self._planned(invented, true, model) for model in (self.before, self.after)]
        except FactsDisagree:
            return False
        return told == [kind.before, kind.after]

    def _planned(self, invented: Invented, true: frozenset[int], model: PolicyModel) -> Treatment:
        protected = model.facts.equals("protected", value=True) in true
        policy = _protecting(model.policy, invented) if protected else model.policy
        book = structs.replace(self._books[model is self.after], policy=policy)
        draft = draft_plan(PlanInput(book, invented.snapshot, NOW, invented.progress))
        decision = next((one for one in draft.decisions if one.key == invented.key), None)
        if decision is None:
            raise FactsDisagree(f"{invented.key} is money and no position")
        return Treatment.of_decision(decision)

    @cached_property
    def _books(self) -> tuple[Rulebook, Rulebook]:
        return Rulebook.of(self.old), Rulebook.of(self.new)

    def _invented(self, true: frozenset[int]) -> Invented:
        """Build the account; its other positions are ordinary under both policies, as far as there are such."""
        old, new, seen = self.old, self.new, self.before.facts.chosen(true)
        neutral = replace(
            old,
            max_positions=max(old.max_positions, new.max_positions),
            strategy_sources=old.strategy_sources & new.strategy_sources or old.strategy_sources,
            protect=(*old.protect, *new.protect),
            named_symbols=(*old.named_symbols, *new.named_symbols),
        )
        wanted = dict(wanted_facts(seen))
        if self.cap.equals("over_cap", value=True) in true:
            wanted["over_cap"] = True
        invented = invent(neutral, wanted)
        exits = [model.facts.equals("has_exit_logic", value=True) in true for model in (self.before, self.after)]
        if exits[0] != exits[1]:  # each policy tells it by whose the position is
            symbol = next(position.symbol for position in invented.snapshot.positions if position.key == invented.key)
            records = dict(invented.snapshot.tracker)
            records[symbol] = structs.replace(records[symbol], exit_logic=None)
            invented = replace(invented, snapshot=structs.replace(invented.snapshot, tracker=records))
        return invented


@dataclass(frozen=True, slots=True)
class _Is:
    """That a position is of a kind, as what a region describes."""

    pair: _Pair
    literal: int

    def refuted(self, literals: Sequence[int]) -> frozenset[int] | None:
        return self.pair.ask(*literals, -self.literal)

    def needed(self) -> frozenset[int]:
        return self.pair.before.facts.solver.core

    def is_possible(self, literals: Sequence[int]) -> bool:
        return self.pair.ask(*literals) is not None


def _protecting(policy: Policy, invented: Invented) -> Policy:
    """Protect the position, where the policy does not do so already."""
    names = policy.names
    symbol = next(position.symbol for position in invented.snapshot.positions if position.key == invented.key)
    if names.of_symbol(symbol) in policy.protected_assets(names, NOW):
        return policy
    return replace(policy, protect=(*policy.protect, Protection(symbol)))


def _own_facts(old: Policy, new: Policy) -> list[str]:
    """List the facts of a position that each of two policies has to be asked about."""
    own = ["over_cap"]
    if old.strategy_sources != new.strategy_sources:
        own += ["opened_by_strategy", "has_exit_logic"]
    if old.protect != new.protect or old.aliases != new.aliases:
        own.append("protected")
    if old.aliases != new.aliases:
        own.append("asset")
    if old.health != new.health:
        own.append("health_score")
    return own


def _demand_relations(before: PolicyModel, after: PolicyModel, own: Iterable[str]) -> None:
    """Demand that what two policies see of a position differs only for a reason."""
    facts = before.facts
    for one, other in ((before, after), (after, before)):
        if "has_exit_logic" in own:
            only_here = facts.all_of(
                [one.facts.equals("has_exit_logic", value=True), -other.facts.equals("has_exit_logic", value=True)]
            )
            ours = (model.facts.equals("opened_by_strategy", value=True) for model in (one, other))
            here, there = ours
            facts.implies(only_here, here, -there)
        if "protected" in own:
            listed = _listed_only(one, other)
            facts.always(
                -one.facts.equals("protected", value=True), other.facts.equals("protected", value=True), *listed
            )


def _listed_only(one: PolicyModel, other: PolicyModel) -> Iterator[int]:
    """List the literals that a position has a name that one policy protects and another one does not."""
    names, others = one.policy.names, other.policy.names
    here, there = one.policy.protected_assets(names, NOW), other.policy.protected_assets(others, NOW)
    for cell in one.facts.cells["symbol"]:
        symbol = str(cell.value)
        if symbol != OTHER and names.of_symbol(symbol) in here and others.of_symbol(symbol) not in there:
            yield one.facts.equals("symbol", symbol)
    for cell in one.facts.cells["asset"]:
        if cell.value in here and others.resolve(str(cell.value)) not in there:
            yield one.facts.equals("asset", str(cell.value))


def _is_deferred(model: PolicyModel) -> int:
    """Return the literal that a position is not judged: nothing is sold on a failed question."""
    unjudged = [model.facts.equals("price_status", status) for status in _UNJUDGED]
    return model.facts.any_of([model.categories[Category.DEFERRED.value], *unjudged])


def _deciding(rules: Sequence[R], decides: Sequence[int], true: frozenset[int]) -> tuple[R | None, int]:
    for rule, literal in zip(rules, decides, strict=True):
        if literal in true:
            return rule, literal
    return None, 0


def _is_derived(variable: Variable, cell: Cell) -> bool:
    """Check whether a fact that policies see otherwise is told by a name: whose a position is, who is protected."""
    is_own = variable.label != variable.name
    return is_own and (variable.name == "opened_by_strategy" or (variable.name == "protected" and cell.value is True))


def _cell(variable: Variable, true: frozenset[int]) -> Cell:
    return next(cell for literal, cell in zip(variable.literals, variable.cells, strict=True) if literal in true)


def _shown(cell: Cell) -> FactValue | None:
    return cell.value


def _asked_otherwise(old: Policy, new: Policy) -> frozenset[str]:
    """Return the facts of the comparisons that only one of two policies makes."""
    asked = [_comparisons(policy) for policy in (old, new)]
    return frozenset(leaf.fact for leaf in asked[0] ^ asked[1])


def _comparisons(policy: Policy) -> frozenset[Leaf]:
    return frozenset(leaf for rule in (*policy.classification, *policy.exits) for leaf in leaves(rule.when))
