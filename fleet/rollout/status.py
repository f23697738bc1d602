"""How a rollout stands: how far it is, how its accounts fare, who was left alone, and what was done with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from psycopg import Connection

from exitplan.fleet.rollout.book import Noted, Rollout, read_log, read_rollout
from exitplan.fleet.rollout.health import Health, Member, moved_members
from exitplan.fleet.rollout.stages import Counts

_MOST = 20
_LEFT = """
SELECT account, left_alone, count(*) OVER () FROM exitplan.rollout_accounts
WHERE rollout = %s AND left_alone IS NOT NULL ORDER BY place LIMIT %s
"""
_NUMBERS = """
SELECT count(*) FILTER (WHERE moved_at IS NOT NULL), count(*) FILTER (WHERE put_back_at IS NOT NULL)
FROM exitplan.rollout_accounts WHERE rollout = %s
"""


@dataclass(frozen=True, slots=True)
class RolloutStatus:
    """How a rollout stands; of accounts that fail or were left alone some are named.

    ``counts`` are about accounts that have their new policy now, ``moved`` and ``put_back`` about all that ever had.
    """

    rollout: Rollout
    counts: Counts
    moved: int
    put_back: int
    failing: tuple[Member, ...]
    left_alone: tuple[tuple[str, str], ...]
    left_number: int
    log: tuple[Noted, ...]

    @property
    def remaining(self) -> timedelta:
        """How much of the stage's hold is left."""
        return max(self.rollout.pace.hold - self.rollout.held, timedelta())


def read_status(connection: Connection[Any], number: int) -> RolloutStatus:
    """Read how a rollout stands; raises UsageError where there is none of this number."""
    rollout = read_rollout(connection, number)
    health = Health.of(() if rollout.standing.is_over else moved_members(connection, rollout))
    left = connection.execute(_LEFT, (number, _MOST)).fetchall()
    moved, put_back = connection.execute(_NUMBERS, (number,)).fetchone() or (0, 0)
    return RolloutStatus(
        rollout,
        health.counts,
        moved,
        put_back,
        health.failing[:_MOST],
        tuple((account, why) for account, why, _ in left),
        left[0][2] if left else 0,
        tuple(read_log(connection, number)),
    )
