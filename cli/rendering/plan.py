"""A plan drawn as a diff: what goes, what stays, what cannot go and why, and how the account stands after it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import ROUND_CEILING, Decimal

from rich.console import Group, RenderableType
from rich.text import Text

from exitplan.cli.rendering.blocked import MOST_LISTED, add_rest, blocked_section, deferred_section, waiting_section
from exitplan.cli.rendering.checks import before_and_after, failures
from exitplan.cli.rendering.fitting import TextWithId
from exitplan.cli.rendering.head import CATEGORIES, plan_head, scope_text, warnings_section
from exitplan.cli.rendering.screen import heading, rows, section, words
from exitplan.cli.rendering.words import clock_time, counted, exact, money, percent, total
from exitplan.ruleset.language.parameters import GUARDS
from exitplan.ruleset.model.fact_registry import Category
from exitplan.ruleset.model.values import EXACT
from exitplan.ruleset.model.visible import printable
from exitplan.ruleset.planning.actions import Action, Phase
from exitplan.ruleset.planning.checks import AccountState
from exitplan.ruleset.planning.plan_types import GuardResult, Plan, PlannedPosition

CONVERSIONS = ("convert_dust", "convert_cash")
_SIGNS = {
    "cancel_order": ("-", "red"),
    "close": ("-", "red"),
    "convert_dust": ("-", "red"),
    "convert_cash": ("~", "yellow"),
    "unwind": ("~", "yellow"),
    "attach_stop": ("+", "green"),
    "adopt": ("+", "green"),
}
_SUMMARY = {
    "close": "{} to close",
    "convert_dust": "{} to convert",
    "convert_cash": "{} of cash to convert",
    "unwind": "{} to unwind",
    "attach_stop": "{} to protect with a stop",
    "adopt": "{} to adopt",
}
_IN_ORDERS = re.compile(r"; in \d+ orders, one may be \S+ at most")
_BASIS_POINT = Decimal("0.0001")


def plan_parts(plan: Plan) -> list[RenderableType]:
    """Draw a plan, section by section."""
    parts: list[RenderableType | None] = [
        plan_head(plan),
        warnings_section(plan.warnings),
        _cancels(plan),
        *_exits(plan),
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
        Group(summary_line(plan), *_expected_cost(plan)),
    ]
    return [part for part in parts if part is not None]


def summary_line(plan: Plan) -> Text:
    """Format in one line what the plan does."""
    if not plan.actions:
        return _nothing_to_do(plan)
    kinds = _count(action.kind for action in _as_exits(plan.actions))
    said = [form.format(f"{kinds[kind]:,}") for kind, form in _SUMMARY.items() if kinds[kind]]
    if kinds["cancel_order"]:
        said.append(f"{counted(kinds['cancel_order'], 'order')} to cancel")
    value = money(plan.summary.est_value, plan.account.quote)
    line = heading("Plan: ").append(", ".join(said), "bold")
    line.append(f", ~ {value} to be sold." if kinds["close"] + kinds["unwind"] else ".", "bold")
    return line


def _expected_cost(plan: Plan) -> list[Text]:
    """Say in a line or two what selling takes of the value, as far as it is known beforehand."""
    told, said = plan.summary, []
    if told.est_spread_cost is not None:
        but = _not_counting(told.unknown_spreads, "without bid and ask")
        on_top = "" if told.est_fees is not None else "; fees are unknown and come on top"
        said.append(f"Half the spread costs ~ {_with_share(told.est_spread_cost, plan)}{but}{on_top}.")
    if told.est_fees is not None:
        but = _not_counting(told.unknown_fees, "of unknown fee")
        by_list = f", {counted(told.listed_fees, 'sale')} at its list price" if told.listed_fees else ""
        said.append(f"The venue's fees are ~ {_with_share(told.est_fees, plan)}{by_list}{but}.")
    elif told.est_spread_cost is None and told.est_value:
        said.append("The venue's fees are unknown.")
    return [words(text, "dim") for text in said]


def _not_counting(unknown: int, of_what: str) -> str:
    return f", not counting {counted(unknown, 'sale')} {of_what}" if unknown else ""


def _with_share(cost: Decimal, plan: Plan) -> str:
    share = EXACT.divide(cost, plan.summary.est_value) if plan.summary.est_value else None
    part = "" if share is None else f" ({percent(share.quantize(_BASIS_POINT, ROUND_CEILING))})"
    return f"{money(cost, plan.account.quote)}{part}"


def _nothing_to_do(plan: Plan) -> Text:
    checks = plan.checks
    counting = sum(position.counts for position in plan.positions)
    if counting:
        return heading(f"Nothing to send, but {counted(counting, 'unwind cycle')} to count.")
    due = [blocked.until for blocked in plan.blocked if blocked.until is not None]
    if due:
        return heading(f"Nothing to do before {clock_time(min(due))}.")
    if checks.state is AccountState.CLEAN:
        return words("No changes. The account is clean.", "bold green")
    where = "within its scope" if scope_text(plan.scope) else ""
    line = heading(f"No changes {where}".rstrip() + ". ").append("The account is not clean: ", "bold")
    return line.append(f"{failures(checks)}.")


def _cancels(plan: Plan) -> RenderableType | None:
    cancels = plan.of_phase(Phase.CANCEL)
    if not cancels:
        return None
    table = rows("l", "l", "l", "r", "l")
    for action in cancels:
        why = words(action.because, "dim")
        table.add_row(_sign(action), words(action.symbol), _what(action), _value(action), why)
    return section("Stale orders", counted(len(cancels), "order") + " to cancel", table)


def _exits(plan: Plan) -> Iterable[RenderableType]:
    """Draw one section for each exit rule, in the order in which they act; a cancel stands before its close."""
    by_rule: dict[str, list[Action]] = defaultdict(list)
    exits = [action for action in plan.actions if action.phase != Phase.CANCEL and action.kind not in CONVERSIONS]
    for action in sorted(exits, key=lambda action: action.kind == "cancel_order"):
        by_rule[action.rule].append(action)
    for rule, parts in by_rule.items():
        actions = _as_exits(parts)
        actions.sort(key=lambda action: (action.symbol, action.kind != "cancel_order"))
        yield _exit_section(rule, actions, plan)


def _exit_section(rule: str, actions: Sequence[Action], plan: Plan) -> RenderableType:
    main = [action for action in actions if action.kind != "cancel_order"]
    shared = _shared_reason(main)
    table = rows("l", "l", "l", "r", "l")
    for action in actions:
        why = words(_why(action, plan.by_key.get(action.key), shared), "dim")
        what = _what(action).append(_orders_text(plan, action))
        table.add_row(_sign(action), words(action.symbol), what, _value(action), why)
    worth = total([action.est_value for action in main if action.kind in {"close", "unwind"}])
    sold = f", ~ {money(worth, plan.account.quote)}" if worth else ""
    note = counted(len({action.symbol for action in actions}), "position") + sold
    return section(f"Exit {rule}", f"{note}{f' - {shared}' if shared else ''}", table)


def _as_exits(actions: Sequence[Action]) -> list[Action]:
    """Put the orders of one exit together: their quantities and values added up."""
    exits: dict[str, Action] = {}
    for action in actions:
        first = exits.setdefault(_exit_id(action), action)
        if first is not action:
            quantity = EXACT.add(first.quantity, action.quantity)
            values = (first.est_value, action.est_value)
            worth = None if None in values else total(values)
            exits[_exit_id(action)] = replace(first, quantity=quantity, est_value=worth)
    return list(exits.values())


def _exit_id(action: Action) -> str:
    """Return the id that the orders of one exit share: ``a3`` of ``a3.1`` and ``a3.2``."""
    return action.id.partition(".")[0]


def _orders_text(plan: Plan, exit_: Action) -> str:
    orders = sum(_exit_id(action) == _exit_id(exit_) for action in plan.actions)
    return f" in {orders:,} orders" if orders > 1 else ""


def _bare(action: Action) -> str:
    """Return the reason of an action without how many orders it takes, which stands with the quantity."""
    is_part = "." in action.id
    return _IN_ORDERS.sub("", action.because) if is_part else action.because


def _shared_reason(actions: Sequence[Action]) -> str:
    """Return the reason that all of several actions begin with, so that it need be said once only."""
    reasons = {_bare(action).partition("; ")[0] for action in actions}
    return reasons.pop() if len(reasons) == 1 and len(actions) > 1 else ""


def _why(action: Action, position: PlannedPosition | None, shared: str) -> str:
    if action.kind == "cancel_order":
        return action.because.rpartition("; ")[2]
    because = _bare(action)
    if not shared:
        return because
    rest = because.removeprefix(shared).removeprefix("; ")
    return rest or (position.because if position else "")


def _what(action: Action) -> Text:
    """Return what is done: the verb and the quantity."""
    quantity = exact(action.quantity)
    kind = action.kind
    if kind == "cancel_order":
        return TextWithId(f"cancel {action.side} {quantity}", printable(str(action.order_id)))
    if kind == "attach_stop":
        trigger = action.trigger_price
        return words(f"stop {quantity}" + (f" at {exact(trigger)}" if trigger else ""))
    short = " short" if action.position_side == "short" else ""
    return words(f"{kind.replace('_dust', '')} {quantity}{short}")


def _value(action: Action) -> str:
    """Write what an action is worth; a cancel of unknown worth and an adoption need none."""
    if action.kind == "adopt" or (action.kind == "cancel_order" and action.est_value is None):
        return ""
    return f"~ {money(action.est_value)}"


def _dust_conversions(plan: Plan) -> RenderableType | None:
    """Show what is converted because it is too small to sell: how much, what it is worth, and what that costs."""
    conversions = [action for action in plan.actions if action.kind == "convert_dust"]
    table = rows("l", "l", "l", "r", "r", "l")
    for action in conversions:
        why = words(action.because.partition("; ")[0], "dim")
        table.add_row(_sign(action), words(action.symbol), _what(action), _value(action), words(_cost(action)), why)
    note = f"{counted(len(conversions), 'position')}, too small to sell"
    return section("Dust to convert", note, table) if conversions else None


def _cash_conversions(plan: Plan) -> RenderableType | None:
    """Show which money is turned into the account's quote, and through which market."""
    conversions = _as_exits([action for action in plan.actions if action.kind == "convert_cash"])
    table = rows("l", "l", "l", "r", "l")
    for action in conversions:
        base = action.symbol.partition("/")[0]
        what = f"{action.side} {exact(action.quantity)} {base}{_orders_text(plan, action)}"
        table.add_row(_sign(action), words(action.symbol), words(what), _value(action), words(_bare(action), "dim"))
    worth = total([action.est_value for action in conversions])
    note = f"~ {money(worth, plan.account.quote)}, into {plan.account.quote}"
    return section("Cash to convert", note, table) if conversions else None


