"""The runner without an engine: its threads ask the rows of the tick for the next shard."""

from __future__ import annotations

import logging
import random
from collections.abc import Sequence
from datetime import timedelta
from threading import Condition, Event, Thread

from exitplan.executor.logs import RUN, note
from exitplan.fleet.runner.due import Due
from exitplan.fleet.runner.port import ShardCycle, Shift

_LOOK = 0.5
"""How often, in seconds, a thread without work asks for some."""


class LocalRunner:
    """A thread for each child; each takes the next free shard of the oldest tick."""

    def __init__(self) -> None:
        """Start with no thread."""
        self._stopped, self._woken = Event(), Condition()
        self._threads: list[Thread] = []
        self._at_work: set[ShardCycle] = set()

    def start(self, shift: Shift, every: timedelta | None) -> None:
        """Start the threads, and one that begins ticks."""
        names = [f"exitplan shard {number + 1}" for number in range(shift.slots)]
        self._threads = [Thread(target=self._serve, args=(shift,), name=name, daemon=True) for name in names]
        if every is not None:
            due = Due(every, shift, self._stopped)
            self._threads.append(Thread(target=due.run, name="exitplan ticks", daemon=True))
        for thread in self._threads:
            thread.start()

    def enqueue(self, tick: int, cycles: Sequence[ShardCycle]) -> None:  # noqa: ARG002 - the rows are the queue
        """Wake the threads."""
        with self._woken:
            self._woken.notify_all()

    def look_after(self, lost: Sequence[str]) -> None:
        """Do nothing: a shard is free again when its lease ends."""

    def under_way(self) -> Sequence[ShardCycle]:
        """Return what is worked on here at the moment."""
        with self._woken:
            return tuple(self._at_work)

    def wait(self, seconds: float) -> bool:
        """Wait until nothing is under way here any more; False if that takes longer."""
        with self._woken:
            return self._woken.wait_for(lambda: not self._at_work, seconds)

    def stop(self) -> None:
        """Hand out nothing more; what is under way goes on."""
        self._stopped.set()
        with self._woken:
            self._woken.notify_all()

    def close(self) -> None:
        """Wait for the threads."""
        for thread in self._threads:
            thread.join()

    def _serve(self, shift: Shift) -> None:
        while not self._stopped.is_set():
            try:
                is_busy = self._took(shift)
            except Exception as error:  # noqa: BLE001 - a fault of ours in one shard must not cost the others their thread
                note(RUN, "shard_broke", level=logging.ERROR, message=f"{type(error).__name__}: {error}")
                is_busy = False
            if not is_busy:
                with self._woken:
                    self._woken.wait(_LOOK * random.uniform(0.7, 1.3))  # noqa: S311 - so that not all ask at once

    def _took(self, shift: Shift) -> bool:
        """Take a shard and work on it; False where there is none."""
        claim = shift.take() if shift.may_take() else None
        if claim is None:
            return False
        with self._woken:
            self._at_work.add(claim.cycle)
        try:
            shift.work(claim)
        finally:
            with self._woken:
                self._at_work.discard(claim.cycle)
                self._woken.notify_all()
        return True
