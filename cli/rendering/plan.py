"""A plan drawn as a diff: what goes, what stays, what cannot go and why, and how the account stands after it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import ROUND_CEILING, Decimal

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from exitplan.cli.rendering.checks import before_and_after, failures
from exitplan.cli.rendering.screen import heading, rows, section, words
from exitplan.cli.rendering.words import blocked_text, clock_time, counted, exact, money, percent, total
from exitplan.ruleset.language.parameters import GUARDS
from exitplan.ruleset.model.fact_registry import Category
from exitplan.ruleset.model.values import EXACT, plain
from exitplan.ruleset.planning.actions import Action, Phase
from exitplan.ruleset.planning.checks import AccountState
from exitplan.ruleset.planning.plan_types import GuardResult, Plan, PlannedPosition, PlanPolicy
from exitplan.ruleset.planning.planner import PlanScope

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
_CATEGORIES = {
    "STRATEGY_ALIGNED": "aligned",
    "LEGACY_NON_COMPLIANT": "legacy",
    "ZOMBIE_LEGACY": "zombie",
    "DEFERRED": "deferred",
}
_MOST_LISTED = 60
_BASIS_POINT = Decimal("0.0001")


def plan_parts(plan: Plan) -> list[RenderableType]:
    """Draw a plan, section by section."""
    parts: list[RenderableType | None] = [
        _header(plan),
        _cancels(plan),
        *_exits(plan),
        _conversions(plan),
        _counting(plan),
        _blocked(plan),
        _left_orders(plan),
        _deferred(plan),
        _protected(plan),
        _aligned(plan),
        _forecast(plan),
        _refusals(plan),
        summary_line(plan),
    ]
    return [part for part in parts if part is not None]


def summary_line(plan: Plan) -> Text:
    """Format in one line what the plan does."""
    if not plan.actions:
        return _nothing_to_do(plan)
    kinds = _count(action.kind for action in plan.actions)
    said = [form.format(f"{kinds[kind]:,}") for kind, form in _SUMMARY.items() if kinds[kind]]
    if kinds["cancel_order"]:
        said.append(f"{counted(kinds['cancel_order'], 'order')} to cancel")
    value = money(plan.summary.est_value, plan.account.quote)
    line = heading("Plan: ").append(", ".join(said), "bold")
    line.append(f", ~ {value} to be sold." if kinds["close"] + kinds["unwind"] else ".", "bold")
    return line


def _nothing_to_do(plan: Plan) -> Text:
    checks = plan.checks
    counting = sum(position.counts for position in plan.positions)
    if counting:
        return heading(f"Nothing to send, but {counted(counting, 'unwind cycle')} to count.")
    if checks.state is AccountState.CLEAN:
        return words("No changes. The account is clean.", "bold green")
    where = "within its scope" if _scope_text(plan.scope) else ""
    line = heading(f"No changes {where}".rstrip() + ". ").append("The account is not clean: ", "bold")
    return line.append(f"{failures(checks)}.")


def _header(plan: Plan) -> Table:
    account, policy, snapshot = plan.account, plan.policy, plan.snapshot
    table = rows("l", "l")
    table.add_row(heading("Account"), words(f"{account.id} at {account.venue}", "bold"))
    equity = "unknown" if snapshot.equity is None else money(snapshot.equity, account.quote)
    table.add_row(words("Equity"), words(f"{equity}, {positions_text(plan)}"))
    table.add_row(words("Policy"), words(_policy_text(policy)))
    table.add_row(words("Plan"), words(plan.plan_id))
    valid = f"{clock_time(plan.created_at)}, valid until {clock_time(plan.expires_at)}"
    table.add_row(words("Made"), words(valid))
    scope = _scope_text(plan.scope)
    if scope:
        table.add_row(words("Only"), words(scope, "yellow"))
    return table


def positions_text(plan: Plan) -> str:
    """Count a plan's positions by their category."""
    counts = _count(position.category for position in plan.positions)
    kinds = ", ".join(f"{counts[name]:,} {label}" for name, label in _CATEGORIES.items() if counts[name])
    return counted(len(plan.positions), "position") + (f": {kinds}" if kinds else "")


def _policy_text(policy: PlanPolicy) -> str:
    overrides = ", ".join(f"{name} {plain(value)}" for name, value in policy.overrides.items())
    return f"{policy.name} {policy.sha256[:12]}" + (f", with {overrides}" if overrides else "")


def _scope_text(scope: PlanScope) -> str:
    said = []
    if scope.targets:
        said.append(", ".join(scope.targets))
    if scope.excludes:
        said.append("without " + ", ".join(scope.excludes))
    if scope.rules:
        said.append("by " + ", ".join(scope.rules))
    if scope.phase is not None:
        said.append(f"phase {scope.phase}")
    return "; ".join(said)


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
    for rule, actions in by_rule.items():
        actions.sort(key=lambda action: (action.symbol, action.kind != "cancel_order"))
        yield _exit_section(rule, actions, plan)


