"""What a venue takes as one order: minimums at the order's own price, and maximums by which an exit is divided."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal

from exitplan.ruleset.model.position_view import PositionView, reaches_minimum
from exitplan.ruleset.model.snapshot import Market
from exitplan.ruleset.model.values import DEFAULT_STEP, EXACT, floor_to_step

MOST_ORDERS = 1_000
"""The most orders of one exit in one plan: a maximum that asks for more is far from what is held, or wrong."""


def largest_order(market: Market, unit_notional: Decimal | None, *, at_market: bool) -> Decimal | None:
    """Return the largest quantity of one order, on the step; None where the venue names no maximum.

    ``unit_notional`` is the value of one unit at the order's own price, in the market's quote.
    """
    limits = [market.max_amount, market.market_max_amount if at_market else None]
    if market.max_notional is not None and unit_notional:
        limits.append(EXACT.divide(market.max_notional, unit_notional))
    known = [limit for limit in limits if limit is not None]
    return floor_to_step(min(known), market.amount_step or DEFAULT_STEP) if known else None


def divide_order(
    view: PositionView, quantity: Decimal, price: Decimal | None, *, at_market: bool
) -> tuple[Decimal, ...]:
    """Divide a quantity into the least number of orders, as equal as the step allows, larger first.

    Where equal parts would be below the minimum, only the maximum goes out now and the rest in a later run; so does
    what is left after MOST_ORDERS. ``price`` is the order's own; None means the mark.
    """
    market = view.market
    largest = None if market is None else largest_order(market, view.notional(Decimal(1), price), at_market=at_market)
    if largest is None or quantity <= largest:
        return (quantity,)
    if largest <= 0:
        return ()
    count = int(EXACT.divide(quantity, largest).to_integral_value(ROUND_CEILING))
    if count > MOST_ORDERS:
        return (largest,) * MOST_ORDERS if reaches_minimum(view, largest, price) else ()
    parts = equal_parts(quantity, count, view.amount_step)
    if not reaches_minimum(view, parts[-1], price):
        return (largest,) if reaches_minimum(view, largest, price) else ()
    return parts


def equal_parts(quantity: Decimal, count: int, step: Decimal | None) -> tuple[Decimal, ...]:
    """Divide a quantity into parts as equal as the step allows, larger first; some are zero where it has few steps."""
    unit = step or DEFAULT_STEP
    units, rest = divmod(int(EXACT.divide(quantity, unit).to_integral_value(ROUND_CEILING)), count)
    parts = [(units + (number < rest)) * unit for number in range(count)]
    parts[-1] += quantity - sum(parts)  # what lies between two steps where a market names none
    return tuple(parts)
