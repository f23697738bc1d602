"""Run the mutants and print a score for each file."""

from __future__ import annotations

import argparse
import os
import random
import resource
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import pytest

from tools.mutants.faults import Mutant, mutants_of
from tools.mutants.rooms import ROOMS, ROOT, SURVIVORS, known_survivors
from tools.mutants.running import OPTIONS, Mutants, Outcome

WANTED = 0.95
"""The share of the mutants that has to be killed, those that stay for a reason aside."""
_STAYS = "with reason"


def chosen(only: Sequence[str], sample: int | None, seed: int) -> list[Mutant]:
    """Return the mutants to be run: all whose name contains one of the parts, or a sample of them."""
    mutants = [mutant for file in ROOMS for mutant in mutants_of(file, (ROOT / file).read_text())]
    mutants = [mutant for mutant in mutants if not only or any(part in mutant.name for part in only)]
    if sample is None or sample >= len(mutants):
        return mutants
    kept = set(random.Random(seed).sample(range(len(mutants)), sample))  # noqa: S311 - a sample
    return [mutant for number, mutant in enumerate(mutants) if number in kept]


def outcomes_of(
    mutants: Sequence[Mutant], tests: Sequence[str], workers: int, known: Mapping[str, str]
) -> dict[str, Outcome]:
    """Try the mutants and print each that survives; gives what became of each, by its name."""
    outcomes: dict[str, Outcome] = {}
    with os.fdopen(os.dup(1), "w") as out, tempfile.TemporaryFile("w+") as log:

        def tell(mutant: Mutant, outcome: Outcome) -> None:
            outcomes[mutant.name] = outcome
            if outcome is Outcome.SURVIVED:
                word = "stays" if mutant.name in known else "SURVIVES"
                print(f"{word} {mutant.name} (line {mutant.line})", file=out, flush=True)

        paths = tests or sorted({path for mutant in mutants for path in ROOMS[mutant.file]})
        plugin = Mutants(mutants, workers, tell)
        before = os.dup(1)
        os.dup2(log.fileno(), 1)
        plugin.trace()
        code = pytest.main([*OPTIONS, *paths], plugins=[plugin])
        sys.stdout.flush()
        os.dup2(before, 1)
        if code not in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
            log.seek(0)
            raise RuntimeError(f"the tests cannot be run:\n{log.read()}")
    return outcomes


def print_scores(mutants: Sequence[Mutant], outcomes: Mapping[str, Outcome], known: Mapping[str, str]) -> bool:
    """Print what became of the mutants of each file; gives whether that is good enough."""
    files = defaultdict[str, Counter[str]](Counter)
    for mutant in mutants:
        outcome = outcomes[mutant.name]
        stays = outcome is Outcome.SURVIVED and mutant.name in known
        for file in (mutant.file, "all"):
            files[file][_STAYS if stays else outcome] += 1
    print(f"{'file':40} {'mutants':>8} {'killed':>7} {'timed out':>10} {'with reason':>12} {'open':>5}  score")
    scores = []
    for file, count in sorted(files.items(), key=lambda entry: (entry[0] == "all", entry[0])):
        killed, late, open_ones = (count[outcome] for outcome in (Outcome.KILLED, Outcome.TIMED_OUT, Outcome.SURVIVED))
        counted = killed + late + open_ones
        scores.append((killed + late) / counted if counted else 1.0)
        print(f"{file:40} {count.total():8} {killed:7} {late:10} {count[_STAYS]:12} {open_ones:5}  {scores[-1]:.1%}")
    return min(scores, default=1.0) >= WANTED and not files["all"][Outcome.SURVIVED]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the mutants, print who survived and the scores; 1 where too few are killed or one survives for no reason."""
    parser = argparse.ArgumentParser(prog="python -m tools.mutants", description="Test the tests of the money rooms.")
    parser.add_argument("--only", action="append", default=[], help="part of a name, such as a file; may be repeated")
    parser.add_argument("--tests", action="append", default=[], help="run these instead of the room's; may be repeated")
    parser.add_argument("--sample", type=int, help="how many mutants to take by chance; all without")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    wanted = parser.parse_args(arguments)
    known, mutants = known_survivors(), chosen(wanted.only, wanted.sample, wanted.seed)
    outcomes = outcomes_of(mutants, wanted.tests, wanted.workers, known)
    good = print_scores(mutants, outcomes, known)
    used = sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(f"{used:.0f} CPU seconds; the reasons are in {SURVIVORS.relative_to(ROOT)}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
