"""What came of a simulation: tables for people, a document for programs, a table of all paths for a spreadsheet."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from rich.console import RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from exitplan.cli.output import OUTPUT
from exitplan.cli.rendering.screen import console, section, titled, words
from exitplan.cli.simulation import Simulation
from exitplan.ruleset.model.values import plain
from exitplan.ruleset.model.visible import printable
from exitplan.ruleset.planning.words import counted, duration, money, percent, reason_text
from exitplan.workbench.simulation.paths import Timing
from exitplan.workbench.simulation.running import PathResult
from exitplan.workbench.simulation.schedules import deviation_of
from exitplan.workbench.simulation.shortfall import PARTS
from exitplan.workbench.simulation.summary import QUANTILES, Spread, Summary, minutes_after

PART_NAMES = {
    "delay": "delay",
    "half_spread": "half the spread",
    "impact": "impact",
    "price": "price",
    "fees": "fees",
    "unsold": "unsold",
}
"""The parts of the shortfall, as a person reads them."""

_PERCENTS = tuple(plain(share * 100) for share in QUANTILES)
_BASIS_POINT = Decimal("0.0001")
_COLUMNS = ("policy", "path", "cycles_to_clean", "minutes_to_clean", "state", "value", "total")
_FEW_BLOCKED = 10
_SECONDS = 60


@contextmanager
def paths_bar(count: int) -> Iterator[Callable[[], None]]:
    """Show on stderr, where it is a terminal, how many runs are done; the block gets what counts one more."""
    target = console(sys.stderr)
    if OUTPUT.is_quiet or not (sys.stderr.isatty() and target.is_interactive):
        yield lambda: None
        return
    columns = (TextColumn("  paths"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=target, transient=True) as bar:
        task = bar.add_task("", total=count)
        yield lambda: bar.advance(task)


def simulation_parts(
    simulation: Simulation, summaries: Sequence[Summary], results: Sequence[Sequence[PathResult]]
) -> Iterator[RenderableType | None]:
    """Draw what was simulated, how the policies compare, and of each what it costs and what stood in its way."""
    quote = simulation.scene.snapshot.quote
    yield words(told(simulation))
    if simulation.by_schedule:
        yield _schedules(simulation, summaries, results)
        notes = [note for summary in summaries for note in notes_of(summary)]
        yield Text("\n").join(words(note) for note in notes) if notes else None
        return
    yield _comparison(summaries, quote)
    for summary in summaries:
        has_exits = bool(summary.value.quantiles[-1])
        costs = _costs(summary) if has_exits else words("It sells nothing.")
        yield section(f"Cost of {summary.policy}", f"in {quote}" if has_exits else "", costs)
        notes = list(notes_of(summary))
        yield Text("\n").join(words(note) for note in notes) if notes else None


def told(simulation: Simulation) -> str:
    """Say in a sentence what was simulated."""
    timing, count = simulation.scene.timing, simulation.paths.count
    every = duration(timing.every.total_seconds())
    delay = f", orders {duration(timing.delay.total_seconds())} after each plan" if timing.delay else ""
    begun = f"{simulation.account}: up to {counted(timing.cycles, 'cycle')}, {every} apart{delay}"
    return f"{begun}, on {counted(count, 'path')}; {_prices_told(simulation)}."


def _prices_told(simulation: Simulation) -> str:
    prices = simulation.prices
    if prices["source"] == "table":
        return f"prices from {prices['file']}"
    words_ = [f"random walk of {percent(prices['volatility'])} a day, seed {prices['seed']}"]
    words_ += [f"{asset} {percent(sigma)}" for asset, sigma in prices["volatilities"].items()]
    if prices["jumps"] != "0":
        words_.append(f"{prices['jumps']} jumps a day by {percent(prices['jump_share'])}")
    if prices["drift"] != "0":
        words_.append(f"drift {percent(prices['drift'])}")
    if prices["correlation"] != "0":
        words_.append(f"correlation {prices['correlation']}")
    words_ += [f"{shock['asset']} {percent(shock['share'])} in cycle {shock['cycle']}" for shock in prices["shocks"]]
    return ", ".join(words_)


def comparison_rows(summaries: Sequence[Summary]) -> Iterator[tuple[str, ...]]:
    """Return how the policies compare, a row each below :data:`COMPARISON`."""
    for summary in summaries:
        clean = summary.clean
        yield (
            summary.policy,
            f"{clean.count} of {summary.paths}",
            _cycles(summary),
            _after(clean.minutes[len(QUANTILES) // 2]),
            money(summary.total.mean),
            _basis_points(summary.total_share.mean),
            f"{summary.orders_done:,}",
            f"{summary.orders_refused:,}",
        )


COMPARISON = ("policy", "CLEAN", "cycles 5/50/95 %", "median time", "mean cost", "bp", "orders", "refused")
"""The columns of the comparison; ``bp`` are basis points of the value that was to be sold."""


def _cycles(summary: Summary) -> str:
    counts = ["never" if count is None else str(count) for count in summary.clean.cycles[::2]]
    return counts[0] if len(set(counts)) == 1 else " / ".join(counts)


def _comparison(summaries: Sequence[Summary], quote: str) -> RenderableType:
    headings = [f"{name} ({quote})" if name == "mean cost" else name for name in COMPARISON]
    table = titled(*headings, justify="lrrrrrrr")
    for row in comparison_rows(summaries):
        table.add_row(words(row[0], "bold"), *map(words, row[1:]))
    return table


def schedule_rows(summaries: Sequence[Summary], results: Sequence[Sequence[PathResult]]) -> Iterator[tuple[str, ...]]:
    """Return how the schedules compare, a row each below :data:`SCHEDULE_COLUMNS`."""
    for summary, of_schedule in zip(summaries, results, strict=True):
        clean = summary.clean
        yield (
            summary.policy,
            money(summary.total.mean),
            money(deviation_of(of_schedule)),
            money(summary.total.quantiles[-1]),
            _basis_points(summary.total_share.mean),
            f"{clean.count} of {summary.paths}",
            _after(clean.minutes[len(QUANTILES) // 2]),
        )


SCHEDULE_COLUMNS = ("schedule", "mean cost", "deviation", "worst 5 % from", "bp", "CLEAN", "median time")
"""The columns of the comparison of schedules; the deviation is that of the cost over the paths."""


def _schedules(
    simulation: Simulation, summaries: Sequence[Summary], results: Sequence[Sequence[PathResult]]
) -> RenderableType:
    table = titled(*SCHEDULE_COLUMNS, justify="lrrrrrr")
    for row in schedule_rows(summaries, results):
        table.add_row(words(row[0], "bold"), *map(words, row[1:]))
    unwind = simulation.candidates[0].loaded.policy.unwind
    how = f"calibrated to {unwind.calibrate}" if unwind.calibrate else "by the risk aversion of the policy"
    note = f"in {simulation.scene.snapshot.quote}, on the same paths"
    if unwind.schedule == "adaptive":
        note += f"; adaptive is {how}"
    return section("Schedules", note, table)


def cost_headings(summary: Summary) -> tuple[str, ...]:
    """Return the columns of the costs: the mean, also in basis points of the value, and quantiles; of one path less."""
    return ("", "cost", "bp") if summary.paths == 1 else ("", "mean", "bp", *(f"{share} %" for share in _PERCENTS))


def cost_rows(summary: Summary) -> Iterator[tuple[str, ...]]:
    """Return the parts of the shortfall and its total, a row each below :func:`cost_headings`."""
    columns, value = len(cost_headings(summary)), summary.value.mean
    spreads = {**{PART_NAMES[name]: summary.parts[name] for name in PARTS}, "total": summary.total}
    for name, spread in spreads.items():
        share = _basis_points(spread.mean / value) if value else "?"
        yield (name, money(spread.mean), share, *map(money, spread.quantiles))[:columns]
    if summary.paths > 1:
        yield (
            "total, bp",
            _basis_points(summary.total_share.mean),
            "",
            *map(_basis_points, summary.total_share.quantiles),
        )


def _costs(summary: Summary) -> RenderableType:
    headings = cost_headings(summary)
    table = titled(*headings, justify="l" + "r" * (len(headings) - 1))
    for row in cost_rows(summary):
        table.add_row(*(words(cell, "bold" if row[0] == "total" else "") for cell in row))
    return table


def notes_of(summary: Summary) -> Iterator[str]:
    """Say what stood in the way: guards that refused, and what could not be sold in the end."""
    for name, count in summary.refused_by.items():
        yield f"{summary.policy}: refused by {name} in {counted(count, 'cycle')} of {counted(summary.paths, 'path')}."
    blocked = list(summary.blocked.items())
    for (key, reason), count in blocked[:_FEW_BLOCKED]:
        often = f"{count} of {counted(summary.paths, 'path')}"
        yield f"{summary.policy}: {key} is not sold in {often}: {reason_text(reason)}."
    if len(blocked) > _FEW_BLOCKED:
        yield f"{summary.policy}: and {len(blocked) - _FEW_BLOCKED} more."


def _after(minutes: Decimal | None) -> str:
    return "never" if minutes is None else duration(float(minutes * _SECONDS))


def _basis_points(share: Decimal) -> str:
    points = (share / _BASIS_POINT).quantize(Decimal("0.1"))
    return f"{points or abs(points):,f}"


def simulation_document(
    simulation: Simulation, summaries: Sequence[Summary], results: Sequence[Sequence[PathResult]]
) -> dict[str, Any]:
    """Return a simulation in its JSON form."""
    hashes = {candidate.name: candidate.loaded.policy.sha256 for candidate in simulation.candidates}
    policies = [{**_summary_document(summary), "policy_sha256": hashes[summary.policy]} for summary in summaries]
    if simulation.by_schedule:
        for policy, of_schedule in zip(policies, results, strict=True):
            policy["deviation"] = plain(deviation_of(of_schedule))
    return {**simulation.to_document(), "policies": policies}


def _summary_document(summary: Summary) -> dict[str, Any]:
    clean = summary.clean
    cycles = dict(zip(_QUANTILE_KEYS, clean.cycles, strict=True))
    minutes = {
        key: None if value is None else plain(value) for key, value in zip(_QUANTILE_KEYS, clean.minutes, strict=True)
    }
    return {
        "policy": summary.policy,
        "clean": {"paths": clean.count, "cycles": cycles, "minutes": minutes},
        "value": _spread_document(summary.value),
        "shortfall": {
            "total": _spread_document(summary.total),
            "total_share": _spread_document(summary.total_share),
            **{name: _spread_document(spread) for name, spread in summary.parts.items()},
        },
        "left": [_spread_document(spread) for spread in summary.left],
        "orders": {"done": summary.orders_done, "refused": summary.orders_refused},
        "states": dict(summary.states),
        "refused_by": dict(summary.refused_by),
        "blocked": [
            {"position": key, "reason": reason, "paths": count} for (key, reason), count in summary.blocked.items()
        ],
    }


_QUANTILE_KEYS = tuple(f"p{share.zfill(2)}" for share in _PERCENTS)


def _spread_document(spread: Spread) -> dict[str, str]:
    figures = zip(_QUANTILE_KEYS, spread.quantiles, strict=True)
    return {"mean": plain(spread.mean), **{key: plain(figure) for key, figure in figures}}


def csv_bytes(results: Sequence[PathResult], timing: Timing) -> bytes:
    """Return what came of each path as a table, exact; one row a policy and path."""
    out = io.StringIO(newline="")
    table = csv.writer(out, lineterminator="\n")
    table.writerow([*_COLUMNS, *PARTS, "orders_done", "orders_refused"])
    for result in results:
        cost, cycles = result.shortfall, result.cycles_to_clean
        table.writerow(
            [
                printable(result.policy),
                result.path + 1,
                "" if cycles is None else cycles,
                "" if cycles is None else plain(minutes_after(cycles, timing)),
                result.state.value,
                plain(cost.value),
                plain(cost.total),
                *map(plain, cost.parts.values()),
                result.orders_done,
                result.orders_refused,
            ]
        )
    return out.getvalue().encode()
