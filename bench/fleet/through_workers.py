"""The same cycles through real workers: ticks, leases of shards, and children that may be killed."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg

from bench.fleet.measure import Cycle, cpu_of, new_server, usage_of
from bench.fleet.worker import SHARD
from bench.fleet.world import name_of, policy
from exitplan.executor.store.postgres.database import Database, open_database
from exitplan.fleet.policies import canonical_text
from exitplan.fleet.runner import ticks
from tools.postgres import Server

_WARM_UP = 2
_PATIENCE = 600.0


def measure_workers(accounts: int, workers: int, *, sells: bool) -> Cycle:
    """Do some ticks with real workers, and return the best."""
    with new_server() as server, open_database(server.url()) as database:
        _register(server, accounts)
        with _started(server, accounts, workers, sells=sells) as processes:
            _wait(lambda: _ask(server, "SELECT count(*) FROM exitplan.workers WHERE standing = 'active'") == workers)
            done = [_tick(server, database, processes, number + 1) for number in range(_WARM_UP + 2)]
    return min(done[_WARM_UP:], key=lambda cycle: cycle.seconds)


def _register(server: Server, accounts: int) -> None:
    loaded = policy()
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(
            "INSERT INTO exitplan.policies (sha256, name, document) VALUES (%s, 'bench', %s)",
            (loaded.policy.sha256, canonical_text(loaded.document)),
        )
        shards = -(-accounts // SHARD)
        connection.execute(
            "INSERT INTO exitplan.shards SELECT number, 'paper', '' FROM generate_series(1, %s) AS number", (shards,)
        )
        names = [name_of(number) for number in range(accounts)]
        connection.execute(
            "INSERT INTO exitplan.accounts (account, venue, quote, block, policy, shard)"
            " SELECT name, 'paper', 'USD', '{}', %s, 1 + (place - 1) / %s"
            " FROM unnest(%s::text[]) WITH ORDINALITY AS told (name, place)",
            (loaded.policy.sha256, SHARD, names),
        )


@contextmanager
def _started(server: Server, accounts: int, workers: int, *, sells: bool) -> Iterator[list[subprocess.Popen[bytes]]]:
    words = [sys.executable, "-m", "bench.fleet.real_worker", server.url(), str(accounts), str(int(sells))]
    processes = [subprocess.Popen(words) for _ in range(workers)]  # noqa: S603 - our own words
    try:
        yield processes
    finally:
        for process in processes:
            process.send_signal(signal.SIGTERM)
        for process in processes:
            process.wait()


def _tick(server: Server, database: Database, processes: Sequence[subprocess.Popen[bytes]], number: int) -> Cycle:
    before, cpu, began = usage_of(server), _cpu(processes), time.perf_counter()
    ticks.begin(database, number, "bench")
    left = f"SELECT count(*) FROM exitplan.cycles WHERE tick = {number} AND ended_at IS NULL"  # noqa: S608 - a number
    _wait(lambda: _ask(server, left) == 0)
    took, spent, after = time.perf_counter() - began, _cpu(processes) - cpu, usage_of(server)
    sums = "sum((figures->>'accounts')::int), sum((figures->>'orders')::int)"
    accounts, orders = _row(server, f"SELECT {sums} FROM exitplan.cycles WHERE tick = {number}")  # noqa: S608 - as above
    return Cycle(accounts, orders, took, spent, after[0] - before[0], after[1] - before[1], after[2] - before[2], 0)


def _cpu(processes: Sequence[subprocess.Popen[bytes]]) -> float:
    """Return the CPU seconds of workers with their children."""
    return sum(cpu_of(process.pid) for process in processes)


def _wait(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + _PATIENCE
    while not is_so():
        if time.monotonic() > until:
            raise RuntimeError("the workers of the bench do not get on")
        time.sleep(0.02)


def _ask(server: Server, sql: str) -> Any:  # noqa: ANN401 - one value of a row
    return _row(server, sql)[0]


def _row(server: Server, sql: str) -> tuple[Any, ...]:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        return connection.execute(sql.encode()).fetchone() or ()
