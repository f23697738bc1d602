"""Which plans a policy lets be carried out without asking anybody, and how many people must approve the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from exitplan.ruleset.language.problems import Path, Problem, did_you_mean

MODES: Mapping[str, str] = {
    "manual": "Every plan waits for a person.",
    "auto": "A plan within these limits is applied at once; any other plan waits, as a whole.",
}
"""Who approves the plans that nobody has typed."""
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MIDNIGHT = "24:00"
"""The end of a day, as ``to`` may say it."""
MOST_PEOPLE = 10


@dataclass(frozen=True, slots=True)
class Hours:
    """The hours in which plans are carried out without asking, by the clock of a time zone.

    ``days`` count from 0, which is Monday. Hours that pass midnight (22:00 to 06:00) belong to the day they begin on.
    """

    start: time = time(0)
    end: time = time(0)
    zone: str = "UTC"
    days: frozenset[int] = frozenset(range(7))

    def hold(self, now: datetime) -> bool:
        """Check whether a moment is within the hours: from their first minute on, and before their end."""
        local = now.astimezone(ZoneInfo(self.zone))
        clock, day = local.time(), local.weekday()
        if self.start < self.end:
            return day in self.days and self.start <= clock < self.end
        before = (local.date() - timedelta(days=1)).weekday()
        return (day in self.days and clock >= self.start) or (before in self.days and clock < self.end)

    @property
    def text(self) -> str:
        """The hours as a person reads them: ``08:00 to 18:00 Europe/Zurich, mon tue wed thu fri``."""
        end = MIDNIGHT if self.end == time(0) else f"{self.end:%H:%M}"
        days = "" if len(self.days) == len(DAYS) else ", " + " ".join(DAYS[day] for day in sorted(self.days))
        return f"{self.start:%H:%M} to {end} {self.zone}{days}"

    def __str__(self) -> str:
        """Return the hours in words."""
        return self.text


@dataclass(frozen=True, slots=True)
class Approval:
    """Which plans need nobody's word, and how many people must approve the others.

    None limits nothing: all ``kinds`` of actions, any value, every hour. Where the mode is manual, every plan waits.
    """

    mode: Literal["manual", "auto"] = "manual"
    kinds: tuple[str, ...] | None = None
    max_value: Decimal | None = None
    hours: Hours | None = None
    people: int = 1


def read_approval(raw: Mapping[str, Any]) -> tuple[Approval, list[Problem]]:
    """Read the ``approval`` of a merged policy, whose short form is written out; problems come with it."""
    hours, problems = _hours(raw.get("hours"))
    kinds, most = raw.get("kinds"), raw.get("max_value")
    approval = Approval(
        mode=raw.get("mode", "manual"),
        kinds=None if kinds is None else tuple(kinds),
        max_value=None if most is None else Decimal(most),
        hours=hours,
        people=int(raw.get("people", 1)),
    )
    return approval, [*problems, *_without_mode(raw)]


def _without_mode(raw: Mapping[str, Any]) -> Iterator[Problem]:
    """Warn of limits that limit nothing, since nothing is carried out without asking."""
    limits = [name for name in ("kinds", "max_value", "hours") if name in raw]
    if limits and raw.get("mode") != "auto":
        message = f"{', '.join(limits)} without mode: auto: every plan waits for a person"
        yield Problem(("approval", limits[0]), message, "warning", "write mode: auto", on_key=True)


def _hours(raw: Mapping[str, Any] | None) -> tuple[Hours | None, list[Problem]]:
    if raw is None:
        return None, []
    here: Path = ("approval", "hours")
    start, end, zone = raw.get("from", "00:00"), raw.get("to", MIDNIGHT), raw.get("zone", "UTC")
    if not _is_zone(zone):
        hint = did_you_mean(zone, sorted(available_timezones())) or "write a name such as Europe/Zurich or UTC"
        return None, [Problem((*here, "zone"), f"there is no time zone {zone!r}", hint=hint)]
    if _clock(start) == _clock(end) and end != MIDNIGHT:
        return None, [
            Problem(here, f"from {start} to {end} is no time at all", hint="leave both out for the whole day")
        ]
    days = frozenset(DAYS.index(day) for day in raw.get("days", DAYS))
    return Hours(_clock(start), _clock(end), zone, days), []


def _is_zone(name: str) -> bool:
    """Check a name against the time zones of this machine, or those that come with exitplan."""
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError):  # a name that is not there, or none that could be
        return False
    return True


def _clock(text: str) -> time:
    return time(0) if text == MIDNIGHT else time.fromisoformat(text)
