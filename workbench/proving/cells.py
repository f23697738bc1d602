"""Cut the values of each fact where a policy tells them apart: inside a cell every condition says the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from exitplan.ruleset.language.conditions import Condition, Group, Leaf, Lowered, Op, lower
from exitplan.ruleset.language.policy import Policy
from exitplan.ruleset.model.fact_registry import CLASSIFICATION_FACTS, ORDER_FACTS, Fact, FactValue
from exitplan.ruleset.model.values import MICRO

MOST = 10**12 * MICRO
"""No number of an account is larger in a proof: a million millions."""
OTHER = "other"
"""A text that no policy names."""


@dataclass(frozen=True, slots=True)
class Cell:
    """Values of a fact between which no condition distinguishes; ``low`` to ``high`` of a number, else one value.

    ``value`` None is an absent fact. ``is_ordinary`` where an ordinary position is in it.
    """

    value: FactValue | None
    low: int | None = None
    high: int | None = None
    is_ordinary: bool = False

    def satisfies(self, leaf: Leaf) -> bool:
        """Check whether a comparison holds, as it does for all values of the cell or for none."""
        if leaf.op is Op.EXISTS:
            return (self.value is not None) == bool(leaf.value)
        if self.value is None:
            return False
        if leaf.op in {Op.EQ, Op.NE}:
            return (self.value == leaf.value) == (leaf.op is Op.EQ)
        return _is_ordered(leaf.op, int(self.value), int(leaf.value))


def _is_ordered(op: Op, value: int, bound: int) -> bool:
    if op is Op.LT:
        return value < bound
    if op is Op.LTE:
        return value <= bound
    return value > bound if op is Op.GT else value >= bound


@dataclass(frozen=True, slots=True)
class Range:
    """Which numbers a fact may be: from ``least`` on, whole ones only, and absent or not."""

    least: int = 0
    whole: bool = False
    always: bool = False


RANGES: Mapping[str, Range] = {
    "price_missing_minutes": Range(always=True),
    "pnl_pct": Range(least=-MOST),
    "unwind_cycle": Range(whole=True, always=True),
    "failed_exits": Range(whole=True, always=True),
}
ORDINARY: Mapping[str, FactValue] = {
    "symbol": OTHER, "asset": OTHER, "venue": OTHER, "side": "long", "market_known": True, "market_active": True,
    "price_status": "ok", "price_basis": "last", "price_missing_minutes": 0, "value_usd": 1000 * MICRO,
    "account_pct": MICRO // 10, "equity_complete": True, "tracked": True, "has_entry_price": True, "pnl_pct": 0,
    "opened_by_strategy": True, "has_exit_logic": True, "age_minutes": 1440 * MICRO, "api_mismatch": False,
    "sellable": True, "over_cap": False, "unwind_cycle": 0, "failed_exits": 0, "protected": False,
}  # fmt: skip
"""The facts of an ordinary position, as accounts that are invented have it."""
ORDINARY_ORDER: Mapping[str, FactValue] = {
    "symbol": OTHER, "side": "buy", "type": "limit", "age_minutes": 5 * MICRO, "value_usd": 100 * MICRO, "ours": False,
    "reduce_only": False, "position_held": False, "opens": True, "protected": False,
}  # fmt: skip
"""The facts of an ordinary order, as accounts that are invented have it."""
ORDER_RANGES: Mapping[str, Range] = {"age_minutes": Range(always=True)}
"""An order of unknown age is judged by no rule."""
_SOMETIMES_ABSENT = frozenset({"position_source", "strategy", "price_basis"})
"""The texts that may be absent; truth values never are."""


def cut(policies: Iterable[Policy]) -> dict[str, tuple[Cell, ...]]:
    """Cut every fact that rules may ask by the literals of some policies, and by what the facts' own theory asks."""
    policies = tuple(policies)
    literals: dict[str, set[FactValue]] = {name: set() for name in CLASSIFICATION_FACTS}
    for policy in policies:
        rules = (*policy.classification, *policy.exits)
        _note(literals, (*(rule.when for rule in rules), *(invariant.when for invariant in policy.invariants)))
        literals["position_source"] |= policy.strategy_sources
        for entry in policy.protect:
            literals["asset" if entry.is_asset else "symbol"].add(entry.name)
    literals["pnl_pct"] |= {-MICRO, MICRO}
    literals["account_pct"].add(MICRO)
    literals["untracked_pct"] |= {0, MICRO}
    literals["price_missing_minutes"].add(0)
    literals["health_score"].add(MICRO)
    return {
        name: tuple(_cells(fact, literals[name], ORDINARY.get(name), RANGES.get(name, Range())))
        for name, fact in CLASSIFICATION_FACTS.items()
    }


