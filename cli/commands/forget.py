"""``exitplan forget``: take the record of a position out of the tracker."""

from __future__ import annotations

from typing import Annotated

import typer

from exitplan.cli.arguments import AccountRef, only_one, open_offline
from exitplan.cli.completion import complete_symbol
from exitplan.cli.options import DEFAULT_DATA, AccountOption, DataOption, JsonOption
from exitplan.cli.output import say
from exitplan.cli.streams import write_json
from exitplan.cli.verbs import verb_app
from exitplan.executor.registration import forget_position
from exitplan.ruleset.model.snapshot_writing import tracker_to_document

app = verb_app()


@app.command()
def command(
    symbol: Annotated[
        str,
        typer.Argument(metavar="SYMBOL", autocompletion=complete_symbol, help="What the tracker has, such as ETH/USD."),
    ],
    account: AccountOption = None,
    as_json: JsonOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Take the record of a position out of the tracker.

    Nothing is traded and the venue is not contacted. If the position is still held, the next plan treats it as one that
    no strategy has registered; `exitplan adopt` registers it again.
    """
    opened = open_offline(AccountRef(only_one(account), data=data))
    name, record = forget_position(opened, symbol)
    if as_json:
        write_json({"account": opened.id, "symbol": name, "record": tracker_to_document({name: record})[name]})
    else:
        say(f"Forgot {name} of {opened.id}: to a plan it is registered by nobody now.")
