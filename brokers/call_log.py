"""The log of calls to venues, so that an operator can see what was asked, how long it took and what came of it.

A record never holds a header, a body, the query of an address or a message of the venue: any of them may hold a secret.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

LOGGER = logging.getLogger("exitplan.venue")
LOGGER.addHandler(logging.NullHandler())  # whoever uses exitplan decides where its log goes


@dataclass(frozen=True, slots=True)
class Call:
    """One call that is over: what was asked where, how long it took, what it weighs, and ``ok`` or what was raised.

    ``waited`` are the seconds that it waited for the venue's limits before it went out, which ``seconds`` leave out.
    ``caller`` is what CALLER was where it was made.
    """

    venue: str
    name: str
    seconds: float
    outcome: str
    weight: float | None = None
    waited: float = 0.0
    caller: object = None


CALLER: ContextVar[object] = ContextVar("CALLER", default=None)
"""What the calls of a thread are made for, as whoever listens has set it; nothing else of a thread goes to others."""


def as_caller(task: Callable[[], T]) -> Callable[[], T]:
    """Return a task for another thread, whose calls are made for the same as those of this one."""
    caller = CALLER.get()

    def run() -> T:
        token = CALLER.set(caller)
        try:
            return task()
        finally:
            CALLER.reset(token)

    return run


_LISTENERS: list[Callable[[Call], None]] = []
"""Who is told of each call, in the thread that made it."""


@contextmanager
def listening(listener: Callable[[Call], None]) -> Iterator[None]:
    """Tell of every call that ends within the block, of whatever thread; the listener must not raise."""
    _LISTENERS.append(listener)
    try:
        yield
    finally:
        _LISTENERS.remove(listener)


def log_call(
    venue: str, call: str, seconds: float, outcome: str, weight: float | None = None, *, waited: float = 0.0
) -> None:
    """Log one call: at level DEBUG where ``outcome`` is ``ok``, else WARNING, with its parts as fields of the record.

    ``call`` names the method; ``weight`` is what it costs of the venue's limits, ``waited`` what it waited for them.
    """
    for listener in tuple(_LISTENERS):
        listener(Call(venue, call, seconds, outcome, weight, waited, CALLER.get()))
    level = logging.DEBUG if outcome == "ok" else logging.WARNING
    if not LOGGER.isEnabledFor(level):
        return
    milliseconds = round(seconds * 1000, 1)
    fields = {"venue": venue, "call": call, "weight": weight, "milliseconds": milliseconds, "outcome": outcome}
    LOGGER.log(level, "%s %s: %s in %s ms", venue, call, outcome, milliseconds, extra=fields)


class LoggedCall:
    """Logs a call to a venue when the block ends, however it ends; ``weight`` is asked for then."""

    def __init__(
        self, venue: str, call: str, weight: Callable[[], float | None] = lambda: None, *, waited: float = 0.0
    ) -> None:
        self._venue, self._call, self._weight, self._waited = venue, call, weight, waited

    def __enter__(self) -> None:
        """Note when it begins."""
        self._started = time.perf_counter()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Log how long it took and what came of it: ``ok``, or the name of what was raised."""
        outcome = "ok" if kind is None else kind.__name__
        seconds = time.perf_counter() - self._started
        log_call(self._venue, self._call, seconds, outcome, self._weight(), waited=self._waited)
