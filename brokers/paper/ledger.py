"""The books of a paper account: money, positions, and what open orders hold of both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Context, Decimal

from exitplan.brokers.paper.orders import Fill, Hold, PaperOrder
from exitplan.brokers.paper.pricing import Money, Terms, cost_of_buy
from exitplan.ruleset.model.snapshot import Cash, Market, Position, Side, Snapshot, TrackerRecord
from exitplan.ruleset.model.values import DEFAULT_STEP, ZERO, floor_to_step, is_derivative, quote_of

_ENTRY = Context(prec=28)
Key = tuple[str, Side]


class Ledger:
    """Cash and positions of one account; every change keeps free money at or above zero.

    Called under the exact arithmetic of the core.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self.quote = snapshot.quote
        self.free = snapshot.cash.free
        self.locked = snapshot.cash.locked
        self.positions: dict[Key, Position] = {
            (entry.symbol, entry.side): _sized(entry) for entry in snapshot.positions
        }
        self._rates: Mapping[str, Decimal] = snapshot.rates
        self._tracker: Mapping[str, TrackerRecord] = snapshot.tracker

    @property
    def cash(self) -> Cash:
        """The account's money."""
        return Cash(self.free, self.locked)

    def rate_of(self, symbol: str) -> Decimal | None:
        """Give units of the account's quote for one of the symbol's; None where no rate is known."""
        currency = quote_of(symbol)
        if currency is None or currency == self.quote:
            return Decimal(1)
        rate = self._rates.get(currency)
        return rate if rate is not None and rate > 0 else None

    def terms(self, symbol: str, side: Side, market: Market) -> Terms:
        """Give what a unit of this position is worth; a missing rate, refused before, counts as 1."""
        position = self.positions.get((symbol, side))
        rate = self.rate_of(symbol)
        return Terms(
            derivative=is_derivative(symbol),
            inverse=market.inverse,
            contract_size=position.contract_size if position else Decimal(1),
            rate=Decimal(1) if rate is None else rate,
            entry_price=self._entry_price(symbol, position),
        )

    def _entry_price(self, symbol: str, position: Position | None) -> Decimal | None:
        if position and position.entry_price:
            return position.entry_price
        record = self._tracker.get(symbol)
        return record.entry_price if record else None

    def held(self, symbol: str, side: Side) -> Decimal:
        """Give the quantity of a position, zero where there is none."""
        position = self.positions.get((symbol, side))
        return position.quantity if position else ZERO

    def free_quantity(self, symbol: str, side: Side) -> Decimal:
        """Give the part of a position that no order holds."""
        position = self.positions.get((symbol, side))
        return max(ZERO, position.quantity - position.locked) if position else ZERO

    def affordable(
        self,
        order: PaperOrder,
        terms: Terms,
        quantity: Decimal,
        price: Decimal,
        fee_rate: Decimal,
        step: Decimal | None,
    ) -> Decimal:
        """Give as much of a quantity as there are units to sell and, for a spot buy, money to pay."""
        if order.reducing:
            free = self.free_quantity(order.symbol, order.position_side) + order.hold.quantity
            quantity = min(quantity, free, self.held(order.symbol, order.position_side))
        if terms.derivative or order.side == "sell" or quantity <= 0:
            return quantity
        budget = self.free + order.hold.cash
        if cost_of_buy(terms, quantity, price, fee_rate) <= budget:
            return quantity
        most = floor_to_step(budget / cost_of_buy(terms, Decimal(1), price, fee_rate), step or DEFAULT_STEP)
        return most if cost_of_buy(terms, most, price, fee_rate) <= budget else ZERO

    def hold(self, order: PaperOrder, hold: Hold) -> None:
        """Lock what an order needs; a negative hold releases."""
        self.free -= hold.cash
        self.locked += hold.cash
        key = (order.symbol, order.position_side)
        if hold.quantity and key in self.positions:
            position = self.positions[key]
            self.positions[key] = replace(position, locked=max(ZERO, position.locked + hold.quantity))

    def release(self, order: PaperOrder, kept: Hold) -> None:
        """Unlock what an order no longer needs and leave it the rest."""
        self.hold(order, Hold(kept.cash - order.hold.cash, kept.quantity - order.hold.quantity))

    def book(self, order: PaperOrder, quantity: Decimal, price: Decimal, money: Money, now: datetime) -> Fill:
        """Book a fill whose holds are released already."""
        covered = max(ZERO, -(self.free + money.cash))
        self.free += money.cash + covered
        key = (order.symbol, order.position_side)
        if order.reducing:
            self._reduce(key, quantity)
        else:
            self._increase(key, quantity, price, now)
        return Fill(quantity, price, money.fee, money.cash, now, covered)

    def _reduce(self, key: Key, quantity: Decimal) -> None:
        position = self.positions[key]
        left = position.quantity - quantity
        if left:
            self.positions[key] = replace(position, quantity=left)
        else:
            del self.positions[key]

    def _increase(self, key: Key, quantity: Decimal, price: Decimal, now: datetime) -> None:
        held = self.positions.get(key)
        if held is None:
            self.positions[key] = Position(*key, quantity, entry_price=price, opened_at=now)
            return
        entry = _mean_entry(held, quantity, price)
        self.positions[key] = replace(held, quantity=held.quantity + quantity, entry_price=entry)


def _sized(position: Position) -> Position:
    """Give a derivative's short its size where the venue that was recorded reports it as negative."""
    if position.side == "short" and is_derivative(position.symbol):
        return replace(position, quantity=abs(position.quantity))
    return position


def _mean_entry(held: Position, quantity: Decimal, price: Decimal) -> Decimal | None:
    """Average the entry price over what is held and bought, to 28 digits; unknown stays unknown."""
    if held.entry_price is None or held.quantity <= 0:
        return None
    if held.entry_price == price:
        return price
    cost = held.entry_price * held.quantity + price * quantity
    return _ENTRY.divide(cost, held.quantity + quantity)


def fit_holds(wanted: Iterable[tuple[PaperOrder, Hold]], snapshot: Snapshot) -> dict[str, PaperOrder]:
    """Give orders their holds, never more in sum than the snapshot says is locked.

    A recorded account may lock more than its orders explain (staked coins), or less; what no order explains
    stays locked.
    """
    cash = max(ZERO, snapshot.cash.locked)
    pools = {(entry.symbol, entry.side): max(ZERO, entry.locked) for entry in snapshot.positions}
    orders = {}
    for order, hold in wanted:
        key = (order.symbol, order.position_side)
        fitted = Hold(min(hold.cash, cash), min(hold.quantity, pools.get(key, ZERO)))
        cash -= fitted.cash
        pools[key] = pools.get(key, ZERO) - fitted.quantity
        orders[order.id] = replace(order, hold=fitted)
    return orders
