"""How far this machine's clock is off the venue's, by what the venue's replies say of the time in their headers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

TOLERATED = 2.0
"""Seconds by which clocks may differ."""
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
            return f"this machine's clock is {self.least:.0f} seconds or more behind the venue's"
        if self.most < -tolerated:
            return f"this machine's clock is {-self.most:.0f} seconds or more ahead of the venue's"
        return None


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
