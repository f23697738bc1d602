"""What a person sees while an account is read: a bar on their terminal that moves, and is gone afterwards.

How many answers a reading takes is known only when it is over, so the bar has no end: it tells how many have come, how
many of the questions failed (they are asked again), and how long it has taken.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock, Timer
from typing import TYPE_CHECKING

from exitplan.brokers.call_log import Call, listening
from exitplan.cli.output import OUTPUT
from exitplan.cli.rendering.screen import console
from exitplan.ruleset.model.visible import printable

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_PATIENCE = 0.4
"""Seconds that a reading may take before anything is shown."""

_BAR_WIDTH = 12


@contextmanager
def waiting(what: str, *, is_shown: bool = True) -> Iterator[Callable[[], None]]:
    """Show on stderr, where it is a terminal, what takes so long; the block gets what ends it earlier."""
    target = console(sys.stderr)
    if not is_shown or OUTPUT.is_quiet or not (sys.stderr.isatty() and target.is_interactive):
        yield lambda: None
        return
    from rich.progress import (  # noqa: PLC0415 - only a terminal shows it
        BarColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(_BAR_WIDTH),
        TextColumn("{task.fields[answers]}", markup=False),
        TimeElapsedColumn(),
        console=target,
        transient=True,
    )
    answers = _Answers(bar, bar.add_task(printable(what), total=None, answers=""))
    start = Timer(_PATIENCE, bar.start)
    start.daemon = True

    def end() -> None:
        start.cancel()
        start.join()
        bar.stop()

    start.start()
    try:
        with listening(answers.count):
            yield end
    finally:
        end()


class _Answers:
    """Counts the answers of a venue, from whatever threads they come."""

    def __init__(self, bar: Progress, task: TaskID) -> None:
        self._bar, self._task, self._lock = bar, task, Lock()
        self._came = self._failed = 0

    def count(self, call: Call) -> None:
        with self._lock:
            self._came += call.outcome == "ok"
            self._failed += call.outcome != "ok"
            text = f"{self._came:,} answer{'' if self._came == 1 else 's'}"
            failed = f", {self._failed:,} failed" if self._failed else ""
            self._bar.update(self._task, answers=text + failed)
