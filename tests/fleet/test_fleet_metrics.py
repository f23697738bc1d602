"""What Prometheus is shown of a fleet, and how its metrics stand in the registry."""

from __future__ import annotations

import psycopg
import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families as parse

from exitplan.executor.metrics.collector import registry_of
from exitplan.executor.metrics.registry import FLEET, METRICS
from exitplan.fleet.metrics import FleetCollector
from exitplan.fleet.opening import open_fleet
from exitplan.fleet.runner import ticks
from exitplan.ruleset.version import VERSION
from tests.fleet.database import registry_at
from tests.fleet.runner.stand_ins import connected

CALLS = {"kraken": {"NetworkError": 2, "ok": 7}, "okx": {"ok": 1}}


def shown(collector: FleetCollector) -> dict[str, float]:
    """Return what is told, by name and labels; every name and label is one of the registry's."""
    figures = {}
    for family in parse(generate_latest(registry_of(collector)).decode()):
        for sample in family.samples:
            assert set(sample.labels) == set(METRICS[sample.name].labels), sample.name
            figures[" ".join([sample.name.removeprefix("exitplan_fleet_"), *sample.labels.values()])] = sample.value
    return figures


@pytest.fixture
def url(postgres_url: str) -> str:
    with registry_at(postgres_url), connected(postgres_url) as connection:
        connection.execute("INSERT INTO exitplan.policies (sha256, name, document) VALUES ('p', 'p', '')")
        connection.execute("INSERT INTO exitplan.shards VALUES (1, 'paper', ''), (2, 'paper', 'eu')")
        connection.execute(
            "INSERT INTO exitplan.accounts (account, venue, quote, block, policy, shard, standing) VALUES"
            " ('a', 'paper', 'USD', '{}', 'p', 1, 'active'), ('b', 'paper', 'USD', '{}', 'p', 2, 'active'),"
            " ('c', 'paper', 'USD', '{}', 'p', 1, 'dead')"
        )
    return postgres_url


def test_every_metric_of_a_fleet_is_told_once_there_was_a_tick(url: str) -> None:
    with open_fleet(url) as place:
        before = shown(FleetCollector(place.database))
        assert (before["accounts dead"], before["workers active"], before["rollouts stopped"]) == (1, 0, 0)
        assert not [name for name in before if name.startswith("tick")]
        ticks.begin(place.database, 60, "")
        claim = ticks.take(place.database, "w", ("",))
        assert claim is not None
        ticks.end(place.database, "w", claim, {"accounts": 1, "states": {"CLEAN": 1}, "calls": CALLS})
        told = shown(FleetCollector(place.database))
        assert (told["tick_calls ok kraken"], told["tick_calls NetworkError kraken"]) == (7, 2)
        ticks.begin(place.database, 120, "")
        after = shown(FleetCollector(place.database))
        assert (after["shards_left"], after["tick_shards"], after["tick_shards_done"]) == (1, 2, 0)
        with connected(url) as connection:
            connection.execute(
                "INSERT INTO exitplan.workers (worker, host, pid, processes, seen_at) VALUES"
                " ('w', 'h', 1, 4, now() - interval '1 hour'), ('v', 'h', 2, 2, now())"
            )
        assert ticks.take(place.database, "v", ("",)) is not None
        for tick in (180, 240):
            ticks.begin(place.database, tick, "")
        after = shown(FleetCollector(place.database))
        assert (after["ticks_skipped"], after["workers lost"], after["processes active"]) == (2, 1, 2)
        told_once = {name.split()[0] for name in {**told, **after}} - {"exitplan_build_info"}
        assert {f"exitplan_fleet_{name}" for name in told_once} == set(FLEET)


def test_a_database_that_is_away_is_told_and_nothing_else(url: str) -> None:
    with open_fleet(url) as place:
        collector = FleetCollector(place.database)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("ALTER TABLE exitplan.ticks RENAME TO gone")
        assert shown(collector) == {f"exitplan_build_info {VERSION}": 1, "database_up": 0}
