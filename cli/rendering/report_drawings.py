"""The drawings of a report as parts of its page; matplotlib is loaded here, where it is installed."""

from __future__ import annotations

import base64
import io
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from exitplan.cli.failures import warn
from exitplan.executor.report import AccountReport, Sale
from exitplan.ruleset.model.visible import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SIZE = (7.2, 3.2)
_COLOURS = ("#1f6feb", "#d1570a", "#2c8a4b", "#8250df", "#b4232f", "#57606a")
_HOUR = timedelta(hours=1)

Drawings = Callable[[AccountReport], Sequence[str]]


def report_drawings(*, as_json: bool) -> Drawings:
    """Return what draws a report; where matplotlib is not installed, nothing, and a person is told."""
    try:
        import matplotlib.figure  # noqa: F401, PLC0415 - an extra, and slow to load
    except ImportError:
        hint = 'for charts install the extra: pip install "exitplan[plots]"'
        warn("the page has no charts: matplotlib is not installed", hint=hint, as_json=as_json)
        return lambda _report: ()
    return _drawings


def _drawings(report: AccountReport) -> Sequence[str]:
    parts = []
    if report.sales:
        parts += [
            _drawn("Closed over time", lambda axes: _closed(axes, report)),
            _drawn("Cost by rule", lambda axes: _cost(axes, report)),
        ]
    if report.clean.took:
        parts.append(_drawn("Time to CLEAN", lambda axes: _clean(axes, report)))
    return parts


def _drawn(title: str, fill: Callable[[Axes], None]) -> str:
    """Return a drawing as an image within the page, in which no script can run."""
    import matplotlib as mpl  # noqa: PLC0415 - as above
    from matplotlib.figure import Figure  # noqa: PLC0415 - as above

    out = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "exitplan"}):  # the same report is the same bytes
        figure = Figure(figsize=_SIZE, layout="constrained")
        axes = figure.add_subplot()
        axes.set_title(title, loc="left")
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(visible=True, alpha=0.25)
        fill(axes)
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return f'<img alt="{title}" src="data:image/svg+xml;base64,{base64.b64encode(out.getvalue()).decode()}">'


def _by_rule(report: AccountReport) -> dict[str, list[Sale]]:
    rules: dict[str, list[Sale]] = defaultdict(list)
    for sale in sorted(report.sales, key=lambda sale: (sale.rule, sale.at)):
        rules[sale.rule].append(sale)
    return rules


def _closed(axes: Axes, report: AccountReport) -> None:
    """Draw what exits had brought in at each moment, a line a rule."""
    for number, (rule, sales) in enumerate(_by_rule(report).items()):
        times: list[datetime] = [report.since]
        sums = [Decimal(0)]
        for sale in sales:
            times.append(sale.at)
            sums.append(sums[-1] + sale.proceeds)
        times.append(report.until)
        figures = [float(figure) for figure in (*sums, sums[-1])]
        axes.step(times, figures, where="post", color=_colour(number), label=_named(rule))  # type: ignore[arg-type]
    axes.set_ylabel(f"{_named(report.quote)} brought in")
    axes.tick_params(axis="x", rotation=20)
    axes.legend(frameon=False)


def _cost(axes: Axes, report: AccountReport) -> None:
    """Draw fees and slippage against the marks of the plans, side by side."""
    rules = _by_rule(report)
    fees = [float(sum(sale.fee for sale in sales)) for sales in rules.values()]
    slippage = [float(sum(sale.planned - sale.proceeds for sale in sales)) for sales in rules.values()]
    places = range(len(rules))
    axes.barh([place - 0.2 for place in places], fees, height=0.4, color=_COLOURS[0], label="fees")
    axes.barh([place + 0.2 for place in places], slippage, height=0.4, color=_COLOURS[1], label="slippage")
    axes.set_yticks(list(places), [_named(rule) for rule in rules])
    axes.invert_yaxis()
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_xlabel(f"{_named(report.quote)}; below 0 is a gain")
    axes.legend(frameon=False, ncols=2, loc="lower right", bbox_to_anchor=(1, 1))  # beside the title, over no bar


def _clean(axes: Axes, report: AccountReport) -> None:
    """Draw how long the account took each time, where it became CLEAN."""
    hours = [took / _HOUR for took in report.clean.took]
    axes.scatter(report.clean.ended, hours, color=_COLOURS[2])  # type: ignore[arg-type]
    axes.set_ylim(bottom=0)
    axes.set_ylabel("hours")
    axes.tick_params(axis="x", rotation=20)


def _colour(number: int) -> str:
    return _COLOURS[number % len(_COLOURS)]


def _named(text: str) -> str:
    """Return a name as matplotlib draws it: nothing in it is a formula, and no line of the legend is hidden."""
    return printable(text).replace("$", r"\$").lstrip("_") or "?"
