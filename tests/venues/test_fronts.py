"""Which venues there are on loopback, and that exitplan says so."""

from __future__ import annotations

from exitplan.brokers.venues import KNOWN, dialect_of
from tests.chaos.kinds import LIVE
from tests.venues.fronts import FRONTS

MARKETS = {**dict.fromkeys(FRONTS, ("spot",)), "binance": ("spot", "swap"), "bybit": ("spot", "swap")}
"""What is traded at each of them."""


def test_what_is_tested_on_loopback_is_told_and_nothing_else() -> None:
    told = {name: dialect_of(name).traits.loopback for name in KNOWN}
    assert {name: markets for name, markets in told.items() if markets} == MARKETS


def test_each_venue_on_loopback_is_in_the_chaos() -> None:
    assert set(LIVE) == set(FRONTS)
