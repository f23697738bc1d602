"""``exitplan resolve``: record the outcome of an order that the venue cannot report."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import typer

from exitplan.cli.arguments import AccountRef, only_one, open_offline, open_requested
from exitplan.cli.options import DEFAULT_DATA, AccountOption, DataOption, JsonOption
from exitplan.cli.output import say
from exitplan.cli.streams import write_json
from exitplan.cli.verbs import verb_app
from exitplan.executor.apply.manual_resolution import resolve_by_hand, unresolved_orders
from exitplan.ruleset.errors import UsageError
from exitplan.ruleset.model.values import parse_decimal, plain

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
    """Record the outcome of an order that the venue cannot report.

    Without an order, lists those that are unresolved. Look at the venue first, in open orders, history and trades: what
    you say here is believed. Cancel an order that is still open there first. The plan stays open: apply it
    again.
    """
    where = AccountRef(only_one(account), data=data)
    if order is None:
        opened = open_offline(where)
        waiting = unresolved_orders(opened)
        if as_json:
            write_json({"account": opened.id, "unresolved": list(waiting)})
            return
        for name, action in waiting.items():
            say(f"{name}  {action.kind} {action.symbol} {plain(action.quantity)}")
        if not waiting:
            say(f"No order of {opened.id} is unresolved.")
        return
    if filled is None:
        raise UsageError("how much of it was filled?", hint="--filled QUANTITY, 0 if it never traded")
    quantity = _quantity(filled)
    opened = open_requested(where) if quantity else open_offline(where)
    action = resolve_by_hand(opened, order, quantity)
    if as_json:
        write_json({"account": opened.id, "order": order, "symbol": action.symbol, "filled": filled})
    else:
        say(f"Resolved {action.kind} {action.symbol}: {filled} filled. Apply the plan again, or make a new one.")


def _quantity(text: str) -> Decimal:
    try:
        return parse_decimal(text)
    except ValueError as error:
        raise UsageError(f"--filled: {error}", hint="a quantity such as 0 or 1.5") from error
