"""``exitplan fleet worker``: work on the shards of a fleet, beside other workers."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING, Annotated, Any

import typer

from exitplan.cli.arguments import present
from exitplan.cli.commands.watch import MetricsOption
from exitplan.cli.fleet import FleetOption
from exitplan.cli.fleet_work import (
    RUNNERS,
    EgressOption,
    FleetCutOffOption,
    ProcessesOption,
    Work,
    opened_worker,
    serving_fleet_metrics,
)
from exitplan.cli.interrupts import asking_to_stop
from exitplan.cli.options import JsonOption
from exitplan.cli.output import say
from exitplan.cli.rendering.fleet_ticks import begun_document, begun_line, shard_document, shard_line
from exitplan.cli.streams import write_line
from exitplan.cli.verbs import verb_app
from exitplan.executor.watching.service_manager import ServiceManager
from exitplan.ruleset.errors import UsageError
from exitplan.ruleset.planning.words import counted, duration

if TYPE_CHECKING:
    from exitplan.fleet.runner.port import ShardCycle
    from exitplan.fleet.runner.ticks import Begun

TickEveryOption = Annotated[
    str | None,
    typer.Option(
        "--every",
        metavar="DURATION",
        help="Also begin a tick this often, at even times: 1m, 5m, 1h. Each is begun once, however many workers do.",
    ),
]
RunnerOption = Annotated[
    str,
    typer.Option("--runner", metavar="NAME", help="Who hands out shards: local, by the fleet's own rows, or dbos."),
]
app = verb_app()


@app.command()
def command(  # noqa: PLR0913, PLR0917 - one argument an option
    processes: ProcessesOption = None,
    egress: EgressOption = None,
    every: TickEveryOption = None,
    cut_off: FleetCutOffOption = "5m",
    runner: RunnerOption = RUNNERS[0],
    metrics: MetricsOption = None,
    as_json: JsonOption = False,
    data: FleetOption = "",
) -> None:
    """Work on the shards of a fleet, beside other workers.

    It takes shards of the ticks that were begun by `exitplan fleet tick` or --every, and gives each account a round as
    `exitplan watch` does. Workers may come and go at any time. The shards of one that dies go to the others after 15
    seconds. An account that twice ends or holds up the process that works on it is set aside (`exitplan fleet dead`).

    Ctrl-C, SIGTERM and `exitplan fleet drain --worker` let it finish its shards and leave; a second Ctrl-C ends it
    after the accounts in hand. All workers of a fleet use the same --runner.
    """
    if runner not in RUNNERS:
        raise UsageError(f"there is no runner {runner}", hint=f"it is one of {', '.join(RUNNERS)}")
    work = replace(Work.of(data, processes, egress, cut_off, every), runner=runner)
    telling = Telling(ServiceManager(os.environ), as_json=as_json)
    with (
        asking_to_stop() as stopped,
        opened_worker(work, telling) as (worker, database),
        serving_fleet_metrics(metrics, database),
    ):
        at_once = counted(worker.processes, "process", "processes")
        ticks = "" if work.every is None else f", a tick every {duration(work.every.total_seconds())}"
        if not as_json:
            say(f"Worker {worker.who.worker}: {at_once}{ticks}. Press Ctrl-C to stop.", err=True)
        telling.service.ready(f"{at_once}{ticks}")

        def is_to_stop() -> bool:
            if stopped():
                telling.service.stopping()
            return stopped()

        worker.run(is_to_stop)


class Telling:
    """Tells people, programs and the service manager what a worker does."""

    def __init__(self, service: ServiceManager, *, as_json: bool) -> None:
        """Tell of every shard where programs listen, and else of what is wrong."""
        self.service, self._as_json, self._one = service, as_json, Lock()

    def begun(self, begun: Begun) -> None:
        """Tell that a tick was begun, or skipped."""
        self._tell(begun_document(begun), begun_line(begun))

    def shard(self, cycle: ShardCycle, figures: Mapping[str, Any]) -> None:
        """Tell what came of a shard."""
        self._tell(shard_document(cycle, figures), shard_line(cycle, figures))

    def trouble(self, what: str) -> None:
        """Tell what went wrong."""
        self._tell({"event": "trouble", "message": what}, what)

    def alive(self) -> None:
        """Give a sign of life."""
        self.service.alive(present())

    def _tell(self, document: Mapping[str, Any], line: str | None) -> None:
        with self._one, suppress(OSError):  # a reader that has gone away does not stop the worker
            if self._as_json:
                write_line(document)
            elif line is not None:
                say(f"{present():%Y-%m-%d %H:%M:%S} UTC  {line}")
            sys.stdout.flush()
