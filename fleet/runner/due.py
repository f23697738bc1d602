"""When ticks are due: at the same moments for every worker, so that none has to lead.

A tick is named by the second at which it is due. All workers begin it; the database lets one of them.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import timedelta
from threading import Event

from exitplan.executor.logs import RUN, note
from exitplan.fleet.runner.port import Shift
from exitplan.ruleset.errors import ExitplanError


def due_at(now: float, every: timedelta) -> int:
    """Return the second, since 1970, at which the last tick up to now was due."""
    seconds = int(every.total_seconds())
    return int(now) // seconds * seconds


@dataclass(frozen=True, slots=True)
class Due:
    """Begins ticks for a worker until it is stopped."""

    every: timedelta
    shift: Shift
    stopped: Event

    def run(self) -> None:
        """Begin the tick that is due, then each further one at its time."""
        last = None
        while not self.stopped.is_set():
            now = time.time()
            tick = due_at(now, self.every)
            if tick != last and self.shift.may_take():
                try:
                    self.shift.begin(tick, f"every {self.every}")
                    last = tick
                except ExitplanError as problem:
                    note(RUN, "tick_not_begun", level=logging.WARNING, message=str(problem))
            self.stopped.wait(min(1.0, tick + self.every.total_seconds() - now))
