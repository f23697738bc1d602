"""The venues of which exitplan knows more than ccxt says: one small file each, with all that is special there."""

from __future__ import annotations

import importlib

from exitplan.brokers.live.dialect import Dialect
from exitplan.brokers.venues.any_venue import AnyVenue

KNOWN = ("coinbase", "kraken", "binance", "okx", "bybit", "alpaca", "kucoin", "gate")
"""Each is a module of this package with a class of the same name, capitalised."""


def dialect_of(venue: str) -> Dialect:
    """Return the dialect of a venue; the one for any venue where nothing special is known."""
    if venue not in KNOWN:
        return AnyVenue()
    module = importlib.import_module(f"exitplan.brokers.venues.{venue}")
    dialect: type[Dialect] = getattr(module, venue.capitalize())
    return dialect()
