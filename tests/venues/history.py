"""What every venue tells of a market's past and of its book, before it is put into the words of one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from exitplan.ruleset.model.snapshot import Market
from exitplan.ruleset.model.values import ZERO, plain
from tests.venues.venue import Venue

TRADED, SO_FAR = "20", "1"
"""What was traded in each stretch that is over, and in the one that goes on, in the units of a position."""
_BIDS, _ASKS = (("1", "3"), ("0.9", "50")), (("1", "4"), ("1.1", "60"))


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch of time, which begins at a second since 1970."""

    second: int
    close: str
    volume: str = TRADED


def bars(venue: Venue, symbol: str, length: int, *, since: int = 0, most: int = 1000) -> list[Bar]:
    """Return the bars of a market from a second on, oldest first, the one that goes on among them."""
    current = int(venue.now().timestamp()) // length * length
    closes: Sequence[str] = venue.history.get(symbol, ())
    told = [Bar(current - length * (len(closes) - number), close) for number, close in enumerate(closes)]
    market = venue.snapshot().markets[symbol]
    going_on = Bar(current, plain(market.last or ZERO), SO_FAR)
    return [bar for bar in [*told, going_on] if bar.second >= since][:most]


def book(market: Market, most: int = 1000) -> tuple[list[list[str]], list[list[str]]]:
    """Return bids and asks: something at the best prices, and more at a tenth from them."""
    bid, ask = (market.last if price is None else price for price in (market.bid, market.ask))
    return _levels(bid, _BIDS)[:most], _levels(ask, _ASKS)[:most]


def _levels(best: Decimal | None, levels: Sequence[tuple[str, str]]) -> list[list[str]]:
    return [[plain(best * Decimal(part)), quantity] for part, quantity in levels] if best else []
