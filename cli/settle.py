"""``exitplan settle``: say what became of an order that the venue cannot tell of."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import typer

from cli.options import DEFAULT_DATA, AccountOption, DataOption, JsonOption
from cli.requests import Where, only_one, open_offline, open_requested
from cli.streams import write_json
from cli.verbs import verb_app
from executor.by_hand import settle_by_hand, unresolved_orders
from ruleset.errors import UsageError
from ruleset.values import parse_decimal, plain

app = verb_app()


@app.command()
def command(
    order: Annotated[str | None, typer.Argument(metavar="[ORDER]", help="Its client order id, xp....")] = None,
    filled: Annotated[
        str | None, typer.Option("--filled", metavar="QUANTITY", help="What was filled of it; 0 if it never traded.")
    ] = None,
    account: AccountOption = None,
    as_json: JsonOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Say what became of an order that the venue cannot tell of.

    Without an order, lists those that are unresolved. Look at the venue first, in open orders, history and trades: what
    you say here is believed. An order that is still open is cancelled there before. The plan stays open: apply it
    again.
    """
    where = Where(only_one(account), data=data)
    if order is None:
        opened = open_offline(where)
        waiting = unresolved_orders(opened)
        if as_json:
            write_json({"account": opened.id, "unresolved": list(waiting)})
            return
        for name, action in waiting.items():
            typer.echo(f"{name}  {action.kind} {action.symbol} {plain(action.quantity)}")
        if not waiting:
            typer.echo(f"No order of {opened.id} is unresolved.")
        return
    if filled is None:
        raise UsageError("how much of it was filled?", hint="--filled QUANTITY, 0 if it never traded")
    quantity = _quantity(filled)
    opened = open_requested(where) if quantity else open_offline(where)
    action = settle_by_hand(opened, order, quantity)
    if as_json:
        write_json({"account": opened.id, "order": order, "symbol": action.symbol, "filled": filled})
    else:
        typer.echo(f"Settled {action.kind} {action.symbol}: {filled} filled. Apply the plan again, or make a new one.")


def _quantity(text: str) -> Decimal:
    try:
        return parse_decimal(text)
    except ValueError as error:
        raise UsageError(f"--filled: {error}", hint="a quantity such as 0 or 1.5") from error
