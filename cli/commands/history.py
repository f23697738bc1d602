"""``exitplan history``: past runs."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from exitplan.cli.arguments import AccountRef, only_one, open_offline
from exitplan.cli.options import DEFAULT_DATA, AccountOption, DataOption, JsonOption
from exitplan.cli.rendering.screen import show
from exitplan.cli.rendering.status import history_table
from exitplan.cli.streams import write_json
from exitplan.cli.verbs import verb_app
from exitplan.executor.store.history import past_runs

app = verb_app()


@app.command()
def command(
    account: AccountOption = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="How many runs, the newest first.")] = 20,
    as_json: JsonOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """List past runs: when, which plan, what came of it."""
    show_history(past_runs(open_offline(AccountRef(only_one(account), data=data)))[:limit], as_json=as_json)


def show_history(runs: list[dict[str, Any]], *, as_json: bool) -> None:
    """Show runs, the newest first."""
    if as_json:
        write_json({"runs": runs})
    elif not runs:
        typer.echo("No run yet. Begin with: exitplan plan")
    else:
        show(history_table(runs))
