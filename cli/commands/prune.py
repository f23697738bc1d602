"""``exitplan prune``: take old runs out of the journal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from exitplan.cli.account_set import AccountSet, Stopped, deliver_answers
from exitplan.cli.arguments import present, read_since
from exitplan.cli.options import DEFAULT_DATA, AccountsOption, AllOption, DataOption, JsonOption, TagOption
from exitplan.cli.output import say
from exitplan.cli.rendering.audit import form_of
from exitplan.cli.rendering.many import TableSpec
from exitplan.cli.rendering.words import clock_time, counted
from exitplan.cli.streams import ensure_output, save, write_json
from exitplan.cli.verbs import verb_app
from exitplan.executor.accounts.account import AccountFile
from exitplan.executor.accounts.folder import DataFolder
from exitplan.executor.prune import Pruned, prune
from exitplan.ruleset.errors import UsageError
from exitplan.ruleset.model.values import time_text

app = verb_app()
_MEGABYTE = 2**20


@app.command()
def command(  # noqa: PLR0913, PLR0917 - one argument an option
    older_than: Annotated[
        str, typer.Option("--older-than", metavar="TIME", help="Runs that ended before then, such as 400d.")
    ],
    account: AccountsOption = None,
    tag: TagOption = None,
    every: AllOption = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would go, and change nothing.")] = False,
    export: Annotated[
        Path | None,
        typer.Option("--export", metavar="FILE", help="Write what goes for audit first, as .csv or .jsonl."),
    ] = None,
    as_json: JsonOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Take old runs out of the journal.

    Plans, orders and fills of runs that ended so long ago and that nothing needs any more. Open plans and unresolved
    orders stay, and so do the newest run, the state, and the ids of all plans and orders. Nothing is ever pruned by
    itself.
    """
    account_set, before = AccountSet.of(account, tag, every=every), read_since(older_than, "--older-than")
    if export is not None and not account_set.is_one:
        raise UsageError("--export is for one account at a time", hint="name it with --account")
    form = None if export is None else form_of(export)
    if export is not None:
        ensure_output(export)

    def written(entries: Iterator[dict[str, Any]]) -> None:
        if export is not None and form is not None:
            save(export, form(entries))

    def work(file: AccountFile, _stopped: Stopped) -> tuple[Pruned, int]:
        folder = DataFolder.of(data, file.id)
        writes = None if export is None else written
        return prune(file.id, folder, before, present(), dry_run=dry_run, export=writes), 0

    def document(pruned: Pruned) -> dict[str, Any]:
        figures = {"plans": pruned.plans, "runs": pruned.runs, "orders": pruned.orders, "bytes": pruned.bytes}
        exported = None if export is None else str(export)
        return {"dry_run": dry_run, "before": time_text(pruned.before), **figures, "exported": exported}

    answers = account_set.ask(work, quiet=as_json)
    if not account_set.is_one:
        raise typer.Exit(deliver_answers(answers, _table(document), as_json=as_json))
    for answer in answers:
        if answer.result is not None and as_json:
            write_json({"account": answer.account, **document(answer.result)})
        elif answer.result is not None:
            say(_told(answer.account, answer.result, dry_run=dry_run, export=export))


def _told(account: str, pruned: Pruned, *, dry_run: bool, export: Path | None) -> str:
    if not pruned.plans:
        return f"Nothing goes from {account}: no run ended before {clock_time(pruned.before)} that nothing needs."
    what = f"{counted(pruned.runs, 'run')} with {counted(pruned.orders, 'order')}"
    written = "" if export is None else f" Written before: {export}."
    if dry_run:
        return f"{what} would go from {account}, about {_size(pruned.bytes)}. Nothing was changed.{written}"
    return f"{what} went from {account}: its journal is {_size(pruned.bytes)} smaller.{written}"


def _size(size: int) -> str:
    return f"{size / _MEGABYTE:,.1f} MB" if size >= _MEGABYTE else f"{size:,} bytes"


def _table(document: Any) -> TableSpec[Pruned]:  # noqa: ANN401 - as in a table
    columns = ("runs", "orders", "bytes")
    return TableSpec(columns, "rrr", lambda one: [f"{one.runs:,}", f"{one.orders:,}", f"{one.bytes:,}"], document)
