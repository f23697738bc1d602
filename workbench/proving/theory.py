"""Which facts go together: without knowing that, the witnesses of a proof would be positions that nobody can have."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field

from exitplan.ruleset.language.conditions import Condition, Group, Leaf, Lowered, lower
from exitplan.ruleset.language.policy import Policy
from exitplan.ruleset.model.fact_registry import FactValue
from exitplan.ruleset.model.values import MICRO
from exitplan.workbench.invention import NOW
from exitplan.workbench.proving.cells import OTHER, Cell
from exitplan.workbench.proving.solver import NotDecided, Solver

_MOST_KEPT = 200
"""Positions that are kept to answer further questions."""

Told = Mapping[FactValue, int]
"""A fact that is no cell of the position: its possible values, each with the literal that it is the one."""


@dataclass
class Facts:
    """The facts of one position as variables of a solver: one for each cell, of which exactly one holds."""

    solver: Solver
    cells: Mapping[str, tuple[Cell, ...]]
    most_effort: int | None = None
    """How much effort of the solver all questions together may take; None for as much as they need."""
    _literals: dict[str, tuple[int, ...]] = field(default_factory=dict)
    _known: dict[tuple[object, ...], int] = field(default_factory=dict)
    _leaves: dict[Leaf, int] = field(default_factory=dict)
    _parts: dict[int, tuple[int, ...]] = field(default_factory=dict)
    _found: list[set[int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Make the variables."""
        self.true = self.solver.variable()
        self.solver.add([self.true])
        for name, cells in self.cells.items():
            literals = tuple(self.solver.variable() for _ in cells)
            self._literals[name] = literals
            self._exactly_one(literals)
            for literal, cell in zip(literals, cells, strict=True):
                if cell.is_ordinary:
                    self.solver.prefer(literal)

    def seen_by_another(self, own: Iterable[str]) -> Facts:
        """Return the facts of the same position under another policy: the same ones but for some of its own."""
        other = Facts(self.solver, {name: self.cells[name] for name in own})
        other.true, other.cells = self.true, self.cells
        other._literals, other._known = {**self._literals, **other._literals}, self._known
        return other

    def where(self, name: str, test: Callable[[Cell], bool]) -> int:
        """Return the literal that a fact is in one of the cells for which a test holds."""
        chosen = [literal for literal, cell in zip(self._literals[name], self.cells[name], strict=True) if test(cell)]
        return self.any_of(chosen)

    def equals(self, name: str, value: FactValue) -> int:
        """Return the literal that a fact has a value; one that no cell is about is among the others."""
        return self.where(name, lambda cell: cell.value == value)

    def known(self, name: str) -> int:
        """Return the literal that a fact is not absent."""
        return self.where(name, lambda cell: cell.value is not None)

    def any_of(self, literals: Iterable[int]) -> int:
        """Return a literal that holds exactly where one of some does."""
        parts = tuple(sorted({literal for literal in literals if literal != -self.true}))
        if self.true in parts:
            return self.true
        if len(parts) <= 1:
            return parts[0] if parts else -self.true
        key = ("any", parts)
        if key not in self._known:
            made = self._known[key] = self.solver.variable(follows=True)
            self._parts[made] = parts
            self.solver.add([-made, *parts])
            for part in parts:
                self.solver.add([made, -part])
        return self._known[key]

    def all_of(self, literals: Iterable[int]) -> int:
        """Return a literal that holds exactly where all of some do."""
        return -self.any_of(-literal for literal in literals)

    def holds(self, condition: Condition, told: Mapping[str, Told] | None = None) -> int:
        """Return the literal that a condition holds; ``told`` are facts that it finds instead of the position's."""
        return self._lowered(lower(condition), told or {})

    def _lowered(self, part: Lowered, told: Mapping[str, Told]) -> int:
        if isinstance(part, bool):
            return self.true if part else -self.true
        if isinstance(part, Group):
            parts = [self._lowered(inner, told) for inner in part.parts]
            return self.all_of(parts) if part.every else self.any_of(parts)
        return self._leaf(part, told)

    def _leaf(self, leaf: Leaf, told: Mapping[str, Told]) -> int:
        if leaf.fact in told:
            return self.any_of(literal for value, literal in told[leaf.fact].items() if Cell(value).satisfies(leaf))
        if leaf not in self._leaves:
            self._leaves[leaf] = self.where(leaf.fact, lambda cell: cell.satisfies(leaf))
        return self._leaves[leaf]

    def any_value(self, values: Iterable[FactValue]) -> Told:
        """Return a fact that is any one of some values, whatever the others are."""
        told = {value: self.solver.variable() for value in values}
        self._exactly_one(tuple(told.values()))
        first, *others = told.values()
        for found in self._found:  # nothing else hangs on it, so that it may as well be the first
            found.update((first, *(-other for other in others)))
        return told

    def _exactly_one(self, literals: tuple[int, ...]) -> None:
        self.solver.add(literals)
        for at, literal in enumerate(literals):
            for other in literals[:at]:
                self.solver.add([-literal, -other])

    def always(self, *literals: int) -> None:
        """Demand that one of some literals holds."""
        self._found.clear()
        self.solver.add(literals)

    def implies(self, literal: int, *others: int) -> None:
        """Demand that where one literal holds all of the others do."""
        self._found.clear()
        for other in others:
            self.solver.add([-literal, other])

    def same(self, one: int, other: int) -> None:
        """Demand that two literals hold together or not at all."""
        self.implies(one, other)
        self.implies(other, one)

    def solve(self, literals: Sequence[int], conflicts: int) -> set[int] | None:
        """Find a position for which all literals hold, first among those that were found before; None where none is.

        Raises NotDecided after so many conflicts, or where all effort is used up.
        """
        for found in reversed(self._found):
            if all(self._holds_in(found, literal) for literal in literals):
                return found
        if self.most_effort is not None and self.solver.effort >= self.most_effort:
            raise NotDecided
        true = self.solver.solve(literals, conflicts)
        if true is None:
            return None
        self._found.append(set(true))
        del self._found[:-_MOST_KEPT]
        return self._found[-1]

    def _holds_in(self, found: set[int], literal: int) -> bool:
        """Check whether a literal holds for a position that was found, also where the literal is younger."""
        if literal in found:
            return True
        parts = self._parts.get(abs(literal))
        if -literal in found or parts is None:
            return False
        made = abs(literal)
        found.add(made if any(self._holds_in(found, part) for part in parts) else -made)
        return literal in found

    def chosen(self, true: Set[int]) -> dict[str, Cell]:
        """Return the cells of an answer of the solver."""
        return {
            name: next(cell for literal, cell in zip(literals, self.cells[name], strict=True) if literal in true)
            for name, literals in self._literals.items()
        }


