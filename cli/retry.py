"""``exitplan retry``: let an exit be tried again that was given up."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.options import DEFAULT_DATA, AccountOption, DataOption, JsonOption
from cli.requests import Where, only_one, open_offline
from cli.streams import write_json
from cli.verbs import verb_app
from executor.history import retry
from ruleset.values import unified_symbol

app = verb_app()


@app.command()
def command(
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="The position, such as LUNA/USD.")],
    account: AccountOption = None,
    as_json: JsonOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Let an exit be tried again that has failed.

    The failures and the escalation of the position are cleared; the next plan has its exit again.
    """
    name = unified_symbol(symbol)
    opened = open_offline(Where(only_one(account), data=data))
    cleared = retry(opened, name)
    if as_json:
        write_json({"account": opened.id, "symbol": name, "cleared": cleared})
    elif cleared:
        typer.echo(f"Cleared {name} of {opened.id}: the next plan tries its exit again.")
    else:
        typer.echo(f"Nothing to clear: no exit of {name} has failed or was escalated.")
