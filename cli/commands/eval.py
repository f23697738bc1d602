"""``exitplan eval``: try a condition on a position."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from exitplan.cli.arguments import (
    AccountRef,
    Narrowing,
    Recording,
    ensure_symbol,
    make_requested_plan,
    only_one,
)
from exitplan.cli.completion import complete_symbol
from exitplan.cli.options import (
    DEFAULT_DATA,
    AccountOption,
    DataOption,
    JsonOption,
    NowOption,
    PolicyOption,
    ProgressOption,
    SnapshotOption,
)
from exitplan.cli.rendering.explain import condition_lines
from exitplan.cli.rendering.screen import heading, section, show
from exitplan.cli.streams import write_json
from exitplan.cli.verbs import verb_app
from exitplan.ruleset.engine.trace import trace
from exitplan.ruleset.model.fact_registry import POSITION_FACTS
from exitplan.ruleset.model.values import meant_symbol
from exitplan.workbench.explaining.explanation import trace_document
from exitplan.workbench.typed_condition import read_condition

app = verb_app()


@app.command()
def command(  # noqa: PLR0913, PLR0917 - one argument an option
    condition: Annotated[str, typer.Argument(metavar="CONDITION", help="Such as 'value_usd < 5 and tracked'.")],
    symbols: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SYMBOL]...", autocompletion=complete_symbol, help="Which positions.  [default: all of them]"
        ),
    ] = None,
    account: AccountOption = None,
    policy: PolicyOption = None,
    snapshot: SnapshotOption = None,
    progress: ProgressOption = None,
    now: NowOption = None,
    as_json: JsonOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Try a condition on positions: true or false, part by part.

    A condition may be written as policies have it too: '{value_usd: {lt: 5}}'. Parameters ($name) and definitions are
    those of the policy. Nothing is changed.
    """
    where = AccountRef(only_one(account), policy, data)
    tried = try_condition(condition, symbols or [], where, Recording(snapshot, progress, now))
    if as_json:
        write_json(tried)
        return
    show(heading(tried["condition"], f"account {tried['account']}, {_summary(tried['positions'])}"))
    for position in tried["positions"]:
        verdict = "true" if position["trace"]["holds"] else "false"
        side = "" if position["side"] == "long" else " short"
        show(section(f"{position['symbol']}{side}", verdict, condition_lines(position["trace"])))


def _summary(positions: list[dict[str, Any]]) -> str:
    holding = sum(1 for position in positions if position["trace"]["holds"])
    return f"true for {holding:,} of {len(positions):,}"


def try_condition(text: str, symbols: list[str], where: AccountRef, recording: Recording) -> dict[str, Any]:
    """Plan, and evaluate a condition on the facts of positions; raises NoSuchSymbol, UsageError."""
    planned, loaded = make_requested_plan(where, recording, Narrowing(), {})
    condition = read_condition(text, POSITION_FACTS, loaded.document)
    held = planned.snapshot.symbols
    wanted = [meant_symbol(symbol, held) for symbol in symbols]
    for symbol in wanted:
        ensure_symbol(symbol, held, planned.snapshot.account)
    views = [decision.view for decision in planned.draft.decisions]
    return {
        "account": planned.snapshot.account,
        "condition": condition.text,
        "positions": [
            {
                "symbol": view.position.symbol,
                "side": view.position.side,
                "trace": trace_document(trace(condition, view.facts)),
            }
            for view in views
            if not wanted or view.position.symbol in wanted
        ],
    }
