"""How long ``exitplan test`` takes for a thousand cases: the whole command, with start-up and reading of the file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.tables import aligned

CASES = 1_000
_ROUNDS = 3
_AIM_SECONDS = 5.0
_CYCLES = 4


@dataclass(frozen=True, slots=True)
class Took:
    """What one command took: CPU and wall time in seconds, for so many cases."""

    cases: int
    cpu: float
    wall: float


def single_positions(cases: int) -> dict[str, Any]:
    """Write a file of tests: 60 % rows of a table, 30 % positions by facts, 10 % accounts of eight positions."""
    rows = [_row(at) for at in range(cases * 6 // 10)]
    given = [
        {"name": f"position {at}", "given": {"value_usd": 1000 + at, "tracked": False}, "expect": {"do": "unwind"}}
        for at in range(cases * 3 // 10)
    ]
    accounts = [
        {"name": f"account {at}", "with": {"cash": 5000 + at}, "expect": {"counted": 8, "guards": "ok"}}
        for at in range(cases - len(rows) - len(given))
    ]
    table = {"name": "dust", "columns": ["value_usd", "account_pct", "=>", "category"], "rows": rows}
    account = {"cash": 5000, "positions": {f"COIN{at}": f"{at + 1} @ 500" for at in range(8)}}
    return {"policy": "default", "account": account, "tables": [table], "cases": given + accounts}


def _row(at: int) -> list[Any]:
    value = (at + 1) / 500
    return [value, 0.5, "=>", "ZOMBIE_LEGACY" if value < 1 else "STRATEGY_ALIGNED"]


def several_cycles(cases: int) -> dict[str, Any]:
    """Write a file of tests of four cycles each: plan, apply, and the price falls."""
    held = {"ADA": {"is": "2600 @ 0.42", "tracked": False}}
    account = {"cash": 10_000, "positions": held}
    many = [
        {
            "name": f"unwind {at}",
            "with": {"cash": 10_000 + at},
            "cycles": _CYCLES,
            "prices": {"ADA": "0.42-0.02x3"},
            "expect": {"clean_after": _CYCLES},
        }
        for at in range(cases)
    ]
    return {"policy": "default", "account": account, "cases": many}


def time_tests(cases: int = CASES, rounds: int = _ROUNDS) -> dict[str, Took]:
    """Time the commands; the round with the least CPU counts, which other processes disturb least."""
    cycles = max(cases // 20, 1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        single, many = folder / "single.test.yaml", folder / "cycles.test.yaml"
        single.write_text(json.dumps(single_positions(cases)), encoding="utf-8")
        many.write_text(json.dumps(several_cycles(cycles)), encoding="utf-8")
        return {
            f"{cases:,} cases of positions and accounts": _best(cases, rounds, [str(single)]),
            "the same with --coverage": _best(cases, rounds, [str(single), "--coverage"]),
            f"{cycles:,} cases of {_CYCLES} cycles": _best(cycles, rounds, [str(many)]),
        }


def _best(cases: int, rounds: int, arguments: list[str]) -> Took:
    return min((_once(cases, arguments) for _ in range(rounds)), key=lambda took: took.cpu)


def _once(cases: int, arguments: list[str]) -> Took:
    before, started = os.times(), time.perf_counter()
    command = [sys.executable, "-m", "exitplan", "test", *arguments]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - exitplan itself
    after = os.times()
    cpu = after.children_user - before.children_user + after.children_system - before.children_system
    return Took(cases, cpu, time.perf_counter() - started)


def tests_table(times: Mapping[str, Took]) -> str:
    """Write the times, and whether the first command reaches its aim on one core."""
    rows = [
        [what, f"{took.cpu:.2f}", f"{took.wall:.2f}", f"{took.cpu / took.cases * 1e3:.1f}"]
        for what, took in times.items()
    ]
    first = next(iter(times.values()))
    reached = "yes" if first.cpu <= _AIM_SECONDS else "no"
    aim = [[f"{first.cases:,} cases: at most {_AIM_SECONDS:.0f} s on one core", f"{first.cpu:.2f} s of CPU", reached]]
    table = aligned(["exitplan test", "CPU, s", "wall, s", "CPU, ms per case"], rows)
    return f"{table}\n\n{aligned(['aim', 'measured', 'reached'], aim)}"
