"""``exitplan status``: how an account stands, as its last run left it."""

from __future__ import annotations

from typing import Any

import typer

from cli.options import DEFAULT_DATA, AccountOption, DataOption, JsonOption
from cli.rendering.screen import show
from cli.rendering.status import status_parts
from cli.requests import Where, open_requested
from cli.streams import write_json
from cli.verbs import verb_app
from executor.history import account_status

app = verb_app()


@app.command()
def command(account: AccountOption = None, as_json: JsonOption = False, data: DataOption = DEFAULT_DATA) -> None:
    """Show unwinds under way, escalations and the last run.

    This is what exitplan remembers; nothing is asked of the venue.
    """
    show_status(account_status(open_requested(Where(account, data=data))), as_json=as_json)


def show_status(status: dict[str, Any], *, as_json: bool) -> None:
    """Show the status document of an account."""
    if as_json:
        write_json(status)
        return
    show(*status_parts(status))
    if status["account_state"] is None:
        typer.echo("\nNo run yet. Begin with: exitplan plan")
