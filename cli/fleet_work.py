"""A worker of a fleet on the command line: its options, and opening it with what it needs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from exitplan.cli.arguments import present, read_duration
from exitplan.cli.fleet import ensure_driver
from exitplan.cli.output import say
from exitplan.ruleset.errors import UsageError

if TYPE_CHECKING:
    from exitplan.executor.store.postgres.database import Database
    from exitplan.fleet.runner.worker import Told, Worker

RUNNERS = ("local", "dbos")
ProcessesOption = Annotated[
    int | None,
    typer.Option(
        "--processes",
        "-p",
        metavar="N",
        min=1,
        max=256,
        help="How many shards to work on at once, a process each.  [default: one a core]",
        show_default=False,
    ),
]
EgressOption = Annotated[
    list[str] | None,
    typer.Option(
        "--egress",
        metavar="NAME",
        help="Take the shards of this egress; may be given more than once.  [default: those without one]",
    ),
]
FleetCutOffOption = Annotated[
    str,
    typer.Option(
        "--cut-off", metavar="DURATION", help="Kill the process that takes longer than this with one account."
    ),
]


@dataclass(frozen=True, slots=True)
class Work:
    """How a worker is to work."""

    data: str
    processes: int | None
    egress: tuple[str, ...]
    cut_off: timedelta
    every: timedelta | None = None
    runner: str = RUNNERS[0]

    @classmethod
    def of(
        cls, data: str, processes: int | None, egress: list[str] | None, cut_off: str, every: str | None = None
    ) -> Work:
        """Read the options; raises UsageError."""
        names = tuple(egress or ("",))
        for name in names:
            if "," in name:
                raise UsageError(f"--egress {name} holds a comma", hint="give --egress once for each name")
        pause = None if every is None else read_duration("--every", every)
        return cls(data, processes, names, read_duration("--cut-off", cut_off), pause)


@contextmanager
def opened_worker(work: Work, told: Told) -> Iterator[tuple[Worker, Database]]:
    """Open a worker, which has not come yet, and its database; raises UsageError, DataFolderUnusable."""
    ensure_driver()
    from exitplan.fleet.opening import open_fleet  # noqa: PLC0415 - help needs none of it
    from exitplan.fleet.rollout.tending import tend_rollout  # noqa: PLC0415 - as above
    from exitplan.fleet.runner.blame import RegistryBlame  # noqa: PLC0415 - as above
    from exitplan.fleet.runner.children import cores  # noqa: PLC0415 - as above
    from exitplan.fleet.runner.performing import Means  # noqa: PLC0415 - as above
    from exitplan.fleet.runner.runners import make_runner  # noqa: PLC0415 - as above
    from exitplan.fleet.runner.worker import Wanted, Worker  # noqa: PLC0415 - as above

    with open_fleet(work.data) as place:
        blame = RegistryBlame(place.registry)
        wanted = Wanted(Means(work.data), work.processes or cores(), work.egress, work.cut_off, work.every)
        runner = make_runner(work.runner, work.data)

        def tend() -> None:
            tend_rollout(place.registry, present())

        yield Worker(place.database, wanted, runner, blame, told, tend), place.database


@contextmanager
def serving_fleet_metrics(address: str | None, database: Database) -> Iterator[None]:
    """Serve the metrics of the fleet for the time of the block, where an address is given."""
    if address is None:
        yield
        return
    from exitplan.executor.metrics.serving import parse_address, serve  # noqa: PLC0415 - only where it is asked for
    from exitplan.fleet.metrics import FleetCollector  # noqa: PLC0415 - as above

    with serve(parse_address("--metrics", address), FleetCollector(database)) as place:
        say(f"Serving http://{place}/metrics.", err=True)
        yield


def seldom(ask: Callable[[], bool], seconds: float = 1.0) -> Callable[[], bool]:
    """Ask something at most once in so many seconds, and repeat the answer in between."""
    asked_at, answer = float("-inf"), False

    def repeat() -> bool:
        nonlocal asked_at, answer
        if time.monotonic() - asked_at >= seconds:
            asked_at, answer = time.monotonic(), ask()
        return answer

    return repeat
