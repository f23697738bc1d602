"""A drawing of how an account stands over the cycles of a clean-up, as plain SVG: the same bytes on every machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import ROUND_CEILING, Decimal
from html import escape

from exitplan.ruleset.model.fact_registry import Category
from exitplan.ruleset.planning.checks import AccountState
from exitplan.workbench.simulation.standing import Standing

_WIDTH, _HEIGHT = 720, 380
_LEFT, _RIGHT, _TOP, _BOTTOM = 76, 548, 44, 300
_STATES = {
    AccountState.CLEAN: ("CLEAN", "#1a7f37"),
    AccountState.CLEANUP_IN_PROGRESS: ("cleaning", "#57606a"),
    AccountState.NEEDS_CLEANUP: ("not clean", "#b4232f"),
    AccountState.UNKNOWN: ("unknown", "#b4232f"),
}
_CASH = ("cash", "#c9d1d9")
_LAYERS = {
    Category.STRATEGY_ALIGNED: ("aligned", "#1f6feb"),
    Category.LEGACY_NON_COMPLIANT: ("legacy", "#d1870a"),
    Category.ZOMBIE_LEGACY: ("zombie", "#b4232f"),
    Category.DEFERRED: ("deferred", "#8250df"),
}
_TICKS = 4
_WIDEST = 64
_ONE = Decimal(1)


def draw_standings(title: str, quote: str, standings: Sequence[Standing]) -> str:
    """Draw a bar for each standing, from cash upward by category, with how many positions and what state below."""
    top = _round_up(max(standing.cash + sum(standing.values.values()) for standing in standings))
    parts = [*_frame(title, quote, top), *_legend(standings[0], standings[-1])]
    room = Decimal(_RIGHT - _LEFT) / len(standings)
    width = min(room * 3 / 4, Decimal(_WIDEST))
    for number, standing in enumerate(standings):
        middle = _LEFT + room * number + room / 2
        parts += _bar(standing, middle - width / 2, width, top)
        parts += _captions(number, standing, middle)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" '
        f'role="img" font-family="Helvetica, Arial, sans-serif" font-size="12">'
    )
    background = f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>'
    return "\n".join([head, f"<title>{escape(title)}</title>", background, *parts, "</svg>"]) + "\n"


def _round_up(value: Decimal) -> Decimal:
    """Return the next larger figure that four lines divide into round ones."""
    step = _ONE.scaleb(value.adjusted()) / 5
    return (value / step).to_integral_value(ROUND_CEILING) * step


def _frame(title: str, quote: str, top: Decimal) -> Iterator[str]:
    yield _text(_LEFT, 24, title, size=15, weight="bold")
    for tick in range(_TICKS + 1):
        value = top * tick / _TICKS
        y = _y(value, top)
        yield f'<line x1="{_LEFT}" x2="{_RIGHT}" y1="{_number(y)}" y2="{_number(y)}" stroke="#d8dee4"/>'
        yield _text(_LEFT - 8, y + 4, f"{value:,.0f}", anchor="end", fill="#57606a")
    yield _text(_LEFT - 8, _TOP - 12, quote, anchor="end", fill="#57606a")
    for row, name in enumerate(("after cycle", "positions", "account")):
        yield _text(_LEFT - 8, _BOTTOM + 20 + 18 * row, name, anchor="end", fill="#57606a")


def _bar(standing: Standing, x: Decimal, width: Decimal, top: Decimal) -> Iterator[str]:
    below = Decimal(0)
    for (_, colour), value in _values(standing):
        if value > 0:
            y, height = _y(below + value, top), _y(below, top) - _y(below + value, top)
            yield (
                f'<rect x="{_number(x)}" y="{_number(y)}" width="{_number(width)}" height="{_number(height)}" '
                f'fill="{colour}"/>'
            )
            below += value


def _captions(number: int, standing: Standing, middle: Decimal) -> Iterator[str]:
    word, colour = _STATES[standing.state]
    yield _text(middle, _BOTTOM + 20, "start" if number == 0 else str(number), anchor="middle")
    yield _text(middle, _BOTTOM + 38, str(sum(standing.counts.values())), anchor="middle")
    yield _text(middle, _BOTTOM + 56, word, anchor="middle", fill=colour, size=10)


def _legend(first: Standing, last: Standing) -> Iterator[str]:
    """Name the colours, the topmost first, with what there is at the start and in the end."""
    shown = [
        (layer, before, after)
        for (layer, before), (_, after) in zip(_values(first), _values(last), strict=True)
        if before or after
    ]
    for row, ((name, colour), before, after) in enumerate(reversed(shown)):
        y = _TOP + 8 + 44 * row
        yield f'<rect x="{_RIGHT + 18}" y="{y}" width="12" height="12" fill="{colour}"/>'
        yield _text(_RIGHT + 36, y + 10, name, weight="bold")
        yield _text(_RIGHT + 36, y + 26, f"{before:,.0f} → {after:,.0f}", fill="#57606a", size=11)


def _values(standing: Standing) -> list[tuple[tuple[str, str], Decimal]]:
    """List what is stacked, from below, as name and colour with the value."""
    held = [(layer, standing.values.get(category, Decimal(0))) for category, layer in _LAYERS.items()]
    return [(_CASH, standing.cash), *held]


def _y(value: Decimal, top: Decimal) -> Decimal:
    return _BOTTOM - (_BOTTOM - _TOP) * value / top


def _text(
    x: Decimal | int,
    y: Decimal | int,
    text: str,
    *,
    anchor: str = "start",
    fill: str = "#1f2328",
    size: int = 12,
    weight: str = "normal",
) -> str:
    place = f'x="{_number(x)}" y="{_number(y)}" text-anchor="{anchor}"'
    return f'<text {place} fill="{fill}" font-size="{size}" font-weight="{weight}">{escape(text)}</text>'


def _number(value: Decimal | int) -> str:
    return f"{Decimal(value):.1f}"
