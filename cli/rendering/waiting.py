"""What a person sees while an account is read: a line that turns on their terminal, and is gone afterwards."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Timer

from exitplan.cli.output import OUTPUT
from exitplan.cli.rendering.screen import console, words

_PATIENCE = 0.4
"""Seconds that a reading may take before anything is shown."""


@contextmanager
def waiting(what: str, *, is_shown: bool = True) -> Iterator[Callable[[], None]]:
    """Show on stderr, where it is a terminal, what takes so long; the block gets what ends it earlier."""
    target = console(sys.stderr)
    if not is_shown or OUTPUT.is_quiet or not (sys.stderr.isatty() and target.is_interactive):
        yield lambda: None
        return
    status = target.status(words(f"{what} ..."))
    start = Timer(_PATIENCE, status.start)
    start.daemon = True

    def end() -> None:
        start.cancel()
        start.join()
        status.stop()

    start.start()
    try:
        yield end
    finally:
        end()
