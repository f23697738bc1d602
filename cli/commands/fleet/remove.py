"""``exitplan fleet remove``: accounts leave the fleet, what was done with them stays."""

from __future__ import annotations

from typing import Annotated

import typer

from exitplan.cli.fleet import FleetOption, opened_registry
from exitplan.cli.output import say
from exitplan.cli.verbs import verb_app
from exitplan.ruleset.planning.words import counted

app = verb_app()


@app.command()
def command(
    accounts: Annotated[list[str], typer.Argument(metavar="ID", help="The accounts.")],
    data: FleetOption = "",
) -> None:
    """Take accounts out of the fleet.

    They get no cycle any more. Their journals stay in the database, and are there again if they are imported again.
    Where somebody works on one of them, a run of it has not ended, or it is unknown what became of an order, all of
    them stay.
    """
    with opened_registry(data) as registry:
        from exitplan.fleet.removing import remove_accounts  # noqa: PLC0415 - help needs none of it

        removed = remove_accounts(registry, accounts)
    say(f"Removed {counted(len(removed), 'account')}.")