def cut_orders(policies: Iterable[Policy]) -> dict[str, tuple[Cell, ...]]:
    """Cut every fact of open orders by the literals of some policies."""
    literals: dict[str, set[FactValue]] = {name: set() for name in ORDER_FACTS}
    for policy in policies:
        _note(literals, (rule.when for rule in policy.orders))
        literals["symbol"] |= {entry.name for entry in policy.protect if not entry.is_asset}
    return {
        name: tuple(_cells(fact, literals[name], ORDINARY_ORDER[name], ORDER_RANGES.get(name, Range())))
        for name, fact in ORDER_FACTS.items()
    }


def _note(literals: Mapping[str, set[FactValue]], conditions: Iterable[Condition]) -> None:
    """Add what conditions compare each fact with."""
    for condition in conditions:
        for leaf in leaves(condition):
            if leaf.op is not Op.EXISTS and leaf.fact in literals:
                literals[leaf.fact].add(leaf.value)


def leaves(condition: Condition) -> Iterator[Leaf]:
    """List the comparisons of a condition."""
    yield from _leaves(lower(condition))


def _leaves(part: Lowered) -> Iterator[Leaf]:
    if isinstance(part, Leaf):
        yield part
    elif isinstance(part, Group):
        for inner in part.parts:
            yield from _leaves(inner)


def _cells(fact: Fact, literals: set[FactValue], ordinary: FactValue | None, allowed: Range) -> Iterator[Cell]:
    if fact.type == "bool":
        yield from (Cell(value, is_ordinary=value == ordinary) for value in (False, True))
        return
    if fact.type == "text":
        values = fact.values or sorted({*map(str, literals), OTHER})
        yield from (Cell(value, is_ordinary=value == ordinary) for value in values)
        if fact.name in _SOMETIMES_ABSENT:
            yield Cell(None, is_ordinary=fact.name == "strategy")
        return
    for cell in _intervals(allowed, sorted(int(literal) for literal in literals if not isinstance(literal, str))):
        is_ordinary = isinstance(ordinary, int) and cell.low is not None and cell.low <= ordinary <= (cell.high or 0)
        yield replace(cell, value=ordinary, is_ordinary=True) if is_ordinary else cell
    if not allowed.always:
        yield Cell(None, is_ordinary=ordinary is None)


def _intervals(allowed: Range, literals: list[int]) -> Iterator[Cell]:
    """Cut the numbers at each literal: below it, the literal itself, above it."""
    start = allowed.least
    for literal in literals:
        if literal < start:
            continue
        yield from _interval(allowed, start, literal - 1)
        yield from _interval(allowed, literal, literal)
        start = literal + 1
    yield from _interval(allowed, start, MOST)


def _interval(allowed: Range, low: int, high: int) -> Iterator[Cell]:
    """Return the cell of an interval, if a number of the fact lies in it; its value is an ordinary one."""
    value = low
    if allowed.whole:
        value = -(-low // MICRO) * MICRO
    elif high - low > 1:
        value = _round_number(low, high)
    if low <= value <= high:
        yield Cell(value, low, high)


def _round_number(low: int, high: int) -> int:
    """Return a number inside an interval that a person reads easily: with few digits, and not at its ends."""
    middle = (low + high) // 2 if high < MOST and low > -MOST else (low * 2 or MICRO) if high >= MOST else high * 2 - 1
    middle = min(max(middle, low + 1), high - 1)
    for digits in range(18, -1, -1):
        step: int = 10**digits
        rounded = middle // step * step
        if low < rounded < high:
            return rounded
    return middle
