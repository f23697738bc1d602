"""``exitplan halt``: send nothing until somebody resumes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from exitplan.cli.arguments import AccountRef, only_one, present, request_of
from exitplan.cli.options import DEFAULT_DATA, DataOption, HaltedOption, JsonOption
from exitplan.cli.output import say
from exitplan.cli.streams import write_json
from exitplan.cli.verbs import verb_app
from exitplan.executor.accounts.account import find_account, no_such_account
from exitplan.executor.accounts.places import DataPlace, FilePlace
from exitplan.executor.accounts.project import project_root
from exitplan.executor.store.file_store import FileStore
from exitplan.executor.store.port import AccountStore
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
    other tool does the same. For a fleet it is a row in its database.
    """
    named = only_one(account)
    ids = data.ids()
    if reason != _NO_REASON:
        _ensure_reason(reason, ids)
        why = reason if why is None else f"{reason}: {why}"
    store = halted_store(named, data)
    if named is None and not ids and not (isinstance(data, FilePlace) and data.folder.is_dir()):
        raise no_such_account(None, [], project_root())
    made = (data if store is None else store).halt(why or _NO_REASON, present())
    if as_json:
        write_json({"halted": True, "file": made.place, "account": named})
        return
    whose, ending = ("any account", "") if store is None or is_for_all(store) else (named, f" --account {named}")
    say(f"Halted by {made.place}: nothing is sent for {whose} until `exitplan resume{ending}`.")


def _ensure_reason(reason: str, ids: Sequence[str]) -> None:
    """Raise UsageError for a reason that is an account: it would halt all the others too."""
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


def halted_store(account: str | None, data: DataPlace) -> AccountStore | None:
    """Return the store of the account that a halt is about; None for a halt of all."""
    if account is None:
        return None
    return data.store_of(find_account(request_of(AccountRef(account, data=data))).id)


def is_for_all(store: AccountStore) -> bool:
    """Check whether a halt of an account halts every account; the platform account's own file does."""
    return isinstance(store, FileStore) and store.folder.path == store.folder.root
