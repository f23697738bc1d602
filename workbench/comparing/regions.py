"""Which positions are meant: regions of facts that a person reads, such as ``1 <= value_usd < 5, tracked``."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Protocol

from exitplan.ruleset.model.fact_registry import CLASSIFICATION_FACTS
from exitplan.ruleset.model.values import MICRO, plain
from exitplan.workbench.proving.cells import MOST, OTHER, RANGES, Cell, Range
from exitplan.workbench.proving.theory import Facts


class Goal(Protocol):
    """What is to be described: something that follows from facts of a position, or does not."""

    def refuted(self, literals: Sequence[int]) -> frozenset[int] | None:
        """Find a position for which the literals hold and the goal does not; None where there is none."""
        ...

    def needed(self) -> frozenset[int]:
        """Return, after a None, the literals that are enough."""
        ...

    def is_possible(self, literals: Sequence[int]) -> bool:
        """Check that there is a position for which the literals hold."""
        ...


@dataclass(frozen=True, eq=False)
class Variable:
    """A fact of the position as one policy sees it; ``label`` is what a person calls it."""

    label: str
    name: str
    facts: Facts

    @property
    def cells(self) -> tuple[Cell, ...]:
        """The cells of the fact."""
        return self.facts.cells[self.name]

    @cached_property
    def literals(self) -> tuple[int, ...]:
        """The literals of the cells."""
        return tuple(self.facts.where(self.name, lambda cell, one=one: cell is one) for one in self.cells)  # type: ignore[misc]

    def among(self, chosen: Collection[int]) -> int:
        """Return the literal that the fact is in one of the cells with these numbers."""
        return self.facts.any_of(self.literals[number] for number in chosen)


Kept = Mapping[Variable, frozenset[int]]
Region = Sequence[tuple[Variable, frozenset[int]]]
"""What each fact that matters may be: the numbers of its cells."""


def widest(variables: Sequence[Variable], witness: Mapping[str, Cell], goal: Goal) -> Region | None:
    """Find a region around a witness, all of which is so: with few facts, each as wide as can be.

    Facts that come later in ``variables`` are left out before those that come first. None where the facts of the
    witness are not enough.
    """
    start = {variable.label: variable.cells.index(witness[variable.label]) for variable in variables}
    literals = {variable.label: variable.among([start[variable.label]]) for variable in variables}
    if goal.refuted(list(literals.values())) is not None:
        return None
    needed = goal.needed()
    kept: Kept = {
        variable: frozenset({start[variable.label]}) for variable in variables if literals[variable.label] in needed
    }
    for variable in reversed(list(kept)):
        if variable in kept:  # the proof of another one may have shown that it is not needed
            kept = _widened(kept, variable, start[variable.label], goal)
    return [(variable, _possible(kept, variable, goal)) for variable in kept]


def _widened(kept: Kept, variable: Variable, start: int, goal: Goal) -> Kept:
    """Let a fact be whatever it may, led by what speaks against it; it is left out where that is anything."""
    cells = variable.cells
    chosen = frozenset(range(len(cells)))
    while chosen != {start}:
        others = {other: numbers for other, numbers in kept.items() if other is not variable}
        tried = others if len(chosen) == len(cells) else {**kept, variable: chosen}
        literals = {other: other.among(numbers) for other, numbers in tried.items()}
        against = goal.refuted(list(literals.values()))
        if against is None:
            needed = goal.needed()
            return {other: numbers for other, numbers in tried.items() if literals[other] in needed}
        wrong = next(number for number in range(len(cells)) if variable.among([number]) in against)
        chosen = frozenset(number for number in chosen if not _is_beyond(cells, start, wrong, number))
    return kept


def _is_beyond(cells: Sequence[Cell], start: int, wrong: int, number: int) -> bool:
    """Check whether a cell goes with a wrong one: itself, and of numbers all that come after it."""
    if number == wrong:
        return True
    if any(cells[each].low is None for each in (start, wrong, number)):
        return False
    return number > wrong > start or number < wrong < start


def _possible(kept: Kept, variable: Variable, goal: Goal) -> frozenset[int]:
    """Leave out that the fact is absent, where it cannot be: what is vacuous need not be read."""
    chosen = kept[variable]
    absent = next((number for number in chosen if variable.cells[number].value is None), None)
    if absent is None or len(chosen) == 1:
        return chosen
    others = [other.among(numbers) for other, numbers in kept.items() if other is not variable]
    return chosen if goal.is_possible([*others, variable.among([absent])]) else chosen - {absent}


def region_texts(region: Region) -> list[str]:
    """Write a region, a text for each fact."""
    return [_text(variable, sorted(chosen)) for variable, chosen in region]


def _text(variable: Variable, chosen: Sequence[int]) -> str:
    cells = [variable.cells[number] for number in chosen]
    kind = CLASSIFICATION_FACTS[variable.name].type
    if kind == "bool":
        return variable.label if cells[0].value else f"not {variable.label}"
    if kind == "text":
        return _names(variable, cells)
    numbers = [cell for cell in cells if cell.low is not None and cell.high is not None]
    is_absent = len(numbers) < len(cells)
    if not numbers:
        return f"{variable.label} is absent"
    said = _between(variable, numbers)
    return f"({said} or absent)" if is_absent else said


def _names(variable: Variable, cells: Sequence[Cell]) -> str:
    values = [str(cell.value) for cell in cells if cell.value is not None]
    is_absent = len(values) < len(cells)
    if OTHER in values:
        others = [str(cell.value) for cell in variable.cells if cell not in cells and cell.value is not None]
        said = f"{variable.label} is not {_or(others)}" if others else f"{variable.label} is any"
        can_be_absent = any(cell.value is None for cell in variable.cells)
        return said if is_absent or not can_be_absent else f"{said} and is known"
    if not values:
        return f"{variable.label} is absent"
    return f"{variable.label} is {_or([*values, *(['absent'] if is_absent else [])])}"


def _or(values: Sequence[str]) -> str:
    return values[0] if len(values) == 1 else f"{', '.join(values[:-1])} or {values[-1]}"


def _between(variable: Variable, numbers: Sequence[Cell]) -> str:
    """Write an interval; a cell of one number is a literal of a policy, another one ends just beside its literals."""
    first, last = numbers[0], numbers[-1]
    low, high = first.low or 0, last.high or 0
    least = RANGES.get(variable.name, Range()).least
    if low == high:
        return f"{variable.label} = {_number(low)}"
    below = above = ""
    if low > least:
        below = f"{_number(low)} <=" if first.low == first.high else f"{_number(low - 1)} <"
    if high < MOST:
        above = f"<= {_number(high)}" if last.low == last.high else f"< {_number(high + 1)}"
    if below and above:
        return f"{below} {variable.label} {above}"
    if above:
        return f"{variable.label} {above}"
    if below:
        number, sign = below.split(" ")
        return f"{variable.label} {'>=' if sign == '<=' else '>'} {number}"
    return f"{variable.label} is known"


def _number(millionths: int) -> str:
    return plain(Decimal(millionths) / MICRO)
