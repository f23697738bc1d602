"""What a venue tells of a market's past and of its book: candles and resting orders, read out of ccxt's lists. Pure.

The shapes are those of https://docs.ccxt.com/#/?id=ohlcv-structure and the section on order books.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from exitplan.brokers.live.parsing import BadReply, amount_of, time_of
from exitplan.ruleset.model.values import EXACT, ONE, TWO, ZERO

VolumeUnit = Literal["contracts", "base"]
"""What the candles of a venue count contracts by; spot markets are counted in base units everywhere."""

Level = tuple[Decimal, Decimal]


@dataclass(frozen=True, slots=True)
class Candle:
    """A stretch of time in one market: its first and last price, and what was traded, in the position's units."""

    begins_at: datetime
    opened: Decimal
    closed: Decimal
    volume: Decimal | None


def candles_of(reply: object, market: Mapping[str, Any], unit: VolumeUnit | None) -> list[Candle]:
    """Read candles; one without a time or with a price that is none is left out. Raises BadReply for no list."""
    if not isinstance(reply, Sequence) or isinstance(reply, str):
        raise BadReply("the reply holds no candles")
    found = []
    for entry in reply:
        begins_at, opened, closed = time_of(entry[0]), amount_of(entry[1]), amount_of(entry[4])
        if begins_at is not None and opened and closed:
            volume = amount_of(entry[5])
            found.append(Candle(begins_at, opened, closed, _in_units(volume, market, unit)))
    return found


def _in_units(volume: Decimal | None, market: Mapping[str, Any], unit: VolumeUnit | None) -> Decimal | None:
    """Turn what was traded into the units of a position; None where nobody has said what a venue counts."""
    if volume is None or volume < 0 or market.get("spot"):
        return None if volume is None or volume < 0 else volume
    if unit == "base" and market.get("linear"):
        size = amount_of(market.get("contractSize")) or ONE
        return EXACT.divide(volume, size)
    return volume if unit == "contracts" else None


@dataclass(frozen=True, slots=True)
class Book:
    """The orders that rest in a market, as far as the venue told of them."""

    bids: tuple[Level, ...]
    asks: tuple[Level, ...]

    def depth(self, within: Decimal) -> tuple[Decimal, Decimal] | None:
        """Add up what rests no further than a fraction from the mid: bids, asks.

        None where one side is empty, or the sides overlap: then there is no mid to measure from.
        """
        if not self.bids or not self.asks:
            return None
        bid, ask = max(price for price, _ in self.bids), min(price for price, _ in self.asks)
        if bid > ask:
            return None
        mid = EXACT.divide(EXACT.add(bid, ask), TWO)
        reach = EXACT.multiply(mid, within)
        lowest, highest = EXACT.subtract(mid, reach), EXACT.add(mid, reach)
        return (
            _sum(quantity for price, quantity in self.bids if price >= lowest),
            _sum(quantity for price, quantity in self.asks if price <= highest),
        )


def book_of(reply: object) -> Book:
    """Read an order book; raises BadReply where the reply is none."""
    if not isinstance(reply, Mapping):
        raise BadReply("the reply is no book")
    return Book(_levels(reply.get("bids")), _levels(reply.get("asks")))


def _levels(entries: object) -> tuple[Level, ...]:
    if not isinstance(entries, Sequence) or isinstance(entries, str):
        raise BadReply("the reply holds no book")
    levels = ((amount_of(entry[0]), amount_of(entry[1])) for entry in entries)
    return tuple((price, quantity) for price, quantity in levels if price and quantity and price > 0 and quantity > 0)


def _sum(quantities: Iterable[Decimal]) -> Decimal:
    total = ZERO
    for quantity in quantities:
        total = EXACT.add(total, quantity)
    return total
