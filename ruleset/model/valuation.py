"""What a market's prices are worth: the mark price, and whether to believe it.

A single price is not believed against the other two. Where bid and ask are close, a last price far outside them is an
odd trade; where they are far apart, or the side that an exit would hit is empty, there is no price at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from exitplan.ruleset.model.snapshot import Market, Position, PriceBasis, PriceStatus, Side, Snapshot
from exitplan.ruleset.model.values import EXACT, ZERO, quote_of

SPREAD_GAPS = 5
"""A spread this many times ``max_price_gap`` is no price."""


@dataclass(frozen=True, slots=True)
class Belief:
    """What a policy believes of prices: the largest gap, and the value below which wide spreads are normal."""

    max_gap: Decimal = Decimal("0.10")
    dust_value: Decimal = Decimal(1)


@dataclass(frozen=True, slots=True)
class Price:
    """The mark price of a market in its own quote currency, and the rate into the account's.

    ``mark`` and ``basis`` are None unless ``status`` is ``ok``; ``rate`` is None where it is not known.
    ``ignored_last`` is a last price that was not taken. ``mismatch`` says that the venue sent a negative price and
    nothing better.
    """

    mark: Decimal | None
    rate: Decimal | None
    status: PriceStatus
    basis: PriceBasis | None = None
    ignored_last: Decimal | None = None
    mismatch: bool = False


def rate_of(snapshot: Snapshot, currency: str | None) -> Decimal | None:
    """Return units of the account's quote currency for one unit of a currency; None where it is not known."""
    if currency is None or currency == snapshot.quote:
        return Decimal(1)
    rate = snapshot.rates.get(currency)
    return rate if rate is not None and rate > 0 else None


def price_of(snapshot: Snapshot, position: Position, belief: Belief) -> Price:
    """Return the price of a position: what the venue said of it, as far as it is to be believed."""
    market = snapshot.markets.get(position.symbol)
    if market is None:
        return Price(None, Decimal(1), "missing")
    rate = rate_of(snapshot, quote_of(position.symbol))
    if rate is None or market.price_status == "unavailable":
        return Price(None, rate, "unavailable")
    if market.price_status in {"missing", "implausible"}:
        return Price(None, rate, market.price_status)
    is_exempt = not market.active or _is_worthless(position, market, rate, belief)
    if not is_exempt and _is_exit_side_empty(market, position.side):
        return Price(None, rate, "implausible")
    mark, basis = market.mark(position.side)
    if mark is None:
        return Price(None, rate, "missing", mismatch=_has_negative_price(market))
    price = Price(mark, rate, "ok", basis)
    return price if is_exempt else _believed(market, price, belief)


def notional_of(quantity: Decimal, price: Decimal, contract_size: Decimal, *, inverse: bool) -> Decimal:
    """Return the value of a quantity in the market's quote; a contract of an inverse market is worth its size."""
    units = EXACT.multiply(quantity, contract_size)
    return units if inverse else EXACT.multiply(units, price)


def value_of(snapshot: Snapshot, position: Position, belief: Belief) -> Decimal | None:
    """Return what a position is worth in the account's quote currency; None without a believed price."""
    price, market = price_of(snapshot, position, belief), snapshot.markets.get(position.symbol)
    if price.mark is None or price.rate is None or market is None:
        return None
    size = abs(position.quantity)
    notional = notional_of(size, price.mark, position.contract_size, inverse=market.inverse)
    return EXACT.multiply(notional, price.rate)


def _believed(market: Market, price: Price, belief: Belief) -> Price:
    """Compare a price with the other ones; gaps of one ``price_step`` contradict nothing."""
    step = market.price_step or ZERO
    bid, ask = _positive(market.bid), _positive(market.ask)
    if bid is None or ask is None:
        return price
    mid, gap = EXACT.divide(bid + ask, Decimal(2)), ask - bid
    is_wide = gap > SPREAD_GAPS * belief.max_gap * mid
    if abs(gap) > step and (is_wide or -gap > belief.max_gap * ask):
        return Price(None, price.rate, "implausible")
    last = _positive(market.last)
    if last is None or is_wide:
        return price
    below = last < bid * (1 - belief.max_gap) and bid - last > step
    above = last > ask * (1 + belief.max_gap) and last - ask > step
    return Price(mid, price.rate, "ok", "mid", ignored_last=last) if below or above else price


def _is_exit_side_empty(market: Market, side: Side) -> bool:
    """Check whether the venue tells a price, and that nobody takes the other side; a gap of one step is none."""
    exit_side = market.bid if side == "long" else market.ask
    if exit_side is None or exit_side != 0:
        return False
    others = [price for price in (market.ask, market.bid, market.last) if price is not None and price > 0]
    return bool(others) and not (side == "long" and min(others) <= (market.price_step or ZERO))


def _is_worthless(position: Position, market: Market, rate: Decimal, belief: Belief) -> bool:
    """Check whether a position is below the dust value at the highest of the three prices: dust has wide spreads."""
    highest = max((price for price in (market.last, market.bid, market.ask) if price is not None), default=ZERO)
    worth = notional_of(abs(position.quantity), highest, position.contract_size, inverse=market.inverse)
    return worth * rate < belief.dust_value


def _has_negative_price(market: Market) -> bool:
    return any(price is not None and price < 0 for price in (market.last, market.bid, market.ask))


def _positive(price: Decimal | None) -> Decimal | None:
    return price if price is not None and price > 0 else None
