"""How far this machine's clock is off the venue's, by what the venue's replies say of the time in their headers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

TOLERATED = 2.0
"""Seconds by which clocks may differ where something is to be sent."""
TOLD = 1.0
"""Seconds from which on a person is told of a difference."""
_RESOLUTION = 1.0
"""A ``Date`` header leaves out the fraction of its second."""


@dataclass(frozen=True, slots=True)
class ClockOffset:
    """Seconds by which the venue's clock is ahead of ours: surely no less than ``least`` and no more than ``most``."""

    least: float
    most: float

    def problem(self, tolerated: float = TOLERATED) -> str | None:
        """Say that our clock is off by more than the seconds that are tolerated; None where it may be right."""
        if self.least > tolerated:
            return f"this machine's clock is {_rounded_down(self.least)} seconds or more behind the venue's"
        if self.most < -tolerated:
            return f"this machine's clock is {_rounded_down(-self.most)} seconds or more ahead of the venue's"
        return None

    def is_within(self, tolerated: float) -> bool:
        """Check whether our clock is surely off by no more than so many seconds."""
        return -tolerated <= self.least and self.most <= tolerated

    @property
    def furthest(self) -> float:
        """Return by how many seconds the clocks differ at most."""
        return max(abs(self.least), abs(self.most))

    def narrowed(self, newer: ClockOffset | None) -> ClockOffset:
        """Return what two replies say together; where they contradict each other a clock was set, and the newer holds.

        One reply leaves a second or more open, several of different moments far less.
        """
        if newer is None:
            return self
        both = ClockOffset(max(self.least, newer.least), min(self.most, newer.most))
        return both if both.least <= both.most else newer


def offset_in(headers: Mapping[str, str], sent: datetime, received: datetime) -> ClockOffset | None:
    """Compare the time of a reply with our times of asking and receiving; None where it tells none.

    A reply out of a cache has the time at which it was put there.
    """
    folded = {str(name).casefold(): str(value) for name, value in headers.items()}
    if "date" not in folded or "age" in folded:
        return None
    try:
        told = parsedate_to_datetime(folded["date"])
    except ValueError:
        return None
    told = told if told.tzinfo is not None else told.replace(tzinfo=UTC)
    return ClockOffset((told - received).total_seconds(), (told - sent).total_seconds() + _RESOLUTION)


def _rounded_down(seconds: float) -> str:
    """Write seconds to the tenth, none too many."""
    return f"{int(seconds * 10) / 10:g}"
