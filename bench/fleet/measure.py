"""Measure cycles of a fleet: accounts a second of one worker and of several, and what Postgres takes beside them.

The floor is the bare SQL for the same rows: the state of each account read, and written again, by the shard.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from bench.fleet.worker import shards_of
from bench.fleet.world import name_of
from exitplan.executor.store.postgres.database import open_database
from exitplan.executor.store.postgres.migrations import create_journal, migrate
from exitplan.fleet import schema
from tools.postgres import Server, start_server

CYCLES = 2
"""Cycles that are measured, after one that begins the journals and one that warms up; the best counts."""
_WARM_UP = 2
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Cycle:
    """What one cycle of all accounts took: seconds of the wall, of the workers' CPU and of Postgres'.

    ``flushes`` are those of the write-ahead log to the disk, ``wal`` its bytes, ``mb`` is the memory of a worker.
    """

    accounts: int
    orders: int
    seconds: float
    cpu: float
    postgres: float
    flushes: int
    wal: int
    mb: float


def measure_fleet(accounts: int, workers: int, *, sells: bool) -> Cycle:
    """Do some cycles of a new fleet and return the best."""
    with new_server() as server, _started(server, accounts, workers, sells=sells) as processes:
        done = [_cycle(server, processes, number + 1) for number in range(_WARM_UP + CYCLES)]
    return min(done[_WARM_UP:], key=lambda cycle: cycle.cpu)


def measure_floor(accounts: int) -> Cycle:
    """Read and write the states of all accounts by bare SQL, shard by shard."""
    with new_server() as server, psycopg.connect(server.url(), autocommit=True) as connection:
        done = [_bare(server, connection, accounts) for _ in range(_WARM_UP + CYCLES)]
    return min(done[_WARM_UP:], key=lambda cycle: cycle.cpu)


@contextmanager
def new_server() -> Iterator[Server]:
    """Start a server with the tables of a fleet, for the time of the block."""
    folder = Path(tempfile.mkdtemp(prefix="exitplan-pg-"))
    server: Server | None = None
    try:
        server = start_server(folder, options={"shared_buffers": "256MB", "max_wal_size": "4GB"})
        _set_up(server)
        yield server
    finally:
        if server is not None:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _set_up(server: Server) -> None:
    database = open_database(server.url())
    create_journal(database)
    migrate(database, schema.PART, schema.UPGRADES)
    database.close()


@contextmanager
def _started(server: Server, accounts: int, workers: int, *, sells: bool) -> Iterator[list[subprocess.Popen[str]]]:
    words = [sys.executable, "-m", "bench.fleet.worker", server.url()]
    numbers = [[str(first), str(workers), str(accounts), str(int(sells))] for first in range(workers)]
    processes = [
        subprocess.Popen([*words, *own], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own words
        for own in numbers
    ]
    try:
        for process in processes:
            _told(process)
        yield processes
    finally:
        for process in processes:
            process.communicate()


def _told(process: subprocess.Popen[str]) -> dict[str, Any]:
    line = process.stdout.readline() if process.stdout else ""
    if not line:
        raise RuntimeError("a worker of the bench has died")
    told: dict[str, Any] = json.loads(line)
    return told


def _cycle(server: Server, processes: Sequence[subprocess.Popen[str]], number: int) -> Cycle:
    before, began = usage_of(server), time.perf_counter()
    for process in processes:
        if process.stdin:
            process.stdin.write(f"{number}\n")
            process.stdin.flush()
    told = [_told(process) for process in processes]
    took, after = time.perf_counter() - began, usage_of(server)
    return Cycle(
        accounts=sum(int(one["accounts"]) for one in told),
        orders=sum(int(one["orders"]) for one in told),
        seconds=took,
        cpu=sum(one["cpu"] for one in told),
        postgres=after[0] - before[0],
        flushes=after[1] - before[1],
        wal=after[2] - before[2],
        mb=max(one["rss"] for one in told),
    )


def _bare(server: Server, connection: psycopg.Connection[Any], accounts: int) -> Cycle:
    before, began, cpu = usage_of(server), time.perf_counter(), time.process_time()
    document = b"x" * 900
    for numbers in shards_of(0, 1, accounts):
        names = [name_of(number) for number in numbers]
        with connection.transaction():
            connection.execute(
                "SELECT account, document FROM exitplan.state WHERE account = ANY (%s)", (names,)
            ).fetchall()
            connection.execute(
                "INSERT INTO exitplan.state (account, document) SELECT * FROM unnest(%s::text[], %s::bytea[])"
                " ON CONFLICT (account) DO UPDATE SET document = excluded.document",
                (names, [document] * len(names)),
            )
    took, spent, after = time.perf_counter() - began, time.process_time() - cpu, usage_of(server)
    return Cycle(accounts, 0, took, spent, after[0] - before[0], after[1] - before[1], after[2] - before[2], 0)


def usage_of(server: Server) -> tuple[float, int, int]:
    """Return the CPU seconds of Postgres so far, the flushes of its log, and the bytes of it."""
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("SELECT pg_stat_force_next_flush(), pg_sleep(0.05)")
        asked = "SELECT wal_sync, pg_current_wal_insert_lsn() - '0/0' FROM pg_stat_wal"
        flushes, wal = connection.execute(asked).fetchone() or (0, 0)
    return cpu_of(server.pid), int(flushes), int(wal)


def cpu_of(pid: int) -> float:
    """Return the CPU seconds of a process, of its children that live and of those that have ended."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    children = [int(child) for task in tasks for child in task.read_text().split()]
    spent = sum(_times(pid, 4))
    for child in children:
        with suppress(OSError):  # it has ended meanwhile
            spent += sum(_times(child, 2))
    return spent


def _times(pid: int, count: int) -> list[float]:
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return [int(word) / _TICKS for word in words[11 : 11 + count]]
