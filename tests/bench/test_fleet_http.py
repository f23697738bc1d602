from __future__ import annotations

import json
import subprocess
import sys

import pytest

from bench.fleet_http.report import fleet_table
from bench.fleet_http.worker import Cycle
from tests.bench.test_live import ROOT
from tools.postgres import NoPostgres, find_binaries


def test_a_worker_reads_and_plans_many_accounts() -> None:
    try:
        find_binaries()
    except NoPostgres as error:
        pytest.skip(str(error))
    command = [sys.executable, "-m", "bench.fleet_http.worker", "kraken", "20", "2", "0.001", "8"]
    cycle = Cycle(**json.loads(subprocess.run(command, check=True, capture_output=True, cwd=ROOT).stdout))
    assert 60 <= cycle.calls <= 62  # three of each account, and prices for all of them
    assert cycle.queries <= 20  # one of each account at most, and none where a block of the first cycle still lives


def test_the_table_tells_which_aim_was_missed() -> None:
    slow = Cycle(accounts=100, seconds=1.0, cpu=1.0, venue_cpu=0.1, calls=300, queries=30, megabytes=499.0)
    answers = [line.rpartition("| ")[2] for line in fleet_table({"kraken": slow}).splitlines() if "at " in line]
    assert answers == ["no |", "yes |"] or [word.strip(" |") for word in answers] == ["no", "yes"]
