"""``exitplan snapshot``: record an account."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from exitplan.cli.account_set import AccountSet, Stopped, ask_each, deliver_answers
from exitplan.cli.arguments import AccountRef, open_requested, request_of
from exitplan.cli.options import (
    DEFAULT_DATA,
    DEFAULT_JOBS,
    AccountsOption,
    AllOption,
    DataOption,
    JobsOption,
    JsonOption,
    PolicyOption,
    TagOption,
)
from exitplan.cli.output import say
from exitplan.cli.plan_output import make_folder
from exitplan.cli.rendering.many import TableSpec
from exitplan.cli.rendering.waiting import waiting
from exitplan.cli.streams import ensure_output, json_bytes, save, write_bytes
from exitplan.cli.verbs import verb_app
from exitplan.executor.accounts.account import Account, AccountFile, open_account_file
from exitplan.executor.plan import read_snapshot
from exitplan.ruleset.errors import UsageError
from exitplan.ruleset.model.snapshot_writing import snapshot_to_document

app = verb_app()


@app.command()
def command(  # noqa: PLR0913, PLR0917 - one argument an option
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="FILE", help="Where to write it (default: stdout); a folder for several accounts."
        ),
    ] = None,
    account: AccountsOption = None,
    tag: TagOption = None,
    every: AllOption = False,
    policy: PolicyOption = None,
    data: DataOption = DEFAULT_DATA,
    jobs: JobsOption = DEFAULT_JOBS,
    as_json: JsonOption = False,
) -> None:
    """Record an account in a snapshot file.

    Cash, positions, orders, markets and tracker, as they are now; no secret is in it.

    `exitplan plan --snapshot FILE` plans from it at any time, and a paper account can start from it.
    """
    account_set = AccountSet.of(account, tag, every=every, jobs=jobs, data=data)
    if not account_set.is_one:
        raise typer.Exit(snapshot_many(account_set, AccountRef(policy=policy, data=data), out, as_json=as_json))
    opened = open_requested(AccountRef(account_set.only_name, policy, data))
    with waiting(f"Reading {opened.id} at {opened.venue}"):
        document = record(opened)
    content = json_bytes(document)
    if out is None:
        write_bytes(content)
        return
    ensure_output(out)
    save(out, content)
    if as_json:
        write_bytes(content)
    else:
        say(f"Recorded {len(document['positions'])} positions of {document['account']} in {out}.")


def record(account: Account) -> dict[str, Any]:
    """Read an account, and give it in the form of a snapshot file."""
    return snapshot_to_document(read_snapshot(account))


def snapshot_many(account_set: AccountSet, where: AccountRef, folder: Path | None, *, as_json: bool) -> int:
    """Record several accounts, each in a file of its own; returns the worst exit code. Raises UsageError."""
    if folder is None:
        raise UsageError("several accounts are recorded into a folder", hint="name it with --out DIR")
    selected = account_set.select()
    make_folder(folder, [f"{Path(who.name).name}.snapshot.json" for who in selected])

    def work(file: AccountFile, _stopped: Stopped) -> tuple[tuple[Path, dict[str, Any]], int]:
        document = record(open_account_file(file, request_of(where)))
        path = folder / f"{file.id}.snapshot.json"
        save(path, json_bytes(document))
        return (path, document), 0

    answers = ask_each(selected, work, jobs=account_set.jobs, quiet=as_json)
    sheet: TableSpec[tuple[Path, dict[str, Any]]] = TableSpec(
        ("positions", "file"),
        "rl",
        lambda recorded: [f"{len(recorded[1]['positions']):,}", str(recorded[0])],
        lambda recorded: {"file": str(recorded[0]), "snapshot": recorded[1]},
    )
    return deliver_answers(answers, sheet, as_json=as_json)
