"""What Prometheus is shown of a fleet: its workers, its ticks, and how its accounts stand, in a few questions."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from prometheus_client.core import GaugeMetricFamily, Metric

from exitplan.executor.logs import RUN, note
from exitplan.executor.metrics.registry import METRICS
from exitplan.fleet.runner.presence import LOST
from exitplan.fleet.runner.ticks import Pool
from exitplan.ruleset.errors import ExitplanError
from exitplan.ruleset.planning.checks import AccountState
from exitplan.ruleset.version import VERSION

if TYPE_CHECKING:
    from psycopg import Connection

Row = tuple[Any, ...]

_ACCOUNTS = "SELECT standing, count(*) FROM exitplan.accounts GROUP BY standing"
_WORKERS = """
SELECT CASE WHEN seen_at < now() - %s THEN 'lost' ELSE standing END AS stands, count(*), sum(processes)
  FROM exitplan.workers WHERE standing <> 'gone' GROUP BY stands"""
_ROLLOUTS = "SELECT standing, count(*) FROM exitplan.rollouts GROUP BY standing"
_NEWEST = "SELECT tick FROM exitplan.ticks WHERE coalesce(why, '') NOT LIKE 'skipped%%' ORDER BY tick DESC LIMIT 2"
_TICK = """
SELECT extract(epoch FROM t.begun_at), extract(epoch FROM coalesce(t.ended_at, now()) - t.begun_at),
       count(c.shard), count(c.ended_at), coalesce(sum((c.figures ->> 'accounts')::float8), 0),
       (SELECT count(*) FROM exitplan.ticks s WHERE s.tick > t.tick),
       (SELECT count(*) FROM exitplan.cycles b WHERE b.tick = %(before)s AND b.figures ? 'missed')
  FROM exitplan.ticks t LEFT JOIN exitplan.cycles c USING (tick) WHERE t.tick = %(tick)s GROUP BY t.tick"""
_OF_A_TICK = (
    "fleet_tick_begin_timestamp_seconds",
    "fleet_tick_duration_seconds",
    "fleet_tick_shards",
    "fleet_tick_shards_done",
    "fleet_tick_accounts",
    "fleet_ticks_skipped",
    "fleet_shards_left",
)
_STATES = """
SELECT key, sum(value::text::numeric) FROM exitplan.cycles, jsonb_each(figures -> 'states')
 WHERE tick = %s AND jsonb_typeof(figures -> 'states') = 'object' GROUP BY key"""
_CALLS = """
SELECT venue.key, outcome.key, sum(outcome.value::text::numeric)
  FROM exitplan.cycles, jsonb_each(figures -> 'calls') venue, jsonb_each(venue.value) outcome
 WHERE tick = %s AND jsonb_typeof(figures -> 'calls') = 'object' GROUP BY 1, 2"""
_COUNTS = """
SELECT (SELECT count(*) FROM exitplan.requests WHERE standing = 'waiting'),
       (SELECT count(*) FROM exitplan.incidents WHERE ended_at IS NULL),
       (SELECT count(*) FROM exitplan.halts)"""


class FleetCollector:
    """The metrics of a fleet, read when somebody asks for them."""

    def __init__(self, pool: Pool) -> None:
        """Ask this database."""
        self._pool = pool

    def describe(self) -> Iterable[Metric]:
        """Describe nothing beforehand."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Return every metric that has a figure; where the database is away, that alone."""
        yield _family("build_info", {(VERSION,): 1})
        try:
            with self._pool.connection() as connection:
                metrics = list(_read(connection))
        except ExitplanError as problem:
            note(RUN, "fleet_not_measured", level=logging.WARNING, message=str(problem))
            metrics = []
        yield _figure("fleet_database_up", bool(metrics))
        yield from metrics


def _read(connection: Connection[Any]) -> Iterator[Metric]:
    workers = connection.execute(_WORKERS, (LOST,)).fetchall()
    standings = ("active", "draining", "lost")
    yield _by_label("fleet_accounts", connection.execute(_ACCOUNTS).fetchall(), ("active", "drained", "dead"))
    yield _by_label("fleet_workers", [(standing, number) for standing, number, _ in workers], standings)
    yield _by_label("fleet_processes", [(standing, processes) for standing, _, processes in workers], standings)
    yield _by_label("fleet_rollouts", connection.execute(_ROLLOUTS).fetchall(), ("running", "paused", "stopped"))
    counts = connection.execute(_COUNTS).fetchone() or ()
    names = ("fleet_waiting_plans", "fleet_open_incidents", "fleet_halts")
    yield from (_figure(name, figure) for name, figure in zip(names, counts, strict=False))
    ticks = [tick for (tick,) in connection.execute(_NEWEST, ()).fetchall()]
    if ticks:
        yield from _of_tick(connection, ticks[0], ticks[1] if ticks[1:] else None)


def _of_tick(connection: Connection[Any], tick: int, before: int | None) -> Iterator[Metric]:
    figures = connection.execute(_TICK, {"tick": tick, "before": before}).fetchone() or ()
    yield from (_figure(name, figure) for name, figure in zip(_OF_A_TICK, figures, strict=False))
    calls = connection.execute(_CALLS, (tick,)).fetchall()
    yield _family("fleet_tick_calls", {(venue, outcome): count for venue, outcome, count in calls})
    yield _by_label("fleet_tick_states", connection.execute(_STATES, (tick,)).fetchall(), [*map(str, AccountState)])


def _by_label(name: str, rows: Iterable[Row], known: Sequence[str]) -> Metric:
    """Return a metric with one label, of whose known values none is missing."""
    found: dict[str, float] = dict(rows)
    return _family(name, {(value,): found.get(value, 0) for value in known})


def _figure(name: str, figure: float) -> Metric:
    spec = METRICS[f"exitplan_{name}"]
    return GaugeMetricFamily(spec.name, spec.meaning, float(figure))


def _family(name: str, figures: Mapping[tuple[str, ...], float]) -> Metric:
    spec = METRICS[f"exitplan_{name}"]
    family = GaugeMetricFamily(spec.name, spec.meaning, labels=spec.labels)
    for labels, figure in figures.items():
        family.add_metric(labels, float(figure))
    return family