def _cost(action: Action) -> str:
    """Write what a conversion takes of the value, in money and as a share."""
    share = action.expected_cost_pct
    if share is None or action.est_value is None:
        return "at an unknown cost"
    cost = EXACT.multiply(action.est_value, share)
    return f"costs ~ {money(cost)} ({percent(share.quantize(_BASIS_POINT, ROUND_CEILING))})"


def _counting(plan: Plan) -> RenderableType | None:
    """Show unwinds whose cycle is reached already: nothing is sent, but the cycle counts."""
    table = rows("l", "l", "l")
    for position in plan.positions:
        step = position.unwind
        if step is not None and step.counts:
            target = exact(step.target)
            said = f"cycle {step.cycle} of {step.cycles} is reached already: at most {target} is held"
            table.add_row(Text("~", "yellow"), words(position.symbol), words(said, "dim"))
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


def protection_text(position: PlannedPosition) -> str:
    """Return the owner's reason for a protection, and until when it holds."""
    entry = position.protection
    until = f" until {clock_time(entry.until)}" if entry and entry.until else ""
    return f"{(entry.reason if entry else None) or 'no reason given'}{until}"


def _forecast(plan: Plan) -> RenderableType | None:
    if not plan.actions and plan.forecast.state is AccountState.CLEAN:
        return None
    return before_and_after(plan.checks, plan.forecast)


