"""``exitplan prune``: take old runs out of the journal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from exitplan.cli.account_set import AccountSet, Stopped, deliver_answers
from exitplan.cli.arguments import present, read_since
from exitplan.cli.options import DEFAULT_DATA, AccountsOption, AllOption, DataOption, JsonOption, TagOption
from exitplan.cli.output import say
from exitplan.cli.rendering.audit import Form, form_of
from exitplan.cli.rendering.many import TableSpec
from exitplan.cli.streams import ensure_output, save, write_json
from exitplan.cli.verbs import verb_app
from exitplan.executor.accounts.account import AccountFile
from exitplan.executor.accounts.places import DataPlace
from exitplan.executor.prune import Pruned, prune
from exitplan.ruleset.errors import UsageError
from exitplan.ruleset.model.values import time_text
from exitplan.ruleset.planning.words import clock_time, counted, data_size

app = verb_app()


@app.command()
def command(  # noqa: PLR0913, PLR0917 - one argument an option
    older_than: Annotated[
        str, typer.Option("--older-than", metavar="TIME", help="Remove runs that ended before then, such as 400d.")
    ],
    account: AccountsOption = None,
    tag: TagOption = None,
    every: AllOption = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be removed, and change nothing.")] = False,
    export: Annotated[
        Path | None,
        typer.Option(
            "--export", metavar="FILE", help="First write what is removed to this file, for audit: .csv or .jsonl."
        ),
    ] = None,
    as_json: JsonOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Remove old runs from the journal.

    Removes the plans, orders and fills of runs that ended before that time, unless something still needs them. Open
    plans, unresolved orders, the newest run, the state, and the ids of all plans and orders stay. exitplan never prunes
    on its own.
    """
    account_set = AccountSet.of(account, tag, every=every, data=data)
    if export is not None and not account_set.is_one:
        raise UsageError("--export is for one account at a time", hint="name it with --account")
    wish = _Wish.of(older_than, export, data, dry_run=dry_run)
    answers = account_set.ask(wish.work, quiet=as_json)
    if not account_set.is_one:
        raise typer.Exit(deliver_answers(answers, wish.table, as_json=as_json))
    for answer in answers:
        if answer.result is not None and as_json:
            write_json({"account": answer.account, **wish.document(answer.result)})
        elif answer.result is not None:
            say(_told(answer.account, answer.result, dry_run=dry_run, export=export))


@dataclass(frozen=True, slots=True)
class _Wish:
    """What is to go, and whether it goes; ``form`` is that of the file that it is written into before."""

    before: datetime
    export: Path | None
    form: Form | None
    data: DataPlace
    dry_run: bool

    @classmethod
    def of(cls, older_than: str, export: Path | None, data: DataPlace, *, dry_run: bool) -> _Wish:
        """Read what was typed; raises UsageError."""
        form = None
        if export is not None:
            form = form_of(export)
            ensure_output(export)
        return cls(read_since(older_than, "--older-than"), export, form, data, dry_run)

    def work(self, file: AccountFile, _stopped: Stopped) -> tuple[Pruned, int]:
        """Prune the journal of one account."""
        export = None if self.form is None else self._write
        store = self.data.store_of(file.id)
        return prune(store, self.before, present(), dry_run=self.dry_run, export=export), 0

    def _write(self, entries: Iterator[dict[str, Any]]) -> None:
        if self.export is not None and self.form is not None:
            save(self.export, self.form(entries))

    def document(self, pruned: Pruned) -> dict[str, Any]:
        """Return what went in its JSON form."""
        figures = {"plans": pruned.plans, "runs": pruned.runs, "orders": pruned.orders, "bytes": pruned.bytes}
        exported = None if self.export is None else str(self.export)
        return {"dry_run": self.dry_run, "before": time_text(pruned.before), **figures, "exported": exported}

    @property
    def table(self) -> TableSpec[Pruned]:
        """How several accounts are shown."""
        columns = ("runs", "orders", "bytes")
        return TableSpec(
            columns, "rrr", lambda one: [f"{one.runs:,}", f"{one.orders:,}", f"{one.bytes:,}"], self.document
        )


def _told(account: str, pruned: Pruned, *, dry_run: bool, export: Path | None) -> str:
    if not pruned.plans:
        return f"Nothing to remove from {account}: no run ended before {clock_time(pruned.before)}, or all are needed."
    what = f"{counted(pruned.runs, 'run')} with {counted(pruned.orders, 'order')}"
    written = "" if export is None else f" Saved first to {export}."
    if dry_run:
        return f"{what} would be removed from {account}, about {data_size(pruned.bytes)}. Nothing was changed.{written}"
    return f"Removed {what} from {account}: its journal is {data_size(pruned.bytes)} smaller.{written}"
