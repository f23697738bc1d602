"""What became of an account in a time, in its JSON form."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from exitplan.executor.report import AccountReport, Comparison, Outcomes
from exitplan.ruleset.model.values import plain, time_text

FIGURES = ("orders", "positions", "refused", "untold", "proceeds", "planned", "slippage", "released")
"""The figures of an outcome, in the order of tables."""
_MINUTE = timedelta(minutes=1)
_MICROSECOND = timedelta(microseconds=1)


def report_document(report: AccountReport) -> dict[str, Any]:
    """Return the report of one account in its JSON form."""
    took = sorted(report.clean.took)
    return {
        "account": report.account,
        "venue": report.venue,
        "quote": report.quote,
        "since": time_text(report.since),
        "until": time_text(report.until),
        "runs": report.runs,
        "rules": [_outcomes_document(outcomes) for outcomes in report.outcomes],
        "total": _outcomes_document(report.total),
        "clean": {
            "times": len(took),
            "median_minutes": _minutes(median(took)) if took else None,
            "longest_minutes": _minutes(took[-1]) if took else None,
            "open_since": None if report.clean.open_since is None else time_text(report.clean.open_since),
        },
    }


def _outcomes_document(outcomes: Outcomes) -> dict[str, Any]:
    return {
        "rule": outcomes.rule,
        "kind": outcomes.kind,
        **outcome_figures(outcomes),
        "fees": {currency: plain(fee) for currency, fee in sorted(outcomes.fees.items())},
        "then": _comparison_document(outcomes.then),
        "later": _comparison_document(outcomes.later),
    }


def _comparison_document(comparison: Comparison) -> dict[str, Any] | None:
    """Return a comparison in its JSON form; null where no price is known."""
    if not comparison.worth:
        return None
    figures = {"worth": comparison.worth, "slippage": comparison.slippage}
    return {**{name: plain(figure) for name, figure in figures.items()}, "untold": comparison.untold}


def outcome_figures(outcomes: Outcomes) -> dict[str, Any]:
    """Return the figures of an outcome by name; amounts are exact, in the account's quote."""
    figures = {name: getattr(outcomes, name) for name in FIGURES}
    figures["positions"] = len(outcomes.positions)
    return {name: plain(figure) if isinstance(figure, Decimal) else figure for name, figure in figures.items()}


def _minutes(interval: timedelta) -> str:
    return plain(Decimal(interval // _MICROSECOND) / (_MINUTE // _MICROSECOND))


def median(took: Sequence[timedelta]) -> timedelta:
    """Return the lower middle of times in their order."""
    return took[(len(took) - 1) // 2]
