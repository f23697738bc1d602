"""Register a position with the tracker. Pure."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from exitplan.executor.apply.quantities import find_position
from exitplan.ruleset.language.parameters import ADOPTED_SOURCE
from exitplan.ruleset.model.facts import held_quantity, is_protective, price_of
from exitplan.ruleset.model.snapshot import Position, Snapshot, TrackerRecord
from exitplan.ruleset.planning.actions import Action


def adopted_record(snapshot: Snapshot, action: Action, trigger: Decimal | None, now: datetime) -> TrackerRecord | None:
    """Give the tracker's record of an adopted position; None where the position is gone.

    Without a known entry price the mark at adoption becomes the cost basis, and the record says so: a record without an
    entry price would make the position a zombie.
    """
    position = find_position(snapshot, action.key)
    if position is None:
        return None
    old = snapshot.tracker.get(action.symbol)
    known = (old.entry_price if old else None) or position.entry_price
    mark = price_of(snapshot, action.symbol, snapshot.markets.get(action.symbol)).mark
    return TrackerRecord(
        entry_price=known or mark,
        quantity=held_quantity(position),
        position_source=ADOPTED_SOURCE,
        strategy=old.strategy if old else None,
        first_entry_time=(old.first_entry_time if old else None) or position.opened_at or now,
        stop_price=trigger or _resting_stop(snapshot, position, mark),
        extra={**(old.extra if old else {}), "entry_price_basis": "known" if known else "mark at adoption"},
    )


def _resting_stop(snapshot: Snapshot, position: Position, mark: Decimal | None) -> Decimal | None:
    """Give the trigger price of a stop that protects the position already."""
    resting = [
        order for order in snapshot.open_orders if order.symbol == position.symbol and order.side == position.exit_side
    ]
    stops = [order.trigger_price for order in resting if is_protective(order, position.side, mark)]
    return stops[0] if stops else None
