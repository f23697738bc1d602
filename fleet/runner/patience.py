"""Wait for a database that is away: it is restarted, or the network is cut."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from exitplan.executor.logs import RUN, note
from exitplan.ruleset.errors import DataFolderUnusable

_PAUSES = (0.1, 0.3, 1.0, 2.0)
"""Seconds between tries; the last goes on."""
_T = TypeVar("_T")


def patiently(ask: Callable[[], _T], given_up: Callable[[], bool] = lambda: False) -> _T:
    """Ask the database until it answers; raises what it raised last once that is given up.

    What is asked may have been done before the connection broke, so only what can be done twice is asked for.
    """
    tried = 0
    while True:
        try:
            return ask()
        except DataFolderUnusable as problem:
            if given_up():
                raise
            if tried == 0:
                note(RUN, "database_away", level=logging.WARNING, message=" ".join(str(problem).split()))
            time.sleep(_PAUSES[min(tried, len(_PAUSES) - 1)])
            tried += 1
