"""Read an account's alerts back: all of them, and those that are appended while somebody watches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from exitplan.executor.store.alert_kinds import SEVERITIES
from exitplan.ruleset.errors import DataFolderUnusable
from exitplan.ruleset.model.values import parse_time

Alert = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AlertFilter:
    """Which alerts are wanted; ``severity`` is the least."""

    kinds: frozenset[str] = frozenset()
    severity: str = "INFO"
    since: datetime | None = None

    def wants(self, alert: Alert) -> bool:
        """Check whether an alert is wanted."""
        if self.kinds and alert["alert_type"] not in self.kinds:
            return False
        if SEVERITIES.index(alert["severity"]) < SEVERITIES.index(self.severity):
            return False
        return self.since is None or parse_time(alert["timestamp"]) >= self.since


@dataclass(slots=True)
class AlertLog:
    """The alerts of one account, each read once; ``unreadable`` counts the lines that are no alerts."""

    path: Path
    offset: int = 0
    unreadable: int = 0

    @property
    def place(self) -> str:
        """The path of the file."""
        return str(self.path)

    def new(self) -> Iterator[Alert]:
        """Return the alerts since the last call, the oldest first; raises DataFolderUnusable.

        A line that is still being written is left for the next call; a file that was emptied is begun anew.
        """
        try:
            if not self.path.is_file():
                return
            with self.path.open("rb") as file:
                if self.path.stat().st_size < self.offset:
                    self.offset = 0
                file.seek(self.offset)
                content = file.read()
        except OSError as error:
            raise DataFolderUnusable(f"cannot read {self.path}: {error.strerror or error}") from error
        whole, _, _ = content.rpartition(b"\n")
        self.offset += len(whole) + 1 if whole or content.startswith(b"\n") else 0
        for line in whole.splitlines():
            alert = _alert_of(line)
            if alert is not None:
                yield alert
            elif line.strip():
                self.unreadable += 1


def _alert_of(line: bytes) -> Alert | None:
    """Read one line; None where it is no alert."""
    try:
        alert = orjson.loads(line)
        parse_time(alert["timestamp"])
        is_one = isinstance(alert["alert_type"], str) and alert["severity"] in SEVERITIES
    except (ValueError, KeyError, TypeError):
        return None
    return alert if is_one else None
