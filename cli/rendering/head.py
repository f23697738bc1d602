"""The head of a plan: whose it is, what the account is worth and owes, and what a person should know."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from exitplan.cli.rendering.screen import heading, rows, section, words
from exitplan.ruleset.planning.plan_types import Plan
from exitplan.ruleset.planning.plan_words import (
    cash_text,
    debt_text,
    policy_text,
    positions_text,
    scope_text,
    warning_text,
)
from exitplan.ruleset.planning.warnings import PlanWarning
from exitplan.ruleset.planning.words import clock_time, money


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
        table.add_row(words("Cash"), words(cash_text(line, account.quote)))
    for debt in plan.debts:
        table.add_row(words("Debt", "bold red"), words(debt_text(debt, account.quote)))
    table.add_row(words("Policy"), words(policy_text(plan.policy)))
    table.add_row(words("Plan"), words(plan.plan_id))
    valid = f"{clock_time(plan.created_at)}, valid until {clock_time(plan.expires_at)}"
    table.add_row(words("Made"), words(valid))
    if snapshot.recorded:
        table.add_row(words("From"), words("a file, and not from what the venue tells now", "yellow"))
    scope = scope_text(plan.scope)
    if scope:
        table.add_row(words("Only"), words(scope, "yellow"))
    return table


def warnings_section(warnings: Sequence[PlanWarning]) -> RenderableType | None:
    """Draw what a person should know, each with the name that was probably meant."""
    table = rows("l", "l")
    for warning in warnings:
        table.add_row(Text("!", "yellow"), words(warning_text(warning)))
    return section("Warnings", "worth a look", table) if warnings else None
