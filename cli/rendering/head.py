"""The head of a plan: whose it is, what the account is worth and owes, and what a person should know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from exitplan.cli.rendering.screen import heading, rows, section, words
from exitplan.cli.rendering.words import clock_time, counted, exact, money
from exitplan.ruleset.model.values import plain
from exitplan.ruleset.planning.plan_types import CashLine, DebtLine, Plan, PlanPolicy
from exitplan.ruleset.planning.planner import PlanScope
from exitplan.ruleset.planning.warnings import PlanWarning

CATEGORIES = {
    "STRATEGY_ALIGNED": "aligned",
    "LEGACY_NON_COMPLIANT": "legacy",
    "ZOMBIE_LEGACY": "zombie",
    "DEFERRED": "deferred",
}


def plan_head(plan: Plan) -> Table:
    """Draw what a plan is about."""
    account, snapshot = plan.account, plan.snapshot
    table = rows("l", "l")
    table.add_row(heading("Account"), words(f"{account.id} at {account.venue}", "bold"))
    equity = "unknown" if snapshot.equity is None else money(snapshot.equity, account.quote)
    table.add_row(words("Equity"), words(f"{equity}, {positions_text(plan)}"))
    if snapshot.managed_equity is not None and snapshot.managed_equity != snapshot.equity:
        managed = money(snapshot.managed_equity, account.quote)
        table.add_row(words("Managed"), words(f"{managed}, without what is protected or does not trade"))
    for line in plan.other_cash:
        table.add_row(words("Cash"), words(_cash_text(line, account.quote)))
    for debt in plan.debts:
        table.add_row(words("Debt", "bold red"), words(_debt_text(debt, account.quote)))
    table.add_row(words("Policy"), words(_policy_text(plan.policy)))
    table.add_row(words("Plan"), words(plan.plan_id))
    valid = f"{clock_time(plan.created_at)}, valid until {clock_time(plan.expires_at)}"
    table.add_row(words("Made"), words(valid))
    if snapshot.recorded:
        table.add_row(words("From"), words("a file, and not from what the venue tells now", "yellow"))
    scope = scope_text(plan.scope)
    if scope:
        table.add_row(words("Only"), words(scope, "yellow"))
    return table


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


def warnings_section(warnings: Sequence[PlanWarning]) -> RenderableType | None:
    """Draw what a person should know, each with the name that was probably meant."""
    table = rows("l", "l")
    for warning in warnings:
        table.add_row(Text("!", "yellow"), words(warning_text(warning)))
    return section("Warnings", "worth a look", table) if warnings else None


def warning_text(warning: PlanWarning) -> str:
    """Return a warning in a sentence, with the nearest name where the sentence does not have it."""
    near = warning.nearest
    return warning.text if near is None or near in warning.text else f"{warning.text}; did you mean {near}?"


def _cash_text(line: CashLine, quote: str) -> str:
    amount = money(line.free + line.locked, line.currency)
    if line.rate is None or line.value is None:
        return f"{amount}, no rate into {quote}: it counts as nothing"
    return f"{amount} at {exact(line.rate)} = {money(line.value, quote)}"


def _debt_text(debt: DebtLine, quote: str) -> str:
    worth = "of unknown value" if debt.value is None else f"~ {money(debt.value, quote)}"
    return f"{exact(debt.amount)} {debt.currency or debt.symbol}, {worth}, subtracted from equity"


def _policy_text(policy: PlanPolicy) -> str:
    overrides = ", ".join(f"{name} {plain(value)}" for name, value in policy.overrides.items())
    return f"{policy.name} {policy.sha256[:12]}" + (f", with {overrides}" if overrides else "")
