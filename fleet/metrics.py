"""What Prometheus is shown of a fleet: its workers, its ticks, and how its accounts stand, in a few questions."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator

from prometheus_client.core import GaugeMetricFamily, Metric

from exitplan.executor.logs import RUN, note
from exitplan.fleet.runner.presence import LOST
from exitplan.fleet.runner.ticks import Pool
from exitplan.ruleset.errors import ExitplanError

_ACCOUNTS = "SELECT standing, count(*)::float8 FROM exitplan.accounts GROUP BY standing"
_WORKERS = """
SELECT CASE WHEN seen_at < now() - %s THEN 'lost' ELSE standing END AS stands, count(*)::float8, sum(processes)::float8
  FROM exitplan.workers WHERE standing <> 'gone' GROUP BY stands"""
_TICK = """
SELECT extract(epoch FROM t.begun_at)::float8, extract(epoch FROM coalesce(t.ended_at, now()) - t.begun_at)::float8,
       count(c.shard)::float8, count(c.ended_at)::float8, coalesce(sum((c.figures ->> 'accounts')::float8), 0)
  FROM exitplan.ticks t LEFT JOIN exitplan.cycles c USING (tick)
 WHERE t.tick = (SELECT max(tick) FROM exitplan.ticks WHERE coalesce(why, '') NOT LIKE 'skipped%%')
 GROUP BY t.tick"""
_SKIPPED = "SELECT count(*)::float8 FROM exitplan.ticks WHERE why LIKE 'skipped%'"
_OF_A_TICK = (
    ("exitplan_fleet_tick_begin_timestamp_seconds", "When the newest tick began."),
    ("exitplan_fleet_tick_duration_seconds", "How long the newest tick took, or has taken until now."),
    ("exitplan_fleet_tick_shards", "Shards in the newest tick."),
    ("exitplan_fleet_tick_shards_done", "Shards of the newest tick that are done."),
    ("exitplan_fleet_tick_accounts", "Accounts of the newest tick that had their round."),
)


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
        up = GaugeMetricFamily("exitplan_fleet_database_up", "Whether the database of the fleet answers.")
        try:
            metrics = list(self._read())
        except ExitplanError as problem:
            note(RUN, "fleet_not_measured", level=logging.WARNING, message=str(problem))
            metrics = []
        up.add_metric([], float(bool(metrics)))
        yield from (up, *metrics)

    def _read(self) -> Iterator[Metric]:
        accounts = GaugeMetricFamily("exitplan_fleet_accounts", "Accounts by their standing.", labels=["standing"])
        workers = GaugeMetricFamily("exitplan_fleet_workers", "Workers by their standing.", labels=["standing"])
        processes = GaugeMetricFamily("exitplan_fleet_processes", "Processes of workers.", labels=["standing"])
        with self._pool.connection() as connection:
            for standing, count in connection.execute(_ACCOUNTS).fetchall():
                accounts.add_metric([standing], count)
            for standing, count, has in connection.execute(_WORKERS, (LOST,)).fetchall():
                workers.add_metric([standing], count)
                processes.add_metric([standing], has)
            tick = connection.execute(_TICK, ()).fetchone()
            skipped = connection.execute(_SKIPPED).fetchone()
        yield from (accounts, workers, processes)
        if skipped is not None:
            yield GaugeMetricFamily("exitplan_fleet_ticks_skipped", "Ticks of two days that were skipped.", skipped[0])
        for (name, meaning), value in zip(_OF_A_TICK, tick or (), strict=False):
            yield GaugeMetricFamily(name, meaning, value)
