"""``exitplan fleet status``: workers, shards, the last tick, and how the accounts stand."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from exitplan.cli.fleet import FleetOption, opened_registry
from exitplan.cli.options import JsonOption
from exitplan.cli.output import say
from exitplan.cli.rendering.fleet import status_document, status_parts
from exitplan.cli.rendering.screen import console, show
from exitplan.cli.streams import write_json, write_line
from exitplan.cli.verbs import verb_app

if TYPE_CHECKING:
    from exitplan.fleet.registry import Registry

app = verb_app()


@app.command()
def command(
    watch: Annotated[
        float | None, typer.Option("--watch", metavar="SECONDS", min=0.2, help="Show it again so often, until Ctrl-C.")
    ] = None,
    as_json: JsonOption = False,
    data: FleetOption = "",
) -> None:
    """Show workers, shards, the last tick, and how the accounts stand.

    This is what the database knows; the venues are not contacted. With --watch and --json each look is one line.
    """
    with opened_registry(data) as registry:
        if watch is None:
            _show(registry, as_json=as_json)
            return
        try:
            while True:
                _show_again(registry, as_json=as_json)
                time.sleep(watch)
        except KeyboardInterrupt:
            return


def _show(registry: Registry, *, as_json: bool) -> None:
    from exitplan.fleet.status import fleet_status  # noqa: PLC0415 - help needs none of it

    status = fleet_status(registry)
    if as_json:
        write_json(status_document(status))
    else:
        show(*status_parts(status))


def _show_again(registry: Registry, *, as_json: bool) -> None:
    from exitplan.fleet.status import fleet_status  # noqa: PLC0415 - as above

    if as_json:
        write_line(status_document(fleet_status(registry)))
        return
    target = console()
    if target.is_terminal:
        target.clear()
    show(*status_parts(fleet_status(registry)), on=target)
    if not target.is_terminal:
        say()
