"""``exitplan halt``: send nothing until somebody resumes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.options import DEFAULT_DATA, AccountOption, DataOption, JsonOption
from cli.requests import Where, find_requested, only_one, present
from cli.streams import write_json
from cli.verbs import verb_app
from executor.halt import halt

app = verb_app()


@app.command()
def command(
    reason: Annotated[str, typer.Argument(metavar="[REASON]", help="Why, for whoever meets the halt.")] = "halted",
    account: AccountOption = None,
    as_json: JsonOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Send nothing any more, for all accounts or one.

    Without --account every account is halted, until `exitplan resume`. A run at work stops before its next action.
    Plans can be made and looked at all the same. The halt is a file in the data folder, HALT; making it with any
    other tool does the same.
    """
    named = only_one(account)
    path = halt(halted_folder(named, data), reason, present())
    if as_json:
        write_json({"halted": True, "file": str(path), "account": named})
    else:
        typer.echo(f"Halted by {path}: nothing is sent until `exitplan resume`.")


def halted_folder(account: str | None, data: Path) -> Path:
    """Give the folder that a halt is about: the data folder, or that of one account."""
    return data if account is None else find_requested(Where(account, data=data)).path
