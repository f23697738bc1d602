"""Find gaps: a value of a fact that is decided by a later rule than the values on both sides of it.

Exactly 10 between ``lt: 10`` and ``gt: 10``; or what lies between ``lte: 9`` and ``gte: 10``, which are one apart in
their last digit. Asked are three positions that differ in one fact alone, and each of them is replayed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from exitplan.ruleset.engine.rulebook import Rulebook
from exitplan.ruleset.language.conditions import Op
from exitplan.ruleset.model.fact_registry import FactValue
from exitplan.ruleset.model.values import MICRO, plain
from exitplan.workbench.invented_orders import replay_order
from exitplan.workbench.invention import FactsDisagree, FactsWanted, replay
from exitplan.workbench.lint.checks import Code
from exitplan.workbench.lint.findings import Finding
from exitplan.workbench.lint.rule_lists import RuleList
from exitplan.workbench.proving.cells import Cell, leaves
from exitplan.workbench.proving.policy_model import Decided, PolicyModel, unusual, wanted_facts
from exitplan.workbench.proving.solver import NotDecided
from exitplan.workbench.proving.theory import Facts, Told


@dataclass(frozen=True, slots=True)
class Gap:
    """A place to look at: a cell of a fact between two others, below and above it."""

    fact: str
    below: Cell
    cell: Cell
    above: Cell

    @property
    def value(self) -> str:
        """The values in words."""
        if self.cell.low == self.cell.high:
            return f"{self.fact} = {_text(self.cell.low)}"
        low, high = _text(self.below.high), _text(self.above.low)
        return f"{self.fact} between {low} and {high}"


def _text(number: int | None) -> str:
    return plain(Decimal(number or 0) / MICRO)


def find_gaps(lists: Sequence[RuleList], book: Callable[[], Rulebook]) -> Iterator[Finding]:
    """Find the gaps of all lists of rules; only values that two limits meet at are looked at."""
    for rules in lists:
        for gap in _suspects(rules):
            try:
                yield from _of_gap(rules, gap, book)
            except NotDecided:
                yield _undecided(rules, gap)


def _suspects(rules: RuleList) -> Iterator[Gap]:
    """List the cells that a limit ends below and another begins above, none of which includes them."""
    by_fact: dict[str, set[tuple[Op, FactValue]]] = {}
    for rule in rules.rules:
        for leaf in leaves(rule.when):
            by_fact.setdefault(leaf.fact, set()).add((leaf.op, leaf.value))
    for name, compared in by_fact.items():
        cells = [cell for cell in rules.model.facts.cells.get(name, ()) if cell.low is not None]
        for below, cell, above in zip(cells, cells[1:], cells[2:], strict=False):
            gap = Gap(name, below, cell, above)
            if _may_be_missed(gap, compared):
                yield gap


def _may_be_missed(gap: Gap, compared: set[tuple[Op, FactValue]]) -> bool:
    low, high = int(gap.cell.low or 0), int(gap.cell.high or 0)
    if low == high:
        is_named = {(Op.EQ, low), (Op.NE, low)} & compared
        return {(Op.LT, low), (Op.GT, low)} <= compared and not is_named
    limits = {(Op.LTE, low - 1), (Op.GTE, high + 1)}
    return limits <= compared and high + 1 - (low - 1) <= min(_last_digit(low - 1), _last_digit(high + 1))


def _last_digit(number: int) -> int:
    """Return one in the last digit of a number that is written without needless zeros: 10,000 of 0.99, at most 1."""
    unit = 1
    while unit < MICRO and number % (unit * 10) == 0:
        unit *= 10
    return unit


def _of_gap(rules: RuleList, gap: Gap, book: Callable[[], Rulebook]) -> Iterator[Finding]:
    facts = rules.model.facts
    here = [facts.where(gap.fact, lambda cell: cell is gap.cell), *_ordinary(gap, facts)]
    low, high = (_moved(rules, gap.fact, side) for side in (gap.below, gap.above))
    missed = facts.any_of(
        facts.all_of([_decides(rules, number), _other_before(rules, low, number), _other_before(rules, high, number)])
        for number in range(1, len(rules.rules) + 1)
    )
    cells = rules.model.ask_plainly(missed, *here)
    if cells is None:
        return
    wanted = wanted_facts(cells)
    try:
        at, below, above = (
            _replayed(rules, {**wanted, gap.fact: cell.value}, book) for cell in (gap.cell, gap.below, gap.above)
        )
    except FactsDisagree:
        yield _undecided(rules, gap)
        return
    numbers = {rule.id: number for number, rule in enumerate(rules.rules)}
    last = len(numbers)
    if below is None or above is None or max(numbers[below], numbers[above]) >= numbers.get(at or "", last):
        yield _undecided(rules, gap)
        return
    decides = "no rule" if at is None else at
    message = f"{gap.value} is decided by {decides}, though {below} decides below it and {above} above it"
    yield Finding(Code.GAP, (*rules.rules[numbers[below]].path, "when"), message, unusual(cells), about=below)


def _ordinary(gap: Gap, facts: Facts) -> list[int]:
    """Return what keeps the three positions possible: not chosen by the cap, and on one side of what facts mean."""
    demands = []
    if "over_cap" in facts.cells:
        demands.append(facts.equals("over_cap", value=False))
    if gap.fact == "account_pct":  # only what managed equity counts may be the whole of it
        demands += [facts.equals("market_active", value=True), facts.equals("protected", value=False)]
    if gap.fact == "pnl_pct":
        at = int(gap.cell.low or 0)
        demands.append(facts.equals("side", "short" if at <= -MICRO else "long"))
    return demands


def _moved(rules: RuleList, fact: str, cell: Cell) -> Decided:
    """Read the rules for the position that is the same but for one fact."""
    moved: dict[str, Told] = {fact: {cell.value: rules.model.facts.true}} if cell.value is not None else {}
    if rules.block == "exits" and isinstance(rules.model, PolicyModel):
        classification = rules.model.decided(rules.model.policy.classification, moved)
        moved["category"] = rules.model.categories_of(classification)
    return rules.model.decided(rules.rules, moved)


def _decides(rules: RuleList, number: int) -> int:
    return rules.decided.none if number == len(rules.rules) else rules.decided.decides[number]


def _other_before(rules: RuleList, moved: Decided, number: int) -> int:
    """Return the literal that a rule before one decides the moved position, and does something else."""
    return rules.model.facts.any_of(
        literal for at, literal in enumerate(moved.decides[:number]) if rules.effects[at] != rules.effects[number]
    )


def _replayed(rules: RuleList, wanted: FactsWanted, book: Callable[[], Rulebook]) -> str | None:
    """Return the id of the rule that decides a position or order, as the planner has it."""
    if rules.block == "orders":
        return replay_order(book(), wanted).rule
    decision = replay(book(), wanted).decision
    rule = decision.rule if rules.block == "classification" else decision.exit
    return None if rule is None else rule.id


def _undecided(rules: RuleList, gap: Gap) -> Finding:
    message = f"not decided whether {gap.value} is left out by the rules of {rules.block}"
    return Finding(Code.NOT_DECIDED, (rules.block,), message, on_key=True)
