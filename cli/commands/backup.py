"""``exitplan backup``: a copy of what exitplan remembers, also while it is at work."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from exitplan.cli.account_set import AccountSet, Stopped, deliver_answers
from exitplan.cli.options import (
    DEFAULT_DATA,
    DEFAULT_JOBS,
    AccountsOption,
    AllOption,
    DataOption,
    JobsOption,
    JsonOption,
    TagOption,
)
from exitplan.cli.output import say
from exitplan.cli.rendering.many import TableSpec
from exitplan.cli.streams import write_json
from exitplan.cli.verbs import verb_app
from exitplan.executor.accounts.account import AccountFile
from exitplan.executor.accounts.folder import DataFolder
from exitplan.executor.store.backup import Backup, back_up
from exitplan.ruleset.errors import UsageError
from exitplan.ruleset.planning.words import counted

app = verb_app()


@app.command()
def command(
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="A new folder for the copies.")],
    account: AccountsOption = None,
    tag: TagOption = None,
    every: AllOption = False,
    jobs: JobsOption = DEFAULT_JOBS,
    as_json: JsonOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Copy journal, state, tracker and alerts, also during a run.

    Each account is copied as of one moment. The copies lie as in a data folder: `exitplan history --data DIR` looks
    into them. docs/safety.md says how one is put back.
    """
    account_set = AccountSet.of(account, tag, every=every, jobs=jobs, data=data)
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file", hint="name a new folder with --out DIR")
    if out.resolve() == data.folder.resolve():
        raise UsageError(f"{out} is the data folder itself", hint="name a new folder with --out DIR")

    def work(file: AccountFile, _stopped: Stopped) -> tuple[Backup, int]:
        return back_up(DataFolder.of(data.folder, file.id), out), 0

    answers = account_set.ask(work, quiet=as_json)
    if not account_set.is_one:
        raise typer.Exit(deliver_answers(answers, _TABLE, as_json=as_json))
    for answer in answers:
        if answer.result is not None:
            _show(answer.account, answer.result, as_json=as_json)


def _show(account: str, backup: Backup, *, as_json: bool) -> None:
    if as_json:
        write_json({"account": account, **_document(backup)})
    else:
        say(f"Copied {account} with {counted(backup.runs, 'run')} into {backup.folder}: {', '.join(backup.files)}.")


def _document(backup: Backup) -> dict[str, Any]:
    return {
        "folder": str(backup.folder),
        "files": list(backup.files),
        "runs": backup.runs,
        "journal_sha256": backup.journal_sha256,
    }


_TABLE: TableSpec[Backup] = TableSpec(
    ("runs", "folder"), "rl", lambda backup: [f"{backup.runs:,}", str(backup.folder)], _document
)
