"""Wait for a database that is away, as it is restarted or the network is cut, and tell it from one that refuses us."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from exitplan.executor.logs import RUN, note
from exitplan.executor.store.postgres.failures import passes
from exitplan.ruleset.errors import DataFolderUnusable

_PAUSES = (0.1, 0.3, 1.0, 2.0)
"""Seconds between tries; the last goes on."""
_AGAIN = 60.0
"""Seconds after which it is told again that there is no answer."""
_LEAVING = 30.0
"""Seconds that a worker which leaves waits for what may pass: its shards are free for others when their leases end."""
_T = TypeVar("_T")


def patiently(
    ask: Callable[[], _T], given_up: Callable[[], bool] = lambda: False, leaving: Callable[[], bool] = lambda: False
) -> _T:
    """Ask the database until it answers; raises what it raised last once that is given up.

    Whoever is ``leaving`` gives up as well: at once where it refuses what is asked, since that does not pass by itself,
    else after a while. What is asked may have been done before the connection broke, so only what can be done twice is
    asked for.
    """
    tried, told_at, left_at = 0, float("-inf"), float("inf")
    while True:
        try:
            return ask()
        except DataFolderUnusable as problem:
            now, may_pass = time.monotonic(), passes(problem)
            if leaving():
                left_at = min(left_at, now)
            if given_up() or (left_at <= now and not may_pass) or now - left_at >= _LEAVING:
                raise
            if now - told_at >= _AGAIN:
                told_at = now
                _tell(problem, may_pass=may_pass)
            time.sleep(_PAUSES[min(tried, len(_PAUSES) - 1)])
            tried += 1


def _tell(problem: DataFolderUnusable, *, may_pass: bool) -> None:
    event, level = ("database_away", logging.WARNING) if may_pass else ("database_refuses", logging.ERROR)
    note(RUN, event, level=level, message=" ".join(str(problem).split()), hint=problem.hint)
