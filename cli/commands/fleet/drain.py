"""``exitplan fleet drain``: what gets no new cycle."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from exitplan.cli.fleet import FleetOption, opened_registry
from exitplan.cli.output import say
from exitplan.cli.verbs import verb_app
from exitplan.executor.people import actor
from exitplan.ruleset.errors import UsageError

if TYPE_CHECKING:
    from exitplan.fleet.draining import Kind

app = verb_app()


@app.command()
def command(
    worker: Annotated[
        list[str] | None, typer.Option("--worker", metavar="NAME", help="A worker: it takes no new shard, and leaves.")
    ] = None,
    account: Annotated[list[str] | None, typer.Option("--account", "-a", metavar="ID", help="An account.")] = None,
    shard: Annotated[list[int] | None, typer.Option("--shard", metavar="N", help="A shard.")] = None,
    venue: Annotated[list[str] | None, typer.Option("--venue", metavar="NAME", help="All accounts at a venue.")] = None,
    why: Annotated[str, typer.Option("--why", metavar="TEXT", help="Why, for whoever looks at the fleet.")] = "",
    undo: Annotated[bool, typer.Option("--undo", help="Let them have cycles again.")] = False,
    data: FleetOption = "",
) -> None:
    """Give a worker, an account, a shard or a venue no new cycle.

    A cycle that is under way ends as it would: nothing is broken off. It holds until --undo; to stop orders at once,
    use `exitplan halt`. Each option may be given more than once.
    """
    named: list[tuple[Kind, str]] = [
        *(("worker", name) for name in worker or ()),
        *(("account", name) for name in account or ()),
        *(("shard", str(number)) for number in shard or ()),
        *(("venue", name) for name in venue or ()),
    ]
    if not named:
        raise UsageError("what is to be drained?", hint="name it with --worker, --account, --shard or --venue")
    from exitplan.fleet.draining import drain, ensure_all_known, undo_drain  # noqa: PLC0415 - help needs none of it

    with opened_registry(data) as registry:
        if not undo:
            ensure_all_known(registry, named)
        for kind, name in named:
            is_news = undo_drain(registry, kind, name) if undo else drain(registry, kind, name, why, actor(os.environ))
            said = _said(kind, undo=undo) if is_news else _NO_NEWS[undo]
            say(f"The {kind} {name} {said}.")


_NO_NEWS = {False: "was drained or set aside already", True: "was not drained"}


def _said(kind: Kind, *, undo: bool) -> str:
    if kind == "worker":
        return "takes shards again" if undo else "takes no new shard, and leaves when those it has are done"
    return "has cycles again" if undo else "gets no new cycle"
