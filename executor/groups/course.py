"""How far the legs of a bundle have come, how far they are apart, and which slice goes next. Pure.

Net is that of the bundle's positions in units of the asset. A slice that is on its way may be filled, in part or not at
all, so what is asked of a slice is asked of both ends: the imbalance is convex in net, and no larger in between.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from exitplan.ruleset.groups.group_plan import Bundle
from exitplan.ruleset.groups.group_policy import OnLegFailure
from exitplan.ruleset.model.values import ZERO

SliceStatus = Literal["waiting", "done", "failed", "unknown"]


class Course(StrEnum):
    """What a bundle may still do.

    Reducing goes on until the imbalance is gone, which would outlast its seconds otherwise; restoring until the net is
    no larger than before the bundle began.
    """

    GOING = "going"
    REDUCING = "reducing"
    RESTORING = "restoring"
    STOPPED = "stopped"

    @classmethod
    def after_failure(cls, then: OnLegFailure) -> Course:
        """Return what is still done with a bundle of which a leg failed, as the group's policy says."""
        return {"retry": cls.STOPPED, "reduce": cls.REDUCING, "restore": cls.RESTORING}[then]


@dataclass(slots=True)
class Slice:
    """One order of a leg: ``change`` is that of the net where all of its ``quantity`` is filled.

    ``filled`` is what the venue has filled of it. A ``failed`` one is not sent (again); of one that is ``unknown``
    nobody can tell whether, and how much of it, was filled.
    """

    account: str
    action: str
    place: int
    quantity: Decimal
    change: Decimal
    status: SliceStatus = "waiting"
    filled: Decimal = ZERO

    @property
    def changed(self) -> Decimal:
        """By how much it has changed the net, as far as that is known."""
        return self.change if self.filled == self.quantity else self.change * self.filled / self.quantity


@dataclass(slots=True)
class Progress:
    """A bundle under way; ``price`` is that of one unit of the asset in the group's quote.

    ``slack`` is how much of the asset the steps of its markets keep its legs apart by: that much is no imbalance that
    lasts.
    """

    bundle: str
    before: Decimal
    after: Decimal
    price: Decimal
    slices: list[Slice]
    slack: Decimal = ZERO
    course: Course = Course.GOING
    failed_legs: set[int] = field(default_factory=set)

    @property
    def largest(self) -> Decimal:
        """How large the net may be without any imbalance."""
        return max(abs(self.before), abs(self.after))

    @property
    def net(self) -> tuple[Decimal, Decimal]:
        """The least and the most that the net can be now."""
        known = self.before + sum((one.changed for one in self.slices), ZERO)
        unknown = [one.change - one.changed for one in self.slices if one.status == "unknown"]
        low = known + sum((change for change in unknown if change < 0), ZERO)
        return low, known + sum((change for change in unknown if change > 0), ZERO)

    @property
    def imbalance(self) -> Decimal:
        """The imbalance in the group's quote, at the worst."""
        return self._apart(*self.net) * self.price

    @property
    def is_apart(self) -> bool:
        """Check whether the legs are further apart than the steps of their markets make them."""
        return self._apart(*self.net) > self.slack

    @property
    def is_begun(self) -> bool:
        """Check whether any of its orders was, or may have been, filled."""
        return any(one.filled > 0 or one.status == "unknown" for one in self.slices)

    @property
    def is_complete(self) -> bool:
        """Check whether all of its orders were filled to the end."""
        return all(one.status == "done" and one.filled == one.quantity for one in self.slices)

    @property
    def left(self) -> list[Slice]:
        """The slices that were not sent."""
        return [one for one in self.slices if one.status == "waiting"]

    def fail(self, account: str, place: int, course: Course) -> None:
        """Note that a leg failed, or its account cannot go on; never back to a course that does more."""
        self.failed_legs |= {one.place for one in self.slices if (one.account, one.place) == (account, place)}
        self.narrow(course)

    def narrow(self, course: Course) -> None:
        """Take up another course, unless the present one does less already."""
        order = list(Course)
        self.course = max(self.course, course, key=order.index)

    def next_slice(self, bound: Decimal) -> Slice | None:
        """Return what is sent next; None where the bundle is over, or nothing may be sent within the bound.

        What brings the legs together goes first. What takes them apart goes only while the bundle is going, within the
        bound at both ends, and where what is left of the other legs can make up for all of it.
        """
        apart = self._apart(*self.net)
        if self.course is Course.STOPPED:
            return None
        helping = [one for one in self._heads() if self._helps(one)]
        if apart > 0 and helping:
            return helping[0]
        if self.course is Course.RESTORING and self._is_above_before and helping:
            return helping[0]
        if self.course is not Course.GOING:
            return None
        return next((one for one in self._heads() if self._may_begin(one, bound)), None)

    @property
    def _is_above_before(self) -> bool:
        low, high = self.net
        return max(abs(low), abs(high)) > abs(self.before)

    def _heads(self) -> list[Slice]:
        """Return the next slice of each leg that has not failed: those of the legs that lag first, then by place."""
        heads: dict[int, Slice] = {}
        done: dict[int, Decimal] = {}
        for one in self.slices:
            done[one.place] = done.get(one.place, ZERO) + abs(one.changed)
            if one.status == "waiting" and one.place not in self.failed_legs:
                heads.setdefault(one.place, one)
        return sorted(heads.values(), key=lambda one: (done[one.place] / self._whole(one.place), one.place))

    def _whole(self, place: int) -> Decimal:
        return sum((abs(one.change) for one in self.slices if one.place == place), ZERO)

    def _helps(self, one: Slice) -> bool:
        """Check that a slice brings the net nearer to zero at either end, and never past where it is now."""
        low, high = self.net
        now, then = max(abs(low), abs(high)), max(abs(low + one.change), abs(high + one.change))
        return then < now

    def _may_begin(self, one: Slice, bound: Decimal) -> bool:
        low, high = self.net
        low, high = min(low, low + one.change), max(high, high + one.change)
        apart = self._apart(low, high)
        if apart * self.price > bound:
            return False
        return apart <= max(self.slack, self._made_up_for(one))

    def _made_up_for(self, one: Slice) -> Decimal:
        """Return by how much the other legs, with what is left of them, can bring the net back after a slice."""
        others = self._waiting_beside(one)
        return sum((abs(other.change) for other in others if other.change * one.change < 0), ZERO)

    def _waiting_beside(self, one: Slice) -> Iterator[Slice]:
        for other in self.slices:
            if other.status == "waiting" and other.place not in self.failed_legs | {one.place}:
                yield other

    def _apart(self, low: Decimal, high: Decimal) -> Decimal:
        return max(max(abs(low), abs(high)) - self.largest, ZERO)


def progress_of(bundle: Bundle, slices: Sequence[Slice], price: Decimal) -> Progress:
    """Return a pair's bundle before anything of it is sent; its figures in the asset are known of any pair."""
    assert bundle.net_before is not None  # noqa: S101 - as above
    assert bundle.net_after is not None  # noqa: S101 - as above
    slack = max((unit_of(leg.base, leg.quantity) * (leg.step or ZERO) for leg in bundle.legs), default=ZERO)
    return Progress(bundle.id, bundle.net_before, bundle.net_after, price, list(slices), slack)


def unit_of(base: Decimal | None, quantity: Decimal) -> Decimal:
    """Return how much of the asset one unit of a position is, without its sign."""
    return ZERO if base is None or not quantity else abs(base) / quantity
