"""Real processes at a real database: together they get no more than the venue grants, whoever of them dies."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest

from exitplan.brokers.live.buckets import LevelsUnknown, bucket_for, levels_kept_by
from exitplan.executor.store.postgres.database import _OPTIONS
from exitplan.fleet.blocks import BlockBucket, kept_back
from exitplan.fleet.levels import PostgresLevels
from tests.brokers.live.test_limits import SLACK, Taken, busiest
from tests.fleet.levels import row, with_buckets
from tests.postgres.server import temporary_server

BURST, REFILL = 100.0, 200.0

TAKES = f"""
import sys, time
from exitplan.fleet import blocks
from exitplan.fleet.blocks import BlockBucket
from exitplan.fleet.levels import PostgresLevels
blocks.LATEST = 0.0  # what the machine lets wait here would be counted as the buckets' fault
moments = [0.0]
def clock():
    moments[0] = time.monotonic()
    return moments[0]
bucket = BlockBucket("venue key", {BURST}, {REFILL}, PostgresLevels(sys.argv[1]), clock=clock)
bucket.take(0)
print("ready", flush=True)
input()
for number in range(int(sys.argv[2])):
    bucket.take(2)
    print(moments[0], flush=True)
    if number == int(sys.argv[3]):
        bucket.pause(1.6)
        print("paused", time.monotonic(), flush=True)
"""


@pytest.fixture
def url(postgres_url: str) -> str:
    return with_buckets(postgres_url)


@pytest.fixture
def levels(url: str) -> Iterator[PostgresLevels]:
    with PostgresLevels(url) as levels:
        yield levels


@contextmanager
def takers(url: str, count: int, takes: int, pause_after: int = -1) -> Iterator[list[subprocess.Popen[str]]]:
    """Start processes that take tokens, and let them go at the same time; the first asks for a rest on its way."""
    with ExitStack() as stack:
        several = []
        for number in range(count):
            words = [url, takes, -1 if number else pause_after]
            command = [sys.executable, "-c", TAKES, *map(str, words)]
            pipe = subprocess.PIPE
            several.append(stack.enter_context(subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)))
            stack.callback(several[-1].kill)
        for one in several:
            assert one.stdout is not None
            assert one.stdout.readline() == "ready\n"
        for one in several:
            assert one.stdin is not None
            one.stdin.write("\n")
            one.stdin.flush()
        yield several


def told_by(*several: subprocess.Popen[str]) -> Taken:
    """Wait for processes to end, and return when they took what, in order."""
    lines = [line for one in several for line in one.communicate()[0].splitlines()]
    return sorted((float(line), 2.0) for line in lines if not line.startswith("paused"))


def test_processes_together_get_no_more_than_the_venue_grants(url: str) -> None:
    with takers(url, 4, 100) as several:
        taken = told_by(*several)
    assert len(taken) == 400
    assert busiest(taken, REFILL) <= BURST + SLACK
    # And they get what it grants: a block that nobody could use would be missing here.
    assert taken[-1][0] - taken[0][0] < 1.5 * (800 - BURST + kept_back(BURST, REFILL)) / REFILL


def test_a_process_that_is_killed_or_frozen_keeps_nobody_from_going_on(url: str) -> None:
    with takers(url, 4, 100) as (killed, frozen, *others):
        time.sleep(0.3)
        killed.kill()
        frozen.send_signal(signal.SIGSTOP)
        taken = told_by(*others)
        frozen.send_signal(signal.SIGCONT)
        taken = sorted([*taken, *told_by(killed, frozen)])
    assert len(taken) >= 300
    assert busiest(taken, REFILL) <= BURST + SLACK


def test_a_rest_that_one_is_told_to_take_reaches_all_within_a_second(url: str) -> None:
    with takers(url, 3, 150, pause_after=20) as (first, *others):
        out = first.communicate()[0]
        (paused,) = [float(line.split()[1]) for line in out.splitlines() if line.startswith("paused")]
        taken = [at for at, _ in told_by(*others)]
    assert not [at for at in taken if paused + 1.0 < at < paused + 1.55]
    assert [at for at in taken if at > paused + 1.6]


def test_a_thousand_calls_cost_some_tens_of_queries(levels: PostgresLevels) -> None:
    bucket = levels.bucket("venue address", 4_000, 4_000)
    with ThreadPoolExecutor(32) as pool:
        for _ in pool.map(lambda _: bucket.take(), range(2_000)):
            pass
    assert levels.queries < 100


def test_the_buckets_of_many_keys_are_asked_for_together(levels: PostgresLevels) -> None:
    everyone, buckets = threading.Barrier(32), [levels.bucket(f"venue key{number}", 30, 30) for number in range(32)]

    def work(bucket: BlockBucket) -> None:
        everyone.wait()
        bucket.take()

    with levels._turn, ThreadPoolExecutor(32) as pool:
        done = pool.map(work, buckets)
        while len(levels._waiting) < 32:
            time.sleep(0.001)
        levels._turn.release()
        for _ in done:
            pass
        levels._turn.acquire()
    assert levels.queries == 1


def test_a_row_that_was_removed_is_begun_anew(levels: PostgresLevels) -> None:
    bucket = levels.bucket("a", 10, 1)
    bucket.take(8)
    with psycopg.connect(levels.url, autocommit=True) as connection:
        connection.execute("DELETE FROM exitplan.buckets")
    assert bucket.take(5, 0) == 0
    assert row(levels, "a", "level") < 5


def test_without_its_table_nobody_gets_anything(postgres_url: str) -> None:
    with pytest.raises(LevelsUnknown, match="UndefinedTable"):
        PostgresLevels(postgres_url).bucket("a", 10, 1).take()


def test_a_server_that_is_away_is_told_and_used_again_when_it_is_back() -> None:
    with temporary_server() as server, PostgresLevels(with_buckets(server.url())) as levels:
        bucket = levels.bucket("a", 10, 10)
        assert bucket.take() == 0
        server.kill()
        time.sleep(0.15)
        with pytest.raises(LevelsUnknown, match="cannot be used"):
            bucket.take(5)
        server.start()
        assert bucket.take(3) == 0


def test_a_server_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exitplan.fleet.levels.PATIENCE", 0.3)
    monkeypatch.setitem(_OPTIONS, "connect_timeout", 2)
    with temporary_server() as server, PostgresLevels(with_buckets(server.url())) as levels:
        bucket = levels.bucket("a", 10, 10)
        bucket.take()
        time.sleep(0.15)
        server.pause()
        with pytest.raises(LevelsUnknown):
            bucket.take(9)
        server.resume()
        assert bucket.take(3) == 0


def test_a_password_is_in_no_message(tmp_path: Path) -> None:
    with pytest.raises(LevelsUnknown) as error:
        PostgresLevels(f"postgresql://me:hunter2@/x?host={tmp_path}").bucket("a", 10, 1).take()
    assert "hunter2" not in str(error.value)


def test_accounts_that_are_opened_meanwhile_draw_from_the_fleets_buckets(levels: PostgresLevels) -> None:
    with levels_kept_by(levels):
        bucket = bucket_for("venue.test#9", 10, 1)
        assert isinstance(bucket, BlockBucket)
        assert bucket_for("venue.test#9", 5, 1) is bucket
        assert bucket.take(6, 0) > 0
    assert not isinstance(bucket_for("venue.test#9", 10, 1), BlockBucket)
