"""``exitplan resume``: end a halt."""

from __future__ import annotations

import typer

from cli.halt import halted_folder
from cli.options import DEFAULT_DATA, AccountOption, DataOption, JsonOption
from cli.requests import only_one
from cli.streams import write_json
from cli.verbs import verb_app
from executor.halt import resume

app = verb_app()


@app.command()
def command(account: AccountOption = None, as_json: JsonOption = False, data: DataOption = DEFAULT_DATA) -> None:
    """End a halt.

    Without --account that of every account. A plan that the halt stopped half-way goes on where it was when it is
    applied again.
    """
    named = only_one(account)
    ended = resume(halted_folder(named, data))
    if as_json:
        write_json({"resumed": ended, "account": named})
    else:
        typer.echo("Resumed: orders are sent again." if ended else "Nothing was halted here.")
