"""``exitplan fleet export``: the accounts of the registry as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from exitplan.cli.fleet import (
    EgressFilter,
    FleetOption,
    PolicyFilter,
    ShardFilter,
    StandingFilter,
    TagFilter,
    VenueFilter,
    filter_of,
    opened_registry,
)
from exitplan.cli.output import say
from exitplan.cli.verbs import verb_app
from exitplan.ruleset.errors import UsageError
from exitplan.ruleset.planning.words import counted

app = verb_app()


@app.command()
def command(  # noqa: PLR0913, PLR0917 - one argument an option
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that is not there yet, or is empty.")],
    venue: VenueFilter = None,
    tag: TagFilter = None,
    policy: PolicyFilter = None,
    standing: StandingFilter = None,
    shard: ShardFilter = None,
    egress: EgressFilter = None,
    data: FleetOption = "",
) -> None:
    """Write the accounts of the fleet as account files.

    Accounts go into DIR/accounts, the policies that they are under into DIR/policies. Importing DIR/accounts changes
    nothing. Where an account stands, and its history, is not in these files.
    """
    from exitplan.fleet.importing import export_accounts  # noqa: PLC0415 - help needs none of it

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is not empty", hint="name a folder that is not there yet")
    with opened_registry(data) as registry:
        accounts = registry.find(filter_of(venue, tag, policy, standing, shard, egress))
        if not accounts:
            raise UsageError("the fleet has no such account", hint="exitplan fleet accounts lists those that it has")
        count = export_accounts(registry, accounts, folder)
    say(f"Wrote {counted(count, 'account')} into {folder / 'accounts'}.")
