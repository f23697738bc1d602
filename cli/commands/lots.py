"""``exitplan lots``: what exits realised, lot by lot, and files for portfolio and tax tools."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, cast

import typer

from exitplan.cli.account_set import AccountSet, Answer, Stopped, deliver_answers
from exitplan.cli.arguments import AccountRef, read_since, request_of
from exitplan.cli.failures import warn
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
from exitplan.cli.rendering.lot_files.forms import LotForm, ensure_by, form_of, left_out
from exitplan.cli.rendering.lots import LOTS, lots_document, lots_parts
from exitplan.cli.rendering.screen import show
from exitplan.cli.streams import ensure_output, save, write_bytes, write_json
from exitplan.cli.verbs import verb_app
from exitplan.executor.accounts.account import AccountFile, open_account_file
from exitplan.executor.lots.accounts import AccountLots, account_lots
from exitplan.ruleset.errors import ExitplanError, UsageError
from exitplan.ruleset.language.problems import did_you_mean
from exitplan.ruleset.model.lots import METHODS, Method

app = verb_app()


@app.command()
def command(  # noqa: PLR0913, PLR0917 - one argument an option
    account: AccountsOption = None,
    tag: TagOption = None,
    every: AllOption = False,
    method: Annotated[
        str | None,
        typer.Option(
            "--method", metavar="NAME", help="FIFO, LIFO, HIFO or average.  [default: the account's, else FIFO]"
        ),
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="Only what was sold since then, such as 2026-01-01.")
    ] = None,
    form: Annotated[
        str, typer.Option("--format", metavar="NAME", help="table, json, csv, rotki, koinly or beancount.")
    ] = "table",
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write it to this file.")] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Ask no venue: go by the journal and the tracker alone.")
    ] = False,
    jobs: JobsOption = DEFAULT_JOBS,
    as_json: JsonOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Report what exits realised, lot by lot.

    Lots are those of the venue's trade history, where it tells one; else what the tracker notes of a position. It only
    reports: no decision depends on it. docs/lots.md explains each figure and file.
    """
    wanted, chosen = form_of("json" if as_json else form), method_named(method)
    is_json = as_json or form == "json"
    _ensure_out(out, wanted)
    begin = None if since is None else read_since(since)
    account_set, where = AccountSet.of(account, tag, every=every, jobs=jobs, data=data), AccountRef(data=data)

    def work(file: AccountFile, _stopped: Stopped) -> tuple[AccountLots, int]:
        opened = open_account_file(file, request_of(where, offline=offline))
        return account_lots(opened, begin, chosen, ask=not offline), 0

    answers = account_set.ask(work, quiet=is_json or wanted is not None)
    if wanted is not None:
        _write(wanted, answers, out)
    elif not account_set.is_one:
        raise typer.Exit(deliver_answers(answers, LOTS, as_json=is_json))
    for lots in (answer.result for answer in answers if answer.result is not None and wanted is None):
        if is_json:
            write_json(lots_document(lots))
        else:
            show(*lots_parts(lots))


def method_named(name: str | None) -> Method | None:
    """Return a method by its name in any case; raises UsageError."""
    if name is None:
        return None
    for method in METHODS:
        if method.casefold() == name.casefold():
            return cast("Method", method)
    hint = did_you_mean(name, list(METHODS)) or f"there are {', '.join(METHODS)}"
    raise UsageError(f"--method takes no {name!r}", hint=hint)


def _ensure_out(out: Path | None, form: LotForm | None) -> None:
    if out is None:
        return
    if form is None:
        raise UsageError("--out goes with a file's format", hint="such as --format csv")
    ensure_output(out)


def _write(form: LotForm, answers: list[Answer[AccountLots]], out: Path | None) -> None:
    """Write a file of all accounts, or of none: one that lacks an account would be a wrong one."""
    for answer in answers:
        if answer.problem is not None:
            raise ExitplanError(f"{answer.account}: {answer.problem}", hint="nothing was written") from answer.problem
    accounts = [answer.result for answer in answers if answer.result is not None]
    for lots in accounts:
        ensure_by(form, lots.method)
        for said in left_out(form, lots):
            warn(f"{lots.account}: {said}")
    content = form.write(accounts)
    if out is None:
        write_bytes(content)
    else:
        save(out, content)
        say(f"{out}: {form.about}")
