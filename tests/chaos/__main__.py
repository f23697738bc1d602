"""Kill exitplan a thousand times and break its venue on the way: ``python -m tests.chaos``.

Every experiment ends with the account at rest and a judgement by the venue's own records. Afterwards the suite shows
that it bites: without one of the executor's safeties it must fail.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext

from tests.chaos.experiment import Experiment
from tests.chaos.fleet.mutants import MUTANTS as FLEET_MUTANTS
from tests.chaos.fleet.scenes import SCENES, is_caught, play
from tests.chaos.fleet.suite import fleet_table, run_long
from tests.chaos.group.experiment import GroupExperiment
from tests.chaos.group.suite import run_group_safely, run_groups
from tests.chaos.in_postgres import shared_database
from tests.chaos.kinds import LIVE, PAPER, POSTGRES
from tests.chaos.mutants import MUTANTS
from tests.chaos.suite import Result, Tally, in_all, run_safely, run_suite, tries_until_caught
from tools.postgres import NoPostgres, find_binaries

_SHOWN = 20
_TRIES = 30


def main() -> int:
    """Run the suite; 1 where anything was lost, doubled, broken or slow, or a mutant survives."""
    options = _parser().parse_args()
    if options.fleet:
        return _run_fleet(options)
    if options.group:
        return _run_groups(options)
    in_postgres = options.store == POSTGRES or (options.repeat or "").startswith(POSTGRES)
    try:
        with shared_database() if in_postgres else nullcontext():
            return _repeat(options.repeat) if options.repeat else _run(options)
    except NoPostgres as why:
        say(f"left out: {why}")
        return 0


def _run(options: argparse.Namespace) -> int:
    began = time.monotonic()
    wanted = {PAPER: options.kills, **dict.fromkeys(LIVE, options.live_kills)}
    if options.store == POSTGRES:
        wanted = {POSTGRES: options.kills}
    results = {
        venue: run_suite(kills, options.seed, options.seconds, venue) for venue, kills in wanted.items() if kills
    }
    say(table(results))
    kills = sum(result.kills for result in results.values())
    say(f"\n{kills} kills in {time.monotonic() - began:.0f} s, seed {options.seed}\n")
    failures = [failure for result in results.values() for failure in result.failures]
    for experiment, violations in failures[:_SHOWN]:
        say(f"{violations[0].kind}: {violations[0].text}\n  repeat it with: --repeat '{written(experiment)}'")
    survivors = _bite(options.seed, is_in_postgres=options.store == POSTGRES)
    slow = [venue for venue, result in results.items() if result.kills < wanted[venue]]
    if slow:
        say(f"too few kills within {options.seconds:.0f} s: {', '.join(slow)}")
    return int(bool(failures) or bool(survivors) or bool(slow))


def _run_fleet(options: argparse.Namespace) -> int:
    """Break a fleet until it has had enough, then show that each of its safeties is missed."""
    try:
        find_binaries()
    except NoPostgres as why:
        say(f"left out: {why}")
        return 0
    tale = run_long(options.kills, options.seed, options.seconds, say)
    say(fleet_table(tale))
    for violation in tale.violations[:_SHOWN]:
        say(f"{violation.kind}: {violation.text}")
    broken = {scene: play(scene) for scene in SCENES}
    for scene, violations in broken.items():
        say(f"{scene}: {'; '.join(entry.text for entry in violations) or 'as it should be'}")
    survivors = []
    for name, mutant in FLEET_MUTANTS.items():
        survives = not is_caught(name)
        say(f"without {mutant.safety}: {'SURVIVES' if survives else 'caught'}")
        survivors += [name] if survives else []
    if tale.faults < options.kills:
        say(f"too few kills and faults within {options.seconds:.0f} s")
    return int(bool(tale.violations or any(broken.values()) or survivors or tale.faults < options.kills))


def _run_groups(options: argparse.Namespace) -> int:
    """Kill what carries out plans over two venues, or repeat one experiment."""
    if options.repeat:
        _, report = run_group_safely(GroupExperiment.of(options.repeat))
        for violation in report.violations:
            say(f"{violation.kind}: {violation.text}")
        return int(bool(report.violations))
    began = time.monotonic()
    tally = run_groups(options.kills, options.seed, options.seconds)
    say(tally.table())
    say(f"\n{tally.kills} kills in {time.monotonic() - began:.0f} s, seed {options.seed}\n")
    for group, violations in tally.failures[:_SHOWN]:
        say(f"{violations[0].kind}: {violations[0].text}\n  repeat it with: --group --repeat '{group.written()}'")
    if tally.kills < options.kills:
        say(f"too few kills within {options.seconds:.0f} s")
    return int(bool(tally.failures) or tally.kills < options.kills)


def table(results: Mapping[str, Result]) -> str:
    """Write what the experiments add up to, a line for each kind at each venue, for each venue and for all."""
    header = (
        "venue and kind",
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
    rows = []
    for venue, result in results.items():
        rows += [_row(f"{venue}: {name}", tally) for name, tally in result.tallies.items()]
        rows.append(_row(f"{venue}: all", in_all(result.tallies.values())))
    rows.append(_row("all", in_all(tally for result in results.values() for tally in result.tallies.values())))
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    return "\n".join("  ".join(_padded(row, widths)) for row in (header, *rows))


def _row(name: str, tally: Tally) -> tuple[str, ...]:
    counts = (tally.runs, tally.kills, tally.faults, tally.stopped)
    broken = (tally.broken.get(kind, 0) for kind in ("lost", "doubled", "invalid", "slow"))
    return (name, *map(str, (*counts, *broken)), f"{tally.worked:.2f} s", f"{tally.waited:.1f} s")


def _padded(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    numbers = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
    return [row[0].ljust(widths[0]), *numbers]


def _bite(seed: int, *, is_in_postgres: bool) -> list[str]:
    """Take the safeties out one at a time and tell which are not missed."""
    survivors = []
    for name, mutant in MUTANTS.items():
        if (mutant.venue == POSTGRES) is not is_in_postgres:
            continue
        tries = tries_until_caught(name, seed, _TRIES)
        told = "SURVIVES" if tries is None else f"caught after {tries} experiment{'s' * (tries > 1)}"
        say(f"without {mutant.safety}: {told}")
        survivors += [name] if tries is None else []
    return survivors


def written(experiment: Experiment) -> str:
    """Write an experiment as one word for a command line."""
    at = ",".join(map(str, experiment.at))
    return ":".join((experiment.venue, experiment.kind, experiment.account, str(experiment.seed), at))


def _repeat(text: str) -> int:
    venue, kind, account, seed, at = text.split(":")
    points = tuple(int(number) for number in at.split(","))
    _, report = run_safely(Experiment(kind, account, int(seed), points, venue=venue))
    for violation in report.violations:
        say(f"{violation.kind}: {violation.text}")
    return int(bool(report.violations))


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=1000, help="how many processes are to die at least")
    parser.add_argument("--live-kills", type=int, default=1000, help="the same for each live venue, over HTTP")
    parser.add_argument("--store", choices=("files", POSTGRES), default="files", help="where the account is kept")
    parser.add_argument(
        "--fleet", action="store_true", help="break a fleet of workers in Postgres; --kills counts its faults too"
    )
    parser.add_argument(
        "--group", action="store_true", help="kill what carries out plans over the accounts of a group at two venues"
    )
    parser.add_argument("--seed", type=int, default=1, help="what chance starts from")
    parser.add_argument("--seconds", type=float, default=3600, help="give up on a venue after this time")
    parser.add_argument("--repeat", metavar="EXPERIMENT", help="run one experiment again, as a failure names it")
    return parser


if __name__ == "__main__":
    sys.exit(main())