def _exit_section(rule: str, actions: Sequence[Action], plan: Plan) -> RenderableType:
    main = [action for action in actions if action.kind != "cancel_order"]
    shared = _shared_reason(main)
    table = rows("l", "l", "l", "r", "l")
    for action in actions:
        why = words(_why(action, plan.by_key.get(action.key), shared), "dim")
        table.add_row(_sign(action), words(action.symbol), _what(action), _value(action), why)
    worth = total([action.est_value for action in main if action.kind in {"close", "unwind"}])
    sold = f", ~ {money(worth, plan.account.quote)}" if worth else ""
    note = counted(len({action.symbol for action in actions}), "position") + sold
    return section(f"Exit {rule}", f"{note}{f' - {shared}' if shared else ''}", table)


def _shared_reason(actions: Sequence[Action]) -> str:
    """Return the reason that all of several actions begin with, so that it need be said once only."""
    reasons = {action.because.partition("; ")[0] for action in actions}
    return reasons.pop() if len(reasons) == 1 and len(actions) > 1 else ""


def _why(action: Action, position: PlannedPosition | None, shared: str) -> str:
    if action.kind == "cancel_order":
        return "frees the balance"
    because = action.because
    if not shared:
        return because
    rest = because.removeprefix(shared).removeprefix("; ")
    return rest or (position.because if position else "")


def _what(action: Action) -> Text:
    """Return what is done: the verb and the quantity."""
    quantity = exact(action.quantity)
    kind = action.kind
    if kind == "cancel_order":
        return words(f"cancel {action.side} {quantity} ({action.order_id})")
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


def _conversions(plan: Plan) -> RenderableType | None:
    """Show what is converted because it is too small to sell: how much, what it is worth, and what that costs."""
    conversions = [action for action in plan.actions if action.kind == "convert_dust"]
    table = rows("l", "l", "l", "r", "r", "l")
    for action in conversions:
        why = words(action.because.partition("; ")[0], "dim")
        table.add_row(_sign(action), words(action.symbol), _what(action), _value(action), words(_cost(action)), why)
    note = f"{counted(len(conversions), 'position')}, too small to sell"
    return section("Dust to convert", note, table) if conversions else None


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


def _blocked(plan: Plan) -> RenderableType | None:
    table = rows("l", "l", "l", "l")
    for blocked in plan.blocked[:_MOST_LISTED]:
        reason = blocked_text(blocked)
        alert = "; raises an alert" if blocked.escalate else ""
        short = " short" if blocked.side == "short" else ""
        table.add_row(
            Text("!", "magenta"), words(blocked.symbol + short), words(blocked.rule, "dim"), words(reason + alert)
        )
    _add_rest(table, len(plan.blocked))
    return section("Blocked", "wanted, but not possible", table) if table.row_count else None


def _left_orders(plan: Plan) -> RenderableType | None:
    table = rows("l", "l", "l", "l")
    for order in plan.left_orders[:_MOST_LISTED]:
        said = f"{order.side} {exact(order.quantity)} ({order.order_id})"
        table.add_row(Text("=", "cyan"), words(order.symbol), words(said), words(f"stale, but {order.reason}", "dim"))
    _add_rest(table, len(plan.left_orders))
    return section("Orders that stay", "", table) if table.row_count else None


def _deferred(plan: Plan) -> RenderableType | None:
    deferred = [
        position for position in plan.positions if position.category is Category.DEFERRED and not position.is_protected
    ]
    table = rows("l", "l", "l")
    for position in deferred[:_MOST_LISTED]:
        table.add_row(Text("?", "magenta"), words(position.symbol), words(position.because, "dim"))
    _add_rest(table, len(deferred))
    return section("Not judged", "nothing is sold, and the cap waits", table) if deferred else None


def _protected(plan: Plan) -> RenderableType | None:
    protected = [position for position in plan.positions if position.is_protected]
    table = rows("l", "l", "l", "l")
    for position in protected[:_MOST_LISTED]:
        reason = protection_text(position)
        label = _CATEGORIES.get(position.category, position.category)
        table.add_row(Text("=", "cyan"), words(position.symbol), words(label, "dim"), words(reason))
    _add_rest(table, len(protected))
    return section("Protected", "never touched", table) if protected else None


def _aligned(plan: Plan) -> RenderableType | None:
    symbols = [
        position.symbol
        for position in plan.positions
        if position.category is Category.STRATEGY_ALIGNED and not position.is_protected
    ]
    if not symbols:
        return None
    rest = len(symbols) - _MOST_LISTED
    listed = words("  ".join(symbols[:_MOST_LISTED]) + (f"  and {rest:,} more" if rest > 0 else ""))
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


def _add_rest(table: Table, number: int) -> None:
    if number > _MOST_LISTED:
        cells = [""] * (len(table.columns) - 1)
        table.add_row("", words(f"and {number - _MOST_LISTED:,} more", "dim"), *cells[1:])


def _count(names: Iterable[str]) -> defaultdict[str, int]:
    counts: defaultdict[str, int] = defaultdict(int)
    for name in names:
        counts[name] += 1
    return counts
