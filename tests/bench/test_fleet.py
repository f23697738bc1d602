"""The bench of fleets: its accounts do what it says of them."""

from __future__ import annotations

import pytest

from bench.fleet import report
from bench.fleet.measure import Cycle
from bench.fleet.worker import SHARD, QuietWorld, run_cycle, shards_of
from bench.fleet.world import ONE_IN, World, account_of, name_of
from exitplan.executor.store.postgres.postgres_store import PostgresStore
from tests.fleet.shards import fleet_database


def cycles(url: str, world: World, accounts: int = 2 * ONE_IN) -> list[dict[str, float]]:
    with fleet_database(url) as database:
        shard = [account_of(number, world, PostgresStore(database, name_of(number))) for number in range(accounts)]
        done = []
        for world.cycle in (1, 2, 3):
            done.append(run_cycle(database, [shard]))
        return done


def test_one_account_in_ten_sells_something_in_each_cycle_and_all_are_clean(postgres_url: str) -> None:
    assert [(done["accounts"], done["orders"]) for done in cycles(postgres_url, World())] == [(20, 2)] * 3


def test_in_a_quiet_world_nobody_sells(postgres_url: str) -> None:
    assert [done["orders"] for done in cycles(postgres_url, QuietWorld())] == [0] * 3


def test_every_account_is_in_one_shard_of_one_worker() -> None:
    parts = [numbers for first in range(3) for numbers in shards_of(first, 3, 1_000)]
    assert sorted(number for numbers in parts for number in numbers) == list(range(1_000))
    assert max(map(len, parts)) == SHARD


def test_each_row_is_told_as_soon_as_it_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    cycle = Cycle(accounts=10, orders=1, seconds=1, cpu=1, postgres=1, flushes=3, wal=10, mb=50)
    told: list[str] = []
    counts: list[int] = []

    def measured(*_: object, **__: object) -> Cycle:
        counts.append(len(told))
        return cycle

    for name in ("measure_floor", "measure_fleet", "measure_workers"):
        monkeypatch.setattr(report, name, measured)
    table = report.cycles_table(10, [1, 2], told.append)
    assert counts == list(range(1, 10))
    assert len(told) == 10
    assert all(row.split(" | ")[0] in table for row in told)
