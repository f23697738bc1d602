"""Where rounds are done: in threads, which do not keep a process alive that is told to end."""

from __future__ import annotations

from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Protocol

from exitplan.brokers.call_log import as_caller
from exitplan.executor.watching.rounds import Round

Task = Callable[[], Round | None]
"""Does a round; of what is no round nothing comes back. It raises nothing."""


class Workers(Protocol):
    """Whoever does tasks side by side."""

    def start(self, name: str, task: Task) -> None:
        """Begin a task."""
        ...

    def finished(self) -> list[tuple[str, Round | None]]:
        """Return the tasks that have ended since the last call, each once, with what they came to."""
        ...


class Threads:
    """A thread a task. One that hangs cannot be ended; it is left alone, and goes with the process."""

    def __init__(self) -> None:
        """Start with no task."""
        self._ended: SimpleQueue[tuple[str, Round | None]] = SimpleQueue()

    def start(self, name: str, task: Task) -> None:
        """Begin a task in a thread of its own."""
        traced = as_caller(task)
        Thread(target=lambda: self._ended.put((name, traced())), name=f"exitplan {name}", daemon=True).start()

    def finished(self) -> list[tuple[str, Round | None]]:
        """Return the tasks that have ended since the last call."""
        ended = []
        while True:
            try:
                ended.append(self._ended.get_nowait())
            except Empty:
                return ended
