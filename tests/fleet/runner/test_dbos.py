"""What is special to DBOS: its rows, and what becomes of workflows that are left."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable

import psycopg

from exitplan.fleet.runner import ticks
from exitplan.fleet.runner.ticks import Pool
from tests.fleet.runner.test_workers import TICK, tick_of, wait_for, worked


def test_shards_go_through_workflows_that_are_named_after_them_with_json_in_their_rows(
    pool: Pool, fleet: Callable[..., None], url: str
) -> None:
    fleet(shards=3, size=2)
    fleet(shards=1, size=2, egress="tokyo", first=4)
    ticks.begin(pool, TICK, "")
    settings = json.dumps({"egress": ["", "tokyo"]})
    command = [sys.executable, "-m", "tests.fleet.runner.worker_process", url, "dbos", settings]
    worker = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        wait_for(lambda: tick_of(pool).is_over)
        assert worked(url).total() == 8
        query = "SELECT workflow_uuid, status, application_version, queue_name, serialization FROM dbos.workflow_status"
        with psycopg.connect(url) as connection:
            wait_for(lambda: {row[1] for row in connection.execute(query + " ORDER BY 1").fetchall()} == {"SUCCESS"})
            rows = connection.execute(query + " ORDER BY 1").fetchall()
        assert [row[0] for row in rows] == [f"cycle:60:{shard}" for shard in (1, 2, 3, 4)]
        assert {(row[2], row[4]) for row in rows} == {("exitplan-1", "portable_json")}
        assert [row[3] for row in rows] == ["exitplan-shards"] * 3 + ["exitplan-shards:tokyo"]
        worker.terminate()
        assert worker.wait(30) == 0
    finally:
        worker.kill()
        worker.wait()
