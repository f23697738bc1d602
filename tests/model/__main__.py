"""Look through the model to a depth: ``python -m tests.model --depth 2``; or see it bite: ``--mutants``."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterable

from tests.model.explore import explore
from tests.model.mutants import MUTANTS, OUTSIDE
from tests.model.settings import SETTINGS


def main() -> int:
    """Search every setting; 1 where something is lost or doubled, or a search was not done in time."""
    parser = argparse.ArgumentParser(prog="python -m tests.model", description=__doc__)
    parser.add_argument("--depth", type=int, default=2, help="how many deviations from the normal way are taken")
    parser.add_argument("--seconds", type=float, default=1800, help="how much CPU time a setting may take")
    parser.add_argument("--mutants", action="store_true", help="take out one safety at a time: each must be missed")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of a setting or a mutant: {', '.join(SETTINGS)}")
    options = parser.parse_args()
    wrong = False
    with tempfile.TemporaryDirectory() as folder:
        os.environ["EXITPLAN_CACHE_DIR"] = folder
        if options.mutants:
            return _bite(options.names or MUTANTS, options.seconds)
        for name in options.names or SETTINGS:
            explored = explore(SETTINGS[name], options.depth, seconds=options.seconds)
            ended = f"depth {options.depth} exhausted" if explored.is_exhausted else "NOT exhausted"
            sys.stdout.write(
                f"{name}: {explored.runs} runs, {explored.states} states, {explored.merged} merged, at most"
                f" {explored.longest} decisions a run, {explored.seconds:.0f} s, {ended}\n"
            )
            for fault in explored.faults:
                sys.stdout.write(f"{fault}\n")
            sys.stdout.flush()
            wrong |= bool(explored.faults) or not explored.is_exhausted
    return int(wrong)


def _bite(names: Iterable[str], seconds: float) -> int:
    """Take the safeties out one at a time; 1 where one is not missed."""
    survivors = 0
    for name in names:
        mutant = MUTANTS[name]
        explored = explore(SETTINGS[mutant.setting], 1, seconds=seconds, mutate=mutant.install)
        survivors += not explored.faults
        told = explored.faults[0].text if explored.faults else "SURVIVES"
        sys.stdout.write(f"{name} ({mutant.setting}): {explored.runs} runs, {explored.seconds:.1f} s: {told}\n")
        sys.stdout.flush()
    for name, why in OUTSIDE.items():
        sys.stdout.write(f"{name}: not in the model: {why}\n")
    return int(survivors > 0)


if __name__ == "__main__":
    sys.exit(main())
