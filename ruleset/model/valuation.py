"""What a market's prices are worth: the mark price, and whether to believe it.

A single price is not believed against the other two. Where bid and ask are close, a last price far outside them is an
odd trade; where they are far apart, or the side that an exit would hit is empty, there is no price at all.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from msgspec import Struct

from exitplan.ruleset.model.snapshot import Market, Position, PriceBasis, PriceStatus, Side, Snapshot
from exitplan.ruleset.model.values import EXACT, ONE, TWO, ZERO, quote_of

SPREAD_GAPS = 5
"""A spread this many times ``max_price_gap`` is no price."""


@dataclass(frozen=True, slots=True)
class Belief:
    """What a policy believes of prices: the largest gap, and the value below which wide spreads are normal.

    ``widest`` is the spread that is no price, as a share of bid and ask together. A last price is believed between
    ``lowest`` times the bid and ``highest`` times the ask.
    """

    max_gap: Decimal = Decimal("0.10")
    dust_value: Decimal = Decimal(1)
    widest: Decimal = field(init=False)
    lowest: Decimal = field(init=False)
    highest: Decimal = field(init=False)

    def __post_init__(self) -> None:
        """Work out what every price is compared with."""
        object.__setattr__(self, "widest", EXACT.divide(EXACT.multiply(SPREAD_GAPS, self.max_gap), TWO))
        object.__setattr__(self, "lowest", EXACT.subtract(ONE, self.max_gap))
        object.__setattr__(self, "highest", EXACT.add(ONE, self.max_gap))


class Price(Struct, frozen=True, gc=False):
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
        return ONE
    rate = snapshot.rates.get(currency)
    return rate if rate is not None and rate > 0 else None


def price_of(snapshot: Snapshot, position: Position, belief: Belief) -> Price:
    """Return the price of a position: what the venue said of it, as far as it is to be believed."""
    market = snapshot.markets.get(position.symbol)
    if market is None:
        return Price(None, ONE, "missing")
    rate = rate_of(snapshot, quote_of(position.symbol))
    if rate is None or market.price_status == "unavailable":
        return Price(None, rate, "unavailable")
    if market.price_status in {"missing", "implausible"}:
        return Price(None, rate, market.price_status)
    if _is_exit_side_empty(market, position.side) and not _is_exempt(position, market, rate, belief):
        return Price(None, rate, "implausible")
    mark, basis = market.mark(position.side)
    if mark is None:
        return Price(None, rate, "missing", mismatch=_has_negative_price(market))
    price = Price(mark, rate, "ok", basis)
    believed = _believed(market, price, belief)
    return price if believed is price or _is_exempt(position, market, rate, belief) else believed


def notional_of(quantity: Decimal, price: Decimal, contract_size: Decimal, *, inverse: bool) -> Decimal:
    """Return the value of a quantity in the market's quote; a contract of an inverse market is worth its size."""
    units = quantity if contract_size == ONE else EXACT.multiply(quantity, contract_size)
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
    bid, ask, last = market.bid, market.ask, market.last
    if bid is None or ask is None or bid <= 0 or ask <= 0:
        return price
    both, gap = bid + ask, ask - bid
    is_wide = gap > belief.widest * both
    if (is_wide or -gap > belief.max_gap * ask) and abs(gap) > _step_of(market):
        return Price(None, price.rate, "implausible")
    if last is not None and last > 0 and not is_wide:
        below = last < bid * belief.lowest and bid - last > _step_of(market)
        above = last > ask * belief.highest and last - ask > _step_of(market)
        if below or above:
            return Price(EXACT.divide(both, TWO), price.rate, "ok", "mid", ignored_last=last)
    return price


def _is_exit_side_empty(market: Market, side: Side) -> bool:
    """Check whether the venue tells a price, and that nobody takes the other side; a gap of one step is none."""
    exit_side = market.bid if side == "long" else market.ask
    if exit_side is None or exit_side != 0:
        return False
    others = [price for price in (market.ask, market.bid, market.last) if price is not None and price > 0]
    return bool(others) and not (side == "long" and min(others) <= _step_of(market))


def _step_of(market: Market) -> Decimal:
    """Return the step of prices; 0 where none is named, or one above a price of the market, which must be wrong."""
    step = market.price_step or ZERO
    prices = (price for price in (market.bid, market.ask, market.last) if price is not None and price > 0)
    return step if all(step <= price for price in prices) else ZERO


def _is_exempt(position: Position, market: Market, rate: Decimal, belief: Belief) -> bool:
    """Check whether prices need not agree: the market does not trade, or the position is dust, which has wide spreads.

    It is dust below that value at the highest of the three prices.
    """
    highest = max((price for price in (market.last, market.bid, market.ask) if price is not None), default=ZERO)
    worth = notional_of(abs(position.quantity), highest, position.contract_size, inverse=market.inverse)
    return not market.active or worth * rate < belief.dust_value


def _has_negative_price(market: Market) -> bool:
    return any(price is not None and price < 0 for price in (market.last, market.bid, market.ask))