@dataclass(frozen=True, slots=True)
class Dependency:
    """What some facts of a position have to do with each other: in words, and as what is demanded of a solver."""

    facts: tuple[str, ...]
    meaning: str
    demand: Callable[[Facts, Policy], None]


def demand_sense(facts: Facts, policy: Policy) -> None:
    """Demand of facts what the model of the account makes of any position; all but the cap."""
    for dependency in DEPENDENCIES:
        dependency.demand(facts, policy)


def _is(facts: Facts, name: str) -> int:
    return facts.equals(name, value=True)


def _priced(facts: Facts) -> int:
    return facts.equals("price_status", "ok")


def _managed(facts: Facts) -> int:
    """Return the literal that managed equity counts the position."""
    return facts.all_of([_is(facts, "market_active"), -_is(facts, "protected")])


def _demand_market(facts: Facts, _policy: Policy) -> None:
    facts.implies(_is(facts, "market_active"), _is(facts, "market_known"))
    facts.implies(_is(facts, "sellable"), _is(facts, "market_active"))
    facts.always(_is(facts, "market_known"), facts.equals("price_status", "missing"))


def _demand_volatility(facts: Facts, _policy: Policy) -> None:
    facts.implies(facts.known("volatility_1d"), _is(facts, "market_known"))


def _demand_health(facts: Facts, policy: Policy) -> None:
    has_score = facts.known("health_score")
    if policy.health is None:
        facts.always(-has_score)
    facts.implies(has_score, _priced(facts))
    facts.implies(has_score, _is(facts, "market_active"))
    facts.always(-facts.where("health_score", lambda cell: _is_from(cell, MICRO)))


def _demand_price(facts: Facts, _policy: Policy) -> None:
    facts.same(facts.known("value_usd"), _priced(facts))
    facts.same(facts.known("price_basis"), _priced(facts))
    facts.implies(facts.known("account_pct"), _priced(facts))


def _demand_profit(facts: Facts, _policy: Policy) -> None:
    facts.same(facts.known("pnl_pct"), facts.all_of([_priced(facts), _is(facts, "has_entry_price")]))


def _demand_limits_of_profit(facts: Facts, _policy: Policy) -> None:
    is_low = facts.where("pnl_pct", lambda cell: _is_below(cell, -MICRO))
    is_high = facts.where("pnl_pct", lambda cell: _is_from(cell, MICRO))
    facts.implies(facts.equals("side", "long"), -is_low)
    facts.implies(facts.equals("side", "short"), -is_high)


def _demand_no_wait(facts: Facts, _policy: Policy) -> None:
    facts.implies(_priced(facts), facts.where("price_missing_minutes", lambda cell: cell.value == 0))


def _demand_record(facts: Facts, _policy: Policy) -> None:
    for name in ("position_source", "strategy", "tracked_quantity"):
        facts.implies(facts.known(name), _is(facts, "tracked"))
    facts.implies(_is(facts, "has_exit_logic"), _is(facts, "tracked"))


def _demand_surplus(facts: Facts, _policy: Policy) -> None:
    facts.same(facts.known("untracked_pct"), facts.known("tracked_quantity"))
    facts.implies(facts.where("untracked_pct", lambda cell: _is_from(cell, MICRO)), -facts.true)


def _demand_source(facts: Facts, policy: Policy) -> None:
    ours = facts.any_of(facts.equals("position_source", source) for source in policy.strategy_sources)
    facts.same(_is(facts, "opened_by_strategy"), ours)


