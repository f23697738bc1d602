"""``exitplan halt``: send nothing until somebody resumes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from exitplan.cli.arguments import AccountRef, find_requested, only_one, present
from exitplan.cli.options import DEFAULT_DATA, DataOption, HaltedOption, JsonOption
from exitplan.cli.streams import write_json
from exitplan.cli.verbs import verb_app
from exitplan.executor.accounts.folder import DataFolder
from exitplan.executor.store.halt import halt

app = verb_app()


@app.command()
def command(
    reason: Annotated[str, typer.Argument(metavar="[REASON]", help="Why, for whoever meets the halt.")] = "halted",
    account: HaltedOption = None,
    as_json: JsonOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Stop sending orders, for all accounts or one.

    Without --account every account is halted, until `exitplan resume`. A run that is under way stops before its next
    group of orders. Plans can still be made and shown. The halt is a file in the data folder, HALT; making it with any
    other tool does the same.
    """
    named = only_one(account)
    folder = halted_folder(named, data)
    path = halt(folder.path, reason, present())
    if as_json:
        write_json({"halted": True, "file": str(path), "account": named})
        return
    whose, ending = ("any account", "") if is_for_all(folder) else (named, f" --account {named}")
    typer.echo(f"Halted by {path}: nothing is sent for {whose} until `exitplan resume{ending}`.")


def halted_folder(account: str | None, data: Path) -> DataFolder:
    """Return the folder that a halt is about: the data folder, or that of one account."""
    return DataFolder(data, data) if account is None else find_requested(AccountRef(account, data=data))


def is_for_all(folder: DataFolder) -> bool:
    """Check whether a halt of a folder halts every account; the platform account's own does."""
    return folder.path == folder.root
