"""Register a position with the tracker. Pure."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from exitplan.ruleset.language.parameters import ADOPTED_SOURCE
from exitplan.ruleset.model.facts import is_protective
from exitplan.ruleset.model.position_view import PositionView
from exitplan.ruleset.model.snapshot import Position, Snapshot, TrackerRecord
from exitplan.ruleset.model.values import is_derivative


def adopted_record(
    snapshot: Snapshot, view: PositionView, position: Position, trigger: Decimal | None, now: datetime
) -> TrackerRecord:
    """Return the tracker's record of an adopted position; ``position`` has its cost basis filled in.

    Without a known entry price the mark at adoption becomes the cost basis, and the record says so: a record without an
    entry price would make the position a zombie.
    """
    old = view.record
    known = view.entry_price or position.entry_price
    mark = view.price.mark
    return TrackerRecord(
        entry_price=known or mark,
        quantity=view.held,
        position_source=ADOPTED_SOURCE,
        strategy=old.strategy if old else None,
        first_entry_time=(old.first_entry_time if old else None) or position.opened_at or now,
        stop_price=trigger or _resting_stop(snapshot, position, mark),
        side=position.side if is_derivative(position.symbol) else None,
        extra={**(old.extra if old else {}), "entry_price_basis": "known" if known else "mark at adoption"},
    )


def _resting_stop(snapshot: Snapshot, position: Position, mark: Decimal | None) -> Decimal | None:
    """Return the trigger price of a stop that protects the position already."""
    resting = [
        order for order in snapshot.open_orders if order.symbol == position.symbol and order.side == position.exit_side
    ]
    stops = [order.trigger_price for order in resting if is_protective(order, position.side, mark)]
    return stops[0] if stops else None
