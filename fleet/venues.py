"""How a process of a fleet goes about its venues: limits by its database, and what accounts can share is shared."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from exitplan.brokers.live.buckets import levels_kept_by
from exitplan.brokers.live.sharing import AMONG_MANY, Manner, reading_as
from exitplan.fleet.levels import PostgresLevels


@contextmanager
def venues_of_fleet(url: str, manner: Manner = AMONG_MANY) -> Iterator[PostgresLevels]:
    """Have all accounts that are opened within the block draw from the limits of the fleet whose database this is.

    To be entered before the first account is opened. Nothing is asked of the database yet.
    """
    with PostgresLevels(url) as levels, levels_kept_by(levels), reading_as(manner):
        yield levels
