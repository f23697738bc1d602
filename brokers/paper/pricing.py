"""What a fill costs: prices at which orders fill, and the money that a fill moves.

Amounts are exact; only what would need more than :data:`PLACES` decimal places is rounded, against the
account.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, localcontext
from functools import wraps
from typing import ParamSpec, TypeVar

from msgspec import Struct

from exitplan.brokers.paper.options import MOST_IMPACT, PaperOptions
from exitplan.ruleset.model.snapshot import Market, OrderSide, Side
from exitplan.ruleset.model.values import EXACT, ZERO, ceil_to_step, floor_to_step

PLACES = Decimal("1e-36")
"""The finest money the books keep; a snapshot file holds at most 40 decimal places."""

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def exactly(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Run a function under the exact arithmetic of the core."""

    @wraps(function)
    def run(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        with localcontext(EXACT):
            return function(*args, **kwargs)

    return run


def round_down(amount: Decimal) -> Decimal:
    """Round money the account receives: exact up to 36 places, toward minus infinity beyond."""
    return amount if _is_short(amount) else amount.quantize(PLACES, ROUND_FLOOR, EXACT)


def round_up(amount: Decimal) -> Decimal:
    """Round money the account pays: exact up to 36 places, toward infinity beyond."""
    return amount if _is_short(amount) else amount.quantize(PLACES, ROUND_CEILING, EXACT)


def _is_short(amount: Decimal) -> bool:
    exponent = amount.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= PLACES.adjusted()


def mark_price(market: Market) -> Decimal | None:
    """Return the price a venue values by: the last, else the middle of bid and ask; one side alone is none."""
    if market.price_status not in {None, "ok"}:
        return None
    mark, basis = market.mark()
    return None if basis == "one_side" else mark


def touch_price(market: Market, side: OrderSide, options: PaperOptions) -> Decimal | None:
    """Return the best price an order meets: bid or ask, half the spread off the last where neither is told.

    A side of 0 is an empty one: there is nobody to trade with.
    """
    if market.price_status not in {None, "ok"}:
        return None
    quoted = market.ask if side == "buy" else market.bid
    if quoted is not None:
        return quoted if quoted > 0 else None
    if market.last is None or market.last <= 0:
        return None
    return _worse(market.last, side, options.spread / 2, market.price_step)


def taker_price(
    market: Market, side: OrderSide, options: PaperOptions, taken: Taken, limit: Decimal | None = None
) -> Decimal | None:
    """Return the price of a taking fill: the touch, worse by slippage and impact, never beyond the limit."""
    touch = touch_price(market, side, options)
    if touch is None:
        return None
    worse = options.slippage
    if options.impact is not None:
        worse = min(worse + options.impact.of(taken.terms.notional(taken.quantity, touch)), MOST_IMPACT)
    price = _worse(touch, side, worse, market.price_step) if worse else touch
    if limit is None:
        return price
    return min(price, limit) if side == "buy" else max(price, limit)


def crosses(touch: Decimal | None, side: OrderSide, limit: Decimal) -> bool:
    """Check whether a limit order can fill at the touch."""
    if touch is None:
        return False
    return touch <= limit if side == "buy" else touch >= limit


def _worse(price: Decimal, side: OrderSide, share: Decimal, step: Decimal | None) -> Decimal:
    if side == "buy":
        dearer = price * (1 + share)
        return ceil_to_step(dearer, step) if step else dearer
    cheaper = price * (1 - share)
    return floor_to_step(cheaper, step) or cheaper


class Terms(Struct, frozen=True, gc=False):
    """What a unit of a symbol is worth to an account.

    ``rate`` is units of the account's quote for one of the market's; ``entry_price`` is None where no one
    knows it.
    """

    derivative: bool
    inverse: bool
    contract_size: Decimal
    rate: Decimal
    entry_price: Decimal | None

    def notional(self, quantity: Decimal, price: Decimal) -> Decimal:
        """Value a quantity in the market's quote; an inverse contract is worth its size in it."""
        size = quantity * self.contract_size
        return size if self.inverse else size * price

    def value(self, quantity: Decimal, price: Decimal) -> Decimal:
        """Return the value of a quantity in the account's quote."""
        return self.notional(quantity, price) * self.rate

    def profit(self, quantity: Decimal, price: Decimal, side: Side) -> Decimal:
        """Return the profit of closing a derivative in the account's quote; zero without an entry price."""
        entry = self.entry_price
        if entry is None or entry <= 0:
            return ZERO
        move = price - entry if side == "long" else entry - price
        size = quantity * self.contract_size
        return (size * move / entry if self.inverse else size * move) * self.rate


class Taken(Struct, frozen=True, gc=False):
    """What an order takes from the book at once: so many units, on these terms."""

    quantity: Decimal
    terms: Terms


class Money(Struct, frozen=True, gc=False):
    """What a fill moves: ``fee`` as a cost, ``cash`` as the whole change with the fee in it."""

    cash: Decimal
    fee: Decimal


def money_of_fill(
    terms: Terms,
    quantity: Decimal,
    price: Decimal,
    fee_rate: Decimal,
    *,
    side: OrderSide,
    position_side: Side,
) -> Money:
    """Return the money a fill moves: the value of spot, the profit of a derivative that is reduced."""
    value = terms.value(quantity, price)
    fee = round_up(value * fee_rate)
    if not terms.derivative:
        gain = value if side == "sell" else -value
    elif reduces(side, position_side):
        gain = terms.profit(quantity, price, position_side)
    else:
        gain = ZERO
    return Money(cash=round_down(gain) - fee, fee=fee)


def reduces(side: OrderSide, position_side: Side) -> bool:
    """Check whether an order of this side makes a position of that side smaller."""
    return (side == "sell") == (position_side == "long")


def is_self_funding(terms: Terms, side: OrderSide, position_side: Side) -> bool:
    """Check whether an order needs no money of its own: selling what is held, or reducing a derivative."""
    return reduces(side, position_side) and (terms.derivative or side == "sell")


def cost_of_buy(terms: Terms, quantity: Decimal, price: Decimal, fee_rate: Decimal) -> Decimal:
    """Return the money a quantity costs at a price, fee included, in the account's quote."""
    value = terms.value(quantity, price)
    return round_up(value) + round_up(value * fee_rate)
