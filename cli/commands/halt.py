"""``exitplan halt``: send nothing until somebody resumes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from exitplan.cli.arguments import AccountRef, find_requested, only_one, present
from exitplan.cli.options import DEFAULT_DATA, DataOption, HaltedOption, JsonOption
from exitplan.cli.output import say
from exitplan.cli.streams import write_json
from exitplan.cli.verbs import verb_app
from exitplan.executor.accounts.account import AccountFiles, no_such_account, read_account_files
from exitplan.executor.accounts.folder import DataFolder
from exitplan.executor.accounts.project import project_root
from exitplan.executor.store.halt import halt
from exitplan.ruleset.errors import UsageError
from exitplan.ruleset.language.problems import nearest

_NO_REASON = "halted"

app = verb_app()


@app.command()
def command(
    reason: Annotated[str, typer.Argument(metavar="[REASON]", help="Why, for whoever meets the halt.")] = _NO_REASON,
    why: Annotated[str | None, typer.Option("--why", "--reason", metavar="TEXT", help="The same as REASON.")] = None,
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
    files = read_account_files(project_root())
    if reason != _NO_REASON:
        _ensure_reason(reason, files)
        why = reason if why is None else f"{reason}: {why}"
    folder = halted_folder(named, data)
    if named is None and not (files.sound or files.broken or data.is_dir()):
        raise no_such_account(None, [], project_root())
    path = halt(folder.path, why or _NO_REASON, present()).absolute()
    if as_json:
        write_json({"halted": True, "file": str(path), "account": named})
        return
    whose, ending = ("any account", "") if is_for_all(folder) else (named, f" --account {named}")
    say(f"Halted by {path}: nothing is sent for {whose} until `exitplan resume{ending}`.")


def _ensure_reason(reason: str, files: AccountFiles) -> None:
    """Raise UsageError for a reason that is an account: it would halt all the others too."""
    ids = [*files.sound, *(broken.id for broken in files.broken if broken.id is not None)]
    meant: str | None = reason
    if reason not in ids and not is_account_file(reason):
        meant = nearest(reason, ids) if len(reason.split()) == 1 else None
    if meant is not None:
        raise UsageError(
            f"{reason!r} is no reason but {'an' if meant == reason else 'nearly an'} account, and nothing was halted",
            hint=f"to halt it: exitplan halt --account {meant}; to halt all: exitplan halt 'a reason of several words'",
        )


def is_account_file(text: str) -> bool:
    """Check whether a text is the path of a YAML file that is there."""
    return Path(text).suffix in {".yaml", ".yml"} and Path(text).is_file()


def halted_folder(account: str | None, data: Path) -> DataFolder:
    """Return the folder that a halt is about: the data folder, or that of one account."""
    return DataFolder(data, data) if account is None else find_requested(AccountRef(account, data=data))


def is_for_all(folder: DataFolder) -> bool:
    """Check whether a halt of a folder halts every account; the platform account's own does."""
    return folder.path == folder.root
