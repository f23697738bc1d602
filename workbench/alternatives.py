"""What would have to change about a position for another exit to take it: the fewest facts, at their nearest values.

Other positions and the policy stay as they are; that the cap chooses it is one of the facts. Each alternative is
replayed by the planner, on an account with such a position.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from exitplan.ruleset.engine.rulebook import Rulebook
from exitplan.ruleset.language.policy import ExitRule, Policy
from exitplan.ruleset.model.fact_registry import Category, FactValue
from exitplan.workbench.comparing.regions import Variable, is_beyond, region_texts
from exitplan.workbench.invention import FactsDisagree, replay
from exitplan.workbench.proving.cells import OTHER, Cell
from exitplan.workbench.proving.policy_model import BUDGET, PolicyModel, wanted_facts
from exitplan.workbench.proving.solver import NotDecided

_FIXED = ("symbol", "asset", "venue", "side")
"""What a position is, and cannot become."""
_HARD_TO_CHANGE = (
    *_FIXED, "market_known", "market_active", "price_status", "api_mismatch", "equity_complete", "price_basis",
    "price_missing_minutes", "tracked", "tracked_quantity", "untracked_pct", "position_source", "strategy",
    "opened_by_strategy", "has_entry_price", "has_exit_logic", "protected", "sellable", "unwind_cycle", "failed_exits",
    "age_minutes", "volatility_1d", "health_score", "pnl_pct", "over_cap", "account_pct", "value_usd",
)  # fmt: skip
"""The facts, those first that change least easily: of several ways the one with the last facts is told."""
_MOST_WAYS = 3


@dataclass(frozen=True, slots=True)
class Alternative:
    """What would have to hold, all of it, for another exit (None: for none); the other facts may stay.

    ``category`` is the one that it would then have. ``is_confirmed`` where the planner has decided so.
    """

    exit: str | None
    action: str | None
    category: str
    changes: tuple[str, ...]
    is_confirmed: bool


def find_alternatives(
    policy: Policy, facts: Mapping[str, FactValue], exits: Sequence[ExitRule | None]
) -> list[Alternative]:
    """Find the nearest ways in which some exits (None: no exit) would take a position with these facts.

    The fewest changes come first. An exit that nothing but another symbol, side or venue leads to is left out, and
    so is one that was too hard to decide.
    """
    finder = _Finder(policy, PolicyModel.of(policy), Rulebook.of(policy), facts)
    found = [way for rule in exits for way in finder.ways(rule)]
    return sorted(found, key=lambda way: (not way.is_confirmed, len(way.changes)))


@dataclass
class _Finder:
    policy: Policy
    model: PolicyModel
    book: Rulebook
    now: Mapping[str, FactValue]

    def __post_init__(self) -> None:
        """Find the cell of each fact as it is now."""
        facts = self.model.facts
        self.variables = {name: Variable(name, name, facts) for name in _HARD_TO_CHANGE}
        self.start = {name: _cell_of(facts.cells[name], self.now.get(name)) for name in _HARD_TO_CHANGE}

    def ways(self, rule: ExitRule | None) -> Iterator[Alternative]:
        """Find some ways to an exit, each of which changes something that the ones before did not."""
        goal, kept = self._goal(rule), set[str]()
        for _ in range(_MOST_WAYS):
            try:
                changed = self._nearest(goal, kept)
            except NotDecided:
                return
            if not changed:
                return
            yield self._told(rule, goal, changed)
            kept.add(list(changed)[-1])

    def _goal(self, rule: ExitRule | None) -> int:
        """Return the literal that an exit is carried out, or that none is though it is judged."""
        model, facts = self.model, self.model.facts
        unjudged = [facts.equals("price_status", status) for status in ("unavailable", "implausible")]
        left = [facts.equals("protected", value=True), model.categories[Category.DEFERRED.value], *unjudged]
        decides = model.exits.none if rule is None else model.exits.decides[self.policy.exits.index(rule)]
        return facts.all_of([decides, *(-literal for literal in left)])

    def _literal(self, name: str) -> int:
        return self.variables[name].among([self.start[name]])

    def _nearest(self, goal: int, kept: set[str]) -> dict[str, int]:
        """Give up facts until the goal can be reached, those first that change easily; take back what need not change.

        Returns the changed facts with the numbers of their new cells.
        """
        model = self.model
        held = list(_HARD_TO_CHANGE)
        while model.ask(goal, *(self._literal(name) for name in held)) is None:
            core = model.facts.solver.core
            blamed = [name for name in held if self._literal(name) in core and name not in kept and name not in _FIXED]
            if not blamed:
                return {}
            held.remove(blamed[-1])
        for name in [name for name in _HARD_TO_CHANGE if name not in held]:
            if model.ask(goal, self._literal(name), *(self._literal(other) for other in held)) is not None:
                held.append(name)
        return self._at_their_nearest(goal, held)

    def _at_their_nearest(self, goal: int, held: Sequence[str]) -> dict[str, int]:
        """Choose for each changed fact the cell nearest to that of now."""
        fixed = [self._literal(name) for name in held]
        changed: dict[str, int] = {}
        for name in (name for name in _HARD_TO_CHANGE if name not in held):
            variable, start = self.variables[name], self.start[name]
            for number in _by_distance(variable.cells, start):
                if self.model.ask(goal, *fixed, variable.among([number])) is not None:
                    changed[name] = number
                    fixed.append(variable.among([number]))
                    break
        return changed

    def _told(self, rule: ExitRule | None, goal: int, changed: Mapping[str, int]) -> Alternative:
        literals = [self.variables[name].among([number]) for name, number in changed.items()]
        literals += [self._literal(name) for name in _HARD_TO_CHANGE if name not in changed]
        cells = self.model.ask(goal, *literals) or {}
        category = next(
            str(name)
            for name, literal in self.model.categories.items()
            if self.model.ask(literal, *literals) is not None
        )
        region = [
            (self.variables[name], cells) for name, cells in self._independent(self._widened(goal, changed)).items()
        ]
        action = None if rule is None else rule.action
        confirmed = self._is_confirmed(rule, cells)
        return Alternative(rule.id if rule else None, action, category, tuple(region_texts(region)), confirmed)

    def _widened(self, goal: int, changed: Mapping[str, int]) -> dict[str, frozenset[int]]:
        """Let each changed fact be whatever leads to the exit as well, its cell of now aside."""
        wide = {name: frozenset({number}) for name, number in changed.items()}
        fixed = [self._literal(name) for name in _HARD_TO_CHANGE if name not in changed]
        for name, number in changed.items():
            variable, start = self.variables[name], self.start[name]
            others = [self.variables[other].among(cells) for other, cells in wide.items() if other != name]
            chosen = frozenset(range(len(variable.cells))) - {start}
            while chosen != {number}:
                against = self.model.facts.solver.solve([*fixed, *others, variable.among(chosen), -goal], BUDGET)
                if against is None:
                    break
                wrong = next(each for each, literal in enumerate(variable.literals) if literal in against)
                chosen = frozenset(each for each in chosen if not is_beyond(variable.cells, number, wrong, each))
            wide[name] = frozenset(
                each for each in chosen if each == number or self._is_possible(variable, each, [*fixed, *others])
            )
        return wide

    def _is_possible(self, variable: Variable, number: int, others: Sequence[int]) -> bool:
        return variable.cells[number].low is not None or self.model.ask(*others, variable.among([number])) is not None

    def _independent(self, changed: Mapping[str, frozenset[int]]) -> dict[str, frozenset[int]]:
        """Leave out what follows from changes that go deeper, and from what does not change."""
        known = [self._literal(name) for name in _HARD_TO_CHANGE if name not in changed]
        kept: dict[str, frozenset[int]] = {}
        for name, cells in sorted(changed.items(), key=lambda item: item[0] == "over_cap"):
            literal = self.variables[name].among(cells)
            if self.model.ask(*known, -literal) is not None:
                kept[name] = cells
                known.append(literal)
        return kept

    def _is_confirmed(self, rule: ExitRule | None, cells: Mapping[str, Cell]) -> bool:
        try:
            decision = replay(self.book, wanted_facts(cells)).decision
        except FactsDisagree:
            return False
        decided = None if decision.exit is None else decision.exit.id
        return decided == (rule.id if rule else None)


def _by_distance(cells: Sequence[Cell], start: int) -> list[int]:
    """List the cells, the nearest first; of what is absent now the ordinary one is."""
    if cells[start].value is None:
        return sorted(range(len(cells)), key=lambda number: not cells[number].is_ordinary)
    return sorted(range(len(cells)), key=lambda number: (cells[number].value is None, abs(number - start)))


def _cell_of(cells: Sequence[Cell], value: FactValue | None) -> int:
    """Return the number of the cell that a value lies in; a text that no policy names is among the others."""
    for number, cell in enumerate(cells):
        if value is None or isinstance(value, str | bool):
            if cell.value == value and type(cell.value) is type(value):
                return number
        elif cell.low is not None and cell.high is not None and cell.low <= value <= cell.high:
            return number
    return next(number for number, cell in enumerate(cells) if cell.value == OTHER)