def _demand_equity(facts: Facts, _policy: Policy) -> None:
    facts.always(_priced(facts), -_managed(facts), facts.equals("equity_complete", value=False))


def _demand_share(facts: Facts, _policy: Policy) -> None:
    facts.always(_managed(facts), -facts.where("account_pct", lambda cell: _is_from(cell, MICRO)))


def demand_sense_of_orders(facts: Facts, policy: Policy) -> None:
    """Demand of the facts of an open order what the model of the account makes of any."""
    facts.implies(facts.equals("reduce_only", value=True), facts.equals("opens", value=False))
    names = policy.names
    listed = policy.protected_assets(names, NOW)
    for cell in facts.cells["symbol"]:
        symbol = str(cell.value)
        if symbol != OTHER and names.of_symbol(symbol) in listed:
            facts.implies(facts.equals("symbol", symbol), facts.equals("protected", value=True))


def _demand_names(facts: Facts, policy: Policy) -> None:
    """Demand that symbol and asset name the same, that what is listed is protected, and that money is no position."""
    protected = _is(facts, "protected")
    names = policy.names
    listed = policy.protected_assets(names, NOW)
    assets = {str(cell.value) for cell in facts.cells["asset"]}
    for cell in facts.cells["symbol"]:
        symbol = str(cell.value)
        if symbol == OTHER:
            continue
        asset = names.of_symbol(symbol)
        facts.implies(facts.equals("symbol", symbol), facts.equals("asset", asset if asset in assets else OTHER))
        if asset in listed:
            facts.implies(facts.equals("symbol", symbol), protected)
    for asset in assets - {OTHER}:
        if asset in listed:
            facts.implies(facts.equals("asset", asset), protected)
        if asset in policy.money:
            facts.always(-facts.equals("asset", asset))


DEPENDENCIES: tuple[Dependency, ...] = (
    Dependency(
        ("market_known", "market_active", "sellable", "price_status"),
        "Only what is listed trades, and only what trades is sellable. What is not listed has price_status missing.",
        _demand_market,
    ),
    Dependency(
        ("volatility_1d", "market_known"),
        "Only of what is listed volatility_1d is known.",
        _demand_volatility,
    ),
    Dependency(
        ("health_score", "price_status", "market_active"),
        "health_score is known only under a policy with a health model, and of what has a price and trades; it is "
        "below 1.",
        _demand_health,
    ),
    Dependency(
        ("price_status", "value_usd", "price_basis", "account_pct"),
        "With the price_status ok, and only then, value_usd and price_basis are known; without it account_pct is not.",
        _demand_price,
    ),
    Dependency(
        ("pnl_pct", "price_status", "has_entry_price"),
        "pnl_pct is known exactly where the price_status is ok and has_entry_price is true.",
        _demand_profit,
    ),
    Dependency(
        ("pnl_pct", "side"),
        "A long loses no more than all of it: pnl_pct is -1 or more. A short gains less than all of it: below 1.",
        _demand_limits_of_profit,
    ),
    Dependency(
        ("price_missing_minutes", "price_status"),
        "price_missing_minutes is 0 where the price_status is ok.",
        _demand_no_wait,
    ),
    Dependency(
        ("tracked", "position_source", "strategy", "tracked_quantity", "has_exit_logic"),
        "Only what is tracked has a position_source, a strategy, a tracked_quantity or has_exit_logic.",
        _demand_record,
    ),
    Dependency(
        ("untracked_pct", "tracked_quantity"),
        "untracked_pct is known exactly where tracked_quantity is, and is below 1.",
        _demand_surplus,
    ),
    Dependency(
        ("opened_by_strategy", "position_source"),
        "opened_by_strategy is true exactly where position_source is one of the policy's strategy_sources.",
        _demand_source,
    ),
    Dependency(
        ("equity_complete", "price_status", "market_active", "protected"),
        "While a position that trades and is not protected has no price, equity_complete is false.",
        _demand_equity,
    ),
    Dependency(
        ("account_pct", "market_active", "protected"),
        "Of a position that does not trade, or is protected, account_pct is below 1: it is left out of managed equity.",
        _demand_share,
    ),
    Dependency(
        ("symbol", "asset", "protected"),
        "asset follows from symbol and the policy's aliases. What the protect list names is protected, and no asset is "
        "money of cash.keep.",
        _demand_names,
    ),
)
"""Which facts go together, all but what the cap chooses."""
CAP: tuple[tuple[str, ...], str] = (
    ("over_cap", "sellable", "protected", "price_status", "category"),
    (
        "The cap chooses only what is sellable and not protected, has no price_status unavailable or implausible, and "
        "would be of a category that cap.scope takes, and taken by no dust or zombie exit, if it were not chosen."
    ),
)
"""What the cap chooses: the facts that this is about, and in words; the model of a policy demands it."""


def _is_below(cell: Cell, bound: int) -> bool:
    return cell.high is not None and cell.high < bound


def _is_from(cell: Cell, bound: int) -> bool:
    return cell.low is not None and cell.low >= bound
