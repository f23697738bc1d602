"""A plan as sections of rows, in the order and words of the terminal: what goes, what stays, what cannot. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from exitplan.ruleset.model.fact_registry import Category
from exitplan.ruleset.planning.actions import Action, Blocked, Phase
from exitplan.ruleset.planning.check_words import CHECK_NAMES, FURTHER, Check, found_by, named
from exitplan.ruleset.planning.plan_types import CheckReport, Plan, PlannedPosition
from exitplan.ruleset.planning.plan_words import (
    CATEGORIES,
    SIGNS,
    ExitPart,
    as_exits,
    bare_reason,
    cash_text,
    conversion_cost,
    debt_text,
    exit_parts,
    guard_text,
    orders_text,
    policy_text,
    positions_text,
    protection_text,
    reached_text,
    reason_shown,
    scope_text,
    value_text,
    warning_text,
    what_text,
)
from exitplan.ruleset.planning.words import blocked_text, clock_time, counted, exact, money, total

SAID = {"-": "goes", "~": "shrinks", "+": "comes", "=": "stays", "!": "blocked", "?": "not judged", "x": "refused"}
"""What each sign says, for those who hear a page."""


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a section: its sign, the symbol, what is done, what that is worth, and why; ``tone`` colours it."""

    sign: str
    tone: str
    symbol: str
    what: str = ""
    value: str = ""
    why: str = ""

    @property
    def said(self) -> str:
        """The sign in a word."""
        return SAID.get(self.sign, "")


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a plan: its title, a note beside it, its rows, and what helps."""

    title: str
    note: str
    lines: tuple[Line, ...]
    helps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One check as it stands, and as it would stand after the plan."""

    label: str
    verdict: str
    found: str
    verdict_then: str
    found_then: str


def head_lines(plan: Plan) -> list[tuple[str, str]]:
    """Return what a plan is about: label and text."""
    account, snapshot = plan.account, plan.snapshot
    equity = "unknown" if snapshot.equity is None else money(snapshot.equity, account.quote)
    lines = [("Account", f"{account.id} at {account.venue}"), ("Equity", f"{equity}, {positions_text(plan)}")]
    if snapshot.managed_equity is not None and snapshot.managed_equity != snapshot.equity:
        managed = money(snapshot.managed_equity, account.quote)
        lines.append(("Managed", f"{managed}, without what is protected or does not trade"))
    lines += [("Cash", cash_text(line, account.quote)) for line in plan.other_cash]
    lines += [("Debt", debt_text(debt, account.quote)) for debt in plan.debts]
    lines += [("Policy", policy_text(plan.policy)), ("Plan", plan.plan_id)]
    lines.append(("Made", f"{clock_time(plan.created_at)}, valid until {clock_time(plan.expires_at)}"))
    if snapshot.recorded:
        lines.append(("From", "a file, and not from what the venue tells now"))
    if scope := scope_text(plan.scope):
        lines.append(("Only", scope))
    return lines


def plan_sections(plan: Plan) -> list[Section]:
    """Return the sections of a plan that have anything in them, in the order of the terminal."""
    parts = [
        _warnings(plan),
        _cancels(plan),
        *(_exit(part, plan) for part in exit_parts(plan)),
        _dust(plan),
        _cash(plan),
        _counting(plan),
        _waiting(plan),
        _blocked(plan),
        _left(plan),
        _deferred(plan),
        _protected(plan),
        _unchanged(plan),
        _refusals(plan),
    ]
    return [part for part in parts if part.lines]


def check_lines(before: CheckReport, after: CheckReport) -> list[CheckLine]:
    """Return the checks as they stand and as they would stand, those beside the four only where one fails."""
    lines = []
    for name, label in CHECK_NAMES.items():
        now: Check = getattr(before.checks, name)
        then: Check = getattr(after.checks, name)
        lines.append(CheckLine(label, _verdict(before, now), found_by(now), _verdict(after, then), found_by(then)))
    for further in FURTHER:
        found, later = further.failing(before), further.failing(after)
        if found or later:
            verdicts = ["no" if names else "ok" for names in (found, later)]
            lines.append(
                CheckLine(further.label, verdicts[0], named(found) or "none", verdicts[1], named(later) or "none")
            )
    return lines


def _verdict(checks: CheckReport, check: Check) -> str:
    if checks.deferred:
        return "?"
    return "ok" if check.passed else "no"


def _line(action: Action, what: str, why: str) -> Line:
    sign = SIGNS.get(action.kind, "?")
    return Line(sign, SAID[sign] if action.kind in SIGNS else "unknown", action.symbol, what, value_text(action), why)


def _what(action: Action) -> str:
    return what_text(action) + (f" ({action.order_id})" if action.kind == "cancel_order" else "")


def _warnings(plan: Plan) -> Section:
    lines = tuple(Line("!", "warns", "", why=warning_text(warning)) for warning in plan.warnings)
    return Section("Warnings", "worth a look", lines)


