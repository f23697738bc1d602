"""Drawings of a simulation, as PNG files and as one page; matplotlib is loaded here and nowhere else."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from exitplan.cli.output import say
from exitplan.cli.rendering.simulation import (
    COMPARISON,
    PART_NAMES,
    comparison_rows,
    cost_headings,
    cost_rows,
    notes_of,
    told,
)
from exitplan.cli.simulation import Simulation
from exitplan.cli.streams import save
from exitplan.ruleset.errors import ExitplanError, UsageError
from exitplan.ruleset.model.visible import printable
from exitplan.workbench.simulation.running import PathResult
from exitplan.workbench.simulation.shortfall import PARTS
from exitplan.workbench.simulation.summary import Summary

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Results = Sequence[Sequence[PathResult]]
_SIZE, _DOTS = (7.2, 4.0), 120
_COLOURS = ("#1f6feb", "#d1570a", "#2c8a4b", "#8250df", "#b4232f", "#57606a")
_STYLE = """\
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1f2328; }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .9rem .25rem 0; text-align: right; border-bottom: 1px solid #d1d9e0; }
th:first-child, td:first-child { text-align: left; }
img { max-width: 100%; }
"""


@dataclass(frozen=True, slots=True)
class Drawing:
    """What is drawn, and where it goes: PNG files into a folder, a page into a file."""

    folder: Path | None
    page: Path | None

    def deliver(self, simulation: Simulation, summaries: Sequence[Summary], results: Results) -> None:
        """Draw, and save; raises ExitplanError where that cannot be."""
        images = draw(simulation, summaries, results)
        if self.folder is not None:
            for name, content in images.items():
                save(self.folder / f"{name}.png", content)
            say(f"Drawn: {', '.join(str(self.folder / f'{name}.png') for name in images)}", err=True)
        if self.page is not None:
            save(self.page, page_bytes(simulation, summaries, images))
            say(f"Written: {self.page}", err=True)


def drawing_of(folder: Path | None, page: Path | None) -> Drawing | None:
    """Return what is to be drawn, None where nothing is.

    Raises UsageError where the folder is a file, ExitplanError where matplotlib is not installed, before any work.
    """
    if folder is None and page is None:
        return None
    if folder is not None and folder.exists() and not folder.is_dir():
        raise UsageError(f"--plots takes a folder, and {folder} is a file")
    try:
        import matplotlib.figure  # noqa: F401, PLC0415 - an extra, and slow to load
    except ImportError as problem:
        raise ExitplanError(
            f"drawings need matplotlib, which cannot be imported: {problem}",
            hint='install it as the extra of exitplan: pip install "exitplan[plots]"',
        ) from problem
    return Drawing(folder, page)


def draw(simulation: Simulation, summaries: Sequence[Summary], results: Results) -> dict[str, bytes]:
    """Return the drawings as PNG, by name."""
    quote = simulation.scene.snapshot.quote
    return {
        "left": _drawn("What is left to sell", lambda axes: _left(axes, summaries)),
        "clean": _drawn("When the account is CLEAN", lambda axes: _clean(axes, simulation, summaries, results)),
        "shortfall": _drawn("Implementation shortfall", lambda axes: _shortfall(axes, quote, summaries, results)),
        "parts": _drawn("What the shortfall is made of", lambda axes: _parts(axes, quote, summaries)),
    }


def _drawn(title: str, fill: Callable[[Axes], None]) -> bytes:
    from matplotlib.figure import Figure  # noqa: PLC0415 - as above

    figure = Figure(figsize=_SIZE, dpi=_DOTS, layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(visible=True, alpha=0.25)
    fill(axes)
    out = io.BytesIO()
    figure.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()


def _colour(number: int) -> str:
    return _COLOURS[number % len(_COLOURS)]


def _named(text: str) -> str:
    """Return a name as matplotlib draws it: nothing in it is a formula, and no line of the legend is hidden."""
    return printable(text).replace("$", r"\$").lstrip("_") or "policy"


def _left(axes: Axes, summaries: Sequence[Summary]) -> None:
    """Draw the median of what is left after each cycle, and the band from the 5th to the 95th per cent."""
    for number, summary in enumerate(summaries):
        cycles = range(len(summary.left) + 1)
        median = [100.0, *(float(spread.median) * 100 for spread in summary.left)]
        low = [100.0, *(float(spread.quantiles[0]) * 100 for spread in summary.left)]
        high = [100.0, *(float(spread.quantiles[-1]) * 100 for spread in summary.left)]
        axes.fill_between(cycles, low, high, step="post", alpha=0.15, color=_colour(number), linewidth=0)
        axes.step(cycles, median, where="post", color=_colour(number), label=_named(summary.policy))
    axes.set_xlabel("cycles done")
    axes.set_ylabel("% of the value at the decision")
    axes.legend(frameon=False)


def _clean(axes: Axes, simulation: Simulation, summaries: Sequence[Summary], results: Results) -> None:
    """Draw the share of the paths that are CLEAN after each cycle."""
    cycles = range(simulation.scene.timing.cycles + 1)
    for number, (summary, of_policy) in enumerate(zip(summaries, results, strict=True)):
        known = [result.cycles_to_clean for result in of_policy if result.cycles_to_clean is not None]
        shares = [100 * sum(count <= cycle for count in known) / len(of_policy) for cycle in cycles]
        axes.step(cycles, shares, where="post", color=_colour(number), label=_named(summary.policy))
    axes.set_ylim(-3, 103)
    axes.set_xlabel("cycles done")
    axes.set_ylabel("% of the paths")
    axes.legend(frameon=False)


def _shortfall(axes: Axes, quote: str, summaries: Sequence[Summary], results: Results) -> None:
    """Draw how the total is spread over the paths."""
    for number, (summary, of_policy) in enumerate(zip(summaries, results, strict=True)):
        totals = [float(result.shortfall.total) for result in of_policy]
        name = _named(summary.policy)
        axes.hist(totals, bins=30, alpha=0.45, color=_colour(number), label=name)
        axes.axvline(float(summary.total.mean), color=_colour(number), linewidth=1.5)
    axes.set_xlabel(f"{_named(quote)} on a path; the line is the mean")
    axes.set_ylabel("paths")
    axes.legend(frameon=False)


def _parts(axes: Axes, quote: str, summaries: Sequence[Summary]) -> None:
    """Draw the mean of each part, the policies side by side."""
    height = 0.8 / len(summaries)
    for number, summary in enumerate(summaries):
        places = [row + number * height for row in range(len(PARTS))]
        means = [float(summary.parts[name].mean) for name in PARTS]
        axes.barh(places, means, height=height, color=_colour(number), label=_named(summary.policy))
    middle = (len(summaries) - 1) * height / 2
    axes.set_yticks([row + middle for row in range(len(PARTS))], [PART_NAMES[name] for name in PARTS])
    axes.invert_yaxis()
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_xlabel(f"mean cost in {_named(quote)}; below 0 is a gain")
    axes.legend(frameon=False)


def page_bytes(simulation: Simulation, summaries: Sequence[Summary], images: Mapping[str, bytes]) -> bytes:
    """Return one page with all tables and drawings in it; it needs no other file and no network."""
    title = f"Simulation of {simulation.account}"
    parts = [f"<h1>{_text(title)}</h1>", f"<p>{_text(told(simulation))}</p>"]
    parts.append(_table(COMPARISON, list(comparison_rows(summaries))))
    for name, content in images.items():
        parts.append(f'<img alt="{name}" src="data:image/png;base64,{base64.b64encode(content).decode()}">')
    for summary in summaries:
        parts.append(f"<h2>Cost of {_text(summary.policy)} in {_text(simulation.scene.snapshot.quote)}</h2>")
        parts.append(_table(cost_headings(summary), list(cost_rows(summary))))
        parts += [f"<p>{_text(note)}</p>" for note in notes_of(summary)]
    head = f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{_text(title)}</title>\n'
    return f"{head}<style>\n{_STYLE}</style>\n{chr(10).join(parts)}\n</html>\n".encode()


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{_text(heading)}</th>" for heading in headings)
    body = "\n".join(f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table>\n<tr>{head}</tr>\n{body}\n</table>"


def _text(text: str) -> str:
    return escape(printable(text))
