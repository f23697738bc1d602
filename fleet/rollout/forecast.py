"""What a new policy would change in a fleet, added up account by account; what is not known is told, never assumed."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from exitplan.ruleset.model.values import EXACT, ZERO
from exitplan.workbench.comparing.drafts import ActionChange, DraftChange, Sold

UNKNOWN = {
    "no-snapshot": "never seen: no snapshot is kept of them",
    "too-old": "their last snapshot is too old",
    "unreadable": "their last snapshot, state or policy cannot be used",
    "engine-failed": "the rule engine failed on them",
}
"""Why nobody can tell what would change for an account."""
_MOST_PROBLEMS = 20
ActionKey = tuple[str, str]
"""Kind and rule of an action."""


@dataclass(frozen=True, slots=True)
class AccountForecast:
    """What changes for one account, and the hashes of its policies."""

    venue: str
    old: str
    new: str
    change: DraftChange

    @property
    def weight(self) -> tuple[bool, int, Decimal]:
        """How much changes, for whoever wants to see the largest change first; values of any quote are compared."""
        before, after = self.change.sold
        number = len(self.change.actions) + len(self.change.positions)
        return self.change.is_newly_refused, number, abs(after.value - before.value)


@dataclass(frozen=True, slots=True)
class Unknown:
    """An account of which nobody can tell what would change: one of the reasons of UNKNOWN, and what was said."""

    account: str
    reason: str
    message: str = ""


@dataclass(slots=True)
class SoldBefore:
    """What would be sold in one quote currency under the old policies and the new one."""

    before: Sold = field(default_factory=Sold)
    after: Sold = field(default_factory=Sold)

    def add(self, before: Sold, after: Sold) -> None:
        """Add what another account would sell."""
        self.before, self.after = _sum(self.before, before), _sum(self.after, after)

    @property
    def more(self) -> Decimal:
        """How much more would be sold under the new policy, as far as it can be valued; below zero is less."""
        return self.after.value - self.before.value


@dataclass(slots=True)
class Tally:
    """The sums over accounts; ``already`` are those that have the new policy, states are pairs before and after."""

    planned: int = 0
    already: int = 0
    changed: int = 0
    positions: int = 0
    newly_refused: int = 0
    unknown: Counter[str] = field(default_factory=Counter)
    added: Counter[ActionKey] = field(default_factory=Counter)
    removed: Counter[ActionKey] = field(default_factory=Counter)
    altered: Counter[ActionKey] = field(default_factory=Counter)
    states: Counter[tuple[str, str]] = field(default_factory=Counter)
    refused_before: Counter[str] = field(default_factory=Counter)
    refused_after: Counter[str] = field(default_factory=Counter)
    sold: dict[str, SoldBefore] = field(default_factory=dict)

    @property
    def accounts(self) -> int:
        """How many accounts there are."""
        return self.planned + self.already + self.unknown.total()

    @property
    def is_change(self) -> bool:
        """Whether anything changes, or may."""
        return bool(self.changed or self.unknown)

    def add(self, change: DraftChange) -> None:
        """Count an account that was planned under both policies."""
        self.planned += 1
        self.changed += change.is_change
        self.positions += len(change.positions)
        self.newly_refused += change.is_newly_refused
        self.states[change.states[0].value, change.states[1].value] += 1
        self.refused_before.update(change.guards[0])
        self.refused_after.update(change.guards[1])
        self.sold.setdefault(change.quote, SoldBefore()).add(*change.sold)
        for action in change.actions:
            self._count(action)

    def _count(self, action: ActionChange) -> None:
        before, after = action.before, action.after
        if after is not None:
            (self.added if before is None else self.altered)[after.kind, after.rule] += 1
        elif before is not None:
            self.removed[before.kind, before.rule] += 1

    def merge(self, other: Tally) -> None:
        """Add the sums over other accounts."""
        for name in ("planned", "already", "changed", "positions", "newly_refused"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("unknown", "added", "removed", "altered", "states", "refused_before", "refused_after"):
            getattr(self, name).update(getattr(other, name))
        for quote, sold in other.sold.items():
            self.sold.setdefault(quote, SoldBefore()).add(sold.before, sold.after)


@dataclass(slots=True)
class Forecast:
    """What would change in a fleet: the sums, the accounts where most does, and some of which nobody can tell."""

    most: int
    tally: Tally = field(default_factory=Tally)
    unknown: list[Unknown] = field(default_factory=list)
    _heap: list[tuple[tuple[bool, int, Decimal], str, AccountForecast]] = field(default_factory=list)

    def add(self, tally: Tally, changes: tuple[AccountForecast, ...], unknown: tuple[Unknown, ...]) -> None:
        """Take in the sums and the accounts of a part of the fleet; only the largest changes are kept."""
        self.tally.merge(tally)
        self.unknown.extend(unknown[: _MOST_PROBLEMS - len(self.unknown)])
        for change in changes:
            entry = (change.weight, change.change.account, change)
            if len(self._heap) < self.most:
                heapq.heappush(self._heap, entry)
            elif self._heap and entry[:2] > self._heap[0][:2]:
                heapq.heapreplace(self._heap, entry)

    @property
    def largest(self) -> Iterator[AccountForecast]:
        """The accounts where most changes, the first first."""
        return (change for *_, change in sorted(self._heap, key=lambda entry: entry[:2], reverse=True))


def _sum(one: Sold, other: Sold) -> Sold:
    return Sold(EXACT.add(one.value, other.value), one.unvalued + other.unvalued) if other != Sold() else one


def more_sold(tally: Tally, quote: str) -> Decimal | None:
    """Return how much more would be sold in a quote; None where nobody can tell, for want of a value or a snapshot."""
    sold = tally.sold.get(quote, SoldBefore())
    is_known = not tally.unknown and sold.after.unvalued <= sold.before.unvalued
    return max(sold.more, ZERO) if is_known else None
