"""``exitplan fleet accounts``: which accounts there are, and how the registry has them."""

from __future__ import annotations

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
from exitplan.cli.options import JsonOption
from exitplan.cli.output import say
from exitplan.cli.rendering.fleet import account_document, accounts_table
from exitplan.cli.rendering.screen import show
from exitplan.cli.streams import write_json
from exitplan.cli.verbs import verb_app

NONE_FIT = "The fleet has no such account."
NONE_YET = "The fleet has no accounts yet; take some in with: exitplan fleet import"
app = verb_app()


@app.command()
def command(  # noqa: PLR0913, PLR0917 - one argument an option
    venue: VenueFilter = None,
    tag: TagFilter = None,
    policy: PolicyFilter = None,
    standing: StandingFilter = None,
    shard: ShardFilter = None,
    egress: EgressFilter = None,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, help="List at most so many; --json lists all.")
    ] = 50,
    as_json: JsonOption = False,
    data: FleetOption = "",
) -> None:
    """List the accounts of the fleet.

    By id, with venue, policy, shard, and whether they get cycles: active, drained (somebody said so) or dead (set aside
    after a process died or hung with them in hand).
    """
    wanted = filter_of(venue, tag, policy, standing, shard, egress)
    with opened_registry(data) as registry:
        accounts = registry.find(wanted, limit=None if as_json else limit)
        count = registry.count(wanted)
        hint = NONE_FIT if count or registry.count() else NONE_YET
    if as_json:
        write_json({"accounts": [account_document(account) for account in accounts]})
    elif not accounts:
        say(hint)
    else:
        show(accounts_table(accounts))
        if count > limit:
            say(f"\nThese are the first {limit:,} of {count:,}; --limit shows more.")