def refused_guards(plan: Plan) -> list[str]:
    """Name the guards that refuse a plan."""
    return [guard.name for guard in plan.refusals]


def _refusals(plan: Plan) -> RenderableType | None:
    if not plan.refusals:
        return None
    table = rows("l", "l", "l")
    for guard in plan.refusals:
        table.add_row(Text("x", "bold red"), words(guard.name, "bold red"), words(guard_text(guard)))
    return section("Refused", "this plan is not applied", table, "bold red")


def guard_text(guard: GuardResult) -> str:
    """Return what a guard found against what it allows."""
    setting = GUARDS.get(guard.name)
    value = "it cannot be computed" if guard.value is None else f"it is {_guard_figure(guard, guard.value)}"
    about = f" for {guard.detail}" if guard.detail else ""
    meaning = f" ({setting.meaning.rstrip('.').replace(', as a fraction', '')})" if setting else ""
    return f"{value}{about}, the limit is {_guard_figure(guard, guard.limit)}{meaning}"


def _guard_figure(guard: GuardResult, figure: int | Decimal) -> str:
    return percent(Decimal(figure)) if guard.name.endswith("_pct") else f"{Decimal(figure):,f}"


def _sign(action: Action) -> Text:
    sign, style = _SIGNS.get(action.kind, ("?", ""))
    return Text(sign, f"bold {style}")


def _count(names: Iterable[str]) -> defaultdict[str, int]:
    counts: defaultdict[str, int] = defaultdict(int)
    for name in names:
        counts[name] += 1
    return counts
