"""The channels of a project, as its file ``alerts.yaml`` names them: who gets which alerts, and when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import time, timedelta
from pathlib import Path as FilePath
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from exitplan.executor.store.alert_kinds import ALERT_KINDS, SEVERITIES
from exitplan.ruleset.language.problems import Path, Problem, did_you_mean
from exitplan.schemas.loading.diagnostics import FileHasProblems, locate
from exitplan.schemas.loading.yaml_loader import Document, load_yaml
from exitplan.schemas.validation import CHANNELS_FILE, check_channels

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True, slots=True)
class Quiet:
    """Hours of the day in which alerts wait, in a zone; those as bad as ``exception`` do not."""

    begins: time
    ends: time
    zone: ZoneInfo
    exception: str | None = None


@dataclass(frozen=True, slots=True)
class Digest:
    """The time of day at which all alerts go together, in a zone; those as bad as ``exception`` go at once."""

    at: time
    zone: ZoneInfo
    exception: str | None = None


@dataclass(frozen=True, slots=True)
class Rate:
    """At most so many messages in so long."""

    count: int
    period: timedelta
    text: str


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel: where its address is, which alerts it gets, and when they go."""

    name: str
    url: str
    severity: str
    kinds: frozenset[str]
    accounts: frozenset[str]
    tags: frozenset[str]
    only_named: bool
    repeat: timedelta
    group: timedelta
    at_most: Rate
    quiet: Quiet | None
    digest: Digest | None

    def gets(self, kind: str, severity: str, account: str, tags: frozenset[str] | None) -> bool:
        """Check whether an alert that names no channel goes here.

        ``tags`` are those of its account; None where they are not known, which keeps nothing back.
        """
        return (
            not self.only_named
            and is_as_bad(severity, self.severity)
            and (not self.kinds or kind in self.kinds)
            and (not self.accounts or account in self.accounts)
            and (not self.tags or tags is None or bool(self.tags & tags))
        )


def is_as_bad(severity: str, least: str) -> bool:
    """Check whether a severity is at least another."""
    return SEVERITIES.index(severity) >= SEVERITIES.index(least)


def load_channels(root: FilePath) -> tuple[Channel, ...] | None:
    """Read the channels of a project; None where it names none. Raises FileHasProblems."""
    path = root / CHANNELS_FILE
    return read_channels(path) if path.exists() else None


def read_channels(path: FilePath) -> tuple[Channel, ...]:
    """Read a file of channels; raises FileHasProblems with all that is wrong in it."""
    document = load_yaml(path)
    check_channels(document)
    problems = list(_problems(document))
    if problems:
        sources = {document.name: document.source}
        raise FileHasProblems(locate(problem, document.marks, sources) for problem in problems)
    return tuple(_channel(name, block) for name, block in document.value["channels"].items())


def _problems(document: Document) -> Iterator[Problem]:
    """Find what the shape alone does not show: kinds and zones that there are not, hours that never end."""
    for name, block in document.value["channels"].items():
        place: Path = ("channels", name)
        for number, kind in enumerate(block.get("kinds") or ()):
            if kind not in ALERT_KINDS:
                hint = did_you_mean(kind, ALERT_KINDS) or f"the kinds are {', '.join(ALERT_KINDS)}"
                yield Problem((*place, "kinds", number), f"there is no kind of alert {kind!r}", hint=hint)
        for key in ("quiet", "digest"):
            yield from _zone_problems((*place, key), block.get(key) or {})
        quiet = block.get("quiet")
        if quiet and quiet["from"] == quiet["to"]:
            hint = "to get all alerts of a day in one message, use digest"
            yield Problem((*place, "quiet", "to"), "the quiet hours begin and end at the same time", hint=hint)


def _zone_problems(place: Path, block: Mapping[str, Any]) -> Iterator[Problem]:
    zone = block.get("zone", "UTC")
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        hint = did_you_mean(zone, available_timezones()) or "write a name such as Europe/Zurich or UTC"
        yield Problem((*place, "zone"), f"there is no time zone {zone!r}", hint=hint)


def _channel(name: str, block: Mapping[str, Any]) -> Channel:
    return Channel(
        name,
        block["url"],
        block.get("severity", "info").upper(),
        frozenset(block.get("kinds") or ()),
        frozenset(block.get("accounts") or ()),
        frozenset(block.get("tags") or ()),
        block.get("only_named", False),
        _duration(block.get("repeat", "1h")),
        _duration(block.get("group", "0s")),
        _rate(block.get("at_most", "60/h")),
        _quiet(block["quiet"]) if "quiet" in block else None,
        _digest(block["digest"]) if "digest" in block else None,
    )


def _quiet(block: Mapping[str, Any]) -> Quiet:
    return Quiet(time.fromisoformat(block["from"]), time.fromisoformat(block["to"]), _zone(block), _exception(block))


def _digest(block: Mapping[str, Any]) -> Digest:
    return Digest(time.fromisoformat(block["at"]), _zone(block), _exception(block))


def _zone(block: Mapping[str, Any]) -> ZoneInfo:
    return ZoneInfo(block.get("zone", "UTC"))


def _exception(block: Mapping[str, Any]) -> str | None:
    return block["except"].upper() if "except" in block else None


def _duration(text: str) -> timedelta:
    return timedelta(**{_UNITS[text[-1]]: int(text[:-1])})


def _rate(text: str) -> Rate:
    count, unit = text.split("/")
    return Rate(int(count), timedelta(**{_UNITS[unit]: 1}), text)
