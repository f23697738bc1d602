"""Draw what differs between a plan that was approved and one made anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from rich.table import Table
from rich.text import Text

from exitplan.cli.rendering.plan import summary_line
from exitplan.cli.rendering.screen import rows, section, show, words
from exitplan.executor.apply.refresh import PlanChange
from exitplan.ruleset.planning.plan_types import Plan
from exitplan.ruleset.planning.words import counted, exact

_NAMES = {
    "quantity": "quantity",
    "est_value": "value",
    "rule": "rule",
    "trigger_price": "trigger price",
    "limit_price": "limit price",
}


def show_changes(
    changes: Sequence[PlanChange],
    plan: Plan,
    title: str = "Since the plan was made",
    none: str = "The plan made anew does the same as the old one.",
) -> None:
    """Write the differences below a title, a line each, or that there are none; and the summary of the new plan."""
    if not changes:
        show(Text(none), summary_line(plan))
        return
    count = f"{counted(len(changes), 'action')} {'differs' if len(changes) == 1 else 'differ'}"
    show(section(title, count, _lines(changes)), summary_line(plan))


def show_group_changes(changes: Mapping[str, Sequence[PlanChange]], policy: Sequence[str]) -> None:
    """Write the differences of two plans of a group, a section for each account, or that there are none."""
    if not changes and not policy:
        show(Text("Both plans do the same."))
    if policy:
        show(Text(f"The group's policy differs in {' and '.join(policy)}."))
    for account, found in changes.items():
        count = f"{counted(len(found), 'action')} {'differs' if len(found) == 1 else 'differ'}"
        show(section(f"{account}: from the old plan to the new one", count, _lines(found)))


def _lines(changes: Sequence[PlanChange]) -> Table:
    table = rows("l", "l", "l", "l")
    for change in changes:
        sign, style = _sign(change)
        action = change.action
        table.add_row(Text(sign, style), words(action.symbol), words(action.kind), words(_difference(change)))
    return table


def _sign(change: PlanChange) -> tuple[str, str]:
    if change.old is None:
        return "+", "green"
    return ("-", "red") if change.new is None else ("~", "yellow")


def _difference(change: PlanChange) -> str:
    if change.old is None or change.new is None:
        return f"{exact(change.action.quantity)}  {'new' if change.old is None else 'no longer planned'}"
    pairs = ((name, getattr(change.old, name), getattr(change.new, name)) for name in change.fields)
    return ", ".join(f"{_NAMES[name]} {_figure(old)} -> {_figure(new)}" for name, old, new in pairs)


def _figure(value: Decimal | str | None) -> str:
    return exact(value) if isinstance(value, Decimal) else str(value or "none")
