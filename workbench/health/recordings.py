"""Rows out of recorded snapshots: what was known of a position each day, and what became of it after that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal, localcontext

from exitplan.ruleset.language.policy import Policy
from exitplan.ruleset.model.facts import observe
from exitplan.ruleset.model.position_view import PositionView
from exitplan.ruleset.model.progress import MissingPrice, Progress
from exitplan.ruleset.model.snapshot import Snapshot
from exitplan.ruleset.model.values import EXACT, ONE
from exitplan.workbench.health.rows import Question, Row


@dataclass(frozen=True, slots=True)
class ExitTried:
    """An exit that was sent, by the key of its position; ``failed`` where the venue refused it."""

    key: str
    at: datetime
    failed: bool


@dataclass(frozen=True, slots=True)
class Series:
    """One account as it was recorded over time, the earliest snapshot first, and the exits that were tried."""

    snapshots: tuple[Snapshot, ...]
    exits: tuple[ExitTried, ...] = ()
    is_simulated: bool = False


def series_of(snapshots: Iterable[Snapshot], exits: Mapping[str, Sequence[ExitTried]]) -> list[Series]:
    """Sort snapshots by their accounts and by time; ``exits`` are those of each account, by its id."""
    accounts: dict[tuple[str, str], dict[datetime, Snapshot]] = {}
    for snapshot in snapshots:
        accounts.setdefault((snapshot.account, snapshot.venue), {})[snapshot.taken_at] = snapshot
    return [
        Series(tuple(taken[at] for at in sorted(taken)), tuple(sorted(exits.get(name, ()), key=lambda one: one.at)))
        for (name, _), taken in sorted(accounts.items())
    ]


def rows_of_series(series: Series, policy: Policy, question: Question) -> Iterator[Row]:
    """Yield a row for each position and day of which the outcome is known.

    Left out is what has no price, does not trade or is dust already, what was sold before the days were over, and what
    the recordings do not follow for as long.
    """
    readings = list(_readings(series, policy, question))
    life = timedelta(days=question.days)
    for number, reading in enumerate(readings):
        if number and readings[number - 1].day == reading.day:
            continue
        for key, sighting in reading.sightings.items():
            if not sighting.is_sound(policy):
                continue
            end = _end_of(key, sighting, readings[number + 1 :], life, _Judge(series, policy, question))
            if end is not None:
                known_by, is_bad = end
                symbol = sighting.view.position.symbol
                yield Row(symbol, reading.at, known_by, sighting.values, is_bad, series.is_simulated)


@dataclass(frozen=True, slots=True)
class _Sighting:
    """A position as one snapshot shows it."""

    at: datetime
    view: PositionView
    values: tuple[Decimal | None, ...]

    @property
    def is_gone(self) -> bool:
        """Whether its market, or its price, has disappeared; a price that could not be asked for has not."""
        facts = self.view.facts
        return facts["price_status"] == "missing" or not facts["market_active"]

    def is_dust(self, policy: Policy) -> bool:
        """Whether it is worth less than the policy's limit for dust."""
        return self.view.value is not None and self.view.value < policy.dust_usd_threshold

    def is_sound(self, policy: Policy) -> bool:
        """Whether it has not come to a bad end yet."""
        return self.view.facts["price_status"] == "ok" and not self.is_gone and not self.is_dust(policy)


@dataclass(frozen=True, slots=True)
class _Reading:
    at: datetime
    sightings: Mapping[str, _Sighting]

    @property
    def day(self) -> date:
        return self.at.date()


def _readings(series: Series, policy: Policy, question: Question) -> Iterator[_Reading]:
    tried = _Tried(series.exits)
    for snapshot in series.snapshots:
        progress = tried.progress_at(snapshot.taken_at)
        with localcontext(EXACT):
            views = observe(snapshot, policy, progress, snapshot.taken_at).positions
        tried.note_prices(views, snapshot.taken_at)
        yield _Reading(
            snapshot.taken_at,
            {
                view.position.key: _Sighting(
                    snapshot.taken_at, view, question.values(view.facts, view.market, view.held)
                )
                for view in views
            },
        )


@dataclass
class _Tried:
    """What was known of earlier exits and prices at each moment, as a state keeps it."""

    exits: Sequence[ExitTried]
    failures: dict[str, int] = field(default_factory=dict)
    missing: dict[str, MissingPrice] = field(default_factory=dict)
    _next: int = 0

    def progress_at(self, moment: datetime) -> Progress:
        """Return what was known at a moment; moments are asked for in their order."""
        while self._next < len(self.exits) and self.exits[self._next].at <= moment:
            one = self.exits[self._next]
            self.failures[one.key] = self.failures.get(one.key, 0) + 1 if one.failed else 0
            self._next += 1
        return Progress(
            failed_exits={key: count for key, count in self.failures.items() if count}, price_missing=dict(self.missing)
        )

    def note_prices(self, views: Iterable[PositionView], at: datetime) -> None:
        """Note since when a venue answers without a price."""
        for view in views:
            key = view.position.key
            if view.price.mark is not None:
                self.missing.pop(key, None)
            elif view.facts["price_status"] == "missing":
                self.missing.setdefault(key, MissingPrice(at))


@dataclass(frozen=True, slots=True)
class _Judge:
    series: Series
    policy: Policy
    question: Question

    def is_bad(self, before: _Sighting, after: _Sighting) -> bool:
        """Check whether a position has come to a bad end between two sightings, failed exits aside."""
        ends = self.question.bad_ends
        if "delisted" in ends and after.is_gone:
            return True
        if "fall" in ends and self._has_fallen(before, after):
            return True
        kept = after.view.held >= before.view.held
        return "dust" in ends and kept and after.is_dust(self.policy)

    def _has_fallen(self, before: _Sighting, after: _Sighting) -> bool:
        was, now = before.view.price.mark, after.view.price.mark
        if was is None or now is None:
            return False
        if before.view.position.side == "short":
            return now >= was * (ONE + self.question.fall)
        return now <= was * (ONE - self.question.fall)

    def failure(self, key: str, after: datetime, until: datetime) -> datetime | None:
        """Return when an exit of a position first failed in a time."""
        if "failed_exit" not in self.question.bad_ends:
            return None
        return next(
            (one.at for one in self.series.exits if one.failed and one.key == key and after < one.at <= until), None
        )


def _end_of(
    key: str, sighting: _Sighting, later: Sequence[_Reading], life: timedelta, judge: _Judge
) -> tuple[datetime, bool] | None:
    """Return when the outcome was known and whether it was bad; None where it never was known."""
    end = sighting.at + life
    failed = judge.failure(key, sighting.at, end)
    for reading in later:
        if failed is not None and failed <= reading.at:
            return failed, True
        after = reading.sightings.get(key)
        if after is None:
            return None
        if reading.at <= end and judge.is_bad(sighting, after):
            return reading.at, True
        if reading.at >= end:
            return reading.at, False
    return None if failed is None else (failed, True)
