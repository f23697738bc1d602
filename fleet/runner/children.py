"""A worker's side of a child: start it, give it a task, and see whether it goes on, ends, dies or hangs."""

from __future__ import annotations

import json
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from exitplan.executor.logs import RUN, note
from exitplan.fleet.runner.board import Board
from exitplan.fleet.runner.child import task_line
from exitplan.fleet.runner.performing import Figures, Means, ShardTask

_LOOK = 0.2
"""How often, in seconds, it is looked at whether a child still works."""
_START = 120.0
"""How long, in seconds, a child may take to be ready."""
_STARTER = ThreadPoolExecutor(1, "exitplan children")
"""Starts all children: they end with the thread that started them, and this one ends with the process."""


@dataclass(frozen=True, slots=True)
class Done:
    """A task was worked on; ``is_partly`` where it was asked to stop before the end."""

    figures: Figures
    is_partly: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """A task could not be worked on; ``again`` where that may pass."""

    problem: str
    again: bool


@dataclass(frozen=True, slots=True)
class Died:
    """The child died, or was killed because it hung, with this account in hand, if any; ``accounts`` are the task's."""

    account: str | None
    accounts: tuple[str, ...]
    how: str


Outcome = Done | Refused | Died


class Child:
    """A child process that works on one task at a time; it is started when it is needed, and anew when it has died."""

    def __init__(self, means: Means, cut_off: float) -> None:
        """Take in what a child needs, and how long, in seconds, one account may take."""
        self._means, self._cut_off = means, cut_off
        self.board = Board.make()
        self._process: subprocess.Popen[bytes] | None = None
        self._talk: socket.socket | None = None
        self._heard = b""

    @property
    def pid(self) -> int | None:
        """The process, where there is one."""
        return None if self._process is None else self._process.pid

    def work(self, task: ShardTask) -> Outcome:
        """Have a task done, and wait for it."""
        accounts: tuple[str, ...] = ()
        self.board.clear()
        try:
            if self._process is None:
                self._start()
                answer = next(self._replies(_START), None)
                if answer is None:
                    return Died(None, (), self._end())
                if "problem" in answer:
                    self._end("cannot work")
                    return Refused(answer["problem"], answer["again"])
            self._say(task_line(task))
            for said in self._replies():
                if "accounts" in said:
                    accounts = tuple(said["accounts"])
                elif "figures" in said:
                    return Done(said["figures"], said["stopped"])
                else:
                    return Refused(said["problem"], said["again"])
        except OSError as problem:
            note(RUN, "child_lost", level=logging.WARNING, message=str(problem))
        except _HangsError:
            return Died(self._in_hand(accounts), accounts, self._end(f"made no progress for {self._cut_off:g} s"))
        return Died(self._in_hand(accounts), accounts, self._end())

    def kill(self) -> None:
        """Kill the process in the middle of its work; whoever waits for it sees it die."""
        process = self._process
        if process is not None:
            process.kill()

    def end(self) -> None:
        """End the child, which is at no work."""
        self._end("not needed any more")
        self.board.close()

    def _in_hand(self, accounts: tuple[str, ...]) -> str | None:
        index = self.board.in_hand
        return accounts[index] if index is not None and index < len(accounts) else None

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        inherited = (theirs.fileno(), self.board.descriptor)
        command = [sys.executable, "-m", "exitplan.fleet.runner.child", *map(str, (*inherited, os.getpid()))]
        try:
            self._process = _STARTER.submit(
                subprocess.Popen, command, pass_fds=inherited, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
            ).result()
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        self._talk, self._heard = ours, b""
        self._say(json.dumps({"means": asdict(self._means), "level": RUN.getEffectiveLevel()}) + "\n")

    def _say(self, line: str) -> None:
        if self._talk is None:
            raise BrokenPipeError
        self._talk.sendall(line.encode())

    def _replies(self, patience: float | None = None) -> Iterator[dict[str, Any]]:
        """Walk what the child says, until its end; raises _HangsError where it makes no progress."""
        last, steps = time.monotonic(), self.board.steps
        while self._talk is not None:
            while b"\n" in self._heard:
                line, _, self._heard = self._heard.partition(b"\n")
                said = json.loads(line)
                if "log" in said:
                    _log(*said["log"])
                else:
                    yield said
                last = time.monotonic()
            if select.select([self._talk], [], [], _LOOK)[0]:
                heard = self._talk.recv(65536)
                if not heard:
                    return
                self._heard += heard
            elif self.board.steps != steps:
                last, steps = time.monotonic(), self.board.steps
            elif time.monotonic() - last > (patience or self._cut_off):
                raise _HangsError

    def _end(self, why: str | None = None) -> str:
        """Kill the child where it lives, and forget it; returns how it ended."""
        process, talk, self._process, self._talk = self._process, self._talk, None, None
        if talk is not None:
            talk.close()
        if process is None:
            return "could not be started"
        if why is None:  # it has closed its end: let it tell how it ended
            with suppress(subprocess.TimeoutExpired):
                process.wait(5)
        with suppress(ProcessLookupError):
            process.kill()
        code = process.wait()
        if why is not None:
            return why
        return f"was killed by {_signal(-code)}" if code < 0 else f"ended with code {code}"


class _HangsError(Exception):
    """A child makes no progress."""


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _log(name: str, level: int, event: str, fields: dict[str, Any]) -> None:
    """Log what a child has logged."""
    note(logging.getLogger(name), event, level=level, **fields)


def cores() -> int:
    """Return how many processes can work at once here."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
