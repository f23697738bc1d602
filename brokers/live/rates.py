"""What one currency is worth in another: read directly, turned around, or over one currency between. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from decimal import Context, Decimal

from exitplan.brokers.live.parsing import Ticker
from exitplan.ruleset.model.values import EXACT

_BRIDGES = ("USDT", "USD", "USDC", "EUR", "BTC", "ETH")
"""Currencies over which another is turned into ours, the most traded first."""
_WIDEST = Decimal("0.1")
"""A book whose sides are further apart, as a share of its mid, tells no rate: nobody would change money in it."""
_RATE = Context(prec=28)
_ONE = Decimal(1)


def find_rate(
    currency: str, quote: str, tickers: Mapping[str, Ticker], more_bridges: Collection[str] = ()
) -> Decimal | None:
    """Return units of ``quote`` for one unit of a currency to 28 digits; None where no price tells it."""
    if currency == quote:
        return _ONE
    for path in _paths(currency, quote, more_bridges):
        legs = [_leg(source, target, tickers) for source, target in path]
        if all(leg is not None for leg in legs):
            above, below = _ONE, _ONE
            for price, is_inverse in (leg for leg in legs if leg is not None):
                above = above if is_inverse else EXACT.multiply(above, price)
                below = EXACT.multiply(below, price) if is_inverse else below
            return _RATE.divide(above, below)
    return None


def rate_symbols(currency: str, quote: str, listed: Collection[str], more_bridges: Collection[str] = ()) -> list[str]:
    """Name the listed markets of the shortest way from one currency to another; none where there is no way.

    A market listed both ways is named both ways. The same currency is its own way.
    """
    if currency == quote:
        return [currency]
    for path in _paths(currency, quote, more_bridges):
        legs = [[symbol for symbol in _names(*leg) if symbol in listed] for leg in path]
        if all(legs):
            return [symbol for leg in legs for symbol in leg]
    return []


def _paths(currency: str, quote: str, more_bridges: Collection[str]) -> Iterator[list[tuple[str, str]]]:
    yield [(currency, quote)]
    for bridge in dict.fromkeys((*_BRIDGES, *more_bridges)):
        if bridge not in {currency, quote}:
            yield [(currency, bridge), (bridge, quote)]


def _names(source: str, target: str) -> tuple[str, str]:
    return f"{source}/{target}", f"{target}/{source}"


def _leg(source: str, target: str, tickers: Mapping[str, Ticker]) -> tuple[Decimal, bool] | None:
    """Return the price of the market between two currencies, and whether it is the inverse of the rate."""
    for symbol, is_inverse in zip(_names(source, target), (False, True), strict=True):
        price = _price(tickers.get(symbol))
        if price is not None:
            return price, is_inverse
    return None


def _price(ticker: Ticker | None) -> Decimal | None:
    """Return the mid of a book, the last price where the venue told of no book, else None."""
    if ticker is None:
        return None
    if ticker.bid is None or ticker.ask is None:
        return ticker.last if ticker.last is not None and ticker.last > 0 else None
    if ticker.bid <= 0 or ticker.ask <= 0:
        return None
    mid = EXACT.divide(EXACT.add(ticker.bid, ticker.ask), Decimal(2))
    gap = abs(EXACT.subtract(ticker.ask, ticker.bid))
    return mid if gap <= EXACT.multiply(mid, _WIDEST) else None
