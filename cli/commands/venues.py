"""``exitplan venues``: what is supported where."""

from __future__ import annotations

from typing import Annotated

import typer

from exitplan.cli.options import JsonOption
from exitplan.cli.rendering.venues import show_sheet, show_table, traits_document
from exitplan.cli.streams import write_json
from exitplan.cli.venue_facts import all_traits, traits_of
from exitplan.cli.verbs import verb_app

app = verb_app()


@app.command()
def command(
    venue: Annotated[
        str | None, typer.Argument(metavar="VENUE", help="Everything about one venue: its key, its limits.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show the venues, and what each of them can do.

    With a name: what its key must be allowed to do, how the credentials are given, an account block to copy, and what
    is known not to work. The venue is not contacted.
    """
    if venue is None:
        venues = all_traits()
        if as_json:
            write_json({"venues": [traits_document(traits) for traits in venues]})
        else:
            show_table(venues)
        return
    traits = traits_of(venue)
    if as_json:
        write_json(traits_document(traits))
    else:
        show_sheet(traits)
