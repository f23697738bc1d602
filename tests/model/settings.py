"""The accounts that are played: small, so that every way through them can be taken."""

from __future__ import annotations

from collections.abc import Mapping

from exitplan.ruleset.model.snapshot import Snapshot
from tests.builders import order, position, record, snapshot
from tests.model.explore import Setting


def one() -> Snapshot:
    """One position that is unwound, of which a doubled slice would show."""
    return snapshot(position("AAA/USD", 100))


def held_up() -> Snapshot:
    """A position with a stale order in its way, and a zombie."""
    positions = (position("AAA/USD", 100, locked=10), position("ZOM/USD", 80))
    stale = order("old", "AAA/USD", "sell", 10, price=500, minutes=60)
    return snapshot(*positions, orders=[stale], tracked={"ZOM/USD": record(entry=None)})


def pair() -> Snapshot:
    """Two positions that are unwound at once."""
    return snapshot(position("AAA/USD", 100), position("BBB/USD", 64))


SETTINGS: Mapping[str, Setting] = {
    "one": Setting(one),
    "one, ids never again": Setting(one, options={"unique_client_order_ids": "ever"}),
    "held up": Setting(held_up),
    "group": Setting(pair, at_once=2),
    "stop": Setting(one, base="conservative"),
    "put back": Setting(one, is_live=True),
}

DEEP = ("one", "one, ids never again")
"""Those in which two deviations can be looked through in minutes."""
