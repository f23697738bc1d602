"""What one sale brought in, against the price of the plan. Pure."""

from __future__ import annotations

from decimal import Decimal

from exitplan.executor.store.journal_values import Resolution
from exitplan.ruleset.model.values import EXACT, is_derivative
from exitplan.ruleset.planning.actions import Action


def proceeds_of(action: Action, resolution: Resolution) -> tuple[Decimal, Decimal] | None:
    """Return what a sale brought in and what it was worth by the plan, in the account's quote currency.

    The plan's value carries contract size and rate, so only the price differs. None where a price is not known.
    """
    mark, price, worth = action.expected_price, resolution.average_price, action.est_value
    if not mark or price is None or worth is None or not action.quantity:
        return None
    planned = EXACT.divide(EXACT.multiply(worth, resolution.filled), action.quantity)
    change = EXACT.divide(price, mark)
    if action.position_side == "short":  # bought back: a higher price brings less
        return EXACT.multiply(planned, 2 - change), planned
    return (planned if _is_inverse(action.symbol) else EXACT.multiply(planned, change)), planned


def expected_fee_of(action: Action, resolution: Resolution) -> Decimal | None:
    """Return the fee that the plan expected of what was sold, in the account's quote; None where it knew none."""
    if action.est_value is None or not action.quantity:
        return None
    return action.fee_of(EXACT.divide(EXACT.multiply(action.est_value, resolution.filled), action.quantity))


def _is_inverse(symbol: str) -> bool:
    """Check whether a contract is settled in its base, so that its value does not move with the price."""
    base, _, rest = symbol.partition("/")
    return is_derivative(symbol) and rest.partition(":")[2].partition("-")[0] == base
