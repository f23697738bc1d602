"""Rebuild what was paid for a position, and since when it is held, from the account's own trades.

Trades do not explain everything: deposits, rewards and history that a venue no longer tells leave the basis unknown,
and an unknown basis is never guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Context, Decimal, localcontext

from msgspec import Struct
from msgspec.structs import replace

from exitplan.ruleset.model.snapshot import OrderSide
from exitplan.ruleset.model.values import EXACT, ZERO, base_of, is_derivative

_TOLERANCE = Decimal("1e-8")
"""The share of a quantity that may be missing where the market names no step."""
PRICE_DIGITS = Context(prec=18)
"""Averages keep 18 digits: more than any venue's price has, and fit for a snapshot file."""


class CostBasis(Struct, frozen=True, gc=False):
    """What a position cost: its average entry price in the market's quote, and when it was opened."""

    entry_price: Decimal | None
    opened_at: datetime | None


class Trade(Struct, frozen=True, gc=False):
    """One fill of the account's own, as the venue tells it.

    ``quantity`` is in base units (spot) or contracts, ``price`` in the market's quote. A fee below zero is a rebate;
    None was not told.
    """

    side: OrderSide
    quantity: Decimal
    price: Decimal
    at: datetime
    fee: Decimal | None = ZERO
    fee_currency: str | None = None
    order_id: str | None = None


class _Lot(Struct, frozen=True, gc=False):
    """What is held in the course of the trades: above zero a long, below zero a short.

    ``ended`` says that a trade has brought it back to flat but for less than a step, which goes into the next lot.
    """

    quantity: Decimal = ZERO
    average: Decimal = ZERO
    opened_at: datetime | None = None
    ended: bool = True


def cost_basis(trades: Sequence[Trade], symbol: str, held: Decimal, amount_step: Decimal | None) -> CostBasis | None:
    """Rebuild the open lot of a position by its average cost, walking the trades in time order.

    ``held`` is in the position's units, below zero for a short. What brings the position back to flat, or beyond, ends
    the lot. A fee in the base currency of a spot market reduces what was bought; other fees count nowhere: like a
    venue's own entry price, the average is one without fees. Trades of the same moment count in the order given. None
    where the trades do not explain what is held within one step (a hundred-millionth of it where there is no step), or
    where one of them has no quantity or price above zero.
    """
    if held == 0 or any(trade.quantity <= 0 or trade.price <= 0 for trade in trades):
        return None
    with localcontext(EXACT):
        lot = _Lot()
        for trade in sorted(trades, key=lambda trade: trade.at):
            lot = _after(lot, trade, symbol, amount_step)
        if lot.quantity * held <= 0 or abs(held - lot.quantity) > _allowed(held, amount_step):
            return None
        return CostBasis(PRICE_DIGITS.plus(lot.average), lot.opened_at)


def _allowed(quantity: Decimal, step: Decimal | None) -> Decimal:
    return step or abs(quantity) * _TOLERANCE


def _after(lot: _Lot, trade: Trade, symbol: str, step: Decimal | None) -> _Lot:
    """Return the lot after one more trade."""
    change = change_of(trade, symbol)
    quantity = lot.quantity + change
    if quantity <= 0 and not is_derivative(symbol):
        return _Lot()  # what was sold beyond what the trades know of came from elsewhere
    is_same_side = lot.quantity * change >= 0
    if lot.quantity * quantity < 0 or (lot.ended and is_same_side):
        return _Lot(quantity, trade.price, trade.at, ended=False)
    if is_same_side:
        return replace(lot, quantity=quantity, average=_average(lot, change, trade.price, symbol))
    return replace(lot, quantity=quantity, ended=lot.ended or abs(quantity) < _allowed(lot.quantity, step))


def _average(lot: _Lot, change: Decimal, price: Decimal, symbol: str) -> Decimal:
    """Average the price by quantity; contracts settled in their base currency are bought with 1 / price each."""
    quantity = lot.quantity + change
    if is_derivative(symbol) and symbol.rpartition(":")[2] == base_of(symbol):
        return quantity / (lot.quantity / lot.average + change / price)
    return (lot.quantity * lot.average + change * price) / quantity


def change_of(trade: Trade, symbol: str) -> Decimal:
    """Return what a trade adds to the position; contracts are never taken for a fee."""
    is_in_base = trade.fee_currency == base_of(symbol) and not is_derivative(symbol)
    moved = trade.quantity if trade.side == "buy" else -trade.quantity
    return moved - (trade.fee or ZERO) if is_in_base else moved
