"""Real processes that die by a real SIGKILL: forked off a warm parent that holds nothing open."""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

PATIENCE = 60.0
"""Seconds after which a child that does not end is killed and counted as a failure of its own."""


@dataclass(frozen=True, slots=True)
class Child:
    """A process that runs one function and does nothing else."""

    pid: int

    def kill_after(self, seconds: float, meanwhile: Callable[[], object]) -> bool:
        """Kill it after a while unless it has ended before; tells whether it was killed."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self._ended(os.WNOHANG) is not None:
                return False
            meanwhile()
            time.sleep(0.001)
        os.kill(self.pid, signal.SIGKILL)
        return self.wait() == -signal.SIGKILL

    def wait(self) -> int:
        """Wait for its end and give its exit code, below zero for the signal that it died by."""
        until = time.monotonic() + PATIENCE
        while (code := self._ended(os.WNOHANG)) is None:
            if time.monotonic() > until:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
                raise AssertionError("a process hangs")
            time.sleep(0.0005)
        return code

    def wait_until_stopped(self) -> bool:
        """Wait until it has stopped itself; False where it ended instead."""
        _, status = os.waitpid(self.pid, os.WUNTRACED)
        return os.WIFSTOPPED(status)

    def wake(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def _ended(self, options: int) -> int | None:
        pid, status = os.waitpid(self.pid, options)
        return None if pid == 0 else os.waitstatus_to_exitcode(status)


def fork(act: Callable[[], object], errors: Path) -> Child:
    """Run a function in a process of its own; what it raises is written to a file, and its exit code is then 1."""
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if not pid:
        _run(act, errors)
    return Child(pid)


def _run(act: Callable[[], object], errors: Path) -> NoReturn:
    code = 1
    try:
        act()
        code = 0
    except BaseException:  # noqa: BLE001 - whatever it is, the parent must hear of it, and nobody else is here
        with errors.open("a") as file:
            traceback.print_exc(file=file)
    finally:
        os._exit(code)


def die() -> None:
    """End this process as the kernel would on its own account."""
    os.kill(os.getpid(), signal.SIGKILL)


def stop() -> None:
    """Stop this process until somebody wakes it."""
    os.kill(os.getpid(), signal.SIGSTOP)
