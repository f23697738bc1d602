"""Workers as real processes: killed, drained, joined by others, with accounts that kill them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from exitplan.fleet.runner import ticks
from exitplan.fleet.runner.ticks import Pool, Progress

Fill = Callable[..., None]
Start = Callable[..., subprocess.Popen[str]]
TICK = 60


@pytest.fixture(params=["local", pytest.param("dbos", marks=pytest.mark.thorough)])
def start(url: str, request: pytest.FixtureRequest) -> Iterator[Start]:
    """Return how to start a worker; all of them are ended."""
    started: list[subprocess.Popen[str]] = []

    def begin(**settings: Any) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tests.fleet.runner.worker_process", url, request.param, json.dumps(settings)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.05)


def tick_of(pool: Pool, tick: int = TICK) -> Progress:
    progress = ticks.progress(pool, tick)
    assert progress is not None
    return progress


def worked(url: str, tick: int = TICK) -> Counter[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT account FROM public.worked WHERE tick = %s", (tick,)).fetchall()
    return Counter(row[0] for row in rows)


def standing_of(url: str, account: str) -> tuple[str, int]:
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT standing, tries FROM exitplan.accounts WHERE account = %s", (account,)
        ).fetchone()
    assert row is not None
    return row[0], row[1]


def test_a_worker_does_every_account_of_a_tick_once_and_leaves_when_it_is_told(
    pool: Pool, fleet: Fill, url: str, start: Start
) -> None:
    fleet(shards=6, size=5)
    ticks.begin(pool, TICK, "")
    worker = start(processes=2)
    wait_for(lambda: tick_of(pool).is_over)
    assert set(worked(url).values()) == {1}
    assert worked(url).total() == 30
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(20) == 0
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT standing FROM exitplan.workers").fetchall() == [("gone",)]


def test_when_a_worker_is_killed_another_takes_its_shards_over(pool: Pool, fleet: Fill, url: str, start: Start) -> None:
    fleet(shards=6, size=5)
    ticks.begin(pool, TICK, "")
    first = start(seconds=0.3)
    wait_for(lambda: any(shard.worker for shard in tick_of(pool).shards))
    time.sleep(0.5)
    first.kill()
    killed = time.monotonic()
    start()
    wait_for(lambda: tick_of(pool).is_over)
    assert time.monotonic() - killed < ticks.LEASE.total_seconds()  # it is seen to be dead, and not waited for
    assert len(worked(url)) == 30
    assert max(worked(url).values()) == 1


def test_children_end_with_a_worker_that_is_killed(pool: Pool, fleet: Fill, start: Start) -> None:
    fleet(shards=1, size=1, names=("hang",))
    ticks.begin(pool, TICK, "")
    worker = start()
    wait_for(lambda: _children(worker.pid))
    children = _children(worker.pid)
    worker.kill()
    wait_for(lambda: not any(map(_lives, children)), 10)


def test_an_account_that_crashes_is_set_aside_after_two_tries_and_the_shard_goes_on(
    pool: Pool, fleet: Fill, url: str, start: Start
) -> None:
    fleet(shards=2, size=5, names=("003-crash",))
    ticks.begin(pool, TICK, "")
    start()
    wait_for(lambda: tick_of(pool).is_over)
    assert worked(url).total() == 10
    assert standing_of(url, "s1-003-crash") == ("dead", 2)
    assert tick_of(pool).shards[0].figures["set_aside"] == ["s1-003-crash"]
    with psycopg.connect(url) as connection:
        alerts = [json.loads(row[0]) for row in connection.execute("SELECT document FROM exitplan.alerts").fetchall()]
    (alert,) = alerts
    assert (alert["alert_type"], alert["severity"], alert["user_id"]) == (
        "ACCOUNT_SET_ASIDE",
        "CRITICAL",
        "s1-003-crash",
    )
    assert (alert["tries"], alert["reason"]) == (2, "the process that worked on it was killed by SIGSEGV")


def test_an_account_that_never_ends_is_cut_off_and_set_aside(pool: Pool, fleet: Fill, url: str, start: Start) -> None:
    fleet(shards=1, size=3, names=("001-hang",))
    ticks.begin(pool, TICK, "")
    start(cut_off=1)
    wait_for(lambda: tick_of(pool).is_over)
    assert worked(url).total() == 3
    assert standing_of(url, "s1-001-hang") == ("dead", 2)


def test_an_innocent_account_in_hand_when_its_process_is_killed_goes_through_alone(
    pool: Pool, fleet: Fill, url: str, start: Start
) -> None:
    fleet(shards=1, size=6)
    ticks.begin(pool, TICK, "")
    worker = start(seconds=0.5)
    wait_for(lambda: any(shard.worker for shard in tick_of(pool).shards) and _children(worker.pid))
    time.sleep(1.5)
    os.kill(_children(worker.pid)[0], signal.SIGKILL)
    wait_for(lambda: tick_of(pool).is_over)
    assert worked(url).total() == 6
    assert tick_of(pool).shards[0].figures["deaths"] == 1
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT DISTINCT standing, tries FROM exitplan.accounts").fetchall() == [
            ("active", 0)
        ]


def test_a_worker_that_drains_finishes_its_shard_and_leaves_the_others(
    pool: Pool, fleet: Fill, url: str, start: Start
) -> None:
    fleet(shards=12, size=2)
    ticks.begin(pool, TICK, "")
    worker = start(seconds=0.4)
    wait_for(lambda: any(shard.worker for shard in tick_of(pool).shards))
    with psycopg.connect(url) as connection:
        connection.execute("UPDATE exitplan.workers SET standing = 'draining'")
    assert worker.wait(20) == 0
    done = [shard for shard in tick_of(pool).shards if shard.ended_at]
    assert 1 <= len(done) < 12
    assert worked(url).total() == 2 * len(done)
    start()
    wait_for(lambda: tick_of(pool).is_over)
    assert worked(url).total() == 24


def test_a_worker_that_the_database_refuses_can_be_stopped(pool: Pool, fleet: Fill, url: str, start: Start) -> None:
    fleet(shards=1, size=5)
    ticks.begin(pool, TICK, "")
    worker = start(seconds=0.2)
    wait_for(lambda: any(shard.worker for shard in tick_of(pool).shards))
    with psycopg.connect(url) as connection:
        connection.execute("ALTER TABLE exitplan.cycles RENAME TO gone")  # a superuser's rights cannot be taken away
    wait_for(lambda: len(worked(url)) == 5)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(20) == 0


def test_a_worker_that_joins_gets_a_part_of_what_is_left(pool: Pool, fleet: Fill, url: str, start: Start) -> None:
    fleet(shards=30, size=2)
    ticks.begin(pool, TICK, "")
    start(seconds=0.2)
    wait_for(lambda: any(shard.worker for shard in tick_of(pool).shards))
    start(seconds=0.2)
    wait_for(lambda: tick_of(pool).is_over)
    assert len({shard.worker for shard in tick_of(pool).shards}) == 2
    assert set(worked(url).values()) == {1}


def test_workers_that_begin_the_same_ticks_run_each_once(pool: Pool, fleet: Fill, url: str, start: Start) -> None:
    fleet(shards=2, size=2)
    for _ in range(2):
        start(every=2)
    with psycopg.connect(url, autocommit=True) as connection:
        ended = "SELECT tick FROM exitplan.ticks WHERE ended_at IS NOT NULL AND why NOT LIKE 'skipped%'"
        wait_for(lambda: len(connection.execute(ended).fetchall()) >= 2)
        rows = connection.execute("SELECT tick, account, count(*) FROM public.worked GROUP BY 1, 2").fetchall()
    assert {row[2] for row in rows} == {1}


@pytest.mark.thorough
def test_a_worker_that_is_told_twice_to_stop_gives_the_rest_of_its_shard_back(
    pool: Pool, fleet: Fill, url: str, start: Start
) -> None:
    fleet(shards=1, size=40)
    ticks.begin(pool, TICK, "")
    worker = start(seconds=0.2)
    wait_for(lambda: any(shard.worker for shard in tick_of(pool).shards) and _children(worker.pid))
    time.sleep(1)
    worker.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    worker.send_signal(signal.SIGTERM)
    worker.wait(20)
    assert not tick_of(pool).is_over
    assert len(worked(url)) < 40
    start()
    wait_for(lambda: tick_of(pool).is_over)
    assert len(worked(url)) == 40


@pytest.mark.thorough
def test_a_worker_that_was_paused_for_longer_than_its_lease_keeps_nothing(
    pool: Pool, fleet: Fill, url: str, start: Start
) -> None:
    fleet(shards=1, size=10)
    ticks.begin(pool, TICK, "")
    zombie = start(seconds=0.3)
    wait_for(lambda: any(shard.worker for shard in tick_of(pool).shards) and _children(zombie.pid))
    time.sleep(0.5)
    paused = [zombie.pid, *_children(zombie.pid)]
    for pid in paused:
        os.kill(pid, signal.SIGSTOP)
    other = start(seconds=0.1)
    wait_for(lambda: tick_of(pool).is_over)
    for pid in paused:
        os.kill(pid, signal.SIGCONT)
    time.sleep(5)
    (shard,) = tick_of(pool).shards
    assert shard.worker == _name(other)
    assert shard.figures["accounts"] == 10
    assert zombie.poll() is None


def test_a_restart_of_postgres_loses_no_shard(pool: Pool, fleet: Fill, url: str, start: Start, server: Any) -> None:
    fleet(shards=6, size=4)
    ticks.begin(pool, TICK, "")
    start(seconds=0.2)
    wait_for(lambda: any(shard.worker for shard in tick_of(pool).shards))
    server.restart()
    wait_for(lambda: tick_of(pool).is_over)
    assert len(worked(url)) == 24


def _name(worker: subprocess.Popen[str]) -> str:
    assert worker.stdout is not None
    return worker.stdout.readline().strip()


def _children(pid: int) -> list[int]:
    found = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    return [int(word) for word in " ".join(found).split()]


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
