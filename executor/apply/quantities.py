"""How much of a planned exit may be sent, looking at the account as it is now. Pure."""

from __future__ import annotations

from decimal import Decimal

from exitplan.ruleset.model.position_view import PositionView, reaches_minimum
from exitplan.ruleset.model.snapshot import Position, Snapshot
from exitplan.ruleset.model.values import ZERO, floor_to_step
from exitplan.ruleset.planning.actions import Action


def amount_step(snapshot: Snapshot, symbol: str) -> Decimal | None:
    """Return the amount step of a symbol's market; None where it has none."""
    market = snapshot.markets.get(symbol)
    return market.amount_step if market else None


def find_position(snapshot: Snapshot, key: str) -> Position | None:
    """Return the position with this key; None where it is gone."""
    return next((position for position in snapshot.positions if position.key == key), None)


def sendable_quantity(action: Action, view: PositionView, most: Decimal | None) -> Decimal:
    """Return what may be sold now: never more than planned, than is free and not owed, or than the policy would sell.

    A position that shrank while its orders were cancelled shrinks the exit with it, down to zero where the venue would
    not take the rest.
    """
    wanted = [action.quantity, view.held - view.position.locked]
    if view.position.side == "long":
        wanted.append(view.held - view.position.debt)
    if most is not None:
        wanted.append(most)
    if action.kind == "convert_dust":  # neither steps nor minimums there
        return max(min(wanted), ZERO)
    quantity = floor_to_step(min(wanted), view.amount_step)
    price = action.limit_price if action.trigger_price is None else action.trigger_price
    return quantity if reaches_minimum(view, quantity, price) else ZERO
