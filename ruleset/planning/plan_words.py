"""A plan in words, whoever draws it: whose it is, what is done and why, what that costs, and what keeps it back."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from decimal import ROUND_CEILING, Decimal

from msgspec import Struct
from msgspec.structs import replace

from exitplan.ruleset.language.parameters import GUARDS
from exitplan.ruleset.model.values import EXACT, plain
from exitplan.ruleset.planning.actions import Action, Phase, UnwindStep
from exitplan.ruleset.planning.check_words import failures
from exitplan.ruleset.planning.checks import AccountState
from exitplan.ruleset.planning.plan_types import (
    CashLine,
    DebtLine,
    GuardResult,
    Plan,
    PlannedPosition,
    PlanPolicy,
)
from exitplan.ruleset.planning.planner import PlanScope
from exitplan.ruleset.planning.unwind_words import cycle_name
from exitplan.ruleset.planning.warnings import PlanWarning
from exitplan.ruleset.planning.words import clock_time, counted, exact, money, percent, total

CATEGORIES = {
    "STRATEGY_ALIGNED": "aligned",
    "LEGACY_NON_COMPLIANT": "legacy",
    "ZOMBIE_LEGACY": "zombie",
    "DEFERRED": "deferred",
}
"""The categories in a word."""
CONVERSIONS = ("convert_dust", "convert_cash")
"""The kinds of actions that convert."""
SUMMARY = {
    "close": "{} to close",
    "convert_dust": "{} to convert",
    "convert_cash": "{} of cash to convert",
    "unwind": "{} to unwind",
    "attach_stop": "{} to protect with a stop",
    "adopt": "{} to adopt",
}
"""How the kinds of actions are summed up."""
SIGNS = {
    "cancel_order": "-",
    "close": "-",
    "convert_dust": "-",
    "convert_cash": "~",
    "unwind": "~",
    "attach_stop": "+",
    "adopt": "+",
}
"""The sign that each kind of action is drawn with: it goes, it shrinks, it comes."""
ALL_CLEAN = "No changes. The account is clean."
_IN_ORDERS = re.compile(r"; in \d+ orders, one may be \S+ at most")
_BASIS_POINT = Decimal("0.0001")


def positions_text(plan: Plan) -> str:
    """Count a plan's positions by their category."""
    counts = Counter(str(position.category) for position in plan.positions)
    kinds = ", ".join(f"{counts[name]:,} {label}" for name, label in CATEGORIES.items() if counts[name])
    return counted(len(plan.positions), "position") + (f": {kinds}" if kinds else "")


def scope_text(scope: PlanScope) -> str:
    """Return what a plan was narrowed to; empty for everything."""
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


def warning_text(warning: PlanWarning) -> str:
    """Return a warning in a sentence, with the nearest name where the sentence does not have it."""
    near = warning.nearest
    return warning.text if near is None or near in warning.text else f"{warning.text}; did you mean {near}?"


def cash_text(line: CashLine, quote: str) -> str:
    """Return what other money is there, and what it is worth."""
    amount = money(line.free + line.locked, line.currency)
    if line.rate is None or line.value is None:
        return f"{amount}, no rate into {quote}: it counts as nothing"
    return f"{amount} at {exact(line.rate)} = {money(line.value, quote)}"


def debt_text(debt: DebtLine, quote: str) -> str:
    """Return what is owed, and what that is worth."""
    worth = "of unknown value" if debt.value is None else f"~ {money(debt.value, quote)}"
    return f"{exact(debt.amount)} {debt.currency or debt.symbol}, {worth}, subtracted from equity"


def policy_text(policy: PlanPolicy) -> str:
    """Return by which policy a plan was made, and what was set over it."""
    overrides = ", ".join(f"{name} {plain(value)}" for name, value in policy.overrides.items())
    return f"{policy.name} {policy.sha256[:12]}" + (f", with {overrides}" if overrides else "")


def summary_text(plan: Plan) -> str:
    """Say in one line what the plan does."""
    if not plan.actions:
        return _nothing_to_do(plan)
    kinds = count_kinds(action.kind for action in as_exits(plan.actions))
    said = [form.format(f"{kinds[kind]:,}") for kind, form in SUMMARY.items() if kinds[kind]]
    if kinds["cancel_order"]:
        said.append(f"{counted(kinds['cancel_order'], 'order')} to cancel")
    value = money(plan.summary.est_value, plan.account.quote)
    return ", ".join(said) + (f", ~ {value} to be sold." if kinds["close"] + kinds["unwind"] else ".")


def _nothing_to_do(plan: Plan) -> str:
    counting = sum(position.counts for position in plan.positions)
    if counting:
        return f"Nothing to send, but {counted(counting, 'unwind cycle')} to count."
    due = [blocked.until for blocked in plan.blocked if blocked.until is not None]
    if due:
        return f"Nothing to do before {clock_time(min(due))}."
    if plan.checks.state is AccountState.CLEAN:
        return ALL_CLEAN
    where = " within its scope" if scope_text(plan.scope) else ""
    return f"No changes{where}. The account is not clean: {failures(plan.checks)}."


def what_text(action: Action) -> str:
    """Say what is done, the verb and the quantity; of a cancelled order without its id."""
    quantity = exact(action.quantity)
    if action.kind == "cancel_order":
        return f"cancel {action.side} {quantity}"
    if action.kind == "attach_stop":
        return f"stop {quantity}" + (f" at {exact(action.trigger_price)}" if action.trigger_price else "")
    short = " short" if action.position_side == "short" else ""
    return f"{action.kind.replace('_dust', '')} {quantity}{short}"


