"""Processes of the model: threads of which one runs at a time, and only as long as the checker lets it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from exitplan.ruleset.errors import ExitplanError
from tests.faults import Crash


@dataclass(eq=False)
class Process:
    """One process; ``error`` is what it ended with that no user should ever see."""

    name: str
    work: Callable[[], None]
    turn: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    has_ended: bool = False
    is_dying: bool = False
    told: str | None = None
    error: Exception | None = None


@dataclass
class Machine:
    """Runs processes in turns: whoever has the turn keeps it until it hands it on, or ends."""

    processes: list[Process] = field(default_factory=list)
    running: Process | None = None
    ended: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def run(self, first: Process) -> None:
        """Run a process, and whatever is started beside it, to the end."""
        self._start(first)
        self._pass_to(first)
        self.ended.acquire()

    @property
    def suspended(self) -> Process | None:
        """The process that waits for its turn; None where there is none."""
        return next((one for one in self.processes if one is not self.running and not one.has_ended), None)

    def start_beside(self, other: Process) -> None:
        """Start a process and let it run, while the one that runs waits."""
        self._start(other)
        self.hand_over(other)

    def hand_over(self, other: Process) -> None:
        """Let another process run, until it hands the turn back or ends."""
        waiting = self.running
        assert waiting is not None
        self._pass_to(other)
        waiting.turn.acquire()
        self.running = waiting

    def _start(self, process: Process) -> None:
        self.processes.append(process)
        threading.Thread(target=self._live, args=(process,), daemon=True).start()

    def _pass_to(self, process: Process) -> None:
        self.running = process
        process.turn.release()

    def _live(self, process: Process) -> None:
        process.turn.acquire()
        self.running = process
        try:
            process.work()
        except Crash:
            process.told = "died"
        except ExitplanError as error:
            process.told = f"{type(error).__name__}: {error}"
        except Exception as error:  # noqa: BLE001 - a traceback is what must never be, and is judged as that
            process.error = error
        process.has_ended = True
        if (other := self.suspended) is not None:
            self._pass_to(other)
        else:
            self.ended.release()
