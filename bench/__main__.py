"""Compare speeds: ``python -m bench``, and with ``--write`` put the result on its page in the docs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bench.aims import aims_table
from bench.comparison import SIZES, EnginesDisagree, compare_engines, engines_table, plans_table, time_plans
from bench.engines import ENGINES, installed_engines
from bench.machine import describe_machine
from bench.orders import measure_orders, orders_table
from bench.startup import startup_table, time_startup

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def main() -> int:
    """Run every comparison; exit 1 where two engines disagree."""
    options = _parser().parse_args()
    sizes = [size for size in SIZES if size <= options.largest]
    missing = sorted(set(ENGINES) - set(installed_engines()))
    if missing:
        print(f"not installed, so left out: {', '.join(missing)}", file=sys.stderr)
    try:
        engines = compare_engines(sizes, options.rounds)
    except EnginesDisagree as disagreement:
        print(f"no result: {disagreement}", file=sys.stderr)
        return 1
    plans = time_plans(sizes, options.rounds)
    sections = [
        describe_machine(),
        "## Twelve rules over the facts of a position\n\n" + engines_table(engines),
        "## From a snapshot to the bytes of its plan\n\n" + plans_table(plans),
        "## Start-up\n\n" + startup_table(time_startup()),
        "## Orders through the journal\n\n" + orders_table(measure_orders()),
        "## Aims\n\n" + aims_table(engines, plans),
    ]
    measured = "\n\n".join(sections)
    print(measured)
    if options.write:
        PAGE.write_text(replaced(PAGE.read_text(encoding="utf-8"), measured), encoding="utf-8")
    return 0


def replaced(page: str, measured: str) -> str:
    """Put new figures between the marks of the page."""
    before, _, rest = page.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise ValueError(f"the page lacks the marks {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{measured}\n\n{END}{after}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the result into docs/performance.md")
    parser.add_argument("--largest", type=int, default=SIZES[-1], help="the largest account, in positions")
    parser.add_argument("--rounds", type=int, default=2, help="repetitions of everything; the best counts")
    return parser


if __name__ == "__main__":
    sys.exit(main())
