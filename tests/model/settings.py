"""The accounts that are played: small, so that every way through them can be taken."""

from __future__ import annotations

from collections.abc import Mapping

from exitplan.ruleset.model.snapshot import Snapshot
from tests.builders import order, position, record, snapshot
from tests.model.at_venue import at_venue
from tests.model.broker import on_paper
from tests.model.in_postgres import in_postgres
from tests.model.setting import Setting


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
    "one": Setting(on_paper, one),
    "one, ids never again": Setting(on_paper, one, options={"unique_client_order_ids": "ever"}),
    "held up": Setting(on_paper, held_up),
    "group": Setting(on_paper, pair, at_once=2),
    "ahead": Setting(on_paper, pair, asks_beside=True),
    "stop": Setting(on_paper, one, base="conservative"),
    "put back": Setting(on_paper, one, is_live=True),
    "kraken": Setting(at_venue, one, venue="kraken"),
    "bybit": Setting(at_venue, one, venue="bybit"),
    "postgres": Setting(in_postgres, one),
    "group in postgres": Setting(in_postgres, pair, at_once=2),
    "halted": Setting(on_paper, held_up, may_halt=True),
    "halted in postgres": Setting(in_postgres, held_up, may_halt=True),
}

DEEP = ("one", "one, ids never again")
"""Those in which two deviations can be looked through in minutes."""
