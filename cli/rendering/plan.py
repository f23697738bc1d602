"""A plan drawn as a diff: what goes, what stays, what cannot go and why, and how the account stands after it."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from exitplan.cli.rendering.blocked import MOST_LISTED, add_rest, blocked_section, deferred_section, waiting_section
from exitplan.cli.rendering.checks import before_and_after
from exitplan.cli.rendering.fitting import TextWithId
from exitplan.cli.rendering.head import plan_head, warnings_section
from exitplan.cli.rendering.screen import heading, rows, section, words
from exitplan.ruleset.model.fact_registry import Category
from exitplan.ruleset.model.visible import printable
from exitplan.ruleset.planning.actions import Action, Phase
from exitplan.ruleset.planning.checks import AccountState
from exitplan.ruleset.planning.plan_types import Plan
from exitplan.ruleset.planning.plan_words import (
    ALL_CLEAN,
    CATEGORIES,
    SIGNS,
    ExitPart,
    as_exits,
    bare_reason,
    conversion_cost,
    exit_parts,
    expected_cost,
    guard_text,
    orders_text,
    protection_text,
    reached_text,
    reason_shown,
    summary_text,
    value_text,
    what_text,
)
from exitplan.ruleset.planning.words import counted, exact, money, total

_COLOURS = {"-": "red", "~": "yellow", "+": "green"}


def plan_parts(plan: Plan) -> list[RenderableType]:
    """Draw a plan, section by section."""
    parts: list[RenderableType | None] = [
        plan_head(plan),
        warnings_section(plan.warnings),
        _cancels(plan),
        *(_exit_section(part, plan) for part in exit_parts(plan)),
        _dust_conversions(plan),
        _cash_conversions(plan),
        _counting(plan),
        waiting_section(plan),
        blocked_section(plan),
        _left_orders(plan),
        deferred_section(plan),
        _protected(plan),
        _aligned(plan),
        _forecast(plan),
        _refusals(plan),
        Group(summary_line(plan), *(words(said, "dim") for said in expected_cost(plan))),
    ]
    return [part for part in parts if part is not None]


def summary_line(plan: Plan) -> Text:
    """Format in one line what the plan does."""
    said = summary_text(plan)
    if plan.actions:
        return heading("Plan: ").append(said, "bold")
    return words(said, "bold green") if said == ALL_CLEAN else heading(said)


def _cancels(plan: Plan) -> RenderableType | None:
    cancels = plan.of_phase(Phase.CANCEL)
    if not cancels:
        return None
    table = rows("l", "l", "l", "r", "l")
    for action in cancels:
        why = words(action.because, "dim")
        table.add_row(_sign(action), words(action.symbol), _what(action), value_text(action), why)
    return section("Stale orders", counted(len(cancels), "order") + " to cancel", table)


def _exit_section(part: ExitPart, plan: Plan) -> RenderableType:
    table = rows("l", "l", "l", "r", "l")
    for action in part.actions:
        why = words(reason_shown(action, plan.by_key.get(action.key), part.shared), "dim")
        what = _what(action).append(orders_text(plan, action))
        table.add_row(_sign(action), words(action.symbol), what, value_text(action), why)
    return section(f"Exit {part.rule}", part.note, table)


def _what(action: Action) -> Text:
    """Return what is done: the verb and the quantity."""
    said = what_text(action)
    return TextWithId(said, printable(str(action.order_id))) if action.kind == "cancel_order" else words(said)


def _dust_conversions(plan: Plan) -> RenderableType | None:
    """Show what is converted because it is too small to sell: how much, what it is worth, and what that costs."""
    conversions = [action for action in plan.actions if action.kind == "convert_dust"]
    table = rows("l", "l", "l", "r", "r", "l")
    for action in conversions:
        why = words(action.because.partition("; ")[0], "dim")
        table.add_row(
            _sign(action), words(action.symbol), _what(action), value_text(action), words(conversion_cost(action)), why
        )
    note = f"{counted(len(conversions), 'position')}, too small to sell"
    return section("Dust to convert", note, table) if conversions else None


def _cash_conversions(plan: Plan) -> RenderableType | None:
    """Show which money is turned into the account's quote, and through which market."""
    conversions = as_exits([action for action in plan.actions if action.kind == "convert_cash"])
    table = rows("l", "l", "l", "r", "l")
    for action in conversions:
        base = action.symbol.partition("/")[0]
        what = f"{action.side} {exact(action.quantity)} {base}{orders_text(plan, action)}"
        table.add_row(
            _sign(action), words(action.symbol), words(what), value_text(action), words(bare_reason(action), "dim")
        )
    worth = total([action.est_value for action in conversions])
    note = f"~ {money(worth, plan.account.quote)}, into {plan.account.quote}"
    return section("Cash to convert", note, table) if conversions else None


def _counting(plan: Plan) -> RenderableType | None:
    """Show unwinds whose cycle is reached already: nothing is sent, but the cycle counts."""
    table = rows("l", "l", "l")
    for position in plan.positions:
        step = position.unwind
        if step is not None and step.counts:
            table.add_row(Text("~", "yellow"), words(position.symbol), words(reached_text(step), "dim"))
    return section("Unwind cycles that count", "nothing is sent", table) if table.row_count else None


def _left_orders(plan: Plan) -> RenderableType | None:
    table = rows("l", "l", "l", "l")
    for order in plan.left_orders[:MOST_LISTED]:
        said = TextWithId(f"{order.side} {exact(order.quantity)}", printable(order.order_id))
        table.add_row(Text("=", "cyan"), words(order.symbol), said, words(f"stale, but {order.reason}", "dim"))
    add_rest(table, len(plan.left_orders))
    return section("Orders that stay", "", table) if table.row_count else None


def _protected(plan: Plan) -> RenderableType | None:
    protected = [position for position in plan.positions if position.is_protected]
    table = rows("l", "l", "l", "l")
    for position in protected[:MOST_LISTED]:
        reason = protection_text(position)
        label = CATEGORIES.get(position.category, position.category)
        table.add_row(Text("=", "cyan"), words(position.symbol), words(label, "dim"), words(reason))
    add_rest(table, len(protected))
    return section("Protected", "never touched", table) if protected else None


def _aligned(plan: Plan) -> RenderableType | None:
    symbols = [
        position.symbol + ("" if position.facts.get("market_active") is not False else " (suspended)")
        for position in plan.positions
        if position.category is Category.STRATEGY_ALIGNED and not position.is_protected
    ]
    if not symbols:
        return None
    rest = len(symbols) - MOST_LISTED
    listed = words("  ".join(symbols[:MOST_LISTED]) + (f"  and {rest:,} more" if rest > 0 else ""))
    return section("Unchanged", counted(len(symbols), "position"), listed)


def _forecast(plan: Plan) -> RenderableType | None:
    if not plan.actions and plan.forecast.state is AccountState.CLEAN:
        return None
    return before_and_after(plan.checks, plan.forecast)


def _refusals(plan: Plan) -> RenderableType | None:
    if not plan.refusals:
        return None
    table = rows("l", "l", "l")
    for guard in plan.refusals:
        table.add_row(Text("x", "bold red"), words(guard.name, "bold red"), words(guard_text(guard)))
    return section("Refused", "this plan is not applied", table, "bold red")


def _sign(action: Action) -> Text:
    sign = SIGNS.get(action.kind, "?")
    return Text(sign, f"bold {_COLOURS.get(sign, '')}")
