"""Convert dust that is too small to sell: what speaks against it, and what it costs, in words."""

from __future__ import annotations

from decimal import ROUND_CEILING, Context, Decimal

from exitplan.ruleset.language.policy import Dust
from exitplan.ruleset.model.position_view import PositionView
from exitplan.ruleset.model.snapshot import Conversion
from exitplan.ruleset.model.values import EXACT, is_derivative, plain

NOT_CONVERTED = "not converted: "
"""Begins what a blocked exit says of the conversion that it might have been."""

_CENT, _TWO_DIGITS = Decimal("0.01"), 2


def conversion_obstacle(
    view: PositionView, free: Decimal, terms: Conversion | None, dust: Dust, quote: str
) -> str | None:
    """Describe in few words why a position cannot be converted; None where it can.

    ``free`` is what may be converted, in base units: all that is held and not locked, whatever the market's step.
    """
    if terms is None or is_derivative(view.position.symbol) or view.position.side == "short":
        return "the venue offers none"
    if free <= 0:
        return "nothing of it is free"
    if view.price.mark is None:
        return "without a price nobody can tell what it costs"
    if terms.cost_pct > dust.max_cost_pct:
        return f"it costs {cost_text(view, free, terms, quote)}, and {_percent(dust.max_cost_pct)} is allowed"
    return _outside(free, terms)


def _outside(free: Decimal, terms: Conversion) -> str | None:
    """Describe which of the venue's limits a quantity is outside of."""
    if terms.min_quantity is not None and free < terms.min_quantity:
        return f"{plain(free)} is below the venue's least, {plain(terms.min_quantity)}"
    if terms.max_quantity is not None and free > terms.max_quantity:
        return f"{plain(free)} is above the venue's most, {plain(terms.max_quantity)}"
    return None


def cost_text(view: PositionView, free: Decimal, terms: Conversion, quote: str) -> str:
    """Write what a conversion costs, in money and as a share, rounded up: ``~ 0.02 USD (2 %)``."""
    value = view.worth(free)
    if value is None:
        return _percent(terms.cost_pct)
    return f"~ {_money(value * terms.cost_pct)} {quote} ({_percent(terms.cost_pct)})"


def _percent(share: Decimal) -> str:
    return f"{plain(_rounded_up(share * 100))} %"


def _money(amount: Decimal) -> str:
    return plain(_rounded_up(amount))


def _rounded_up(figure: Decimal) -> Decimal:
    """Round to two decimals, and below one to two digits that say something; a cost never looks smaller than it is."""
    if abs(figure) < 1:
        return Context(prec=_TWO_DIGITS, rounding=ROUND_CEILING).plus(figure)
    return figure.quantize(_CENT, ROUND_CEILING, EXACT)
