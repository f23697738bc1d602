"""``exitplan state``: what exitplan remembers of an account, after a person has edited its file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from exitplan.cli.arguments import AccountRef, only_one, open_offline, request_of
from exitplan.cli.options import DEFAULT_DATA, AccountOption, DataOption
from exitplan.cli.output import say
from exitplan.cli.verbs import verb_app
from exitplan.executor.accounts.account import find_account
from exitplan.executor.store.history import import_state, restore_state

app = verb_app(has_verbs=True)


@app.callback()
def state() -> None:
    """Import or export the state file, or take over a tracker."""


@app.command("import")
def take_in(account: AccountOption = None, data: DataOption = DEFAULT_DATA) -> None:
    """Take in the state file as it was edited."""
    opened = open_offline(AccountRef(only_one(account), data=data))
    import_state(opened)
    say(f"Took in {opened.folder.state}.")


@app.command("take-tracker")
def take_tracker(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A position tracker, such as data/positions.json.")],
    account: AccountOption = None,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Take over the position tracker of another account or program.

    The file is checked and copied to where the account has its own, in a fleet too; the original stays. Refused where
    the account has a tracker with other records already.
    """
    found = find_account(request_of(AccountRef(only_one(account), data=data)))
    tracker = data.store_of(found.id).tracker
    say(f"Took over {tracker.take_over(file)} records of {file} into {tracker.place}.")


@app.command("export")
def put_back(account: AccountOption = None, data: DataOption = DEFAULT_DATA) -> None:
    """Write the state file anew, over any edit."""
    opened = open_offline(AccountRef(only_one(account), data=data))
    restore_state(opened)
    say(f"Wrote {opened.folder.state}.")
