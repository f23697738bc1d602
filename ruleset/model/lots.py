"""Lots of a position, and what happens to them: the nouns of what an exit realised.

They are for reports, and decide nothing. Money in different currencies is never added up, and what nobody has told, the
cost of a deposit or a fee in a third coin, stays unknown: it is never zero.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal, localcontext
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from exitplan.ruleset.model.cost_basis import PRICE_DIGITS, Trade, change_of
from exitplan.ruleset.model.snapshot import Side
from exitplan.ruleset.model.values import EXACT, ONE, ZERO, base_of, is_derivative, quote_of

Method = Literal["FIFO", "LIFO", "HIFO", "average"]
METHODS: Mapping[str, str] = {
    "FIFO": "The lot that was opened first is sold first.",
    "LIFO": "The lot that was opened last is sold first.",
    "HIFO": "The lot that realises the least is sold first: of a long the dearest.",
    "average": "All lots of a currency are one, at their average cost.",
}
DEFAULT_METHOD: Method = "FIFO"

Source = Literal["trade", "record", "unexplained"]
"""What a lot is known from: a trade; the price that somebody has noted of a whole position; or nothing."""


class Terms(Struct, frozen=True, gc=False):
    """What a unit of a position is worth: ``size`` in base units, None where it is not known; 1 for spot."""

    size: Decimal | None = ONE
    is_inverse: bool = False

    def worth(self, quantity: Decimal, price: Decimal | None) -> Decimal | None:
        """Value a quantity: in the quote currency, or, of an inverse contract, in the coin that it is settled in."""
        if self.size is None or price is None:
            return None
        units = quantity * self.size
        return units / price if self.is_inverse else units * price

    def price(self, quantity: Decimal, worth: Decimal) -> Decimal | None:
        """Return the price at which a quantity has this worth, to 18 digits."""
        if not self.size or not worth:
            return None
        units = quantity * self.size
        return PRICE_DIGITS.plus(units / worth if self.is_inverse else worth / units)

    def sign(self, side: Side) -> int:
        """Return 1 where more worth at the end is a gain, -1 where it is a loss."""
        return 1 if (side == "long") is not self.is_inverse else -1

    def gain(self, side: Side, cost: Decimal | None, proceeds: Decimal | None) -> Decimal | None:
        """Return what closing brings in; None where one of the two is not known."""
        return None if cost is None or proceeds is None else self.sign(side) * (proceeds - cost)


SPOT = Terms()


class Move(Struct, frozen=True, kw_only=True, gc=False):
    """A change in what is held: above zero bought or received, below zero sold or spent.

    ``price`` is in ``currency``, and None where nobody has told it, or where it is no trade (``is_trade``): a fee that
    was taken in this coin. ``fee`` is in the same currency; None is a fee that is not known in it.
    """

    at: datetime
    symbol: str
    change: Decimal
    price: Decimal | None = None
    currency: str | None = None
    fee: Decimal | None = ZERO
    is_trade: bool = True
    reference: str | None = None


class Sighting(Struct, frozen=True, kw_only=True, gc=False):
    """What somebody saw at a moment: how much was held, without a sign, and the average price noted of it.

    Without a ``quantity`` it only tells the price of what is sold later and no trade explains. The price is of so much
    of it as is ``priced``, where that is not all.
    """

    at: datetime
    symbol: str
    quantity: Decimal | None = None
    price: Decimal | None = None
    priced: Decimal | None = None
    currency: str | None = None
    opened_at: datetime | None = None


Event = Move | Sighting


class Lot(Struct, frozen=True, kw_only=True, gc=False):
    """So much of a position that was opened together; ``cost`` and ``fee`` are those of all of it, in ``currency``.

    ``cost`` is without fees; of a short it is what opening it brought in. None is not known.
    """

    number: int
    side: Side
    symbol: str
    quantity: Decimal
    cost: Decimal | None = None
    fee: Decimal | None = None
    currency: str | None = None
    price: Decimal | None = None
    opened_at: datetime | None = None
    source: Source = "unexplained"

    def part(self, quantity: Decimal) -> Lot:
        """Return so much of it, with its share of cost and fee."""
        if quantity == self.quantity:
            return self
        shares = (None if sum_ is None else sum_ * quantity / self.quantity for sum_ in (self.cost, self.fee))
        cost, fee = shares
        return replace(self, quantity=quantity, cost=cost, fee=fee)

    def without(self, part: Lot) -> Lot:
        """Return what is left of it: nothing of cost or fee is lost."""
        cost = None if self.cost is None or part.cost is None else self.cost - part.cost
        fee = None if self.fee is None or part.fee is None else self.fee - part.fee
        return replace(self, quantity=self.quantity - part.quantity, cost=cost, fee=fee)


class Realised(Struct, frozen=True, kw_only=True, gc=False):
    """What was sold (bought back, of a short) of one lot: ``gain`` is before fees, ``net`` after those of both ends.

    Amounts are in ``currency``; None is not known: the lot has no known cost, or was paid in another currency, or
    the venue told no price of the sale.
    """

    at: datetime
    lot: Lot
    price: Decimal | None
    proceeds: Decimal | None
    currency: str | None
    gain: Decimal | None
    fee: Decimal | None
    reference: str | None = None

    @property
    def net(self) -> Decimal | None:
        """What it realised after fees."""
        return None if self.gain is None or self.fee is None else EXACT.subtract(self.gain, self.fee)


class Book(Struct, frozen=True, gc=False):
    """The lots of one position: those that are open, what sales realised, and what came or left without a trade.

    ``appeared`` are lots that nothing explains, as they came; ``departed`` what left without being sold: withdrawn,
    spent on fees, or sold where nobody told.
    """

    open: tuple[Lot, ...] = ()
    realised: tuple[Realised, ...] = ()
    appeared: tuple[Lot, ...] = ()
    departed: tuple[Lot, ...] = ()

    @property
    def quantity(self) -> Decimal:
        """What is open, without a sign."""
        with localcontext(EXACT):
            return sum((lot.quantity for lot in self.open), ZERO)


def moves_of(symbol: str, trade: Trade, money: frozenset[str] = frozenset()) -> Iterator[tuple[str, Move]]:
    """Yield what a trade changes in the coins that are no ``money``, each with the coin or contract that it changes.

    Where two coins are swapped, one is bought for so much of the other. A fee in the base coin is a fee of the trade's
    price, and changes how much moved; one in a third coin takes it away, and what it was worth is not known.
    """
    base, quote = base_of(symbol), quote_of(symbol)
    contract = is_derivative(symbol)
    with localcontext(EXACT):
        change = change_of(trade, symbol)
        held = symbol if contract else base
        settled = currency_of(symbol)
        if held not in money:
            fee = _fee_in(trade, settled, None if contract else base)
            yield held, _move(trade, symbol, change, trade.price, settled, fee)
        if contract:
            return
        if quote is not None and quote not in money:
            paid = -trade.quantity * trade.price if trade.side == "buy" else trade.quantity * trade.price
            in_quote = trade.fee_currency == quote and trade.fee is not None
            paid -= trade.fee if in_quote and trade.fee is not None else ZERO
            yield quote, _move(trade, symbol, paid, ONE / trade.price, base, ZERO if trade.fee == 0 else None)
        if trade.fee and trade.fee_currency not in {None, base, quote} and trade.fee_currency not in money:
            yield (
                str(trade.fee_currency),
                Move(at=trade.at, symbol=symbol, change=-trade.fee, is_trade=False, reference=trade.order_id),
            )


def _move(
    trade: Trade, symbol: str, change: Decimal, price: Decimal, currency: str | None, fee: Decimal | None
) -> Move:
    return Move(
        at=trade.at, symbol=symbol, change=change, price=price, currency=currency, fee=fee, reference=trade.order_id
    )


def _fee_in(trade: Trade, currency: str | None, base: str | None) -> Decimal | None:
    """Return a fee in the currency of the trade; None where it is not told, or is in a third coin."""
    if trade.fee is None:
        return None
    if not trade.fee or trade.fee_currency == currency:
        return trade.fee
    return trade.fee * trade.price if base is not None and trade.fee_currency == base else None


def _settled_in(symbol: str) -> str:
    return symbol.rpartition(":")[2].partition("-")[0]


def currency_of(symbol: str) -> str | None:
    """Return what a trade of a symbol is paid in, and what it gains: its quote, or the coin of an inverse contract."""
    is_inverse = is_derivative(symbol) and _settled_in(symbol) == base_of(symbol)
    return base_of(symbol) if is_inverse else quote_of(symbol)


def terms_of(symbol: str, size: Decimal | None = None) -> Terms:
    """Return what a unit of a symbol is worth; the size of a contract is not known unless it is given."""
    if not is_derivative(symbol):
        return SPOT
    return Terms(size, is_inverse=_settled_in(symbol) == base_of(symbol))
