"""A plan drawn as a diff: what goes, what stays, what cannot go and why, and how the account stands after it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_CEILING, Decimal
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from exitplan.cli.rendering.checks import before_and_after, failures
from exitplan.cli.rendering.screen import heading, rows, section, words
from exitplan.cli.rendering.words import blocked_text, clock_time, counted, exact, money, percent, total
from exitplan.ruleset.language.parameters import GUARDS
from exitplan.ruleset.model.values import EXACT

Document = Mapping[str, Any]

_SIGNS = {
    "cancel_order": ("-", "red"),
    "close": ("-", "red"),
    "convert_dust": ("-", "red"),
    "unwind": ("~", "yellow"),
    "attach_stop": ("+", "green"),
    "adopt": ("+", "green"),
}
_SUMMARY = {
    "close": "{} to close",
    "convert_dust": "{} to convert",
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


def plan_parts(plan: Document) -> list[RenderableType]:
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


def summary_line(plan: Document) -> Text:
    """Say in one line what the plan does."""
    if not plan["actions"]:
        return _nothing_to_do(plan)
    kinds = _count(action["kind"] for action in plan["actions"])
    said = [form.format(f"{kinds[kind]:,}") for kind, form in _SUMMARY.items() if kinds[kind]]
    if kinds["cancel_order"]:
        said.append(f"{counted(kinds['cancel_order'], 'order')} to cancel")
    value = money(plan["summary"]["est_value"], plan["account"]["quote"])
    line = heading("Plan: ").append(", ".join(said), "bold")
    line.append(f", ~ {value} to be sold." if kinds["close"] + kinds["unwind"] else ".", "bold")
    return line


def _nothing_to_do(plan: Document) -> Text:
    checks = plan.get("checks") or plan["forecast"]
    counting = sum(1 for position in plan["positions"] if (position.get("unwind") or {}).get("counts"))
    if counting:
        return heading(f"Nothing to send, but {counted(counting, 'unwind cycle')} to count.")
    if checks["state"] == "CLEAN":
        return words("No changes. The account is clean.", "bold green")
    where = "within its scope" if _scope_text(plan.get("scope") or {}) else ""
    line = heading(f"No changes {where}".rstrip() + ". ").append("The account is not clean: ", "bold")
    return line.append(f"{failures(checks)}.")


def _header(plan: Document) -> Table:
    account, policy, snapshot = plan["account"], plan["policy"], plan["snapshot"]
    table = rows("l", "l")
    table.add_row(heading("Account"), words(f"{account['id']} at {account['venue']}", "bold"))
    equity = "unknown" if snapshot["equity"] is None else money(snapshot["equity"], account["quote"])
    table.add_row(words("Equity"), words(f"{equity}, {positions_text(plan)}"))
    table.add_row(words("Policy"), words(_policy_text(policy)))
    table.add_row(words("Plan"), words(plan["plan_id"]))
    valid = f"{clock_time(plan['created_at'])}, valid until {clock_time(plan['expires_at'])}"
    table.add_row(words("Made"), words(valid))
    scope = _scope_text(plan.get("scope") or {})
    if scope:
        table.add_row(words("Only"), words(scope, "yellow"))
    return table


def positions_text(plan: Document) -> str:
    """Count a plan's positions by their category."""
    found = _count(position["category"] for position in plan["positions"])
    kinds = ", ".join(f"{found[name]:,} {label}" for name, label in _CATEGORIES.items() if found[name])
    return counted(len(plan["positions"]), "position") + (f": {kinds}" if kinds else "")


def _policy_text(policy: Document) -> str:
    overrides = ", ".join(f"{name} {value}" for name, value in (policy.get("overrides") or {}).items())
    return f"{policy['name']} {policy['sha256'][:12]}" + (f", with {overrides}" if overrides else "")


def _scope_text(scope: Document) -> str:
    said = []
    if scope.get("targets"):
        said.append(", ".join(scope["targets"]))
    if scope.get("excludes"):
        said.append("without " + ", ".join(scope["excludes"]))
    if scope.get("rules"):
        said.append("by " + ", ".join(scope["rules"]))
    if scope.get("phase") is not None:
        said.append(f"phase {scope['phase']}")
    return "; ".join(said)


def _cancels(plan: Document) -> RenderableType | None:
    found = [action for action in plan["actions"] if action["phase"] == 2]  # noqa: PLR2004 - phase 2 cancels
    if not found:
        return None
    table = rows("l", "l", "l", "r", "l")
    for action in found:
        why = words(action.get("because") or "", "dim")
        table.add_row(_sign(action), words(action["symbol"]), _what(action), _value(action), why)
    return section("Stale orders", counted(len(found), "order") + " to cancel", table)


