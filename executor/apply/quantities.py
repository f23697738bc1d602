"""How much of a planned exit may be sent, looking at the account as it is now. Pure."""

from __future__ import annotations

from decimal import Decimal

from exitplan.ruleset.model.facts import PositionView, held_quantity, price_of, reaches_minimum
from exitplan.ruleset.model.snapshot import Position, Snapshot
from exitplan.ruleset.model.values import ZERO, floor_to_step
from exitplan.ruleset.planning.actions import Action, UnwindStep


def amount_step(snapshot: Snapshot, symbol: str) -> Decimal | None:
    """Give the amount step of a symbol's market; None where it has none."""
    market = snapshot.markets.get(symbol)
    return market.amount_step if market else None


def find_position(snapshot: Snapshot, key: str) -> Position | None:
    """Give the position with this key; None where it is gone."""
    return next((position for position in snapshot.positions if position.key == key), None)


def sendable_quantity(action: Action, step: UnwindStep | None, position: Position, snapshot: Snapshot) -> Decimal:
    """Give what may be sold now: never more than planned, than is free, or than an unwind's target leaves to sell.

    A position that shrank while its orders were cancelled shrinks the exit with it, down to zero where the venue would
    not take the rest.
    """
    held = held_quantity(position)
    wanted = [action.quantity, held - position.locked]
    if action.kind == "convert_dust":  # neither steps nor minimums there
        return max(min(wanted), ZERO)
    if action.kind == "unwind" and step is not None and action.expected_quantity is not None:
        shrunk = abs(action.expected_quantity) - held
        wanted.append(action.quantity - max(shrunk, ZERO))
    quantity = floor_to_step(min(wanted), amount_step(snapshot, action.symbol))
    market = snapshot.markets.get(action.symbol)
    found = PositionView(position, market, price_of(snapshot, action.symbol, market), None, None, {})
    return quantity if reaches_minimum(found, quantity) else ZERO
