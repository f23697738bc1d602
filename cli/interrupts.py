"""Ctrl-C: during a run the first asks it to stop after the orders in flight, the second breaks off; servers it ends."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event
from types import FrameType

from exitplan.cli.output import say

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def asking_to_stop() -> Iterator[Callable[[], bool]]:
    """Return a question that says whether somebody has asked the run to stop."""
    asked = False

    def ask(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        with suppress(OSError):  # nobody may be reading
            say("\nstopping after in-flight orders; press Ctrl-C again to abort", err=True)

    before = {number: signal.signal(number, ask) for number in _SIGNALS}
    try:
        yield lambda: asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def ended_by_signal() -> Iterator[Event]:
    """Return what is set by Ctrl-C or SIGTERM, which end the command with exit code 0."""
    ended = Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        ended.set()

    before = {number: signal.signal(number, end) for number in _SIGNALS}
    try:
        yield ended
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
