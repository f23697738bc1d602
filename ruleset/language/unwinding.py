"""How a policy spreads an unwind over its cycles: by which schedule, with which volatility, at most at which pace."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from exitplan.ruleset.language.problems import Problem
from exitplan.ruleset.model.market_data import VOLATILITY_DAYS, MarketDemand
from exitplan.ruleset.model.values import ZERO, plain

ScheduleName = Literal["published", "even", "adaptive"]
Window = Literal["hour", "day", "book"]

WITHIN = Decimal("0.01")
"""How far from the mid the book is counted, unless a policy says otherwise; as a fraction."""


@dataclass(frozen=True, slots=True)
class ScheduleKind:
    """One way to spread an unwind, and the further keys of ``unwind`` that mean something for it."""

    name: ScheduleName
    meaning: str
    keys: frozenset[str] = frozenset()


SCHEDULES: Mapping[ScheduleName, ScheduleKind] = {
    kind.name: kind
    for kind in (
        ScheduleKind("published", "Each cycle closes gradual_unwind_pct of what is left, the last one the rest."),
        ScheduleKind("even", "Each cycle closes the same quantity."),
        ScheduleKind(
            "adaptive",
            "Each cycle weighs the risk of waiting against the impact of selling at once, after Almgren and Chriss: "
            "the more a price moves, the more is closed early.",
            frozenset({"calibrate", "risk_aversion", "volatility", "min_pct", "max_pct"}),
        ),
    )
}
"""The schedules of unwinds; ``planning/schedules.py`` has their formulas."""

WINDOWS: Mapping[Window, str] = {
    "hour": "The volume of the last hour, as much of it as has passed since the last cycle.",
    "day": "The volume of the last day, as much of it as has passed since the last cycle.",
    "book": "What rests on the side of the order book that the order goes to, near the mid.",
}
"""What a share of a market may be a share of."""

VOLATILITY_SOURCES: Mapping[str, str] = {"candles": "The venue's daily candles."}
"""Where the volatility may come from."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """A risk aversion as a person knows it: the share of the rest that an endless unwind closes a cycle.

    It holds at this volatility of a day, and for the interval at which the policy's cycles come.
    """

    pct: Decimal
    at_volatility: Decimal

    def __str__(self) -> str:
        """Return the calibration in words."""
        return f"{plain(self.pct)} at a volatility of {plain(self.at_volatility)}"


@dataclass(frozen=True, slots=True)
class Participation:
    """The largest share of what a market trades, or of its book ``within`` this fraction of the mid, to be sold."""

    share: Decimal
    of: Window
    within: Decimal = WITHIN

    def __str__(self) -> str:
        """Return the limit in words."""
        near = f" within {plain(self.within)}" if self.of == "book" else ""
        return f"{plain(self.share)} of the {self.of}{near}"


@dataclass(frozen=True, slots=True)
class Unwind:
    """How unwinds are spread over their cycles.

    An adaptive one has either ``calibrate`` or ``risk_aversion`` with ``impact``, the share of its value that a
    position loses if it is sold at once; ``days`` are those that its volatility is taken over. ``min_pct`` and
    ``max_pct`` bound the share of the rest that a cycle closes, the last one aside.
    """

    schedule: ScheduleName = "published"
    calibrate: Calibration | None = None
    risk_aversion: Decimal | None = None
    impact: Decimal | None = None
    days: int = VOLATILITY_DAYS
    min_pct: Decimal = ZERO
    max_pct: Decimal = Decimal(1)
    max_participation: Participation | None = None

    @property
    def market_demand(self) -> MarketDemand:
        """What an unwind needs to know of a market."""
        days = self.days if self.schedule == "adaptive" else None
        limit = self.max_participation
        if limit is None:
            return MarketDemand(days)
        if limit.of == "book":
            return MarketDemand(days, depth_within=limit.within)
        return MarketDemand(days, frozenset({limit.of}))


def read_unwind(raw: Mapping[str, Any]) -> tuple[Unwind, list[Problem]]:
    """Read the ``unwind`` of a merged policy that has passed its schema; problems come with it."""
    calibrate, limit = raw.get("calibrate"), raw.get("max_participation")
    unwind = Unwind(
        schedule=raw.get("schedule", "published"),
        calibrate=None
        if calibrate is None
        else Calibration(Decimal(calibrate["pct"]), Decimal(calibrate["at_volatility"])),
        risk_aversion=_decimal(raw, "risk_aversion"),
        impact=_decimal(raw, "impact"),
        days=int((raw.get("volatility") or {}).get("days", VOLATILITY_DAYS)),
        min_pct=_decimal(raw, "min_pct") or ZERO,
        max_pct=Decimal(raw.get("max_pct", 1)),
        max_participation=None
        if limit is None
        else Participation(Decimal(limit["share"]), limit["of"], Decimal(limit.get("within", WITHIN))),
    )
    return unwind, list(_problems(raw, unwind))


def _decimal(raw: Mapping[str, Any], name: str) -> Decimal | None:
    return Decimal(raw[name]) if name in raw else None


def _problems(raw: Mapping[str, Any], unwind: Unwind) -> Iterator[Problem]:
    if unwind.min_pct > unwind.max_pct:
        message = f"min_pct is {plain(unwind.min_pct)}, which is above max_pct, {plain(unwind.max_pct)}"
        here = "min_pct" if "min_pct" in raw else "max_pct"
        yield Problem(
            ("unwind", here), message, hint="a cycle closes at least min_pct of what is left, at most max_pct"
        )
    limit = raw.get("max_participation") or {}
    if "within" in limit and limit["of"] != "book":
        path = ("unwind", "max_participation", "within")
        yield Problem(path, f"within has no meaning for of: {limit['of']}", hint="write of: book", on_key=True)
    if unwind.schedule == "adaptive":
        yield from _problems_of_adaptive(raw)


def _problems_of_adaptive(raw: Mapping[str, Any]) -> Iterator[Problem]:
    """Find what keeps an adaptive schedule from having exactly one risk aversion."""
    example = "calibrate: {pct: 0.25, at_volatility: 0.04} closes 25 % of the rest a cycle where a day moves 4 %"
    if "calibrate" in raw and "risk_aversion" in raw:
        message = "calibrate and risk_aversion say the same in two ways"
        yield Problem(("unwind", "risk_aversion"), message, hint="keep one of them", on_key=True)
    elif "risk_aversion" in raw and "impact" not in raw:
        hint = "impact: 0.01 says that selling a position at once loses 1 % of its value"
        yield Problem(("unwind", "risk_aversion"), "risk_aversion needs impact", hint=hint, on_key=True)
    elif "calibrate" not in raw and "risk_aversion" not in raw:
        message = "an adaptive schedule needs calibrate, or risk_aversion with impact"
        yield Problem(("unwind", "schedule"), message, hint=example)
