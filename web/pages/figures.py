"""What an account was worth from run to run, and what its runs cost: figures of the journal for the plots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import orjson
from markupsafe import Markup

from exitplan.executor.store.port import AccountStore
from exitplan.ruleset.model.values import ZERO, parse_decimal, parse_time
from exitplan.ruleset.planning.plan_words import CATEGORIES
from exitplan.web.plots import Series, bars_plot, lines_plot

MOST_RUNS = 60
_TONES = {
    "STRATEGY_ALIGNED": "aligned",
    "LEGACY_NON_COMPLIANT": "legacy",
    "ZOMBIE_LEGACY": "zombie",
    "DEFERRED": "deferred",
}


@dataclass(frozen=True, slots=True)
class RunFigures:
    """What an account was before a run, and what its positions were worth by category; in its quote."""

    run: int
    at: datetime
    equity: Decimal | None
    by_category: Mapping[str, Decimal]


def figures_of(store: AccountStore) -> list[RunFigures]:
    """Return the figures of the newest runs, the oldest first."""
    if not store.has_journal():
        return []
    with store.open_tables() as tables:
        rows = tables.execute(
            "SELECT run_id, started_at, document FROM runs JOIN plans USING (plan_id) ORDER BY run_id DESC LIMIT ?",
            (MOST_RUNS,),
        ).fetchall()
    return [_figures(run, at, orjson.loads(document)) for run, at, document in reversed(rows)]


def _figures(run: int, at: str, plan: Mapping[str, Any]) -> RunFigures:
    equity = plan["snapshot"]["equity"]
    worth: dict[str, Decimal] = {}
    for position in plan["positions"]:
        value = position["facts"].get("value_usd")
        if isinstance(value, str):
            category = str(position["category"])
            worth[category] = worth.get(category, ZERO) + abs(parse_decimal(value))
    return RunFigures(run, parse_time(at), None if equity is None else parse_decimal(equity), worth)


def run_cost(run: Mapping[str, Any], quote: str) -> Decimal | None:
    """Return what the sales of a run brought in less than at the prices of its plan, and their fees in quote.

    None where nothing was sold, or the venue told no price.
    """
    costs = [_cost(entry, quote) for entry in (run.get("summary") or {}).get("outcomes", [])]
    known = [cost for cost in costs if cost is not None]
    return sum(known, ZERO) if known else None


def _cost(entry: Mapping[str, Any], quote: str) -> Decimal | None:
    filled, got, planned = (entry.get(name) for name in ("filled", "average_price", "planned_price"))
    if entry.get("proceeds") is None or not (filled and got and planned):
        return None
    less = (parse_decimal(planned) - parse_decimal(got)) * parse_decimal(filled)
    if entry.get("side") == "buy":
        less = -less
    fee = entry.get("fee")
    return less + (parse_decimal(fee) if fee and entry.get("fee_currency") == quote else ZERO)


def plots_of(figures: Sequence[RunFigures], runs: Sequence[Mapping[str, Any]], quote: str) -> list[Markup]:
    """Draw what is known: equity, value by category, and the cost of each run; ``runs`` are the newest first."""
    moments = [one.at for one in figures]
    drawn = [
        lines_plot(
            f"Equity in {quote}",
            moments,
            [Series("equity", "equity", [one.equity for one in figures])],
            quote,
            from_zero=False,
        ),
        lines_plot(
            f"Value by category in {quote}",
            moments,
            [
                Series(CATEGORIES[name], tone, [one.by_category.get(name, ZERO) for one in figures])
                for name, tone in _TONES.items()
                if any(name in one.by_category for one in figures)
            ],
            quote,
        ),
    ]
    costs = [(parse_time(run["started_at"]), run_cost(run, quote)) for run in reversed(runs[:MOST_RUNS])]
    costs = [(at, cost) for at, cost in costs if cost is not None]
    if costs:
        series = Series("cost", "cost", [cost for _, cost in costs])
        drawn.append(
            bars_plot(f"Cost of each run against its plan, in {quote}", [at for at, _ in costs], series, quote)
        )
    return [one for one in drawn if one]