def _cancels(plan: Plan) -> Section:
    cancels = plan.of_phase(Phase.CANCEL)
    lines = tuple(_line(action, _what(action), action.because) for action in cancels)
    return Section("Stale orders", counted(len(cancels), "order") + " to cancel", lines)


def _exit(part: ExitPart, plan: Plan) -> Section:
    lines = tuple(
        _line(
            action,
            _what(action) + orders_text(plan, action),
            reason_shown(action, plan.by_key.get(action.key), part.shared),
        )
        for action in part.actions
    )
    return Section(f"Exit {part.rule}", part.note, lines)


def _dust(plan: Plan) -> Section:
    dust = [action for action in plan.actions if action.kind == "convert_dust"]
    lines = tuple(
        _line(action, _what(action), f"{conversion_cost(action)}; {action.because.partition('; ')[0]}")
        for action in dust
    )
    return Section("Dust to convert", f"{counted(len(dust), 'position')}, too small to sell", lines)


def _cash(plan: Plan) -> Section:
    conversions = as_exits([action for action in plan.actions if action.kind == "convert_cash"])
    lines = tuple(
        _line(
            action,
            f"{action.side} {exact(action.quantity)} {action.symbol.partition('/')[0]}{orders_text(plan, action)}",
            bare_reason(action),
        )
        for action in conversions
    )
    worth = total([action.est_value for action in conversions])
    return Section("Cash to convert", f"~ {money(worth, plan.account.quote)}, into {plan.account.quote}", lines)


def _counting(plan: Plan) -> Section:
    lines = tuple(
        Line(
            "~",
            "shrinks",
            position.symbol,
            why=reached_text(step),
        )
        for position in plan.positions
        if (step := position.unwind) is not None and step.counts
    )
    return Section("Unwind cycles that count", "nothing is sent", lines)


def _waiting(plan: Plan) -> Section:
    lines = tuple(
        Line(
            "~",
            "shrinks",
            _held(blocked),
            blocked.rule,
            why=f"next cycle due at {clock_time(blocked.until)}" if blocked.until else "next cycle not due yet",
        )
        for blocked in plan.blocked
        if blocked.reason == "waiting"
    )
    return Section("Waiting", "nothing to do before then", lines)


def _blocked(plan: Plan) -> Section:
    tolerated = set(plan.checks.checks.zombie_positions.tolerated_dust)
    entries = [blocked for blocked in plan.blocked if blocked.reason != "waiting"]

    def why(blocked: Blocked) -> str:
        notes = [blocked_text(blocked)]
        notes += ["tolerated"] if blocked.key in tolerated else []
        notes += ["raises an alert"] if blocked.escalate else []
        return "; ".join(notes)

    lines = tuple(Line("!", "blocked", _held(blocked), blocked.rule, why=why(blocked)) for blocked in entries)
    return Section("Blocked", "wanted, but not possible", lines)


def _left(plan: Plan) -> Section:
    lines = tuple(
        Line(
            "=",
            "stays",
            order.symbol,
            f"{order.side} {exact(order.quantity)} ({order.order_id})",
            why=f"stale, but {order.reason}",
        )
        for order in plan.left_orders
    )
    return Section("Orders that stay", "", lines)


def _deferred(plan: Plan) -> Section:
    deferred = _of(plan, lambda position: position.category is Category.DEFERRED and not position.is_protected)
    waits = any(position.facts.get("price_status") == "unavailable" for position in deferred)
    note = "nothing is sold, and the cap waits for the missing answers" if waits else "nothing is sold"
    lines = tuple(Line("?", "unknown", position.symbol, why=position.because) for position in deferred)
    return Section("Not judged", note, lines)


def _protected(plan: Plan) -> Section:
    lines = tuple(
        Line(
            "=",
            "stays",
            position.symbol,
            CATEGORIES.get(position.category, position.category),
            why=protection_text(position),
        )
        for position in plan.positions
        if position.is_protected
    )
    return Section("Protected", "never touched", lines)


def _unchanged(plan: Plan) -> Section:
    aligned = _of(plan, lambda position: position.category is Category.STRATEGY_ALIGNED and not position.is_protected)
    lines = tuple(
        Line(
            "=",
            "stays",
            position.symbol,
            "suspended" if position.facts.get("market_active") is False else "",
            why=position.because,
        )
        for position in aligned
    )
    return Section("Unchanged", counted(len(aligned), "position"), lines)


def _refusals(plan: Plan) -> Section:
    lines = tuple(Line("x", "refused", guard.name, why=guard_text(guard)) for guard in plan.refusals)
    return Section("Refused", "this plan is not applied", lines)


def _of(plan: Plan, wanted: Callable[[PlannedPosition], bool]) -> list[PlannedPosition]:
    return [position for position in plan.positions if wanted(position)]


def _held(blocked: Blocked) -> str:
    return f"{blocked.symbol} short" if blocked.side == "short" else blocked.symbol


def symbols_of(plan: Plan) -> list[str]:
    """Return the symbols that the plan acts on, each once, in its order."""
    return list(dict.fromkeys(action.symbol for action in plan.actions))