def _exits(plan: Document) -> Iterable[RenderableType]:
    """Draw one section for each exit rule, in the order in which they act; a cancel stands before its close."""
    by_rule: dict[str, list[Document]] = defaultdict(list)
    exits = [
        action
        for action in plan["actions"]
        if action["phase"] != 2 and action["kind"] != "convert_dust"  # noqa: PLR2004 - phase 2 cancels
    ]
    for action in sorted(exits, key=lambda action: action["kind"] == "cancel_order"):
        by_rule[action["rule"]].append(action)
    for rule, actions in by_rule.items():
        actions.sort(key=lambda action: (action["symbol"], action["kind"] != "cancel_order"))
        yield _exit_section(rule, actions, plan)


def _exit_section(rule: str, actions: Sequence[Document], plan: Document) -> RenderableType:
    main = [action for action in actions if action["kind"] != "cancel_order"]
    shared = _shared_reason(main)
    held = {(position["symbol"], position["facts"].get("side")): position for position in plan["positions"]}
    table = rows("l", "l", "l", "r", "l")
    for action in actions:
        why = words(_why(action, held.get((action["symbol"], action.get("position_side"))), shared), "dim")
        table.add_row(_sign(action), words(action["symbol"]), _what(action), _value(action), why)
    worth = total([action["est_value"] for action in main if action["kind"] in {"close", "unwind"}])
    sold = f", ~ {money(worth, plan['account']['quote'])}" if worth else ""
    note = counted(len({action["symbol"] for action in actions}), "position") + sold
    return section(f"Exit {rule}", f"{note}{f' - {shared}' if shared else ''}", table)


def _shared_reason(actions: Sequence[Document]) -> str:
    """Give the reason that all of several actions begin with, so that it need be said once only."""
    reasons = {(action.get("because") or "").partition("; ")[0] for action in actions}
    return reasons.pop() if len(reasons) == 1 and len(actions) > 1 else ""


def _why(action: Document, position: Document | None, shared: str) -> str:
    if action["kind"] == "cancel_order":
        return "frees the balance"
    because = str(action.get("because") or "")
    if not shared:
        return because
    rest = because.removeprefix(shared).removeprefix("; ")
    return rest or str((position or {}).get("because") or "")


def _what(action: Document) -> Text:
    """Say what is done: the verb and the quantity."""
    quantity = exact(action["quantity"])
    kind = action["kind"]
    if kind == "cancel_order":
        return words(f"cancel {action['side']} {quantity} ({action.get('order_id')})")
    if kind == "attach_stop":
        trigger = action.get("trigger_price")
        return words(f"stop {quantity}" + (f" at {exact(trigger)}" if trigger else ""))
    short = " short" if action.get("position_side") == "short" else ""
    return words(f"{kind.replace('_dust', '')} {quantity}{short}")


def _value(action: Document) -> str:
    """Write what an action is worth; a cancel of unknown worth and an adoption need none."""
    if action["kind"] == "adopt" or (action["kind"] == "cancel_order" and action["est_value"] is None):
        return ""
    return f"~ {money(action['est_value'])}"


def _conversions(plan: Document) -> RenderableType | None:
    """Show what is converted because it is too small to sell: how much, what it is worth, and what that costs."""
    found = [action for action in plan["actions"] if action["kind"] == "convert_dust"]
    table = rows("l", "l", "l", "r", "r", "l")
    for action in found:
        why = words((action.get("because") or "").partition("; ")[0], "dim")
        table.add_row(_sign(action), words(action["symbol"]), _what(action), _value(action), words(_cost(action)), why)
    note = f"{counted(len(found), 'position')}, too small to sell"
    return section("Dust to convert", note, table) if found else None


def _cost(action: Document) -> str:
    """Write what a conversion takes of the value, in money and as a share."""
    share = (action.get("expects") or {}).get("conversion_cost_pct")
    if share is None or action["est_value"] is None:
        return "at an unknown cost"
    cost = EXACT.multiply(Decimal(action["est_value"]), Decimal(share))
    return f"costs ~ {money(cost)} ({percent(Decimal(share).quantize(_BASIS_POINT, ROUND_CEILING))})"


def _counting(plan: Document) -> RenderableType | None:
    """Show unwinds whose cycle is reached already: nothing is sent, but the cycle counts."""
    table = rows("l", "l", "l")
    for position in plan["positions"]:
        step = position.get("unwind") or {}
        if step.get("counts"):
            target = exact(step["target_quantity"])
            said = f"cycle {step['cycle']} of {step['cycles']} is reached already: at most {target} is held"
            table.add_row(Text("~", "yellow"), words(position["symbol"]), words(said, "dim"))
    return section("Unwind cycles that count", "nothing is sent", table) if table.row_count else None


