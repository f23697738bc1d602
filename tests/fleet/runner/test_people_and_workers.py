"""What people say to a fleet while a worker is at work: rollouts go on and stop by themselves, halts are kept."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from exitplan.executor.alerting.delivery import deliver_post
from exitplan.fleet.opening import open_fleet
from tests.cli.conftest import nothing, xp
from tests.executor.alerting.conftest import Desk, desk, server
from tests.fleet.runner.test_tick_command import data
from tests.fleet.runner.test_workers import wait_for

__all__ = ["data", "desk", "nothing", "server"]

POLICY = """\
version: 1
name: {name}
extends: {folder}/policy.yaml
guards: {{max_actions: {most}}}
"""
START = ("--stages", "100%", "--hold", "2s", "--yes")


@contextmanager
def at_work(runner: str = "local") -> Iterator[None]:
    words = ["fleet", "worker", "--every", "1s", "--processes", "1", "--runner", runner]
    command = [sys.executable, "-m", "exitplan", *words]
    worker = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
        worker.terminate()
        assert worker.wait(30) == 0
    finally:
        worker.kill()
        worker.wait()


def policy(folder: Path, name: str, most: int) -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(POLICY.format(name=name, folder=folder, most=most), encoding="utf-8")
    return path


def standing(url: str) -> tuple[str, int]:
    """Return how the rollout stands, and how many accounts have its policy."""
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT r.standing, (SELECT count(*) FROM exitplan.accounts a JOIN exitplan.policies p"
            " ON p.sha256 = a.policy WHERE p.name = r.name) FROM exitplan.rollouts r"
        ).fetchone()
    assert row is not None
    return row[0], row[1]


@pytest.mark.parametrize("runner", ["local", pytest.param("dbos", marks=pytest.mark.thorough)])
def test_a_rollout_goes_on_by_itself_to_the_last_account(data: str, tmp_path: Path, runner: str) -> None:
    assert (
        xp("fleet", "rollout", "start", "--policy", policy(tmp_path, "wide", 99), "--canary", "50%", *START).code == 0
    )
    assert standing(data) == ("running", 10)
    with at_work(runner):
        wait_for(lambda: standing(data) == ("running", 20))
        wait_for(lambda: standing(data) == ("done", 20))


def test_a_rollout_stops_by_itself_where_guards_refuse_and_people_hear_of_it(
    data: str, tmp_path: Path, desk: Desk
) -> None:
    narrow = policy(tmp_path, "narrow", 0)
    assert xp("fleet", "rollout", "start", "--policy", narrow, "--canary", "95%", *START).code == 0
    with at_work():
        wait_for(lambda: standing(data) == ("stopped", 19))
    desk.write(desk={"severity": "critical"})
    with open_fleet(data) as place:
        post = place.post(desk.root)
        wait_for(lambda: deliver_post(desk.root, post, datetime.now(UTC), budget=None).sent == {"desk": 1}, 20)
    assert "CRITICAL platform: rollout stopped" in desk.bodies("desk")[0]
    assert "fail that did not before: " in desk.bodies("desk")[0]
    assert standing(data) == ("stopped", 19)
    assert xp("fleet", "rollout", "status").code == 2


def test_workers_send_nothing_while_a_person_has_halted_the_fleet_or_an_account(data: str) -> None:
    def counted(sql: str) -> int:
        with psycopg.connect(data) as connection:
            row = connection.execute(sql.encode()).fetchone()
        assert row is not None
        return int(row[0])

    def sent() -> int:
        return counted("SELECT count(*) FROM exitplan.intents")

    def states() -> dict[str, int]:
        found: dict[str, int] = xp("fleet", "status", "--json").json["states"]
        return found

    def wait_for_ticks(count: int) -> None:
        ended = "SELECT count(*) FROM exitplan.ticks WHERE ended_at IS NOT NULL AND why NOT LIKE 'skipped%'"
        before = counted(ended)
        wait_for(lambda: counted(ended) >= before + count)

    assert xp("halt", "a venue is down").code == 0
    assert xp("halt", "--account", "user-00010", "--why", "asked for").code == 0
    with at_work():
        wait_for_ticks(2)
        assert sent() == 0
        assert xp("resume").code == 0
        wait_for(lambda: states().get("CLEAN") == 19)
        assert sent() == 2
        assert xp("resume", "--account", "user-00010").code == 0
        wait_for(lambda: states() == {"CLEAN": 20})
