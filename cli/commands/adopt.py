"""``exitplan adopt``: register a position with the tracker."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, cast

import typer

from exitplan.cli.arguments import AccountRef, only_one, open_requested, read_amount
from exitplan.cli.completion import complete_symbol
from exitplan.cli.failures import warn
from exitplan.cli.options import DEFAULT_DATA, AccountOption, DataOption, JsonOption
from exitplan.cli.output import say
from exitplan.cli.streams import write_json
from exitplan.cli.verbs import verb_app
from exitplan.executor.accounts.account import Account
from exitplan.executor.registration import Registration, register_position
from exitplan.ruleset.errors import UsageError
from exitplan.ruleset.model.snapshot import Side, TrackerRecord
from exitplan.ruleset.model.snapshot_writing import tracker_to_document
from exitplan.ruleset.planning.words import exact

app = verb_app()


@app.command()
def command(  # noqa: PLR0913, PLR0917 - one argument an option
    symbol: Annotated[
        str,
        typer.Argument(
            metavar="SYMBOL", autocompletion=complete_symbol, help="A position that is held, such as ETH/USD."
        ),
    ],
    entry_price: Annotated[
        str | None,
        typer.Option("--entry-price", metavar="PRICE", help="What a unit was bought at, where nobody knows it."),
    ] = None,
    stop_price: Annotated[
        str | None, typer.Option("--stop-price", metavar="PRICE", help="Where it is sold at a loss, if anywhere.")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option("--source", metavar="NAME", help="Who opened it, as in strategy_sources.  [default: adopted]"),
    ] = None,
    strategy: Annotated[str | None, typer.Option("--strategy", metavar="NAME", help="The strategy it is for.")] = None,
    side: Annotated[
        str | None, typer.Option("--side", metavar="SIDE", help="long or short, where both are held.")
    ] = None,
    account: AccountOption = None,
    as_json: JsonOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Register a position with the tracker, as one of a strategy.

    Nothing is traded. The entry price is what the tracker, the venue or your executions say, or --entry-price. Whether
    the position is aligned from then on is up to the policy: its strategy_sources must name the source.
    """
    if side not in {None, "long", "short"}:
        raise UsageError(f"--side is long or short, not {side}")
    opened = open_requested(AccountRef(only_one(account), data=data))
    wanted = Registration(
        symbol,
        cast("Side | None", side),
        _price("--entry-price", entry_price),
        _price("--stop-price", stop_price),
        source,
        strategy,
    )
    name, record = register_position(opened, wanted)
    show_registered(opened, name, record, as_json=as_json)


def _price(option: str, text: str | None) -> Decimal | None:
    return None if text is None else read_amount(option, text)


def show_registered(account: Account, symbol: str, record: TrackerRecord, *, as_json: bool) -> None:
    """Say what was registered, and warn where the policy does not count its source as one of its own."""
    document: dict[str, Any] = tracker_to_document({symbol: record})[symbol]
    if as_json:
        write_json({"account": account.id, "symbol": symbol, "record": document})
    else:
        price = "an unknown price" if record.entry_price is None else exact(record.entry_price)
        quantity = "" if record.quantity is None else f" {exact(record.quantity)}"
        say(f"Registered {symbol}{quantity} of {account.id}, bought at {price}, by {record.position_source}.")
    if record.position_source not in account.loaded.policy.strategy_sources:
        hint = f"write in its policy: parameters: {{strategy_sources: [..., {record.position_source}]}}"
        said = f"{record.position_source} is not among the strategy_sources of {account.id}: it stays a legacy position"
        warn(said, hint=hint, as_json=as_json)
