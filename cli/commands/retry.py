"""``exitplan retry``: let an exit be tried again that was given up."""

from __future__ import annotations

from typing import Annotated

import typer

from exitplan.cli.arguments import AccountRef, only_one, open_offline
from exitplan.cli.completion import complete_symbol
from exitplan.cli.options import DEFAULT_DATA, AccountOption, DataOption, JsonOption
from exitplan.cli.output import say
from exitplan.cli.streams import write_json
from exitplan.cli.verbs import verb_app
from exitplan.executor.plan import read_state
from exitplan.executor.store.history import retry
from exitplan.ruleset.model.values import unified_symbol

app = verb_app()


@app.command()
def command(
    symbol: Annotated[
        str, typer.Argument(metavar="SYMBOL", autocompletion=complete_symbol, help="The position, such as LUNA/USD.")
    ],
    account: AccountOption = None,
    as_json: JsonOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Let a failed exit be tried again.

    The failures and the escalation of the position are cleared; the next plan tries its exit again.
    """
    opened = open_offline(AccountRef(only_one(account), data=data))
    cleared = retry(opened, symbol)
    name = cleared or unified_symbol(symbol)
    if as_json:
        write_json({"account": opened.id, "symbol": name, "cleared": cleared is not None})
    elif cleared:
        say(f"Cleared {name} of {opened.id}: the next plan tries its exit again.")
    else:
        say(f"Nothing to clear: no exit of {name} has failed or was escalated.")
        state = read_state(opened)
        waiting = sorted({key.partition("#")[0] for key in (*state.failed_exits, *state.escalated)})
        if waiting:
            say(f"What has failed or was escalated: {', '.join(waiting)}.")
