"""``exitplan fleet``: many accounts, kept in Postgres, with many workers; one file a verb."""

from __future__ import annotations

from exitplan.cli.verb_group import FleetGroup
from exitplan.cli.verbs import verb_app

app = verb_app(group=FleetGroup)


@app.callback()
def fleet() -> None:
    """Work on many accounts, kept in Postgres, with many workers.

    Each verb takes the database as `--data postgresql://ROLE@HOST/DATABASE`, or from EXITPLAN_DATA. docs/fleet.md shows
    how a fleet is set up.
    """
