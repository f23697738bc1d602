"""When an alert may go: quiet hours, digests and groups; pure, over the time that is passed in."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from exitplan.executor.alerting.channels import Channel, Quiet, is_as_bad

_DAY = timedelta(days=1)
_FIRST_PAUSE = timedelta(seconds=30)
_LONGEST_PAUSE = timedelta(hours=1)
_MOST_DOUBLINGS = 10


class Hold(StrEnum):
    """Why an alert waits."""

    QUIET = "quiet hours"
    DIGEST = "the digest"
    LIMIT = "the limit"


def hold_of(channel: Channel, severity: str, raised_at: datetime, now: datetime) -> Hold | None:
    """Return why a single alert waits, apart from others; None where it may go."""
    digest, quiet = channel.digest, channel.quiet
    if digest is not None and not _is_excepted(severity, digest.exception):
        return Hold.DIGEST if next_at(digest.at, digest.zone, raised_at) > now else None
    if quiet is not None and is_quiet(quiet, now) and not _is_excepted(severity, quiet.exception):
        return Hold.QUIET
    return None


def is_group_open(channel: Channel, raised: Iterable[datetime], now: datetime) -> bool:
    """Check whether alerts that were raised at these times wait for others to come."""
    return min(raised) + channel.group > now


def is_quiet(quiet: Quiet, now: datetime) -> bool:
    """Check whether a moment lies in the quiet hours, which may pass midnight."""
    clock = now.astimezone(quiet.zone).time()
    if quiet.begins < quiet.ends:
        return quiet.begins <= clock < quiet.ends
    return clock >= quiet.begins or clock < quiet.ends


def next_at(at: time, zone: ZoneInfo, after: datetime) -> datetime:
    """Return the next moment at which clocks of a zone show a time of day, in UTC.

    An hour that is left out in spring is told by the clock before the change, one that comes twice by its first.
    """
    day = after.astimezone(zone).date()
    for _ in range(3):
        moment = datetime.combine(day, at, zone).astimezone(UTC)
        if moment > after:
            return moment
        day += _DAY
    raise AssertionError("a day has a next day")


def pause_after(rounds: int) -> timedelta:
    """Return how long a channel is left alone that has failed in so many deliveries in a row: ever longer."""
    return min(_FIRST_PAUSE * (1 << min(rounds - 1, _MOST_DOUBLINGS)), _LONGEST_PAUSE)


def _is_excepted(severity: str, exception: str | None) -> bool:
    return exception is not None and is_as_bad(severity, exception)
