"""``exitplan fleet dead``: accounts that were set aside, and their way back."""

from __future__ import annotations

from typing import Annotated

import typer

from exitplan.cli.fleet import FleetOption, opened_registry
from exitplan.cli.options import JsonOption
from exitplan.cli.output import say
from exitplan.cli.rendering.fleet import account_document, dead_table
from exitplan.cli.rendering.screen import show
from exitplan.cli.streams import write_json
from exitplan.cli.verbs import verb_app

app = verb_app()


@app.command()
def command(
    revive: Annotated[
        list[str] | None,
        typer.Option("--revive", metavar="ID", help="Let this account have cycles again; may be given more than once."),
    ] = None,
    as_json: JsonOption = False,
    data: FleetOption = "",
) -> None:
    """List the accounts that were set aside, and revive them.

    An account is set aside when a worker's process has died or hung twice with it in hand: the rest of its shard goes
    on without it. Find out why before you revive it; its orders at the venue stay as they are meanwhile.
    """
    from exitplan.fleet.registry import AccountFilter  # noqa: PLC0415 - help needs none of it

    with opened_registry(data) as registry:
        revived = {name: registry.revive(name) for name in revive or ()}
        dead = registry.find(AccountFilter(standing="dead"))
    if as_json:
        write_json(
            {
                "revived": [name for name, is_news in revived.items() if is_news],
                "dead": list(map(account_document, dead)),
            }
        )
        return
    for name, is_news in revived.items():
        say(f"{name} {'has cycles again' if is_news else 'was not set aside'}.")
    if dead and not revived:
        show(dead_table(dead))
        say("\nTo let one have cycles again: exitplan fleet dead --revive ID")
    elif not revived:
        say("No account is set aside.")
