"""Add up what came of many paths: how often and when CLEAN, and what it cost, with quantiles. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal, localcontext
from typing import TypeVar

from exitplan.ruleset.model.values import EXACT, ZERO
from exitplan.workbench.simulation.paths import Timing
from exitplan.workbench.simulation.running import PathResult
from exitplan.workbench.simulation.shortfall import PARTS

QUANTILES = (Decimal("0.05"), Decimal("0.25"), Decimal("0.5"), Decimal("0.75"), Decimal("0.95"))
"""The quantiles that are told: of 100 paths the 5th, 25th, 50th, 75th and 95th, in order of size."""

CENT_OF_A_CENT = Decimal("0.0001")
_SHARE = Decimal("0.00000001")
_MICROSECOND = timedelta(microseconds=1)
_MINUTE = 60_000_000
Number = TypeVar("Number", int, Decimal)


@dataclass(frozen=True, slots=True)
class Spread:
    """How a figure is spread over the paths: its mean, and its quantiles by nearest rank."""

    mean: Decimal
    quantiles: tuple[Decimal, ...]

    @classmethod
    def of(cls, figures: Sequence[Decimal], places: Decimal = CENT_OF_A_CENT) -> Spread:
        """Add up figures, of which there is at least one; rounded to so many places."""
        with localcontext(EXACT):
            mean = (sum(figures, ZERO) / len(figures)).quantize(places, ROUND_HALF_EVEN)
            quantiles = tuple(figure.quantize(places, ROUND_HALF_EVEN) for figure in quantiles_of(figures))
        return cls(mean, quantiles)

    @property
    def median(self) -> Decimal:
        """The quantile in the middle."""
        return self.quantiles[QUANTILES.index(Decimal("0.5"))]


@dataclass(frozen=True, slots=True)
class CleanAfter:
    """When the account was CLEAN: in how many of the paths, and after how many cycles and minutes, by quantile.

    A quantile is None where that many paths were not CLEAN within the cycles of the simulation.
    """

    count: int
    cycles: tuple[int | None, ...]
    minutes: tuple[Decimal | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What came of a policy on all paths; money in the account's quote, shares of the value at the decision.

    ``left`` is how the share of what was to be sold and is left is spread, after each cycle.
    """

    policy: str
    paths: int
    clean: CleanAfter
    value: Spread
    total: Spread
    total_share: Spread
    parts: Mapping[str, Spread]
    left: tuple[Spread, ...]
    orders_done: int
    orders_refused: int
    states: Mapping[str, int]
    refused_by: Mapping[str, int]
    blocked: Mapping[tuple[str, str], int]


def quantiles_of(figures: Sequence[Number]) -> tuple[Number, ...]:
    """Return the quantiles of figures by nearest rank: each is one of the figures."""
    ordered = sorted(figures)
    return tuple(ordered[_rank(share, len(ordered))] for share in QUANTILES)


def _rank(share: Decimal, count: int) -> int:
    return max(int((share * count).to_integral_value(ROUND_CEILING)), 1) - 1


def summarise(results: Sequence[PathResult], timing: Timing) -> Summary:
    """Add up the results of one policy, of which there is at least one."""
    shortfalls = [result.shortfall for result in results]
    with localcontext(EXACT):
        shares = [entry.total / entry.value if entry.value else ZERO for entry in shortfalls]
    left = zip(*(result.left for result in results), strict=True)
    refused, blocked = Counter[str](), Counter[tuple[str, str]]()
    for result in results:
        refused.update(result.refused_by)
        blocked.update(set(result.blocked))
    return Summary(
        policy=results[0].policy,
        paths=len(results),
        clean=_clean_after(results, timing),
        value=Spread.of([entry.value for entry in shortfalls]),
        total=Spread.of([entry.total for entry in shortfalls]),
        total_share=Spread.of(shares, _SHARE),
        parts={name: Spread.of([entry.parts[name] for entry in shortfalls]) for name in PARTS},
        left=tuple(Spread.of(cycle) for cycle in left),
        orders_done=sum(result.orders_done for result in results),
        orders_refused=sum(result.orders_refused for result in results),
        states=dict(sorted(Counter(result.state.value for result in results).items())),
        refused_by=dict(sorted(refused.items())),
        blocked=dict(sorted(blocked.items(), key=lambda entry: (-entry[1], entry[0]))),
    )


def minutes_after(cycles: int, timing: Timing) -> Decimal:
    """Return the minutes from the start to the end of so many cycles."""
    return Decimal(timing.moments[2 * cycles - 1] // _MICROSECOND) / _MINUTE


def _clean_after(results: Sequence[PathResult], timing: Timing) -> CleanAfter:
    never = timing.cycles + 1
    cycles = quantiles_of([result.cycles_to_clean or never for result in results])
    known = [None if count == never else count for count in cycles]
    return CleanAfter(
        count=sum(result.cycles_to_clean is not None for result in results),
        cycles=tuple(known),
        minutes=tuple(None if count is None else minutes_after(count, timing) for count in known),
    )
