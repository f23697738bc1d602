"""Orders of the paper venue: what rests in its book, what filled, and what an order holds."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Context, Decimal
from functools import reduce
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from exitplan.brokers.paper.pricing import reduces
from exitplan.brokers.protocol import OrderReport
from exitplan.ruleset.model.snapshot import OpenOrder, OrderSide, Side
from exitplan.ruleset.model.values import EXACT, ZERO, is_derivative

_AVERAGE = Context(prec=28)


class Hold(Struct, frozen=True, gc=False):
    """What an open order keeps from being spent twice: money, and units of the position."""

    cash: Decimal = ZERO
    quantity: Decimal = ZERO


class Fill(Struct, frozen=True, gc=False):
    """One execution: ``cash`` is what it changed the account's money by, with the ``fee`` in it.

    ``covered`` is the part of a derivative's loss beyond the account's free money, which the venue's
    insurance fund paid: the account received it on top of ``cash``. ``fee_currency`` is the coin that the fee was taken
    from where it is not the money of the trade, and then the fee is not in ``cash``.
    """

    quantity: Decimal
    price: Decimal
    fee: Decimal
    cash: Decimal
    at: datetime
    covered: Decimal = ZERO
    fee_currency: str | None = None


class PaperOrder(Struct, frozen=True, kw_only=True, gc=False):
    """An order in the paper venue's book.

    ``earlier`` was filled before the account came to the paper venue. ``fires_above`` tells on which side of
    the trigger a stop fires, None for an order without a trigger or one that has fired.
    """

    id: str
    client_order_id: str | None
    symbol: str
    side: OrderSide
    type: str
    quantity: Decimal
    position_side: Side
    created_at: datetime | None
    price: Decimal | None = None
    trigger_price: Decimal | None = None
    reduce_only: bool = False
    fires_above: bool | None = None
    hold: Hold = Hold()
    earlier: Decimal = ZERO
    fills: tuple[Fill, ...] = ()
    status: Literal["open", "closed", "cancelled"] = "open"
    updated_at: datetime | None = None

    @property
    def filled(self) -> Decimal:
        """What has been filled of it, ever."""
        return EXACT.add(self.earlier, sum_exactly(fill.quantity for fill in self.fills))

    @property
    def remaining(self) -> Decimal:
        """What may still be filled."""
        return EXACT.subtract(self.quantity, self.filled)

    @property
    def reducing(self) -> bool:
        """Whether it makes its position smaller."""
        return reduces(self.side, self.position_side)

    def ended(self, now: datetime) -> PaperOrder:
        """Return the order as it is once nothing of it can fill any more."""
        status: Literal["closed", "cancelled"] = "closed" if self.remaining <= 0 else "cancelled"
        return replace(self, status=status, hold=Hold(), fires_above=None, updated_at=now)


def money_fee(fills: Iterable[Fill]) -> Decimal:
    """Add up the fees that came out of the money of the trades; those taken from a coin are not in them."""
    return sum_exactly(fill.fee for fill in fills if fill.fee_currency is None)


def sum_exactly(amounts: Iterable[Decimal]) -> Decimal:
    """Add up decimals without rounding."""
    return reduce(EXACT.add, amounts, ZERO)


def average_price(fills: tuple[Fill, ...]) -> Decimal | None:
    """Return the mean price of fills, weighted by quantity, to 28 digits; None where nothing filled."""
    if not fills:
        return None
    if len({fill.price for fill in fills}) == 1:
        return fills[0].price
    cost = sum_exactly(EXACT.multiply(fill.quantity, fill.price) for fill in fills)
    return _AVERAGE.divide(cost, sum_exactly(fill.quantity for fill in fills))


def to_report(order: PaperOrder, currency: str) -> OrderReport:
    """Return an order as a venue's reply does; of fees in several currencies none is told."""
    currencies = {fill.fee_currency or currency for fill in order.fills} or {currency}
    is_one = len(currencies) == 1
    return OrderReport(
        order_id=order.id,
        client_order_id=order.client_order_id,
        symbol=order.symbol,
        side=order.side,
        type=order.type,
        status=order.status,
        quantity=order.quantity,
        filled=order.filled,
        average_price=average_price(order.fills),
        fee=sum_exactly(fill.fee for fill in order.fills) if is_one else None,
        fee_currency=next(iter(currencies)) if is_one else None,
        price=order.price,
        trigger_price=order.trigger_price,
        reduce_only=order.reduce_only,
        created_at=order.created_at,
        updated_at=order.updated_at,
    )


def to_open_order(order: PaperOrder, *, names_side: bool) -> OpenOrder:
    """Return an order as a snapshot does, with the side it belongs to where both sides of a contract may be held."""
    return OpenOrder(
        id=order.id,
        symbol=order.symbol,
        side=order.side,
        type=order.type,
        quantity=order.quantity,
        filled=order.filled,
        price=order.price,
        trigger_price=order.trigger_price,
        created_at=order.created_at,
        client_order_id=order.client_order_id,
        reduce_only=order.reduce_only,
        position_side=order.position_side if names_side and is_derivative(order.symbol) else None,
        holds_nothing=order.hold == Hold() and not is_derivative(order.symbol),
    )
