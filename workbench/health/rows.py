"""Rows: one position at one moment each, with its features and whether it came to a bad end after that."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from exitplan.ruleset.health.features import Seen, feature_value
from exitplan.ruleset.health.model import BAD_ENDS
from exitplan.ruleset.model.fact_registry import Facts
from exitplan.ruleset.model.snapshot import Market


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of every row: the features to compute, and what is a bad end within how many days."""

    features: tuple[str, ...]
    days: int
    fall: Decimal
    bad_ends: tuple[str, ...] = tuple(BAD_ENDS)

    def values(
        self, facts: Facts, market: Market | None = None, quantity: Decimal | None = None
    ) -> tuple[Decimal | None, ...]:
        """Compute the features of a position, exactly as a plan does."""
        seen = Seen(facts, market, quantity, self.fall, self.days)
        return tuple(feature_value(name, seen) for name in self.features)


@dataclass(frozen=True, slots=True)
class Row:
    """One position at one moment.

    ``values`` are the features that were asked for, in their order; ``known_by`` is the moment by which the outcome was
    known.
    """

    symbol: str
    at: datetime
    known_by: datetime
    values: tuple[Decimal | None, ...]
    is_bad: bool
    is_simulated: bool = False


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one question."""

    question: Question
    rows: tuple[Row, ...]

    @property
    def bad(self) -> int:
        """How many came to a bad end."""
        return sum(row.is_bad for row in self.rows)

    @property
    def symbols(self) -> tuple[str, ...]:
        """Every symbol, sorted."""
        return tuple(sorted({row.symbol for row in self.rows}))

    def column(self, feature: str) -> list[Decimal | None]:
        """Return one feature of every row."""
        at = self.question.features.index(feature)
        return [row.values[at] for row in self.rows]

    def only(self, rows: Iterable[Row]) -> Rows:
        """Return some of the rows, as rows of the same question."""
        return Rows(self.question, tuple(rows))


def gathered(question: Question, parts: Sequence[Iterable[Row]]) -> Rows:
    """Put rows from several sources together, the earliest first."""
    rows = sorted((row for part in parts for row in part), key=lambda row: (row.at, row.symbol))
    return Rows(question, tuple(rows))
