"""A paper account in memory: the same engine as that of an account in a file, with nothing kept."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from exitplan.brokers.paper.changes import RecordingEngine
from exitplan.brokers.paper.engine import MatchingEngine
from exitplan.ruleset.model.snapshot import Snapshot

Result = TypeVar("Result")


class MemoryAccount:
    """One paper account that is gone with the process; for simulations, which have to survive nothing."""

    def __init__(self, engine: MatchingEngine) -> None:
        self.engine = engine

    def read(self, now: datetime) -> Snapshot:
        """Read the account as of now."""
        return self.engine.snapshot(now)

    def ask(self, now: datetime, question: Callable[[MatchingEngine | RecordingEngine], Result]) -> Result:  # noqa: ARG002 - as asked of a file
        """Ask the account something."""
        return question(self.engine)

    def change(self, now: datetime, alter: Callable[[RecordingEngine], Result]) -> Result:  # noqa: ARG002 - as above
        """Alter the account."""
        return alter(RecordingEngine(self.engine))
