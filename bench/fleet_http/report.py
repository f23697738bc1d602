"""Measure each venue in a process of its own, and write the table."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from bench.fleet_http.worker import Cycle
from bench.tables import aligned, figure
from exitplan.fleet.cycle import AT_ONCE

VENUES = ("binance", "bybit", "kraken", "coinbase")
ACCOUNTS, POSITIONS, LATENCY = 1_000, 3, 0.05
MOST_MB, LEAST_A_SECOND = 500, 400


def measure_fleet(venues: Iterable[str] = VENUES, accounts: int = ACCOUNTS, rounds: int = 2) -> dict[str, Cycle]:
    """Measure a cycle of all accounts at each venue; the round that took the least CPU counts."""
    return {
        venue: min((_measured(venue, accounts) for _ in range(rounds)), key=lambda cycle: cycle.cpu) for venue in venues
    }


def _measured(venue: str, accounts: int) -> Cycle:
    figures = (venue, accounts, POSITIONS, LATENCY, AT_ONCE)
    command = [sys.executable, "-m", "bench.fleet_http.worker", *map(str, figures)]
    root = Path(__file__).parents[2]
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=root).stdout  # noqa: S603 - itself
    return Cycle(**json.loads(answer))


def fleet_table(cycles: dict[str, Cycle]) -> str:
    """Write what a cycle takes at each venue, an account, and whether the aims are reached."""
    header = ["venue", "calls", "CPU, ms", "a second", "a second of CPU", "MB", "queries", "venue CPU, ms"]
    rows = [_row(venue, cycle) for venue, cycle in cycles.items()]
    return f"{aligned(header, rows)}\n\n{_aims(list(cycles.values()))}"


def _row(venue: str, cycle: Cycle) -> Sequence[str]:
    return [
        venue,
        figure(cycle.calls / cycle.accounts),
        figure(cycle.cpu / cycle.accounts * 1e3),
        f"{cycle.accounts / cycle.seconds:,.0f}",
        f"{cycle.accounts / cycle.cpu:,.0f}",
        f"{cycle.megabytes:,.0f}",
        figure(cycle.queries / cycle.accounts),
        figure(cycle.venue_cpu / cycle.accounts * 1e3),
    ]


def _aims(cycles: Sequence[Cycle]) -> str:
    slowest, largest = min(one.accounts / one.cpu for one in cycles), max(one.megabytes for one in cycles)
    rows = [
        [f"at least {LEAST_A_SECOND} accounts a second of CPU", f"{slowest:,.0f}", _yes(slowest >= LEAST_A_SECOND)],
        [f"at most {MOST_MB} MB", f"{largest:,.0f}", _yes(largest <= MOST_MB)],
    ]
    return aligned(["aim", "the worst", "reached"], rows)


def _yes(reached: bool) -> str:  # noqa: FBT001 - the value is the question
    return "yes" if reached else "no"
