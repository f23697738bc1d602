"""Measure every case in a process of its own, and write the tables."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.live.account import cancels_of, closes_of
from bench.live.floors import MANNERS, MOST_CALLS_OF_A_PLAN, MOST_TIMES_THE_FLOOR, trips
from bench.live.worker import MODES, Timed
from bench.tables import aligned, figure

SIZES = (1, 10, 50, 200)
LATENCIES = (0.0, 0.05, 0.1)
PHASES = ("plan", "apply")
BATCH, SINGLY = MODES
_LONGEST, _SINGLE_CALLS = 60.0, 5
"""Seconds that one by one may be on the way, with some calls for each position; else a smaller latency has to do."""


@dataclass(frozen=True, slots=True, order=True)
class Case:
    """One thing measured; ``latency`` is in seconds per request."""

    venue: str
    positions: int
    mode: str
    phase: str
    latency: float

    @property
    def floor(self) -> float:
        """Return the fewest seconds that requests take on the way."""
        return self.latency * trips(self.venue, self.phase, closes_of(self.positions), cancels_of(self.positions))


Results = dict[Case, Timed]


@dataclass(frozen=True, slots=True)
class LiveCosts:
    """All measurements, and the seconds that importing ccxt took."""

    imported: float
    results: Results

    def ratio(self, case: Case) -> float:
        """Return the wall time divided by the floor."""
        return self.results[case].seconds / case.floor


def measure_live(sizes: Sequence[int] = SIZES, latencies: Sequence[float] = LATENCIES, rounds: int = 2) -> LiveCosts:
    """Measure every venue, size, mode and latency; the quickest of the rounds counts, one by one has one round."""
    results: Results = {}
    imported = float("inf")
    for venue in MANNERS:
        for size in sizes:
            for _ in range(rounds):
                imported = min(imported, _add(results, venue, size, BATCH, latencies))
            bearable = [latency for latency in latencies if latency * size * _SINGLE_CALLS <= _LONGEST]
            _add(results, venue, size, SINGLY, bearable)
    return LiveCosts(imported, results)


def _add(results: Results, venue: str, size: int, mode: str, latencies: Sequence[float]) -> float:
    """Measure, keep what is quicker than before, and return the seconds that the import took."""
    command = [sys.executable, "-m", "bench.live.worker", venue, str(size), mode, *map(str, latencies)]
    root = Path(__file__).parents[2]
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=root).stdout  # noqa: S603 - itself
    found = json.loads(answer)
    for entry in found:
        for phase in PHASES:
            case, timed = Case(venue, size, mode, phase, entry["latency"]), Timed(**entry[phase])
            if case not in results or timed.seconds < results[case].seconds:
                results[case] = timed
    return min((float(entry["import"]) for entry in found), default=float("inf"))


def live_tables(costs: LiveCosts) -> str:
    """Write what plan and apply take at each venue, what one by one would, and where the aims are missed."""
    took = f"{costs.imported * 1e3:.0f} ms"
    parts = [
        f"Milliseconds of wall time. `import ccxt` took {took}, once a process; it is in none of the figures.",
        *(f"### {phase.capitalize()}\n\n{_phase_table(costs, phase)}" for phase in PHASES),
        f"### One by one\n\n{_singly_table(costs)}",
        f"### Aims of live venues\n\n{_aims_table(costs)}",
    ]
    return "\n\n".join(parts)


def _phase_table(costs: LiveCosts, phase: str) -> str:
    latencies = sorted({case.latency for case in costs.results})
    at = [f"{latency * 1e3:.0f} ms" for latency in latencies]
    floors = [f"x floor, {name}" for name, latency in zip(at, latencies, strict=True) if latency]
    header = [f"{phase} at, positions", "calls", "trips", *at, *floors, "CPU", "venue CPU"]
    rows = []
    for venue, size in _groups(costs):
        cases = [Case(venue, size, BATCH, phase, latency) for latency in latencies]
        first = costs.results[cases[0]]
        rows.append(
            [
                f"{venue}, {size}",
                f"{_calls(first)}",
                f"{trips(venue, phase, closes_of(size), cancels_of(size))}",
                *(f"{costs.results[case].seconds * 1e3:,.0f}" for case in cases),
                *(f"{costs.ratio(case):.2f}" for case in cases if case.latency),
                f"{first.cpu * 1e3:.0f}",
                f"{first.venue_cpu * 1e3:.0f}",
            ]
        )
    return aligned(header, rows)


def _singly_table(costs: LiveCosts) -> str:
    """Write what one by one takes, at the largest latency at which it was measured."""
    header = ["one by one at, positions", "latency, ms"]
    header += [f"{phase}{column}" for phase in PHASES for column in (": calls", ", ms", ", x batch")]
    rows = []
    for venue, size in _groups(costs):
        latency = max(
            case.latency for case in costs.results if (case.venue, case.positions, case.mode) == (venue, size, SINGLY)
        )
        row = [f"{venue}, {size}", f"{latency * 1e3:.0f}"]
        for phase in PHASES:
            alone = costs.results[Case(venue, size, SINGLY, phase, latency)]
            batch = costs.results[Case(venue, size, BATCH, phase, latency)]
            ratio = alone.seconds / batch.seconds
            row += [f"{_calls(alone):,}", f"{alone.seconds * 1e3:,.0f}", figure(ratio)]
        rows.append(row)
    return aligned(header, rows)


def _groups(costs: LiveCosts) -> Iterable[tuple[str, int]]:
    return dict.fromkeys((case.venue, case.positions) for case in costs.results)


def _aims_table(costs: LiveCosts) -> str:
    rows = []
    batch = [case for case in costs.results if case.mode == BATCH]
    most = max(_calls(costs.results[case]) for case in batch if case.phase == "plan")
    rows.append([f"plan: at most {MOST_CALLS_OF_A_PLAN} calls", f"{most}", _yes(most <= MOST_CALLS_OF_A_PLAN)])
    for venue, phase, latency in dict.fromkeys((case.venue, case.phase, case.latency) for case in batch):
        if latency:
            ratios = {
                case.positions: costs.ratio(case)
                for case in batch
                if (case.venue, case.phase, case.latency) == (venue, phase, latency)
            }
            worst = max(ratios, key=ratios.__getitem__)
            aim = f"{phase} at {venue}, {latency * 1e3:.0f} ms: at most {MOST_TIMES_THE_FLOOR} x the floor"
            measured = f"x {min(ratios.values()):.2f} to {ratios[worst]:.2f} ({worst})"
            rows.append([aim, measured, _yes(ratios[worst] <= MOST_TIMES_THE_FLOOR)])
    return aligned(["aim", "measured (at positions)", "reached"], rows)


def _calls(timed: Timed) -> int:
    return sum(timed.calls.values())


def _yes(reached: bool) -> str:  # noqa: FBT001 - the value is the question
    return "yes" if reached else "no"
