"""Plots as SVG, drawn here: no library, no script, and colours from the style sheet. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from markupsafe import Markup, escape

from exitplan.ruleset.planning.words import money

WIDTH, HEIGHT = 640, 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 84, 12, 12, 26
_FEW = 3


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a plot: its name, the class that colours it, and a value for each moment; None where not known."""

    name: str
    tone: str
    values: Sequence[Decimal | None]


def lines_plot(
    title: str, moments: Sequence[datetime], series: Sequence[Series], unit: str = "", *, from_zero: bool = True
) -> Markup:
    """Draw values over time as lines, from zero or from the least; nothing where there are fewer than two moments."""
    shown = [one for one in series if any(value is not None for value in one.values)]
    if len(moments) < 2 or not shown:  # noqa: PLR2004 - a line has two ends
        return Markup()
    known = [value for one in shown for value in one.values if value is not None]
    scale = _Scale.of(moments, min(known), max(known), from_zero=from_zero)
    parts = [_grid(scale, moments)]
    for one in shown:
        points = [
            (scale.x(at), scale.y(value)) for at, value in zip(moments, one.values, strict=True) if value is not None
        ]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(Markup('<polyline class="line {}" points="{}"/>').format(one.tone, path))
        parts += [
            Markup('<circle class="dot {}" cx="{}" cy="{}" r="2.5"/>').format(one.tone, f"{x:.1f}", f"{y:.1f}")
            for x, y in points
        ]
    return _figure(title, _summary(title, moments, shown, unit), Markup().join(parts), _legend(shown))


def bars_plot(title: str, moments: Sequence[datetime], series: Series, unit: str = "") -> Markup:
    """Draw one value for each moment as bars from zero; returns nothing where there is none."""
    known = [value for value in series.values if value is not None]
    if not known:
        return Markup()
    scale = _Scale.of(moments, min(known), max(known))
    width = max(2.0, min(28.0, (WIDTH - _LEFT - _RIGHT) / max(1, len(moments)) * 0.7))
    zero, parts = scale.y(Decimal(0)), [_grid(scale, moments)]
    for place, value in enumerate(series.values):
        if value is not None:
            x, y = scale.slot(place, len(moments)) - width / 2, scale.y(value)
            parts.append(
                Markup('<rect class="bar {}" x="{}" y="{}" width="{}" height="{}"/>').format(
                    series.tone, f"{x:.1f}", f"{min(y, zero):.1f}", f"{width:.1f}", f"{max(abs(zero - y), 0.5):.1f}"
                )
            )
    return _figure(title, _summary(title, moments, [series], unit), Markup().join(parts), Markup())


def progress_bar(label: str, done: int, of: int) -> Markup:
    """Draw how many of some steps are done, one box a step."""
    boxes = []
    for step in range(of):
        tone = "done" if step < done else "todo"
        boxes.append(
            Markup('<rect class="step {}" x="{}" y="1" width="22" height="10" rx="2"/>').format(tone, step * 26 + 1)
        )
    return Markup(
        '<svg class="steps" role="img" aria-label="{}" viewBox="0 0 {} 12" width="{}" height="12">{}</svg>'
    ).format(f"{label}: {done} of {of} cycles done", of * 26, of * 26, Markup().join(boxes))


@dataclass(frozen=True, slots=True)
class _Scale:
    first: float
    last: float
    low: Decimal
    high: Decimal

    @classmethod
    def of(cls, moments: Sequence[datetime], low: Decimal, high: Decimal, *, from_zero: bool = True) -> _Scale:
        if from_zero:
            low, high = min(low, Decimal(0)), max(high, Decimal(0))
        else:
            margin = max((high - low) / 4, abs(high) / 200)
            low, high = low - margin, high + margin
        if low == high:
            high = low + 1
        return cls(moments[0].timestamp(), moments[-1].timestamp(), low, high)

    def x(self, at: datetime) -> float:
        span = self.last - self.first
        share = (at.timestamp() - self.first) / span if span else 0.5
        return _LEFT + share * (WIDTH - _LEFT - _RIGHT)

    def slot(self, place: int, of: int) -> float:
        return _LEFT + (place + 0.5) / of * (WIDTH - _LEFT - _RIGHT)

    def y(self, value: Decimal) -> float:
        share = float((value - self.low) / (self.high - self.low))
        return HEIGHT - _BOTTOM - share * (HEIGHT - _TOP - _BOTTOM)


def _grid(scale: _Scale, moments: Sequence[datetime]) -> Markup:
    """Draw three lines with their amounts, and the first and last day."""
    parts = []
    for step in range(_FEW):
        value = scale.low + (scale.high - scale.low) * step / (_FEW - 1)
        y = scale.y(value)
        parts.append(
            Markup(
                '<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"/><text class="tick" x="{}" y="{}">{}</text>'
            ).format(_LEFT, WIDTH - _RIGHT, f"{y:.1f}", f"{y:.1f}", _LEFT - 6, f"{y + 4:.1f}", _short(value))
        )
    for at, x, tone in ((moments[0], _LEFT, "from"), (moments[-1], WIDTH - _RIGHT, "to")):
        parts.append(
            Markup('<text class="day {}" x="{}" y="{}">{}</text>').format(tone, x, HEIGHT - 8, f"{at:%Y-%m-%d %H:%M}")
        )
    return Markup().join(parts)


def _short(value: Decimal) -> str:
    for size, letter in ((Decimal(1_000_000), "m"), (Decimal(10_000), "k")):
        if abs(value) >= size:
            return f"{value / (1000 if letter == 'k' else size):,.1f} {letter}"
    return money(value)


def _summary(title: str, moments: Sequence[datetime], series: Sequence[Series], unit: str) -> str:
    """Say a plot in words, for those who hear it."""
    said = []
    for one in series:
        known = [value for value in one.values if value is not None]
        said.append(f"{one.name} from {money(known[0], unit)} to {money(known[-1], unit)}")
    return f"{title}, {moments[0]:%Y-%m-%d} to {moments[-1]:%Y-%m-%d}: {'; '.join(said)}"


def _figure(title: str, summary: str, inside: Markup, legend: Markup) -> Markup:
    drawn = Markup('<svg role="img" aria-label="{}" viewBox="0 0 {} {}">{}</svg>').format(
        summary, WIDTH, HEIGHT, inside
    )
    return Markup('<figure class="plot"><figcaption>{}{}</figcaption>{}</figure>').format(escape(title), legend, drawn)


def _legend(series: Sequence[Series]) -> Markup:
    if len(series) < 2:  # noqa: PLR2004 - one line is named by the title
        return Markup()
    items = [Markup('<li class="{}">{}</li>').format(one.tone, one.name) for one in series]
    return Markup('<ul class="legend">{}</ul>').format(Markup().join(items))
