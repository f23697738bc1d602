"""``exitplan history``: past runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from exitplan.cli.account_set import AccountSet
from exitplan.cli.arguments import AccountRef, open_offline, read_since
from exitplan.cli.options import DEFAULT_DATA, AccountsOption, AllOption, DataOption, JsonOption, TagOption
from exitplan.cli.output import say
from exitplan.cli.rendering.audit import form_of
from exitplan.cli.rendering.screen import show
from exitplan.cli.rendering.status import history_table, run_parts
from exitplan.cli.streams import ensure_output, save, write_json
from exitplan.cli.verbs import verb_app
from exitplan.executor.accounts.places import DataPlace
from exitplan.executor.store.audit import audit_trail
from exitplan.executor.store.history import past_runs
from exitplan.ruleset.errors import ExitplanError, UsageError
from exitplan.ruleset.planning.words import counted

app = verb_app()


@app.command()
def command(  # noqa: PLR0913, PLR0917 - one argument an option
    run: Annotated[
        int | None, typer.Argument(metavar="[RUN]", help="One run, by its number: every action, price and fee.")
    ] = None,
    account: AccountsOption = None,
    tag: TagOption = None,
    every: AllOption = False,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, help="Show at most N runs, the newest first.")
    ] = 20,
    export: Annotated[
        Path | None,
        typer.Option(
            "--export", metavar="FILE", help="Write all runs and orders to this file, for audit: .csv or .jsonl."
        ),
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="With --export: only since then, such as 30d.")
    ] = None,
    as_json: JsonOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """List past runs: when, which plan, and with what result.

    For one run, every action is shown: what was filled, at which price compared with the plan, and the fee.

    --export writes the history of one or several accounts for audit: who made each run, the hashes of its policy and
    plan, and every order with what was asked, filled and paid. docs/reports.md lists its columns.
    """
    account_set = AccountSet.of(account, tag, every=every, data=data)
    if export is not None:
        if run is not None:
            raise UsageError("--export writes all runs", hint="leave out the run's number")
        export_history(account_set, export, since, data, as_json=as_json)
        return
    if since is not None:
        raise UsageError("--since goes with --export", hint="show more or fewer runs with --limit N")
    runs = past_runs(open_offline(AccountRef(account_set.only_name, data=data)))
    if run is None:
        show_history(runs[:limit], as_json=as_json)
    else:
        show_run(find_run(runs, run), as_json=as_json)


def export_history(account_set: AccountSet, path: Path, since: str | None, data: DataPlace, *, as_json: bool) -> None:
    """Write the history of accounts into a file whole, or leave what was there."""
    form = form_of(path)
    ensure_output(path)
    begin = None if since is None else read_since(since)
    count = {"runs": 0, "orders": 0}

    def entries() -> Iterator[dict[str, Any]]:
        for who in account_set.select():
            if isinstance(who.file, ExitplanError):
                raise who.file
            for entry in audit_trail(data.store_of(who.file.id), begin):
                count["runs"] += 1
                count["orders"] += len(entry["orders"])
                yield entry

    save(path, form(entries()))
    if as_json:
        write_json({"file": str(path), **count})
    else:
        say(f"Wrote {counted(count['runs'], 'run')} with {counted(count['orders'], 'order')} into {path}.")


def find_run(runs: list[dict[str, Any]], number: int) -> dict[str, Any]:
    """Find a run by its number; raises UsageError."""
    for run in runs:
        if run["run"] == number:
            return run
    newest = f"the newest is {runs[0]['run']}" if runs else "there was none yet"
    raise UsageError(f"there is no run {number}", hint=newest)


def show_run(run: dict[str, Any], *, as_json: bool) -> None:
    """Show one run."""
    if as_json:
        write_json(run)
    else:
        show(*run_parts(run))


def show_history(runs: list[dict[str, Any]], *, as_json: bool) -> None:
    """Show runs, the newest first."""
    if as_json:
        write_json({"runs": runs})
    elif not runs:
        say("No run yet. Begin with: exitplan plan")
    else:
        show(history_table(runs))
