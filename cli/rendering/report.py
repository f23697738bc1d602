"""What became of accounts in a time: tables for people, a document for programs, a table for a spreadsheet, a page."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal

from rich.console import RenderableType
from rich.text import Text

from exitplan.cli.rendering.cells import spreadsheet_cell
from exitplan.cli.rendering.many import TableSpec
from exitplan.cli.rendering.page import html_page, html_table, html_text
from exitplan.cli.rendering.screen import heading, titled, words
from exitplan.executor.report import AccountReport, CleanTimes, Comparison, Outcomes
from exitplan.executor.report_document import FIGURES, median, outcome_figures, report_document
from exitplan.ruleset.model.values import ZERO, plain, time_text
from exitplan.ruleset.planning.words import clock_time, counted, duration, money

_BASIS_POINT = Decimal("0.0001")
_TENTH = Decimal("0.1")
_COLUMNS = ("rule", "action", "orders", "positions", "brought in", "by the plan", "slippage", "bp", "fees", "refused")
_COMPARED = ("bp then", "bp day later")
_OTHER_PRICES = ("then_worth", "then_slippage", "later_worth", "later_slippage")


def report_parts(report: AccountReport) -> Iterator[RenderableType | None]:
    """Draw the report of one account."""
    yield heading(_title(report), _span(report))
    columns = columns_of(report)
    table = titled(*columns, justify="ll" + "r" * (len(columns) - 2))
    for row in _rows(report):
        table.add_row(*(words(cell, "bold" if row[0] == "total" else "") for cell in row))
    yield table if report.outcomes else words("Nothing was sold or cancelled.")
    yield Text("\n").join(words(note) for note in _notes(report))


def columns_of(report: AccountReport) -> tuple[str, ...]:
    """Return the columns of a report, without those of other prices where there are none."""
    place = _COLUMNS.index("fees")
    return (*_COLUMNS[:place], *(_COMPARED if report.has_prices else ()), *_COLUMNS[place:])


def _title(report: AccountReport) -> str:
    return f"{report.account} at {report.venue}, in {report.quote}"


def _span(report: AccountReport) -> str:
    return f"{counted(report.runs, 'run')} from {clock_time(report.since)} to {clock_time(report.until)}"


def _rows(report: AccountReport) -> Iterator[tuple[str, ...]]:
    for outcomes in (*report.outcomes, report.total):
        yield (
            outcomes.rule,
            outcomes.kind.replace("_", " "),
            f"{outcomes.orders:,}",
            f"{len(outcomes.positions):,}" if outcomes.positions else "",
            money(outcomes.proceeds) if outcomes.planned else "",
            money(outcomes.planned) if outcomes.planned else "",
            money(outcomes.slippage) if outcomes.planned else "",
            _points(outcomes.slippage_share),
            *((_compared(outcomes.then), _compared(outcomes.later)) if report.has_prices else ()),
            _fees(outcomes.fees, report.quote),
            f"{outcomes.refused:,}" if outcomes.refused else "",
        )


def _compared(comparison: Comparison) -> str:
    """Show a comparison in basis points; where there were exits, and no prices of them, that none is known."""
    return _points(comparison.share) or ("-" if comparison.untold else "")


def _notes(report: AccountReport) -> Iterator[str]:
    total = report.total
    if report.has_prices and (total.then.untold or total.later.untold):
        yield (
            f"Without a market price, and not compared: {counted(total.then.untold, 'exit')} at the time,"
            f" {counted(total.later.untold, 'exit')}: they are not compared."
        )
    if total.untold:
        yield f"Of {counted(total.untold, 'order')} no price is known: they are in no sum."
    if total.released:
        freed = money(total.released, report.quote)
        yield f"Stale orders over {freed} were cancelled, which is the protocol's capital_freed_usd."
    if report.runs or report.clean != CleanTimes():
        yield clean_told(report.clean)
    else:
        yield "There was no run in this time; exitplan verify tells whether the account is CLEAN."


def clean_told(clean: CleanTimes) -> str:
    """Say how often the account became CLEAN, and how long that took."""
    now = f"Not CLEAN since {clock_time(clean.open_since)}." if clean.open_since else ""
    if not clean.took:
        return now or "It did not have to become CLEAN."
    took = sorted(clean.took)
    times = "once, in" if len(took) == 1 else f"{len(took)} times, in a median of"
    longest = "" if len(took) == 1 else f", {_lasting(took[-1])} at most"
    return f"Became CLEAN {times} {_lasting(median(took))}{longest}. {now}".rstrip()


def _lasting(interval: timedelta) -> str:
    return duration(interval.total_seconds())


def _points(share: Decimal | None) -> str:
    if share is None:
        return ""
    points = (share / _BASIS_POINT).quantize(_TENTH)
    return f"{points or abs(points):,f}"


def _fees(fees: Mapping[str, Decimal], quote: str) -> str:
    return " + ".join(money(fee, "" if currency == quote else currency) for currency, fee in sorted(fees.items()))


def _cells(report: AccountReport) -> list[Text | str]:
    total, clean = report.total, report.clean
    return [
        f"{report.runs:,}",
        f"{total.orders:,}",
        money(total.proceeds, report.quote) if total.planned else "",
        money(total.slippage) if total.planned else "",
        _points(total.slippage_share),
        _fees(total.fees, report.quote),
        _lasting(median(sorted(clean.took))) if clean.took else "",
        Text(clock_time(clean.open_since), "yellow") if clean.open_since else "",
    ]


REPORTS: TableSpec[AccountReport] = TableSpec(
    ("runs", "orders", "brought in", "slippage", "bp", "fees", "CLEAN after", "not CLEAN since"),
    "rrrrrrrl",
    _cells,
    report_document,
)
"""How the reports of several accounts are shown."""


def csv_bytes(reports: Sequence[AccountReport]) -> bytes:
    """Return reports as a table, exact; one row an account, rule and kind of action."""
    out = io.StringIO(newline="")
    table = csv.writer(out, lineterminator="\n")
    table.writerow(
        ["account", "venue", "quote", "since", "until", "rule", "kind", *FIGURES, "fees", "other_fees", *_OTHER_PRICES]
    )
    for report in reports:
        span = (time_text(report.since), time_text(report.until))
        for outcomes in report.outcomes:
            own = outcomes.fees.get(report.quote, ZERO)
            others = {currency: fee for currency, fee in sorted(outcomes.fees.items()) if currency != report.quote}
            named = (report.account, report.venue, report.quote, *span, outcomes.rule, outcomes.kind)
            other = " ".join(f"{plain(fee)} {currency}" for currency, fee in others.items())
            row = (*named, *outcome_figures(outcomes).values(), plain(own), other, *_other_prices(outcomes))
            table.writerow([spreadsheet_cell(cell) for cell in row])
    return out.getvalue().encode()


def _other_prices(outcomes: Outcomes) -> Iterator[str]:
    """Return the cells of what is compared with other prices; empty where none is known."""
    for comparison in (outcomes.then, outcomes.later):
        known = (comparison.worth, comparison.slippage) if comparison.worth else ("", "")
        yield from (plain(figure) if isinstance(figure, Decimal) else figure for figure in known)


def page_bytes(reports: Sequence[AccountReport], drawings: Callable[[AccountReport], Sequence[str]]) -> bytes:
    """Return reports as one page; ``drawings`` gives the parts of HTML that an account is drawn in."""
    parts = []
    for report in reports:
        parts.append(f"<h2>{html_text(_title(report))}</h2>\n<p>{html_text(_span(report))}</p>")
        if report.outcomes:
            parts.append(html_table(columns_of(report), _rows(report)))
        parts += drawings(report)
        parts += [f"<p>{html_text(note)}</p>" for note in _notes(report)]
    return html_page("What was closed, and what it cost", parts)