def value_text(action: Action) -> str:
    """Write what an action is worth; a cancel of unknown worth and an adoption need none."""
    if action.kind == "adopt" or (action.kind == "cancel_order" and action.est_value is None):
        return ""
    return f"~ {money(action.est_value)}"


def reached_text(step: UnwindStep) -> str:
    """Say that a cycle of an unwind counts, though nothing is sent."""
    return f"{cycle_name(step.cycle, step.cycles)} is reached already: at most {exact(step.target)} is held"


class ExitPart(Struct, frozen=True, gc=False):
    """The exits of one rule, each after what is cancelled for it, and the reason that all of them ``share``."""

    rule: str
    actions: tuple[Action, ...]
    note: str
    shared: str


def exit_parts(plan: Plan) -> Iterator[ExitPart]:
    """Return the exits by their rules, in the order in which they act; a cancel stands before its close."""
    by_rule: dict[str, list[Action]] = defaultdict(list)
    exits = [action for action in plan.actions if action.phase != Phase.CANCEL and action.kind not in CONVERSIONS]
    for action in sorted(exits, key=lambda action: action.kind == "cancel_order"):
        by_rule[action.rule].append(action)
    for rule, parts in by_rule.items():
        actions = sorted(as_exits(parts), key=lambda action: (action.symbol, action.kind != "cancel_order"))
        yield _exit_part(rule, actions, plan)


def _exit_part(rule: str, actions: Sequence[Action], plan: Plan) -> ExitPart:
    main = [action for action in actions if action.kind != "cancel_order"]
    shared = shared_reason(main)
    worth = total([action.est_value for action in main if action.kind in {"close", "unwind"}])
    sold = f", ~ {money(worth, plan.account.quote)}" if worth else ""
    note = counted(len({action.symbol for action in actions}), "position") + sold
    return ExitPart(rule, tuple(actions), f"{note}{f' - {shared}' if shared else ''}", shared)


def expected_cost(plan: Plan) -> list[str]:
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
    return said


def _not_counting(unknown: int, of_what: str) -> str:
    return f", not counting {counted(unknown, 'sale')} {of_what}" if unknown else ""


def _with_share(cost: Decimal, plan: Plan) -> str:
    share = EXACT.divide(cost, plan.summary.est_value) if plan.summary.est_value else None
    part = "" if share is None else f" ({percent(share.quantize(_BASIS_POINT, ROUND_CEILING))})"
    return f"{money(cost, plan.account.quote)}{part}"


def as_exits(actions: Sequence[Action]) -> list[Action]:
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


def orders_text(plan: Plan, exit_: Action) -> str:
    """Return in how many orders an exit is sent; empty for one."""
    orders = sum(_exit_id(action) == _exit_id(exit_) for action in plan.actions)
    return f" in {orders:,} orders" if orders > 1 else ""


def bare_reason(action: Action) -> str:
    """Return the reason of an action without how many orders it takes, which stands with the quantity."""
    is_part = "." in action.id
    return _IN_ORDERS.sub("", action.because) if is_part else action.because


def shared_reason(actions: Sequence[Action]) -> str:
    """Return the reason that all of several actions begin with, so that it need be said once only."""
    reasons = {bare_reason(action).partition("; ")[0] for action in actions}
    return reasons.pop() if len(reasons) == 1 and len(actions) > 1 else ""


def reason_shown(action: Action, position: PlannedPosition | None, shared: str) -> str:
    """Return why an action is done, without what all of its section share."""
    if action.kind == "cancel_order":
        return action.because.rpartition("; ")[2]
    because = bare_reason(action)
    if not shared:
        return because
    rest = because.removeprefix(shared).removeprefix("; ")
    return rest or (position.because if position else "")


def conversion_cost(action: Action) -> str:
    """Write what a conversion takes of the value, in money and as a share."""
    share = action.expected_cost_pct
    if share is None or action.est_value is None:
        return "at an unknown cost"
    cost = EXACT.multiply(action.est_value, share)
    return f"costs ~ {money(cost)} ({percent(share.quantize(_BASIS_POINT, ROUND_CEILING))})"


def protection_text(position: PlannedPosition) -> str:
    """Return the owner's reason for a protection, and until when it holds."""
    entry = position.protection
    until = f" until {clock_time(entry.until)}" if entry and entry.until else ""
    return f"{(entry.reason if entry else None) or 'no reason given'}{until}"


def refused_guards(plan: Plan) -> list[str]:
    """Name the guards that refuse a plan."""
    return [guard.name for guard in plan.refusals]


def guard_text(guard: GuardResult) -> str:
    """Return what a guard found against what it allows."""
    setting = GUARDS.get(guard.name)
    value = "it cannot be computed" if guard.value is None else f"it is {_guard_figure(guard, guard.value)}"
    about = f" for {guard.detail}" if guard.detail else ""
    meaning = f" ({setting.meaning.rstrip('.').replace(', as a fraction', '')})" if setting else ""
    return f"{value}{about}, the limit is {_guard_figure(guard, guard.limit)}{meaning}"


def _guard_figure(guard: GuardResult, figure: int | Decimal) -> str:
    return percent(Decimal(figure)) if guard.name.endswith("_pct") else f"{Decimal(figure):,f}"


def count_kinds(names: Iterable[str]) -> defaultdict[str, int]:
    """Count how often each name occurs."""
    counts: defaultdict[str, int] = defaultdict(int)
    for name in names:
        counts[name] += 1
    return counts
