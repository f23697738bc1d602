from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.live.account import cancels_of, closes_of
from bench.live.floors import MANNERS, MOST_CALLS_OF_A_PLAN, trips
from bench.live.report import BATCH, PHASES, SINGLY, Case, LiveCosts, live_tables
from bench.live.worker import Timed

ROOT = Path(__file__).parents[2]


def measured(venue: str, positions: int, mode: str, latency: float) -> dict[str, Any]:
    """Measure one case as the benchmark does: in a process of its own, with the venue in another."""
    command = [sys.executable, "-m", "bench.live.worker", venue, str(positions), mode, str(latency)]
    (found,) = json.loads(subprocess.run(command, check=True, capture_output=True, cwd=ROOT).stdout)
    return dict(found)


def made_up(seconds: float) -> LiveCosts:
    """Give costs that all took the same time, at no latency and at 100 ms."""
    timed = Timed(seconds, 0.02, 0.01, {"GET Ticker": 1, "POST OpenOrders": 2})
    cases = [
        Case("kraken", 1, mode, phase, latency)
        for mode in (BATCH, SINGLY)
        for phase in PHASES
        for latency in (0.0, 0.1)
    ]
    return LiveCosts(0.4, dict.fromkeys(cases, timed))


@pytest.mark.parametrize("venue", MANNERS)
def test_a_worker_plans_and_applies_at_a_venue(venue: str) -> None:
    found = measured(venue, 3, "batch", 0.01)
    assert sum(found["plan"]["calls"].values()) <= MOST_CALLS_OF_A_PLAN
    for phase in PHASES:
        assert found[phase]["seconds"] > 0.01 * trips(venue, phase, closes_of(3), cancels_of(3))


def test_one_by_one_takes_more_calls() -> None:
    batch, singly = (measured("kraken", 10, mode, 0.0) for mode in ("batch", "one by one"))
    assert singly["plan"]["calls"]["GET Ticker"] == 10
    assert singly["apply"]["calls"]["POST CancelOrder"] == cancels_of(10)
    assert sum(singly["apply"]["calls"].values()) > sum(batch["apply"]["calls"].values())


def test_the_floor_of_a_plan_is_one_reading() -> None:
    assert trips("coinbase", "plan", 20, 10) == 1
    assert trips("kraken", "plan", 20, 10) == 3


def test_the_floor_of_applying_counts_what_has_to_wait_for_an_answer() -> None:
    # read; cancel, read; two times 20 orders; ask; read
    assert trips("coinbase", "apply", 40, 10) == 1 + 2 + 2 + 1 + 1
    # read; cancel, ask, read; 40 orders in turn; ask; read
    assert trips("kraken", "apply", 40, 10) == 3 + (1 + 1 + 3) + 40 + 1 + 3


def test_without_cancels_nothing_is_read_in_between() -> None:
    assert trips("coinbase", "apply", 1, 0) == 4
    assert trips("kraken", "apply", 1, 0) == 8


def test_the_tables_tell_what_missed_its_aim() -> None:
    aims = [line for line in live_tables(made_up(seconds=0.465)).splitlines() if "at most 1.5 x" in line]
    assert [("x 1.55" in aim, aim.endswith(" no |")) for aim in aims] == [(True, True), (False, False)]


def test_tables_are_short_enough_for_a_screen() -> None:
    assert max(len(line) for line in live_tables(made_up(seconds=12.0)).splitlines()) <= 130
