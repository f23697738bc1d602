"""Everything that an account holds, drawn as one table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from exitplan.cli.rendering.screen import heading, titled, words
from exitplan.ruleset.model.values import parse_decimal
from exitplan.ruleset.model.visible import printable
from exitplan.ruleset.planning.plan_types import Plan, PlannedPosition
from exitplan.ruleset.planning.plan_words import CATEGORIES, positions_text
from exitplan.ruleset.planning.words import duration, exact, money, rounded_percent

_STYLES = {
    "STRATEGY_ALIGNED": "green",
    "LEGACY_NON_COMPLIANT": "yellow",
    "ZOMBIE_LEGACY": "red",
    "DEFERRED": "magenta",
}
_MINUTE = 60


@dataclass(frozen=True, slots=True)
class Line:
    """A position, how much of it there is, and the kind of action that is planned for it."""

    position: PlannedPosition
    quantity: Decimal
    action: str | None

    @property
    def value(self) -> Decimal | None:
        """What it is worth in the account's quote currency; None where that is not known."""
        return self.figure("value_usd")

    def figure(self, fact: str) -> Decimal | None:
        """Return a fact that is a number; None where it is not known."""
        text = self.position.facts.get(fact)
        return parse_decimal(text) if isinstance(text, str) else None


def positions_parts(plan: Plan, lines: Sequence[Line]) -> Iterator[RenderableType]:
    """Draw all positions, and what they come to."""
    if lines:
        yield _table(plan, lines)
    equity = "unknown" if plan.snapshot.equity is None else money(plan.snapshot.equity, plan.account.quote)
    yield heading(f"{plan.account.id} at {plan.account.venue}: ").append_text(
        words(f"{positions_text(plan)}; equity {equity}")
    )


def _table(plan: Plan, lines: Sequence[Line]) -> Table:
    has_shorts = any(line.position.side == "short" for line in lines)
    titles = ["position", *(["side"] if has_shorts else []), "quantity", f"value {plan.account.quote}"]
    table = titled(*titles, "share", "P&L", "age", "category", "why", justify="l" * (1 + has_shorts) + "rrrrrll")
    for line in lines:
        position = line.position
        kind = CATEGORIES.get(position.category, position.category)
        side = [words(position.side)] if has_shorts else []
        table.add_row(
            Text(printable(position.symbol), "bold", no_wrap=True),
            *side,
            _figure(exact(line.quantity)),
            _figure(money(line.value)),
            _figure(_share(line.figure("account_pct"))),
            _profit(line.figure("pnl_pct")),
            _figure(_age(line.figure("age_minutes"))),
            Text(kind, _STYLES.get(position.category, ""), no_wrap=True),
            words("protected" if position.is_protected else position.because, "dim"),
        )
    return table


def _share(share: Decimal | None) -> str:
    return "?" if share is None else rounded_percent(share)


def _profit(share: Decimal | None) -> Text:
    if share is None:
        return Text("?", "dim")
    style = "green" if share > 0 else "red" if share < 0 else ""
    return _figure(f"{'+' if share > 0 else ''}{rounded_percent(share)}", style)


def _figure(text: str, style: str = "") -> Text:
    """Write a figure that no line break parts."""
    return Text(text, style, no_wrap=True)


def _age(minutes: Decimal | None) -> str:
    return "?" if minutes is None else duration(float(minutes) * _MINUTE)