def _blocked(plan: Document) -> RenderableType | None:
    table = rows("l", "l", "l", "l")
    for found in plan["blocked"][:_MOST_LISTED]:
        reason = blocked_text(found)
        alert = "; raises an alert" if found["escalate"] else ""
        short = " short" if found.get("side") == "short" else ""
        table.add_row(
            Text("!", "magenta"), words(found["symbol"] + short), words(found["rule"], "dim"), words(reason + alert)
        )
    _add_rest(table, len(plan["blocked"]))
    return section("Blocked", "wanted, but not possible", table) if table.row_count else None


def _left_orders(plan: Document) -> RenderableType | None:
    table = rows("l", "l", "l", "l")
    for order in (plan.get("left_orders") or [])[:_MOST_LISTED]:
        said = f"{order['side']} {exact(order['quantity'])} ({order['order_id']})"
        table.add_row(
            Text("=", "cyan"), words(order["symbol"]), words(said), words(f"stale, but {order['reason']}", "dim")
        )
    _add_rest(table, len(plan.get("left_orders") or []))
    return section("Orders left alone", "", table) if table.row_count else None


def _deferred(plan: Document) -> RenderableType | None:
    found = [
        position for position in plan["positions"] if position["category"] == "DEFERRED" and not _is_protected(position)
    ]
    table = rows("l", "l", "l")
    for position in found[:_MOST_LISTED]:
        table.add_row(Text("?", "magenta"), words(position["symbol"]), words(position.get("because") or "", "dim"))
    _add_rest(table, len(found))
    return section("Not judged", "nothing is done with these, and the cap waits", table) if found else None


def _protected(plan: Document) -> RenderableType | None:
    found = [position for position in plan["positions"] if _is_protected(position)]
    table = rows("l", "l", "l", "l")
    for position in found[:_MOST_LISTED]:
        entry = position.get("protection") or {}
        until = f" until {clock_time(entry['until'])}" if entry.get("until") else ""
        reason = f"{entry.get('reason') or 'no reason given'}{until}"
        label = _CATEGORIES.get(position["category"], position["category"])
        table.add_row(Text("=", "cyan"), words(position["symbol"]), words(label, "dim"), words(reason))
    _add_rest(table, len(found))
    return section("Protected", "never touched", table) if found else None


def _aligned(plan: Document) -> RenderableType | None:
    found = [
        position["symbol"]
        for position in plan["positions"]
        if position["category"] == "STRATEGY_ALIGNED" and not _is_protected(position)
    ]
    if not found:
        return None
    rest = len(found) - _MOST_LISTED
    listed = words("  ".join(found[:_MOST_LISTED]) + (f"  and {rest:,} more" if rest > 0 else ""))
    return section("Stays with its strategy", counted(len(found), "position"), listed)


def _is_protected(position: Document) -> bool:
    return bool(position["facts"].get("protected"))


def _forecast(plan: Document) -> RenderableType | None:
    if not plan["actions"] and plan["forecast"]["state"] == "CLEAN":
        return None
    return before_and_after(plan.get("checks"), plan["forecast"])


def refused_guards(plan: Document) -> list[str]:
    """Name the guards that refuse a plan."""
    return [guard["name"] for guard in plan["guards"] if not guard["ok"]]


def _refusals(plan: Document) -> RenderableType | None:
    refused = [guard for guard in plan["guards"] if not guard["ok"]]
    if not refused:
        return None
    table = rows("l", "l", "l")
    for guard in refused:
        table.add_row(Text("x", "bold red"), words(guard["name"], "bold red"), words(guard_text(guard)))
    return section("Refused", "this plan is not applied", table, "bold red")


def guard_text(guard: Document) -> str:
    """Say what a guard found against what it allows."""
    setting = GUARDS.get(guard["name"])
    value = "it cannot be computed" if guard["value"] is None else f"it is {_guard_figure(guard, 'value')}"
    about = f" for {guard['detail']}" if guard.get("detail") else ""
    meaning = f" ({setting.meaning.rstrip('.').replace(', as a fraction', '')})" if setting else ""
    return f"{value}{about}, the limit is {_guard_figure(guard, 'limit')}{meaning}"


def _guard_figure(guard: Document, name: str) -> str:
    if guard["name"].endswith("_pct"):
        return percent(guard[name])
    return f"{Decimal(guard[name]):,f}"


def _sign(action: Document) -> Text:
    sign, style = _SIGNS.get(action["kind"], ("?", ""))
    return Text(sign, f"bold {style}")


def _add_rest(table: Table, number: int) -> None:
    if number > _MOST_LISTED:
        cells = [""] * (len(table.columns) - 1)
        table.add_row("", words(f"and {number - _MOST_LISTED:,} more", "dim"), *cells[1:])


def _count(names: Iterable[str]) -> defaultdict[str, int]:
    found: defaultdict[str, int] = defaultdict(int)
    for name in names:
        found[name] += 1
    return found
