"""``exitplan fleet tick``: give every account of the fleet a round, once."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from exitplan.cli.arguments import present
from exitplan.cli.fleet import FleetOption, ensure_driver
from exitplan.cli.fleet_work import EgressOption, FleetCutOffOption, ProcessesOption, Work, opened_worker, seldom
from exitplan.cli.interrupts import asking_to_stop
from exitplan.cli.options import JsonOption
from exitplan.cli.rendering.fleet_ticks import tick_document, tick_parts
from exitplan.cli.rendering.screen import console, show
from exitplan.cli.streams import write_json
from exitplan.cli.verbs import verb_app
from exitplan.ruleset.errors import TickIsRunning
from exitplan.ruleset.exit_codes import ExitCode

if TYPE_CHECKING:
    from exitplan.fleet.runner.ticks import Pool
    from exitplan.fleet.runner.worker import Worker

_PATIENCE = 15.0
"""Seconds that are waited for a worker which may take what is left."""
app = verb_app()


@app.command()
def command(
    processes: ProcessesOption = None,
    egress: EgressOption = None,
    cut_off: FleetCutOffOption = "5m",
    wait_only: Annotated[
        bool, typer.Option("--wait-only", help="Begin the tick and wait for it; leave the work to the workers.")
    ] = False,
    as_json: JsonOption = False,
    data: FleetOption = "",
) -> None:
    """Give every account of the fleet a round, once.

    It begins a tick now and waits until all accounts have had their round. It works on shards itself, beside the
    workers that are there; without any it does all of them, so it can be run by cron. While an earlier tick runs it
    exits with 7. Otherwise it exits with the worst code of all accounts, as `exitplan watch --once` does: 2 means that
    a plan waits or an account is not CLEAN.
    """
    ensure_driver()
    from exitplan.fleet.runner import ticks  # noqa: PLC0415 - help needs none of it
    from exitplan.fleet.runner.shift import add_up  # noqa: PLC0415 - as above
    from exitplan.fleet.runner.worker import Untold  # noqa: PLC0415 - as above

    work = Work.of(data, processes, egress, cut_off)
    with asking_to_stop() as stopped, opened_worker(work, Untold()) as (worker, database):
        tick = int(present().timestamp())
        worker.begin(tick, "by hand")
        why = ticks.why_skipped(database, tick)  # by us or by whoever began it in the same second
        if why:
            raise TickIsRunning(why, hint="exitplan fleet status shows it")
        _attend(worker, tick, database, stopped, wait_only=wait_only)
        progress, unserved = ticks.progress(database, tick), ticks.unserved(database, tick)
    figures: dict[str, Any] = {}
    for shard in progress.shards if progress else ():
        add_up(figures, shard.figures)
    if progress is not None and as_json:
        write_json(tick_document(progress, figures, unserved))
    elif progress is not None:
        show(*tick_parts(progress, figures, unserved, is_stopped=stopped()))
    raise typer.Exit(_code(figures, unserved, is_over=progress is not None and progress.is_over, is_stopped=stopped()))


def _code(figures: Mapping[str, Any], unserved: Mapping[str, int], *, is_over: bool, is_stopped: bool) -> ExitCode:
    """Return the worst exit code of all accounts, and of what was left."""
    left = ExitCode.CANCELLED if is_stopped and not is_over else ExitCode.ERROR if unserved else ExitCode.DONE
    return ExitCode.worst([figures.get("exit_code", 0), left])


def _attend(worker: Worker, tick: int, pool: Pool, stopped: Callable[[], bool], *, wait_only: bool) -> None:
    """Work on the tick, or wait for it, until it is over or only what no worker may take is left."""
    from exitplan.fleet.runner import ticks  # noqa: PLC0415 - help needs none of it

    target = console(sys.stderr)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=target, transient=True, disable=not target.is_terminal) as bar:
        task = bar.add_task("shards")

        served_at = time.monotonic()

        def is_over() -> bool:
            nonlocal served_at
            done, shards = ticks.counts(pool, tick)
            bar.update(task, completed=done, total=shards)
            if done + sum(ticks.unserved(pool, tick).values()) < shards:
                served_at = time.monotonic()
            return done >= shards or time.monotonic() - served_at > _PATIENCE

        over = seldom(is_over)
        if not wait_only:
            worker.run(lambda: stopped() or over())
        while wait_only and not (stopped() or over()):
            time.sleep(0.2)
