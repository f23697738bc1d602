"""The escalation ladders of a policy: what goes wrong, when that is too long, and who is told then, step by step."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from exitplan.ruleset.language.problems import Problem

DURATION_PATTERN = r"^[1-9][0-9]{0,5}[smhd]$"
"""How long something takes, as a person writes it: 90s, 30m, 2h, 1d."""
LIMITS: Mapping[str, str] = {
    "failures": "After this many failed attempts.",
    "cycles": "After this many unwind intervals without a cycle; an interval counts as at least a minute.",
    "minutes": "After this many minutes.",
    "hours": "After this many hours.",
}
"""After what an incident is opened; of several, whichever comes first."""
STEP_SEVERITY = "WARNING"
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_INTERVAL = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class EscalationKind:
    """Something that goes wrong with a ``subject``, and the ``limits`` of how long, with the one that holds unless set.

    Minutes and hours are counted from ``since``. Where that ``moves`` on, the trouble is another one.
    """

    name: str
    meaning: str
    subject: str
    since: str
    limits: tuple[str, ...]
    default: tuple[str, int]
    moves: bool = False


ESCALATION_KINDS: Mapping[str, EscalationKind] = {
    kind.name: kind
    for kind in (
        EscalationKind(
            "zombie_exit_failed",
            "The exit of a zombie failed, or exitplan gave it up: no attempts are left, or nothing can be sold.",
            "position",
            "its first failure was seen",
            ("failures", "minutes", "hours"),
            ("failures", 1),
        ),
        EscalationKind(
            "order_unknown",
            "The outcome of an order is unknown; the account stops until somebody finds out.",
            "order",
            "it was sent",
            ("minutes", "hours"),
            ("minutes", 5),
        ),
        EscalationKind(
            "unwind_stalled",
            "A gradual unwind makes no progress.",
            "position",
            "its last cycle, or its start",
            ("cycles", "minutes", "hours"),
            ("cycles", 3),
            moves=True,
        ),
        EscalationKind(
            "not_clean",
            "The account is not CLEAN. An account that cannot be read, or was not verified, is not CLEAN.",
            "account",
            "it was first seen not CLEAN",
            ("minutes", "hours"),
            ("hours", 24),
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Patience:
    """How long something may go wrong before an incident is opened; of several limits, whichever is reached first."""

    failures: int | None = None
    cycles: int | None = None
    wait: timedelta | None = None

    @property
    def text(self) -> str:
        """The limits as a person reads them."""
        counts = {"failures": self.failures, "cycles": self.cycles}
        said = [f"{count} {name}" for name, count in counts.items() if count is not None]
        return " or ".join([*said, *([duration_text(self.wait)] if self.wait is not None else [])])

    def is_over(self, failures: int, lasted: timedelta, interval: timedelta) -> bool:
        """Check whether something has failed often enough, or lasted long enough; ``interval`` is that of unwinds."""
        if self.failures is not None and failures >= self.failures:
            return True
        if self.cycles is not None and lasted >= self.cycles * max(interval, _INTERVAL):
            return True
        return self.wait is not None and lasted >= self.wait


@dataclass(frozen=True, slots=True)
class Step:
    """Who is told, and how long after the step before it; the last one may be told again and again."""

    channels: tuple[str, ...]
    after: timedelta = timedelta(0)
    severity: str = STEP_SEVERITY
    repeat: timedelta | None = None

    @property
    def text(self) -> str:
        """The step as a person reads it."""
        again = "" if self.repeat is None else f" every {duration_text(self.repeat)}"
        return f"after {duration_text(self.after)} {' and '.join(self.channels)} ({self.severity}){again}"


@dataclass(frozen=True, slots=True)
class Ladder:
    """Who is told of one kind of incident, step by step, until somebody takes it or it is over."""

    id: str
    on: str
    patience: Patience
    steps: tuple[Step, ...]

    @property
    def text(self) -> str:
        """The ladder as a person reads it, for comparing two policies."""
        return f"{self.on} after {self.patience.text}: {', '.join(step.text for step in self.steps)}"


def duration_text(span: timedelta) -> str:
    """Write a duration as it is written in a policy, in the largest unit that fits."""
    seconds = int(span.total_seconds())
    unit = next((unit for unit in "dhm" if seconds and seconds % _SECONDS[unit] == 0), "s")
    return f"{seconds // _SECONDS[unit]}{unit}"


def duration_of(text: str) -> timedelta:
    """Read a duration such as 90s, 15m, 1h or 1d; raises ValueError."""
    if re.match(DURATION_PATTERN, text) is None:
        raise ValueError(f"{text!r} is not a duration")
    return timedelta(seconds=int(text[:-1]) * _SECONDS[text[-1]])


def read_ladders(document: Mapping[str, Any]) -> tuple[list[Ladder], list[Problem]]:
    """Read the ladders of a policy that has passed its schema, with every problem in them."""
    raw = document.get("escalation") or []
    return [_ladder(entry) for entry in raw], [
        problem for index, entry in enumerate(raw) for problem in _problems(index, entry)
    ]


def _ladder(raw: Mapping[str, Any]) -> Ladder:
    return Ladder(raw["id"], raw["on"], _patience(raw), tuple(map(_step, raw["steps"])))


def _patience(raw: Mapping[str, Any]) -> Patience:
    after = raw.get("after") or dict((ESCALATION_KINDS[raw["on"]].default,))
    units = {"minutes": 60_000_000, "hours": 3_600_000_000}
    waits = [timedelta(microseconds=int(Decimal(after[name]) * units[name])) for name in units.keys() & after.keys()]
    return Patience(after.get("failures"), after.get("cycles"), min(waits, default=None))


def _step(raw: Mapping[str, Any]) -> Step:
    return Step(
        channels=tuple(raw["channels"]),
        after=duration_of(raw["after"]) if "after" in raw else timedelta(0),
        severity=raw.get("severity", STEP_SEVERITY),
        repeat=duration_of(raw["repeat"]) if "repeat" in raw else None,
    )


def _problems(index: int, raw: Mapping[str, Any]) -> Iterator[Problem]:
    kind = ESCALATION_KINDS[raw["on"]]
    for name in raw.get("after") or {}:
        if name not in kind.limits:
            hint = f"write one of {', '.join(kind.limits)}"
            yield Problem(("escalation", index, "after", name), f"{kind.name} has no {name}", hint=hint, on_key=True)
    for number, step in enumerate(raw["steps"]):
        is_last = number == len(raw["steps"]) - 1
        if "repeat" in step and not is_last:
            hint = "another step follows; move repeat to the last step"
            path = ("escalation", index, "steps", number, "repeat")
            yield Problem(path, "only the last step can repeat", hint=hint, on_key=True)
        if number and "after" not in step:
            hint = "add after: 30m, or add its channels to the step before"
            yield Problem(
                ("escalation", index, "steps", number),
                "this step has no after, so it would be told together with the one before",
                hint=hint,
            )
