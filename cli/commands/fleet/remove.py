"""``exitplan fleet remove``: accounts leave the fleet, what was done with them stays."""

from __future__ import annotations

from typing import Annotated

import typer

from exitplan.cli.fleet import FleetOption, opened_registry
from exitplan.cli.output import say
from exitplan.cli.verbs import verb_app
from exitplan.ruleset.errors import UsageError
from exitplan.ruleset.planning.words import counted

app = verb_app()


@app.command()
def command(
    accounts: Annotated[list[str], typer.Argument(metavar="ID", help="The accounts.")],
    force: Annotated[
        bool, typer.Option("--force", help="Also remove accounts whose last run is open: their orders are left alone.")
    ] = False,
    data: FleetOption = "",
) -> None:
    """Take accounts out of the fleet.

    They get no cycle any more. Their journals stay in the database, and are there again if they are imported again. An
    account with a run that has not ended is refused: its orders may be open at the venue.
    """
    with opened_registry(data) as registry:
        for name in accounts:
            registry.account(name)
        busy = [] if force else registry.with_open_runs(accounts)
        if busy:
            listed = ", ".join(busy[:5]) + (" ..." if len(busy) > 5 else "")  # noqa: PLR2004 - a line's worth
            raise UsageError(
                f"a run has not ended of {listed}: orders may be open at the venue",
                hint="let the next cycle end it, or: exitplan run --account ID; --force removes the account as it is",
            )
        removed = registry.remove(accounts)
    say(f"Removed {counted(len(removed), 'account')}.")
