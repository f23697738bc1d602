"""Take alerts from the files of accounts into the outbox, each once, for the channels that get it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from exitplan.executor.accounts.folder import PLATFORM, DataFolder
from exitplan.executor.alerting.channels import Channel
from exitplan.executor.alerting.outbox import Alert, Cursor, Outbox
from exitplan.executor.store.alert_kinds import ALERT_KINDS
from exitplan.executor.store.alert_log import AlertLog
from exitplan.ruleset.model.values import parse_time

CHANNEL_FAILED, CHANNEL_RECOVERED = "CHANNEL_FAILED", "CHANNEL_RECOVERED"
ABOUT_CHANNELS = frozenset({CHANNEL_FAILED, CHANNEL_RECOVERED})
"""Alerts that go to any channel but the one that they are about."""
_NOT_FIGURES = frozenset({"timestamp", "alert_id", "channels"})
_OLDEST = timedelta(days=1)
TagsOf = Callable[[str], frozenset[str] | None]


@dataclass(slots=True)
class Taken:
    """What was taken in, what is too old for it, and the channels that alerts name and that there are not."""

    alerts: int = 0
    too_old: int = 0
    unknown: set[str] = field(default_factory=set)


def begin(outbox: Outbox, channels_file: Path, now: datetime, since: datetime | None = None) -> datetime:
    """Return since when alerts are delivered; at the first delivery that is decided.

    Alerts are not delivered that are older than the file of channels, or than a day, unless ``since`` says so.
    """
    known = outbox.since()
    if known is None:
        written = datetime.fromtimestamp(channels_file.stat().st_mtime, now.tzinfo)
        known = since or max(min(written, now), now - _OLDEST)
        outbox.start(known)
    return known


def take_in(
    outbox: Outbox, data: Path, accounts: Sequence[str], router: Router, since: datetime, now: datetime
) -> Taken:
    """Take in what accounts have raised since their files were read last; within a transaction."""
    taken = Taken()
    for account in dict.fromkeys((PLATFORM, *accounts)):
        path = DataFolder.of(data, account).alerts
        cursor = outbox.cursor(account)
        newest, position = cursor.newest, cursor.position
        inode = path.stat().st_ino if path.is_file() else cursor.inode
        for log, begins in _unread(path, cursor, since):
            for alert in log.new():
                raised_at = parse_time(alert["timestamp"])
                newest = max(newest, raised_at)
                if raised_at < begins:
                    taken.too_old += 1
                else:
                    taken.alerts += 1
                    taken.unknown |= router.route(outbox, alert, raised_at, now)
            position = log.offset
        if Cursor(position, inode, newest) != cursor:
            outbox.move_cursor(account, Cursor(position, inode, newest))
    return taken


def _unread(path: Path, cursor: Cursor, since: datetime) -> Iterator[tuple[AlertLog, datetime]]:
    """Return what is to be read of an account's alerts, and since when: the rest of the file, as a rule.

    Of one that was moved away and lies beside it the rest comes first, whether there is a new one yet or not; then all
    that is in its place. One that was put there otherwise, or emptied, may hold what was read before: it is read for
    what is no older than that.
    """
    file = path.stat() if path.is_file() else None
    inode = None if file is None else file.st_ino
    if file is not None and inode == cursor.inode and file.st_size >= cursor.position:
        yield AlertLog(path, cursor.position), since
        return
    moved = [one for one in path.parent.glob(f"{path.name}.*") if one.stat().st_ino == cursor.inode != inode]
    for one in moved:
        yield AlertLog(one, cursor.position), since
    if file is not None:
        yield AlertLog(path), since if moved else max(since, cursor.newest)


@dataclass(frozen=True, slots=True)
class Router:
    """Knows which channels get an alert."""

    channels: Mapping[str, Channel]
    tags_of: TagsOf

    def route(self, outbox: Outbox, alert: Alert, raised_at: datetime, now: datetime) -> set[str]:
        """Put an alert before the channels that get it; returns the names in it that no channel has."""
        named = [str(name) for name in listed] if isinstance(listed := alert.get("channels"), list) else None
        unknown = {name for name in named or () if name not in self.channels}
        is_named = named is not None and (not named or len(unknown) < len(named))
        receivers = [name for name in named or () if name in self.channels] if is_named else self._routed(alert)
        alert_id = alert.get("alert_id")
        key = None if is_named or alert_id is not None else repeat_key(alert)
        for name in dict.fromkeys(receivers):
            if alert_id is None or outbox.is_new_id(name, str(alert_id), now):
                outbox.take(name, alert, raised_at, key=key, is_named=is_named)
        return unknown

    def _routed(self, alert: Alert) -> list[str]:
        kind, severity, account = alert["alert_type"], alert["severity"], str(alert.get("user_id", ""))
        channels = list(self.channels.values())
        is_about_channel = kind in ABOUT_CHANNELS
        if is_about_channel:  # that it is well again is told to whom it was told that it is not
            kind, severity = CHANNEL_FAILED, ALERT_KINDS[CHANNEL_FAILED].severity
            channels = [channel for channel in channels if channel.name != alert.get("channel")]
        tags = self.tags_of(account) if any(channel.tags for channel in channels) else None
        got = [channel.name for channel in channels if channel.gets(kind, severity, account, tags)]
        # That a channel is dead has to be told somewhere, even where nobody asked for it.
        return got or ([channel.name for channel in channels] if is_about_channel else [])


def repeat_key(alert: Alert) -> str:
    """Identify what an alert tells, whenever it was raised: kind, account and all figures."""
    figures: dict[str, Any] = {name: value for name, value in alert.items() if name not in _NOT_FIGURES}
    return hashlib.sha256(orjson.dumps(figures, option=orjson.OPT_SORT_KEYS)).hexdigest()
