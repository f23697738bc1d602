"""``exitplan history``: past runs."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from exitplan.cli.arguments import AccountRef, only_one, open_offline
from exitplan.cli.options import DEFAULT_DATA, AccountOption, DataOption, JsonOption
from exitplan.cli.output import say
from exitplan.cli.rendering.screen import show
from exitplan.cli.rendering.status import history_table, run_parts
from exitplan.cli.streams import write_json
from exitplan.cli.verbs import verb_app
from exitplan.executor.store.history import past_runs
from exitplan.ruleset.errors import UsageError

app = verb_app()


@app.command()
def command(
    run: Annotated[
        int | None, typer.Argument(metavar="[RUN]", help="One run, by its number: every action, price and fee.")
    ] = None,
    account: AccountOption = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="How many runs, the newest first.")] = 20,
    as_json: JsonOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """List past runs: when, which plan, what came of it.

    Of one run every action is shown: what was filled, at which price against that of the plan, and the fee.
    """
    runs = past_runs(open_offline(AccountRef(only_one(account), data=data)))
    if run is None:
        show_history(runs[:limit], as_json=as_json)
    else:
        show_run(find_run(runs, run), as_json=as_json)


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
