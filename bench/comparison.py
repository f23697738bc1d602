"""Run every measurement in its own process, and refuse the result if two engines disagree."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.engines import FLOOR, installed_engines
from bench.tables import aligned, figure

SIZES = (10, 100, 1_000, 10_000, 100_000)
KINDS = {"mixed": "mixed account", "over": "far over the cap", "file": "mixed account, file to file"}


class EnginesDisagree(Exception):
    """Two engines gave different answers, so comparing their speeds is meaningless."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One measurement; ``size`` is smaller than requested if the whole would have taken too long."""

    size: int
    us: float
    added_mb: float
    peak_mb: float
    details: Mapping[str, Any]


Results = dict[str, dict[int, Measured]]


def compare_engines(sizes: Sequence[int], rounds: int) -> Results:
    """Time every installed engine at every size; the best of the rounds counts. Raises EnginesDisagree."""
    results: Results = {name: {} for name in installed_engines()}
    for size in sizes:
        for _ in range(rounds):
            for name, by_size in results.items():
                _keep(by_size, size, _measured("engine", name, size))
        _ensure_equal(size, {name: by_size[size] for name, by_size in results.items()})
    return results


def time_plans(sizes: Sequence[int], rounds: int) -> Results:
    """Time the way from a snapshot to the bytes of its plan, and from file to file, at every size."""
    results: Results = {kind: {} for kind in KINDS}
    for size in sizes:
        for _ in range(rounds):
            for kind, by_size in results.items():
                _keep(by_size, size, _measured("plan", kind, size))
    return results


def engines_table(results: Results) -> str:
    """Write the CPU microseconds per position of every engine, their ratio to the floor, and their memory."""
    sizes = list(results[FLOOR])
    middle = 10_000 if 10_000 in sizes else sizes[-1]
    header = ["us per position", *(f"{size:,}" for size in sizes), "x floor", "adds MB", "peak MB"]
    rows = []
    for name, by_size in results.items():
        ratio = figure(by_size[middle].us / results[FLOOR][middle].us)
        last = by_size[sizes[-1]]
        marks = [figure(by_size[size].us) + ("*" if by_size[size].size < size else "") for size in sizes]
        rows.append([name, *marks, ratio, figure(last.added_mb), figure(last.peak_mb)])
    return aligned(header, rows)


def plans_table(results: Results) -> str:
    """Write what a plan takes in CPU microseconds per position, and in memory at the largest size."""
    sizes = list(results["mixed"])
    header = ["us per position", *(f"{size:,}" for size in sizes), "actions", "peak MB", "plan MB"]
    rows = []
    for kind, by_size in results.items():
        last = by_size[sizes[-1]]
        numbers = [f"{last.details['actions']:,}", figure(last.peak_mb), figure(last.details["plan_mb"])]
        rows.append([KINDS[kind], *(figure(by_size[size].us) for size in sizes), *numbers])
    return aligned(header, rows)


def _measured(what: str, name: str, size: int) -> Measured:
    command = [sys.executable, "-m", "bench.worker", what, name, str(size)]
    answer = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)  # noqa: S603 - itself
    return Measured(answer["size"], answer["us"], answer["added_mb"], answer["peak_mb"], answer)


def _keep(by_size: dict[int, Measured], size: int, new: Measured) -> None:
    if size not in by_size or new.us < by_size[size].us:
        by_size[size] = new


def _ensure_equal(size: int, by_engine: Mapping[str, Measured]) -> None:
    floor = by_engine[FLOOR].details
    for name, measured in by_engine.items():
        expected = floor["answers" if measured.size == size else "answers_of_a_tenth"]
        if measured.details["answers"] != expected:
            raise EnginesDisagree(f"{name} and {FLOOR} answer differently about {size:,} positions")
