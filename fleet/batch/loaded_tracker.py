"""The position tracker of an account of a shard, as the shard was loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from msgspec.structs import replace

from exitplan.executor.store.tracker import OwnTracker, records_in
from exitplan.ruleset.model.snapshot import Snapshot, TrackerRecord


@dataclass(frozen=True, slots=True)
class LoadedTracker:
    """A tracker as it was loaded, of which None means that there is none; what changes goes to the full one."""

    content: bytes | None
    full: OwnTracker

    def with_records(self, snapshot: Snapshot) -> Snapshot:
        """Return the snapshot the tracker's records; raises FileIsInvalid where they are damaged."""
        if self.content is None:
            return snapshot
        return replace(snapshot, tracker=records_in(self.content, self.place))

    def update(
        self, records: Mapping[str, TrackerRecord], changes: Mapping[str, TrackerRecord | None], now: datetime
    ) -> None:
        """Change the full tracker."""
        self.full.update(records, changes, now)

    @property
    def place(self) -> str:
        """Where the full tracker is."""
        return self.full.place

    def records(self) -> dict[str, TrackerRecord]:
        """Return the records of the full tracker."""
        return self.full.records()

    def take_over(self, source: Path) -> int:
        """Take a file into the full tracker."""
        return self.full.take_over(source)
