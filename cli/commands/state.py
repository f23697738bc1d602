"""``exitplan state``: what exitplan remembers of an account, after a person has edited its file."""

from __future__ import annotations

import typer

from exitplan.cli.arguments import AccountRef, only_one, open_offline
from exitplan.cli.options import DEFAULT_DATA, AccountOption, DataOption
from exitplan.cli.verbs import verb_app
from exitplan.executor.store.history import import_state, restore_state

app = verb_app(has_verbs=True)


@app.callback()
def state() -> None:
    """Import or export the state file."""


@app.command("import")
def take_in(account: AccountOption = None, data: DataOption = DEFAULT_DATA) -> None:
    """Take in the state file as it was edited."""
    opened = open_offline(AccountRef(only_one(account), data=data))
    import_state(opened)
    typer.echo(f"Took in {opened.folder.state}.")


@app.command("export")
def put_back(account: AccountOption = None, data: DataOption = DEFAULT_DATA) -> None:
    """Write the state file anew, over any edit."""
    opened = open_offline(AccountRef(only_one(account), data=data))
    restore_state(opened)
    typer.echo(f"Wrote {opened.folder.state}.")
