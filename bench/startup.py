"""How long ``exitplan --help`` takes, compared with the interpreter and the command line library alone."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Mapping

from bench.tables import aligned

_RUNS = 15
COMMANDS: Mapping[str, tuple[str, ...]] = {
    "python -c pass": ("-c", "pass"),
    'python -c "import typer"': ("-c", "import typer"),
    "exitplan --help": ("-m", "exitplan", "--help"),
}


def time_startup(runs: int = _RUNS) -> dict[str, float]:
    """Return the median wall time of each command in milliseconds; they take turns, so noise affects all alike."""
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(runs):
        for name, arguments in COMMANDS.items():
            before = time.perf_counter()
            subprocess.run([sys.executable, *arguments], check=True, capture_output=True)  # noqa: S603 - Python itself
            times[name].append((time.perf_counter() - before) * 1e3)
    return {name: statistics.median(found) for name, found in times.items()}


def startup_table(times: Mapping[str, float]) -> str:
    """Write the times and their ratios to the bare interpreter and to the import of typer."""
    bare, library = times["python -c pass"], times['python -c "import typer"']
    rows = [[name, f"{took:.0f}", f"{took / bare:.1f}", f"{took / library:.2f}"] for name, took in times.items()]
    return aligned(["wall time", "ms", "x python", "x typer"], rows)
