"""Which experiments with groups are run, and what they add up to."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from tests.chaos.group.experiment import GroupExperiment, GroupReport, run_group
from tests.chaos.group.kinds import GROUP_KINDS
from tests.chaos.oracle import Violation
from tests.executor.groups.group_scene import CASH, HEDGE

POINTS = 260
"""About how many places an undisturbed run comes by."""
_BATCH = 16
_HEADER = ("kind", "runs", "kills", "faults", "told apart", "stopped", "lost", "doubled", "worst")


@dataclass
class GroupTally:
    """All experiments, and those that showed what must never be."""

    reports: list[GroupReport] = field(default_factory=list)
    failures: list[tuple[GroupExperiment, list[Violation]]] = field(default_factory=list)

    @property
    def kills(self) -> int:
        return sum(report.kills for report in self.reports)

    def table(self) -> str:
        """Write a line for each kind, and one for all."""
        rows: list[tuple[str, ...]] = [_HEADER]
        for name in [*GROUP_KINDS, "all"]:
            these = [report for report in self.reports if name in {report.kind, "all"}]
            rows.append(_row(name, these))
        widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADER))]
        return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)


def _row(name: str, these: list[GroupReport]) -> tuple[str, ...]:
    kinds = [violation.kind for report in these for violation in report.violations]
    counts = (
        len(these),
        sum(report.kills for report in these),
        sum(report.faults for report in these),
        sum(report.alerted for report in these),
        sum(report.stopped for report in these),
        kinds.count("lost"),
        kinds.count("doubled"),
        max((int(report.worst) for report in these), default=0),
    )
    return (name, *map(str, counts))


def drawn_groups(seed: int) -> Iterator[GroupExperiment]:
    """Draw experiments of all kinds in turn, at either venue, without end."""
    for number, (kind, side) in enumerate(itertools.cycle(itertools.product(GROUP_KINDS, (CASH, HEDGE)))):
        chance = Random(seed * 1_000_003 + number)  # noqa: S311 - seeded cases
        at = (chance.randint(20, POINTS), chance.randint(1, POINTS // 2))
        yield GroupExperiment(kind, side, chance.randrange(10**6), at)


def run_groups(kills: int, seed: int, seconds: float) -> GroupTally:
    """Run experiments until there were enough kills, or until the time is up."""
    tally, until = GroupTally(), time.monotonic() + seconds
    waiting = drawn_groups(seed)
    with multiprocessing.get_context("fork").Pool(os.cpu_count()) as pool:
        while tally.kills < kills and time.monotonic() < until:
            batch = list(itertools.islice(waiting, _BATCH))
            for experiment, report in pool.imap_unordered(run_group_safely, batch):
                tally.reports.append(report)
                if report.violations:
                    tally.failures.append((experiment, report.violations))
    return tally


def run_group_safely(experiment: GroupExperiment) -> tuple[GroupExperiment, GroupReport]:
    """Run an experiment; one that breaks down itself has failed."""
    try:
        return experiment, run_group(experiment)
    except Exception as error:  # noqa: BLE001 - the suite goes on, and ends with the experiment that shows it
        wrong = [Violation("lost", f"{type(error).__name__}: {error}")]
        return experiment, GroupReport(experiment.kind, violations=wrong)
