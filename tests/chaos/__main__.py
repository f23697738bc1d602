"""Kill exitplan a thousand times and break its venue on the way: ``python -m tests.chaos``.

Every experiment ends with the account at rest and a judgement by the venue's own records. Afterwards the suite shows
that it bites: without one of the executor's safeties it must fail.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from tests.chaos.experiment import Experiment
from tests.chaos.mutants import MUTANTS
from tests.chaos.suite import Result, run_safely, run_suite, tries_until_caught

_SHOWN = 20
_TRIES = 30


def main() -> int:
    """Run the suite; 1 where anything was lost, doubled, broken or slow, or a mutant survives."""
    options = _parser().parse_args()
    if options.repeat:
        return _repeat(options.repeat)
    began = time.monotonic()
    result = run_suite(options.kills, options.seed, options.seconds)
    say(table(result))
    say(f"\n{result.kills} kills in {time.monotonic() - began:.0f} s, seed {options.seed}\n")
    for experiment, violations in result.failures[:_SHOWN]:
        say(f"{violations[0].kind}: {violations[0].text}\n  repeat it with: --repeat '{written(experiment)}'")
    survivors = _bite(options.seed)
    if result.kills < options.kills:
        say(f"too few kills within {options.seconds:.0f} s")
    return int(bool(result.failures) or bool(survivors) or result.kills < options.kills)


def table(result: Result) -> str:
    """Write what the experiments add up to, a line for each kind."""
    header = (
        "kind",
        "runs",
        "kills",
        "faults",
        "stopped",
        "lost",
        "doubled",
        "invalid",
        "slow",
        "recovery",
        "+ waiting",
    )
    rows = [
        (
            name,
            *(str(count) for count in (tally.runs, tally.kills, tally.faults, tally.stopped)),
            *(str(tally.broken.get(kind, 0)) for kind in ("lost", "doubled", "invalid", "slow")),
            f"{tally.worked:.2f} s",
            f"{tally.waited:.1f} s",
        )
        for name, tally in result.tallies.items()
    ]
    sums = [str(sum(int(row[column]) for row in rows)) for column in range(1, 9)]
    rows.append(("all", *sums, max((row[9] for row in rows), default=""), max((row[10] for row in rows), default="")))
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    return "\n".join("  ".join(_padded(row, widths)) for row in (header, *rows))


def _padded(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    numbers = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
    return [row[0].ljust(widths[0]), *numbers]


def _bite(seed: int) -> list[str]:
    """Take the safeties out one at a time and tell which are not missed."""
    survivors = []
    for name, mutant in MUTANTS.items():
        tries = tries_until_caught(name, seed, _TRIES)
        told = "SURVIVES" if tries is None else f"caught after {tries} experiment{'s' * (tries > 1)}"
        say(f"without {mutant.safety}: {told}")
        survivors += [name] if tries is None else []
    return survivors


def written(experiment: Experiment) -> str:
    """Write an experiment as one word for a command line."""
    return ":".join((experiment.kind, experiment.account, str(experiment.seed), ",".join(map(str, experiment.at))))


def _repeat(text: str) -> int:
    kind, account, seed, at = text.split(":")
    points = tuple(int(number) for number in at.split(","))
    _, report = run_safely(Experiment(kind, account, int(seed), points))
    for violation in report.violations:
        say(f"{violation.kind}: {violation.text}")
    return int(bool(report.violations))


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=1000, help="how many processes are to die at least")
    parser.add_argument("--seed", type=int, default=1, help="what chance starts from")
    parser.add_argument("--seconds", type=float, default=900, help="give up after this time")
    parser.add_argument("--repeat", metavar="EXPERIMENT", help="run one experiment again, as a failure names it")
    return parser


if __name__ == "__main__":
    sys.exit(main())
