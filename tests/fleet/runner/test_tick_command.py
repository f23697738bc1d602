"""``exitplan fleet tick`` and ``worker`` on a real fleet of paper accounts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import psycopg
import pytest

from exitplan.cli.commands.fleet import tick as tick_command
from exitplan.fleet.runner import ticks
from tests.builders import NOW
from tests.cli.conftest import nothing, xp
from tests.cli.test_answer_schemas import ensure
from tests.fleet.runner.database import opened
from tools.fleet_demo import main as fleet_demo
from tools.fleet_demo import write_accounts

__all__ = ["nothing"]
COUNT = 20


@pytest.fixture
def data(postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A fleet of twenty paper accounts, two of which have something to sell."""
    monkeypatch.setenv("EXITPLAN_DATA", postgres_url)
    assert xp("fleet", "init").code == 0
    write_accounts(tmp_path, COUNT)
    assert xp("fleet", "import", tmp_path / "accounts", "--size", "5").code == 0
    return postgres_url


@pytest.fixture
def worker(data: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "exitplan", "fleet", "worker", "--json", "--processes", "1", "--every", "1m"]
    process = subprocess.Popen(
        [*command, "--metrics", "127.0.0.1:0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    yield process
    process.kill()
    process.communicate()


def test_a_tick_plans_every_account_applies_what_is_allowed_and_says_so(data: str) -> None:
    shown = xp("fleet", "tick", "--json", "--processes", "1")
    ensure("fleet-tick", told := shown.json)
    assert shown.code == 0
    assert told["figures"]["accounts"] == COUNT
    assert told["figures"]["kinds"] == {"applied": 2, "quiet": 18}
    assert told["figures"]["states"] == {"CLEAN": COUNT}
    assert (told["shards"], told["done"], told["unserved"], told["failures"]) == (4, 4, {}, [])


def test_a_tick_for_people_shows_what_it_came_to(data: str) -> None:
    shown = xp("fleet", "tick", "--processes", "1")
    assert shown.code == 0
    assert "20 accounts in 4 shards" in shown.out
    assert "18 quiet, 2 applied" in shown.out


def test_accounts_that_cannot_be_opened_fail_alone_and_are_named(data: str) -> None:
    with psycopg.connect(data) as connection:
        connection.execute("UPDATE exitplan.accounts SET venue = 'kraken', block = block || %s WHERE account = %s", (
            json.dumps({"venue": "kraken", "credentials": "env:NOT_THERE", "options": {}}), "user-00003",
        ))  # fmt: skip
    shown = xp("fleet", "tick", "--json", "--processes", "1")
    told = shown.json
    assert shown.code == 3
    assert told["figures"]["states"] == {"CLEAN": COUNT - 1}
    assert [failure["account"] for failure in told["failures"]] == ["user-00003"]


def test_a_tick_while_another_runs_is_refused(data: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tick_command, "present", lambda: NOW)
    with opened(data) as (database, _):
        ticks.begin(database, 60, "")
        assert ticks.take(database, "somebody", ("",)) is not None
    for _ in range(2):  # also by whom it was begun in the same second, and skipped
        shown = xp("fleet", "tick")
        assert shown.code == 7
        assert "error: tick 60 still runs, 4 of its shards are not done" in shown.err


def test_a_tick_of_a_fleet_that_is_drained_says_why_nothing_was_done(data: str) -> None:
    with psycopg.connect(data) as connection:
        (venue,) = connection.execute("SELECT min(venue) FROM exitplan.accounts").fetchone() or ("",)
    xp("fleet", "drain", "--venue", venue)
    shown = xp("fleet", "tick")
    assert (shown.code, "No account gets a cycle: exitplan fleet status" in shown.out) == (0, True)


def test_a_tick_that_somebody_stops_leaves_the_rest_and_says_so(data: str) -> None:
    command = [sys.executable, "-m", "exitplan", "fleet", "tick", "--wait-only", "--data", data]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as tick:
        with psycopg.connect(data, autocommit=True) as connection:
            while connection.execute("SELECT count(*) FROM exitplan.cycles").fetchone() != (4,):
                assert tick.poll() is None
                time.sleep(0.05)
        tick.send_signal(signal.SIGINT)
        out, _ = tick.communicate(timeout=30)
    assert tick.returncode == 8
    assert "stopped  4 shards left to workers that are there, or to the next tick" in out
    assert "no worker may take them" not in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["worker", "--runner", "celery"], "there is no runner celery"),
        (["worker", "--runner", "dbos", "--every", "7m"], "is no part of a minute, an hour or a day"),
        (["worker", "--every", "soon"], "--every"),
        (["tick", "--egress", "a,b"], "--egress a,b holds a comma"),
    ],
)
def test_options_that_make_no_sense_are_refused_before_anything_is_begun(
    data: str, words: list[str], said: str
) -> None:
    shown = xp("fleet", *words)
    assert shown.code == 64
    assert said in shown.err


def test_a_worker_begins_ticks_tells_of_them_shows_metrics_and_leaves(data: str, worker: subprocess.Popen[str]) -> None:
    assert worker.stdout is not None
    assert worker.stderr is not None
    serving = worker.stderr.readline()
    told = [json.loads(worker.stdout.readline()) for _ in range(5)]
    assert [one["event"] for one in told] == ["tick_begun", "shard", "shard", "shard", "shard"]
    with urlopen(serving.split()[1].rstrip(".")) as answer:  # noqa: S310 - our own address
        metrics = answer.read().decode()
    assert f'exitplan_fleet_accounts{{standing="active"}} {COUNT}.0' in metrics
    assert "exitplan_fleet_tick_shards_done 4.0" in metrics
    os.kill(worker.pid, signal.SIGTERM)
    assert worker.wait(30) == 0


@pytest.mark.thorough
def test_the_demo_reaches_clean_with_a_worker_killed(capsys: pytest.CaptureFixture[str]) -> None:
    assert fleet_demo(["--accounts", "900"]) == 0
