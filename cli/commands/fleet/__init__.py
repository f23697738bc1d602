"""``exitplan fleet``: many accounts, kept in Postgres, with many workers; one file a verb."""

from __future__ import annotations

import typer

from exitplan.cli.verb_group import FleetGroup

app = typer.Typer(
    cls=FleetGroup,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def fleet() -> None:
    """Work on many accounts, kept in Postgres, with many workers.

    Each verb takes the database as `--data postgresql://ROLE@HOST/DATABASE`, or from EXITPLAN_DATA. docs/fleet.md shows
    how a fleet is set up.
    """
