"""``exitplan positions``: everything that an account holds, in one table."""

from __future__ import annotations

from typing import Any

from exitplan.cli.arguments import AccountRef, Narrowing, Recording, make_requested_plan, only_one
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
from exitplan.cli.rendering.positions import Line, positions_parts
from exitplan.cli.rendering.screen import show
from exitplan.cli.streams import write_json
from exitplan.cli.verbs import verb_app
from exitplan.executor.plan import Planned
from exitplan.ruleset.model.values import plain, time_text

app = verb_app()


@app.command()
def command(
    account: AccountOption = None,
    policy: PolicyOption = None,
    snapshot: SnapshotOption = None,
    progress: ProgressOption = None,
    now: NowOption = None,
    as_json: JsonOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """List every position: its worth, its category and why.

    The largest come first. Nothing is sent.
    """
    where = AccountRef(only_one(account), policy, data)
    planned, _ = make_requested_plan(where, Recording(snapshot, progress, now), Narrowing(), {})
    lines = lines_of(planned)
    if as_json:
        write_json(_document(planned, lines))
    else:
        show(*positions_parts(planned.plan, lines))


def lines_of(planned: Planned) -> list[Line]:
    """Put each position together with what the plan says of it, the largest first."""
    held = {position.key: position for position in planned.snapshot.positions}
    kinds = {action.key: action.kind for action in planned.plan.actions if action.kind != "cancel_order"}
    lines = [
        Line(position, abs(held[position.key].quantity), kinds.get(position.key)) for position in planned.plan.positions
    ]
    return sorted(lines, key=lambda line: (line.value is None, -(line.value or 0), line.position.key))


def _document(planned: Planned, lines: list[Line]) -> dict[str, Any]:
    account = planned.plan.account
    return {
        "account": account.id,
        "venue": account.venue,
        "quote": account.quote,
        "taken_at": time_text(planned.snapshot.taken_at),
        "positions": [
            {
                "symbol": line.position.symbol,
                "side": line.position.side,
                "quantity": plain(line.quantity),
                **{name: line.position.facts.get(name) for name in ("value_usd", "account_pct", "pnl_pct")},
                "age_minutes": line.position.facts.get("age_minutes"),
                "category": line.position.category,
                "rule": line.position.rule,
                "because": line.position.because,
                "protected": line.position.is_protected,
                "action": line.action,
            }
            for line in lines
        ],
    }
