"""How much of a planned exit may be sent, looking at the account as it is now. Pure."""

from __future__ import annotations

from decimal import Decimal

from exitplan.ruleset.model.position_view import PositionView, reaches_minimum
from exitplan.ruleset.model.snapshot import Snapshot
from exitplan.ruleset.model.values import ZERO, ceil_to_step, floor_to_step
from exitplan.ruleset.planning.actions import Action

SHRINK_PCT = Decimal("0.01")
"""How much smaller an exit is sent once more where the venue had too little balance for it, at most."""


def amount_step(snapshot: Snapshot, symbol: str) -> Decimal | None:
    """Return the amount step of a symbol's market; None where it has none."""
    market = snapshot.markets.get(symbol)
    return market.amount_step if market else None


def at_most(quantity: Decimal, most: Decimal | None) -> Decimal:
    """Return a quantity, or what it is bounded by where that is less."""
    return quantity if most is None else min(quantity, most)


def sendable_quantity(action: Action, view: PositionView, most: Decimal | None) -> Decimal:
    """Return what may be sold now: never more than planned, than is free and not owed, or than the policy would sell.

    A position that shrank while its orders were cancelled shrinks the exit with it, down to zero where the venue would
    not take the rest.
    """
    wanted = [at_most(action.quantity, most), view.held - view.position.locked]
    if view.position.side == "long":
        wanted.append(view.held - view.position.debt)
    if action.kind == "convert_dust":  # neither steps nor minimums there
        return max(min(wanted), ZERO)
    quantity = floor_to_step(min(wanted), view.amount_step)
    price = action.limit_price if action.trigger_price is None else action.trigger_price
    return quantity if reaches_minimum(view, quantity, price) else ZERO


def a_little_less(asked: Decimal, free: Decimal, step: Decimal | None) -> Decimal:
    """Return a little less than the venue had too little for, on the step; nothing where that is not enough."""
    least = ceil_to_step(asked * (1 - SHRINK_PCT), step)
    smaller = free if free < asked else least
    return smaller if least <= smaller < asked else ZERO
