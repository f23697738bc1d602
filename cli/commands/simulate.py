"""``exitplan simulate``: a policy over several cycles on a paper account whose prices move."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from exitplan.cli.arguments import only_one
from exitplan.cli.options import (
    DEFAULT_DATA,
    AccountOption,
    DataOption,
    JsonOption,
    ProgressOption,
    SnapshotOption,
)
from exitplan.cli.policy_names import named_policy
from exitplan.cli.rendering.plots import drawing_of
from exitplan.cli.rendering.screen import show
from exitplan.cli.rendering.simulation import csv_bytes, paths_bar, simulation_document, simulation_parts
from exitplan.cli.simulation import MOST_PATHS, FillWish, PriceWish, Simulation, Start, read_simulation
from exitplan.cli.streams import ensure_output, save, write_json
from exitplan.cli.verbs import verb_app
from exitplan.ruleset.errors import UsageError
from exitplan.workbench.simulation.running import PathResult, simulate
from exitplan.workbench.simulation.summary import summarise

app = verb_app()
MOST_CYCLES = 1000


class Model(StrEnum):
    """How the impact of an order grows with its size."""

    LINEAR = "linear"
    SQUARE_ROOT = "square-root"


def _read_policies(paths: list[Path] | None) -> list[Path]:
    return [named_policy(path) for path in paths or ()]


@app.command()
def command(  # noqa: PLR0913, PLR0917 - one argument an option
    account: AccountOption = None,
    policy: Annotated[
        list[Path] | None,
        typer.Option(
            "--policy",
            metavar="FILE|NAME",
            callback=_read_policies,
            help="A policy to try instead of the account's own; one that comes with exitplan by its name. Several are "
            "compared on the same paths.",
        ),
    ] = None,
    snapshot: SnapshotOption = None,
    progress: ProgressOption = None,
    cycles: Annotated[
        int, typer.Option("--cycles", metavar="N", min=1, max=MOST_CYCLES, help="How many cycles, at most.")
    ] = 12,
    every: Annotated[
        str | None,
        typer.Option(
            "--every", metavar="TIME", help="From one cycle to the next, such as 5m or 1d.  [default: as unwinds need]"
        ),
    ] = None,
    delay: Annotated[
        str | None,
        typer.Option("--delay", metavar="TIME", help="From each plan to its orders, such as 90s.  [default: none]"),
    ] = None,
    prices: Annotated[
        Path | None,
        typer.Option("--prices", metavar="FILE", help="Prices from a CSV table instead of a random walk."),
    ] = None,
    paths: Annotated[
        int | None,
        typer.Option("--paths", metavar="N", min=1, max=MOST_PATHS, help="How many random paths.  [default: 100]"),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="The same seed gives the same paths.")] = 1,
    volatility: Annotated[
        list[str] | None,
        typer.Option(
            "--volatility",
            metavar="[ASSET=]SHARE",
            help="Standard deviation of a day's log return, of all assets or of one.  [default: 0.04]",
        ),
    ] = None,
    drift: Annotated[
        str | None, typer.Option("--drift", metavar="SHARE", help="Expected return of a day.  [default: 0]")
    ] = None,
    correlation: Annotated[
        str | None,
        typer.Option("--correlation", metavar="SHARE", help="Correlation of any two assets.  [default: 0]"),
    ] = None,
    jumps: Annotated[
        str | None, typer.Option("--jumps", metavar="N", help="Jumps of each asset in a day, on average.  [default: 0]")
    ] = None,
    jump_share: Annotated[
        str | None,
        typer.Option("--jump-share", metavar="SHARE", help="What a jump does to a price, such as -0.2."),
    ] = None,
    shock: Annotated[
        list[str] | None,
        typer.Option("--shock", metavar="ASSET=SHARE@CYCLE", help="A fall that is sure to come, such as BTC=-0.3@2."),
    ] = None,
    fee: Annotated[
        str | None, typer.Option("--fee", metavar="SHARE", help="The venue's fee.  [default: the account's]")
    ] = None,
    spread: Annotated[
        str | None,
        typer.Option("--spread", metavar="SHARE", help="Between bid and ask.  [default: as the markets have it]"),
    ] = None,
    slippage: Annotated[
        str | None, typer.Option("--slippage", metavar="SHARE", help="How much worse than the touch any order fills.")
    ] = None,
    impact: Annotated[
        str | None,
        typer.Option(
            "--impact", metavar="SHARE@VALUE", help="An order worth VALUE fills this much worse, such as 0.001@10000."
        ),
    ] = None,
    impact_model: Annotated[
        Model, typer.Option("--impact-model", help="How impact grows with the size of an order.")
    ] = Model.SQUARE_ROOT,
    compare_schedules: Annotated[
        bool,
        typer.Option(
            "--compare-schedules",
            help="Try one policy with each schedule of unwinds: adaptive, even, published, and all at once.",
        ),
    ] = False,
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write what came of each path into a table.")
    ] = None,
    plots: Annotated[
        Path | None, typer.Option("--plots", metavar="DIR", help="Draw PNG files into a folder; needs exitplan[plots].")
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Write one page with tables and drawings; needs exitplan[plots]."),
    ] = None,
    as_json: JsonOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Try a policy over several cycles, at prices that move.

    When is the account CLEAN, and what does that cost? Plans are made and carried out as `exitplan run` does, on a
    copy of a paper account or of a snapshot that is kept in memory; nothing of the account is changed.
    docs/simulating.md defines each part of the cost.
    """
    _ensure_outputs(filter(None, (csv, html)), filter(None, (snapshot, progress, prices, *(policy or ()))))
    drawing = drawing_of(plots, html)
    simulation = read_simulation(
        Start(
            account=only_one(account),
            snapshot=snapshot,
            progress=progress,
            policies=tuple(policy or ()),
            data=data,
            by_schedule=compare_schedules,
        ),
        PriceWish(
            file=prices,
            paths=paths,
            seed=seed,
            volatility=tuple(volatility or ()),
            drift=drift,
            correlation=correlation,
            jumps=jumps,
            jump_share=jump_share,
            shocks=tuple(shock or ()),
        ),
        FillWish(
            fee=fee,
            spread=spread,
            slippage=slippage,
            impact=impact,
            impact_model="linear" if impact_model is Model.LINEAR else "square_root",
        ),
        cycles,
        every,
        delay,
    )
    results = run_paths(simulation)
    summaries = [summarise(of_policy, simulation.scene.timing) for of_policy in results]
    if csv is not None:
        save(csv, csv_bytes([result for of_policy in results for result in of_policy], simulation.scene.timing))
    if drawing is not None:
        drawing.deliver(simulation, summaries, results)
    if as_json:
        write_json(simulation_document(simulation, summaries, results))
    else:
        show(*simulation_parts(simulation, summaries, results))


def _ensure_outputs(outputs: Iterable[Path], inputs: Iterable[Path]) -> None:
    """Raise UsageError where a file that is to be written is one of the project, or of those that are read."""
    read = {path.resolve() for path in inputs}
    for path in outputs:
        ensure_output(path)
        if path.resolve() in read:
            raise UsageError(f"{path} is read, and not written over", hint="name another file")


def run_paths(simulation: Simulation) -> list[list[PathResult]]:
    """Carry out each policy on each path, with a bar on a terminal."""
    count = simulation.paths.count
    with paths_bar(count * len(simulation.candidates)) as advance:
        results: list[list[PathResult]] = [[] for _ in simulation.candidates]
        for number in range(count):
            for candidate, of_policy in zip(simulation.candidates, results, strict=True):
                of_policy.append(simulate(simulation.scene, candidate, simulation.paths, number))
                advance()
    return results
