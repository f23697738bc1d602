"""Compare speeds: ``python -m bench``, and with ``--write`` put the result on its page in the docs.

``python -m bench live`` measures live venues alone, ``fleet-http`` a thousand accounts at one, ``comparing`` the
comparison of policies, ``lint`` proofs about them, ``small`` small accounts, ``tests`` policy tests, ``fleet`` cycles
of a fleet in Postgres, ``deciding`` the rest.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from bench.aims import aims_table
from bench.comparing import compare_table
from bench.comparison import SIZES, EnginesDisagree, compare_engines, engines_table, plans_table, time_plans
from bench.engines import ENGINES, installed_engines
from bench.fleet_http.report import fleet_table, measure_fleet
from bench.linting import lint_table, time_lint
from bench.live import report as live
from bench.machine import describe_machine
from bench.orders import measure_orders, orders_table
from bench.policy_tests import tests_table, time_tests
from bench.small import small_table, time_small
from bench.startup import startup_table, time_startup
from bench.work import count_work, work_table

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"


def main() -> int:
    """Run the requested comparisons; return 1 if two engines disagree."""
    options = _parser().parse_args()
    for section in options.sections or SECTIONS:
        try:
            measured = SECTIONS[section](options)
        except EnginesDisagree as disagreement:
            print(f"no result: {disagreement}", file=sys.stderr)
            return 1
        print(measured)
        if options.write:
            PAGE.write_text(replaced(PAGE.read_text(encoding="utf-8"), section, measured), encoding="utf-8")
    return 0


def _deciding(options: argparse.Namespace) -> str:
    sizes = [size for size in SIZES if size <= options.largest]
    missing = sorted(set(ENGINES) - set(installed_engines()))
    if missing:
        print(f"not installed, so left out: {', '.join(missing)}", file=sys.stderr)
    engines = compare_engines(sizes, options.rounds)
    plans = time_plans(sizes, options.rounds)
    sections = [
        describe_machine(),
        "## Twelve rules over the facts of a position\n\n" + engines_table(engines),
        "## From a snapshot to the bytes of its plan\n\n" + plans_table(plans),
        "## Calls of functions in each step\n\n" + work_table(count_work()),
        "## Start-up\n\n" + startup_table(time_startup()),
        "## Orders through the journal\n\n" + orders_table(measure_orders()),
        "## Aims\n\n" + aims_table(engines, plans),
    ]
    return "\n\n".join(sections)


def _live(options: argparse.Namespace) -> str:
    sizes = [size for size in live.SIZES if size <= options.largest]
    costs = live.measure_live(sizes, rounds=options.rounds)
    return f"{describe_machine()}\n{_load()}\n\n{live.live_tables(costs)}"


def _fleet_http(options: argparse.Namespace) -> str:
    return f"{describe_machine()}\n{_load()}\n\n{fleet_table(measure_fleet(rounds=options.rounds))}"


def _load() -> str:
    """Say who else wanted the machine, for figures of the wall."""
    return f"Over the last minutes of it {os.getloadavg()[2]:.1f} processes wanted the {os.cpu_count()} cores."


def _comparing(options: argparse.Namespace) -> str:
    return f"{describe_machine()}\n\n{compare_table(options.rounds)}"


def _lint(options: argparse.Namespace) -> str:
    return f"{describe_machine()}\n\n{lint_table(time_lint(options.rounds))}"


def _small(_options: argparse.Namespace) -> str:
    return f"{describe_machine()}\n\n{small_table(time_small())}"


def _tests(options: argparse.Namespace) -> str:
    return f"{describe_machine()}\n\n{tests_table(time_tests(rounds=options.rounds))}"


def _fleet(options: argparse.Namespace) -> str:
    from bench.fleet.report import cycles_table  # noqa: PLC0415 - only this needs Postgres

    def tell(row: str) -> None:
        print(row, file=sys.stderr, flush=True)

    table = cycles_table(options.accounts, range(1, options.workers + 1), tell)
    return f"{describe_machine()}\n{_load()}\n\n{table}"


SECTIONS: Mapping[str, Callable[[argparse.Namespace], str]] = {
    "deciding": _deciding,
    "lint": _lint,
    "comparing": _comparing,
    "live": _live,
    "fleet-http": _fleet_http,
    "small": _small,
    "tests": _tests,
    "fleet": _fleet,
}
"""What can be measured separately; each has its own marks on the page."""


def marks(section: str) -> tuple[str, str]:
    """Return the marks between which the page has the figures of a section."""
    return f"<!-- {section}: begin -->", f"<!-- {section}: end -->"


def replaced(page: str, section: str, measured: str) -> str:
    """Put new figures between the marks of a section; raises ValueError if the page lacks them."""
    begin, end = marks(section)
    before, _, rest = page.partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise ValueError(f"the page lacks the marks {begin} and {end}")
    return f"{before}{begin}\n\n{measured}\n\n{end}{after}"


def _section(name: str) -> str:
    # With choices, argparse refuses its own default of none.
    if name not in SECTIONS:
        raise argparse.ArgumentTypeError(f"{name} is none of {', '.join(SECTIONS)}")
    return name


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("sections", nargs="*", type=_section, help=f"{' or '.join(SECTIONS)}; all, unless named")
    parser.add_argument("--write", action="store_true", help="put the result into docs/performance.md")
    parser.add_argument("--largest", type=int, default=SIZES[-1], help="the largest account, in positions")
    parser.add_argument("--accounts", type=int, default=10_000, help="the accounts of a fleet")
    parser.add_argument("--workers", type=int, default=2, help="the most workers of a fleet")
    parser.add_argument("--rounds", type=int, default=2, help="repetitions of everything; the best counts")
    return parser


if __name__ == "__main__":
    sys.exit(main())
