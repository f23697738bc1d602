"""Look through the model to a depth: ``python -m tests.model --depth 2``."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile

from tests.model.explore import explore
from tests.model.settings import SETTINGS


def main() -> int:
    """Search every setting; 1 where something is lost or doubled, or a search was not done in time."""
    parser = argparse.ArgumentParser(prog="python -m tests.model", description=__doc__)
    parser.add_argument("--depth", type=int, default=2, help="how many deviations from the normal way are taken")
    parser.add_argument("--seconds", type=float, default=1800, help="how long a setting may take")
    parser.add_argument("settings", nargs="*", metavar="SETTING", help=f"any of: {', '.join(SETTINGS)}")
    options = parser.parse_args()
    wrong = False
    with tempfile.TemporaryDirectory() as folder:
        os.environ["EXITPLAN_CACHE_DIR"] = folder
        for name in options.settings or SETTINGS:
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


if __name__ == "__main__":
    sys.exit(main())
