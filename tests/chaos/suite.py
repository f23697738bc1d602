"""Which experiments are run, in which order, and what they add up to."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from random import Random

from tests.chaos.experiment import Experiment, Report, count_points, run
from tests.chaos.kinds import PAPER, accounts_at, kinds_at
from tests.chaos.mutants import MUTANTS
from tests.chaos.oracle import Violation

_BATCH = 48
_SPARED = 4
EVERY_POINT = "killed at every point"


@dataclass
class Tally:
    """What the experiments of one kind add up to; ``worked`` and ``waited`` are the slowest of all recoveries."""

    runs: int = 0
    kills: int = 0
    faults: int = 0
    stopped: int = 0
    worked: float = 0.0
    waited: float = 0.0
    broken: dict[str, int] = field(default_factory=dict)

    def add(self, report: Report) -> None:
        self.runs += 1
        self.kills += report.kills
        self.faults += report.faults
        self.stopped += report.stopped
        self.worked = max(self.worked, report.recovery[0])
        self.waited = max(self.waited, report.recovery[1])
        for violation in report.violations:
            self.broken[violation.kind] = self.broken.get(violation.kind, 0) + 1


def in_all(tallies: Iterable[Tally]) -> Tally:
    """Add up tallies; of the recoveries the slowest counts."""
    every = list(tallies)
    broken: Counter[str] = Counter()
    for tally in every:
        broken.update(tally.broken)
    return Tally(
        runs=sum(tally.runs for tally in every),
        kills=sum(tally.kills for tally in every),
        faults=sum(tally.faults for tally in every),
        stopped=sum(tally.stopped for tally in every),
        worked=max((tally.worked for tally in every), default=0.0),
        waited=max((tally.waited for tally in every), default=0.0),
        broken=dict(broken),
    )


@dataclass(frozen=True, slots=True)
class Result:
    """All experiments of a suite: a tally for each kind, and those that showed what must never be."""

    tallies: Mapping[str, Tally]
    failures: list[tuple[Experiment, list[Violation]]]

    @property
    def kills(self) -> int:
        return sum(tally.kills for tally in self.tallies.values())


def run_suite(kills: int, seed: int, seconds: float, venue: str = PAPER) -> Result:
    """Run experiments with a venue's accounts until there were enough kills, or until the time is up."""
    result = Result({name: Tally() for name in kinds_at(venue)}, [])
    until = time.monotonic() + seconds
    points = {account: count_points(account, venue) for account in accounts_at(venue)}
    everywhere = at_every_point(points, seed, venue)
    if venue != PAPER:  # these take their time, so not every place is taken every time
        everywhere = itertools.islice(everywhere, seed % _SPARED, None, _SPARED)
    waiting = itertools.chain(everywhere, drawn(points, seed, venue))
    with multiprocessing.get_context("fork").Pool(os.cpu_count()) as pool:
        while result.kills < kills and time.monotonic() < until:
            batch = list(itertools.islice(waiting, _BATCH))
            gather(result, pool.imap_unordered(run_safely, batch))
    return result


def gather(result: Result, reports: Iterable[tuple[Experiment, Report]]) -> None:
    """Add reports to a result."""
    for experiment, report in reports:
        result.tallies[experiment.kind].add(report)
        if report.violations:
            result.failures.append((experiment, report.violations))


def run_safely(experiment: Experiment) -> tuple[Experiment, Report]:
    """Run an experiment; one that breaks down itself has failed."""
    try:
        return experiment, run(experiment)
    except Exception as error:  # noqa: BLE001 - the suite goes on, and ends with the seed that shows it
        return experiment, Report(experiment.kind, violations=[Violation("lost", f"{type(error).__name__}: {error}")])


def at_every_point(points: Mapping[str, int], seed: int, venue: str = PAPER) -> Iterator[Experiment]:
    """Die once at every point of every account."""
    for account, most in points.items():
        for at in range(1, most + 1):
            yield Experiment(EVERY_POINT, account, seed + at, (at,), venue=venue)


def drawn(points: Mapping[str, int], seed: int, venue: str = PAPER) -> Iterator[Experiment]:
    """Draw experiments of all other kinds in turn, without end."""
    others = [kind for kind in kinds_at(venue).values() if kind.name != EVERY_POINT]
    for number, kind in enumerate(itertools.cycle(others)):
        chance = Random(seed * 1_000_003 + number)  # noqa: S311 - seeded cases
        account = chance.choice(kind.accounts_at(venue))
        deaths = 3 if kind.death == "twice" else 2
        at = tuple(chance.randint(1, points[account] // (turn + 1)) for turn in range(deaths))
        yield Experiment(kind.name, account, chance.randrange(10**6), at, venue=venue)


def tries_until_caught(mutant: str, seed: int, most: int) -> int | None:
    """Run experiments without one safety until one fails; gives how many it took, None where the mutant survives."""
    taken = MUTANTS[mutant]
    for number in range(most):
        at = (taken.at + 5 * (number % 6),)
        tried = Experiment(taken.kind, taken.account, seed + taken.seed + number, at, mutant, taken.venue)
        _, report = run_safely(tried)
        if report.violations:
            return number + 1
    return None
