"""``exitplan explain``: why a position is what it is."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from exitplan.cli.arguments import (
    AccountRef,
    Narrowing,
    Overrides,
    Recording,
    ensure_symbol,
    make_requested_plan,
    only_one,
    read_overrides,
)
from exitplan.cli.completion import complete_symbol
from exitplan.cli.options import (
    DEFAULT_DATA,
    AccountOption,
    DataOption,
    DustPctOption,
    JsonOption,
    MaxPositionsOption,
    NowOption,
    PolicyOption,
    ProgressOption,
    SnapshotOption,
    StaleMinutesOption,
)
from exitplan.cli.rendering.explain import explanation_parts
from exitplan.cli.rendering.screen import show
from exitplan.cli.streams import write_json
from exitplan.cli.verbs import verb_app
from exitplan.ruleset.model.values import meant_symbol
from exitplan.workbench.explaining.explanation import ExplainedPlan, explain_symbol

app = verb_app()


@app.command()
def command(  # noqa: PLR0913, PLR0917 - one argument an option
    symbol: Annotated[
        str, typer.Argument(metavar="SYMBOL", autocompletion=complete_symbol, help="Such as ETH/USD or ETH-USD.")
    ],
    account: AccountOption = None,
    policy: PolicyOption = None,
    snapshot: SnapshotOption = None,
    progress: ProgressOption = None,
    now: NowOption = None,
    max_positions: MaxPositionsOption = None,
    dust_pct: DustPctOption = None,
    stale_minutes: StaleMinutesOption = None,
    why_not: Annotated[
        str | None,
        typer.Option(
            "--why-not",
            metavar="DOING",
            help="Why it is not done: close, unwind, sell, attach_stop, nothing, or the id of an exit.",
        ),
    ] = None,
    as_json: JsonOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Explain a position: its facts, the rules, what decided.

    Every rule that was tried is shown with the file and line it stands in, each comparison with what was found;
    then what the plan does with the position, and what would have to change about it for another exit.
    """
    overrides = read_overrides(max_positions, dust_pct, stale_minutes)
    where = AccountRef(only_one(account), policy, data)
    explained = explain_requested(symbol, where, Recording(snapshot, progress, now), overrides, why_not)
    if as_json:
        write_json(explained)
    else:
        show(*explanation_parts(explained))


def explain_requested(
    symbol: str, where: AccountRef, recording: Recording, overrides: Overrides, why_not: str | None = None
) -> dict[str, Any]:
    """Plan, and explain one symbol of it; raises NoSuchSymbol."""
    planned, loaded = make_requested_plan(where, recording, Narrowing(), overrides)
    held = planned.snapshot.symbols
    name = meant_symbol(symbol, held)
    ensure_symbol(name, held, planned.snapshot.account)
    case = ExplainedPlan(
        planned.plan, planned.draft, planned.snapshot, loaded.policy, loaded.marks, planned.given, why_not
    )
    return explain_symbol(case, name)
