"""Draw what differs between a plan that was approved and one made anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from exitplan.cli.rendering.plan import summary_line
from exitplan.cli.rendering.screen import rows, section, show, words
from exitplan.executor.apply.refresh import Change

_NAMES = {
    "quantity": "quantity",
    "est_value": "value",
    "rule": "rule",
    "trigger_price": "trigger price",
    "limit_price": "limit price",
}


def show_changes(changes: Sequence[Change], plan: Mapping[str, Any]) -> None:
    """Write the differences, a line each, and the summary of the new plan."""
    if not changes:
        show(Text("The plan made anew does the same as the old one."), summary_line(plan))
        return
    table = rows("l", "l", "l", "l")
    for change in changes:
        action = change.new or change.old or {}
        sign, style = _sign(change)
        table.add_row(Text(sign, style), words(action["symbol"]), words(action["kind"]), words(_told(change)))
    show(section("Since the plan was made", f"{len(changes)} actions differ", table), summary_line(plan))


def _sign(change: Change) -> tuple[str, str]:
    if change.old is None:
        return "+", "green"
    return ("-", "red") if change.new is None else ("~", "yellow")


def _told(change: Change) -> str:
    if change.old is None or change.new is None:
        action = change.new or change.old or {}
        return f"{action['quantity']}  {'new' if change.old is None else 'no longer planned'}"
    return ", ".join(f"{_NAMES[name]} {change.old.get(name)} -> {change.new.get(name)}" for name in change.fields)
