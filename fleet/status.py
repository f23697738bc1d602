"""How a fleet stands, in a few questions to its database: workers, shards, the last tick, accounts, what waits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from exitplan.fleet.draining import Drain, drains
from exitplan.fleet.pausing import FailingAccounts, failing_accounts
from exitplan.fleet.registry import Registry, Row
from exitplan.fleet.rollout.book import Rollout, rollouts_under_way
from exitplan.fleet.runner.presence import LOST

if TYPE_CHECKING:
    from psycopg import Connection


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """A worker: ``silent_for`` is how many seconds ago it was seen, ``shards`` what it has in hand."""

    worker: str
    host: str
    pid: int
    egress: str
    processes: int
    standing: str
    started_at: datetime
    silent_for: float
    shards: int


@dataclass(frozen=True, slots=True)
class LaneStatus:
    """The shards of one venue and egress, and how their accounts stand in the registry."""

    venue: str
    egress: str
    shards: int
    accounts: int
    drained: int
    dead: int


@dataclass(frozen=True, slots=True)
class TickStatus:
    """A tick: how many of its shards are done, and the sums of their figures; ``rounds.KIND`` counts accounts."""

    tick: int
    begun_at: datetime
    ended_at: datetime | None
    shards: int
    done: int
    figures: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class LimitStatus:
    """The limits of a venue's host: how many keys or addresses it counts by, and how many of them rest, so long yet.

    ``lowest`` is how many tokens the one with the fewest has left, ``granted`` the least part of our figures that the
    venue allows.
    """

    host: str
    buckets: int
    resting: int
    rest_seconds: float
    lowest: float
    granted: float


@dataclass(frozen=True, slots=True)
class FleetStatus:
    """How a fleet stands; ``states`` counts accounts by what their last run or verification found.

    ``rollouts`` are those that are not over.
    """

    workers: tuple[WorkerStatus, ...]
    lanes: tuple[LaneStatus, ...]
    drains: tuple[Drain, ...]
    policies: int
    unplaced: int
    tick: TickStatus | None
    limits: tuple[LimitStatus, ...]
    rollouts: tuple[Rollout, ...]
    states: Mapping[str, int]
    waiting: int
    halted: int
    incidents: int
    failing: FailingAccounts


_WORKERS = """
SELECT worker, host, pid, egress, processes, CASE WHEN seen_at < now() - %s THEN 'lost' ELSE standing END, started_at,
    extract(epoch FROM now() - seen_at)::float8,
    (SELECT count(*) FROM exitplan.cycles c WHERE c.worker = w.worker AND c.ended_at IS NULL
        AND c.tick = (SELECT max(tick) FROM exitplan.ticks WHERE coalesce(why, '') NOT LIKE 'skipped%%'))
FROM exitplan.workers w WHERE standing <> 'gone' ORDER BY worker
"""
_LANES = """
SELECT venue, egress, count(DISTINCT shard), count(*), count(*) FILTER (WHERE standing = 'drained'),
    count(*) FILTER (WHERE standing = 'dead')
FROM exitplan.accounts GROUP BY venue, egress ORDER BY venue, egress
"""
_TICK = """
SELECT t.tick, t.begun_at, t.ended_at, count(c.shard), count(c.ended_at)
FROM exitplan.ticks t LEFT JOIN exitplan.cycles c USING (tick)
WHERE t.tick = (SELECT max(tick) FROM exitplan.ticks WHERE coalesce(why, '') NOT LIKE 'skipped%') GROUP BY t.tick
"""
_FIGURES = """
SELECT key, sum(value::text::numeric)::float8 FROM exitplan.cycles, jsonb_each(figures)
WHERE tick = %(tick)s AND jsonb_typeof(value) = 'number' AND key <> 'exit_code' GROUP BY key
UNION ALL
SELECT 'rounds.' || key, sum(value::text::numeric)::float8 FROM exitplan.cycles, jsonb_each(figures -> 'kinds')
WHERE tick = %(tick)s AND jsonb_typeof(figures -> 'kinds') = 'object' GROUP BY key
ORDER BY 1
"""
_LIMITS = """
SELECT split_part(scope, ' ', 1), count(*), count(*) FILTER (WHERE left_over > 0), max(left_over), min(level),
    min(granted)
FROM (SELECT *, greatest(rest_until - extract(epoch FROM now()), 0)::float8 AS left_over FROM exitplan.buckets) held
GROUP BY 1 ORDER BY 1
"""
_STATES = """
SELECT coalesce(convert_from(s.document, 'UTF8')::jsonb ->> 'account_state', 'not run yet') AS stands, count(*)
FROM exitplan.accounts a LEFT JOIN exitplan.state s USING (account) GROUP BY stands ORDER BY stands
"""


def fleet_status(registry: Registry) -> FleetStatus:
    """Look at the registry and the accounts' journals; the venues are not asked."""
    drained = drains(registry)
    with registry.transaction() as connection:
        workers = tuple(WorkerStatus(*row) for row in connection.execute(_WORKERS, [LOST]))
        lanes = tuple(LaneStatus(*row) for row in connection.execute(_LANES))
        return FleetStatus(
            workers,
            lanes,
            tuple(drained),
            policies=_count(connection, "SELECT count(DISTINCT policy) FROM exitplan.accounts"),
            unplaced=_count(connection, "SELECT count(*) FROM exitplan.accounts WHERE shard IS NULL"),
            tick=_last_tick(connection),
            limits=tuple(LimitStatus(*row) for row in connection.execute(_LIMITS)),
            rollouts=tuple(rollouts_under_way(connection)),
            states={str(state): int(count) for state, count in connection.execute(_STATES)},
            waiting=_count(connection, "SELECT count(*) FROM exitplan.requests WHERE standing = 'waiting'"),
            halted=_count(connection, "SELECT count(*) FROM exitplan.halts"),
            incidents=_count(connection, "SELECT count(*) FROM exitplan.incidents WHERE ended_at IS NULL"),
            failing=failing_accounts(connection),
        )


def _last_tick(connection: Connection[Row]) -> TickStatus | None:
    row = connection.execute(_TICK).fetchone()
    if row is None:
        return None
    figures = {str(name): float(total) for name, total in connection.execute(_FIGURES, {"tick": row[0]})}
    tick, begun_at, ended_at, shards, done = row
    return TickStatus(tick, begun_at, ended_at, shards, done, figures)


def _count(connection: Connection[Row], query: str) -> int:
    row: Any = connection.execute(query.encode()).fetchone()
    return int(row[0])
