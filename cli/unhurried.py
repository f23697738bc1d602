"""Output that waits for no reader: orders are in flight, and whoever reads the pipe may have stopped to.

A thread writes what is put into a backlog. While the reader keeps up, a write returns once its bytes are out, as ever.
A reader that stalls holds nobody for more than :data:`PATIENCE` seconds in all; what comes then waits in the backlog,
and is dropped where that is full. Everything is in the journal all the same.
"""

from __future__ import annotations

import io
import logging
import os
import stat
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import Any, Final

from exitplan.cli.failures import silence
from exitplan.cli.output import say

LOGGER = logging.getLogger("exitplan.output")

PATIENCE = 2.0
"""Seconds that all writes together wait for a reader while a run is at work."""
LAST_PATIENCE = 60.0
"""Seconds that a reader has at the end to take something more of what waits for it, again and again."""
_PIECE = 4096
"""Bytes that go at once: a write into a pipe that has no room for all of them says nothing until it has."""
BACKLOG: Final = 8 << 20
"""Bytes that wait for a reader at most."""


class Unhurried(io.RawIOBase):
    """Writes to a descriptor, which stays its owner's, in a thread of its own."""

    def __init__(self, descriptor: int, *, backlog: int = BACKLOG) -> None:
        self._descriptor, self._most, self._left = descriptor, backlog, PATIENCE
        self._waiting: deque[bytes] = deque()
        self._size = self.dropped = 0
        self._problem: OSError | None = None
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def fileno(self) -> int:
        """Return the descriptor that is written to."""
        return self._descriptor

    def isatty(self) -> bool:
        """Check whether a person reads it at a terminal."""
        return os.isatty(self._descriptor)

    def writable(self) -> bool:
        """Say that it may be written to."""
        return True

    def write(self, content: Any) -> int:  # noqa: ANN401 - bytes in any form
        """Write bytes, or leave them to the thread where the reader stalls; raises what writing raised before."""
        given = bytes(content)
        with self._changed:
            self._raise_problem()
            if self._size + len(given) > self._most:
                self.dropped += len(given)
                return len(given)
            self._waiting.append(given)
            self._size += len(given)
            self._start()
            self._changed.notify_all()
            began = time.monotonic()
            self._changed.wait_for(self._is_idle, max(self._left, 0))
            self._left -= time.monotonic() - began
            self._raise_problem()
        return len(given)

    def drain(self) -> int:
        """Wait for what the reader still takes; returns how many bytes it never got."""
        with self._changed:
            takes_some = True
            while takes_some and not self._is_idle():
                before = self._size
                takes_some = self._changed.wait_for(partial(self._is_less_than, before), LAST_PATIENCE)
            if self._problem is None:
                self.dropped += self._size
            self._most = 0
            return self.dropped

    def close(self) -> None:
        """End the thread, unless it is in the middle of a write that nobody reads."""
        super().close()
        with self._changed:
            self._most = -1
            self._changed.notify_all()

    def _is_idle(self) -> bool:
        return self._size == 0 or self._problem is not None

    def _is_less_than(self, size: int) -> bool:
        return self._size < size or self._problem is not None

    def _raise_problem(self) -> None:
        if self._problem is not None:
            raise self._problem

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="output", daemon=True)
            self._thread.start()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._most < 0)
                if not self._waiting:
                    return
                content = self._waiting.popleft()
            while content:
                try:
                    written = os.write(self._descriptor, content[:_PIECE])
                except OSError as problem:
                    with self._changed:
                        self._problem = problem
                        self._changed.notify_all()
                    return
                content = content[written:]
                with self._changed:
                    self._size -= written
                    self._changed.notify_all()


def may_stall(descriptor: int) -> bool:
    """Check whether a write may have to wait for a reader: into a pipe, a socket or a terminal, and not into a file."""
    mode = os.fstat(descriptor).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(descriptor)


@contextmanager
def waiting_for_no_reader() -> Iterator[None]:
    """Let no reader of stdout or stderr hold what is done in the block; what one never got is told at the end."""
    with ExitStack() as stack:
        for name in ("stderr", "stdout"):  # so that what is told of stdout still goes to a guarded stderr
            stack.enter_context(_unhurried(name))
        yield


@contextmanager
def _unhurried(name: str) -> Iterator[None]:
    stream = getattr(sys, name)
    descriptor = _descriptor_of(stream)
    if descriptor is None or not may_stall(descriptor):
        yield
        return
    stream.flush()
    raw = Unhurried(descriptor)
    as_buffer: Any = raw  # it takes all that it is given, as a buffer would
    guarded = io.TextIOWrapper(as_buffer, encoding=stream.encoding, errors=stream.errors, write_through=True)
    setattr(sys, name, guarded)
    try:
        yield
    finally:
        setattr(sys, name, stream)
        with suppress(OSError):
            guarded.flush()
        _settle(raw, name, stream)
        with suppress(OSError):
            guarded.close()


def _settle(raw: Unhurried, name: str, stream: Any) -> None:  # noqa: ANN401 - a stream of Python's
    """Tell of what a reader never got; where some of it still waits, the stream leads nowhere from here on."""
    lost = raw.drain()
    if not lost:
        return
    silence(stream)
    tell_lost(name, lost)


def tell_lost(name: str, lost: int) -> None:
    """Say, and log, that a reader stalled and did not get everything."""
    LOGGER.warning("the reader of %s stalled: %d bytes were dropped", name, lost)
    with suppress(OSError):
        say(f"warning: nobody read {name}: {lost:,} bytes were dropped; the journal has everything", err=True)


def _descriptor_of(stream: Any) -> int | None:  # noqa: ANN401 - a stream of Python's, or of a test
    try:
        return int(stream.fileno())
    except (AttributeError, OSError, ValueError):
        return None
