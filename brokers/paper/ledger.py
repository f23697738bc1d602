"""The books of a paper account: money, positions, and what open orders hold of both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Context, Decimal

from msgspec.structs import replace

from exitplan.brokers.paper.orders import Fill, Hold, PaperOrder
from exitplan.brokers.paper.pricing import Money, Terms, cost_of_buy, mark_price
from exitplan.ruleset.language.policy import CASH_KEPT
from exitplan.ruleset.model.snapshot import Cash, Market, Position, Side, Snapshot, TrackerRecord
from exitplan.ruleset.model.values import DEFAULT_STEP, ZERO, base_of, floor_to_step, is_derivative, quote_of

_ENTRY = Context(prec=28)
Key = tuple[str, Side]
_NOTHING = Cash()


@dataclass(frozen=True, slots=True)
class Home:
    """Where the books keep a currency: as money, or as the position with a key."""

    currency: str
    key: Key | None = None


class Ledger:
    """Money and positions of one account; every change keeps free money at or above zero.

    A trade on the spot market moves both of its currencies, each where the account keeps it: its own quote and other
    money as cash, anything else as a position. What a derivative brings or costs is in the account's quote. Called
    under the exact arithmetic of the core.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self.quote = snapshot.quote
        self.money: dict[str, Cash] = {**snapshot.other_cash, snapshot.quote: snapshot.cash}
        self.positions: dict[Key, Position] = {
            (entry.symbol, entry.side): _sized(entry) for entry in snapshot.positions
        }
        self._rates: Mapping[str, Decimal] = snapshot.rates
        self._tracker: Mapping[str, TrackerRecord] = snapshot.tracker

    @property
    def cash(self) -> Cash:
        """The account's money in its own quote."""
        return self.money[self.quote]

    @property
    def other_cash(self) -> dict[str, Cash]:
        """The account's money in other currencies."""
        return {name: cash for name, cash in self.money.items() if name != self.quote and cash != _NOTHING}

    def currency_of(self, symbol: str, kind: str = "") -> str:
        """Name the currency that an order pays and is paid in."""
        is_paid_in_quote = is_derivative(symbol) or kind == "convert"
        return self.quote if is_paid_in_quote else quote_of(symbol) or self.quote

    def rate_of(self, symbol: str) -> Decimal | None:
        """Return units of the account's quote for one of the symbol's; None where no rate is known."""
        currency = quote_of(symbol)
        if currency is None or currency == self.quote:
            return Decimal(1)
        rate = self._rates.get(currency)
        return rate if rate is not None and rate > 0 else None

    def terms(self, symbol: str, side: Side, market: Market, kind: str = "") -> Terms:
        """Return what a unit of this position is worth in the currency that it is paid in.

        A missing rate, refused before, counts as 1.
        """
        position = self.positions.get((symbol, side))
        rate = self.rate_of(symbol) if self.currency_of(symbol, kind) == self.quote else None
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

    # --- where a currency is kept ---

    def home_of(self, currency: str, symbol: str | None = None) -> Home:
        """Find where a currency of the spot market is kept: in the position of a symbol first, where it is one."""
        if symbol is not None and (symbol, "long") in self.positions:
            return Home(currency, (symbol, "long"))
        if currency in self.money:
            return Home(currency)
        holders = sorted(
            key
            for key, held in self.positions.items()
            if key[1] == "long" and not is_derivative(key[0]) and (held.asset or base_of(key[0])) == currency
        )
        if holders:
            return Home(currency, holders[0])
        return (
            Home(currency) if currency in CASH_KEPT else Home(currency, (symbol or f"{currency}/{self.quote}", "long"))
        )

    def _home(self, symbol: str, side: Side) -> Home:
        """Find where what an order is about is kept."""
        if is_derivative(symbol) or side == "short":
            return Home(base_of(symbol), (symbol, side))
        return self.home_of(base_of(symbol), symbol)

    def home_for(self, order: PaperOrder) -> Home:
        """Find where what an order is about is kept."""
        return self._home(order.symbol, order.position_side)

    def locked_at(self, home: Home) -> Decimal:
        """Return what is locked where a currency is kept."""
        if home.key is None:
            return self.money.get(home.currency, _NOTHING).locked
        return self.positions[home.key].locked if home.key in self.positions else ZERO

    def held(self, symbol: str, side: Side) -> Decimal:
        """Return what is held of what a symbol trades, zero where there is none."""
        return self._total_at(self._home(symbol, side))

    def free_quantity(self, symbol: str, side: Side) -> Decimal:
        """Return the part of it that no order holds and nobody is owed."""
        return self._free_at(self._home(symbol, side))

    def free_money(self, currency: str) -> Decimal:
        """Return what an order can pay with in a currency."""
        return self._free_at(self.home_of(currency))

    def _total_at(self, home: Home) -> Decimal:
        if home.key is None:
            cash = self.money.get(home.currency, _NOTHING)
            return cash.free + cash.locked
        return self.positions[home.key].quantity if home.key in self.positions else ZERO

    def _free_at(self, home: Home) -> Decimal:
        if home.key is None:
            cash = self.money.get(home.currency, _NOTHING)
            # Money of the account's own that is borrowed can be spent; other money is sold, which a debt forbids.
            return cash.free if home.currency == self.quote else max(ZERO, cash.free - cash.debt)
        held = self.positions.get(home.key)
        return max(ZERO, held.quantity - held.locked - held.debt) if held else ZERO

    def affordable(
        self,
        order: PaperOrder,
        terms: Terms,
        quantity: Decimal,
        price: Decimal,
        fee_rate: Decimal,
        step: Decimal | None,
    ) -> Decimal:
        """Return as much of a quantity as there are units to sell and, for a spot buy, money to pay."""
        if order.reducing:
            free = self.free_quantity(order.symbol, order.position_side) + order.hold.quantity
            quantity = min(quantity, free, self.held(order.symbol, order.position_side))
        if terms.derivative or order.side == "sell" or quantity <= 0:
            return quantity
        budget = self.free_money(self.currency_of(order.symbol, order.type)) + order.hold.cash
        if cost_of_buy(terms, quantity, price, fee_rate) <= budget:
            return quantity
        most = floor_to_step(budget / cost_of_buy(terms, Decimal(1), price, fee_rate), step or DEFAULT_STEP)
        return most if cost_of_buy(terms, most, price, fee_rate) <= budget else ZERO

    # --- what changes the books ---

    def hold(self, order: PaperOrder, hold: Hold) -> None:
        """Lock what an order needs; a negative hold releases."""
        if hold.cash:
            self._lock(self.home_of(self.currency_of(order.symbol, order.type)), hold.cash)
        if hold.quantity:
            self._lock(self._home(order.symbol, order.position_side), hold.quantity)

    def _lock(self, home: Home, amount: Decimal) -> None:
        if home.key is None:
            cash = self.money.get(home.currency, _NOTHING)
            self.money[home.currency] = replace(cash, free=cash.free - amount, locked=cash.locked + amount)
        elif home.key in self.positions:
            held = self.positions[home.key]
            self.positions[home.key] = replace(held, locked=max(ZERO, held.locked + amount))

    def release(self, order: PaperOrder, kept: Hold) -> None:
        """Unlock what an order no longer needs and leave it the rest."""
        self.hold(order, Hold(kept.cash - order.hold.cash, kept.quantity - order.hold.quantity))

    def book(self, order: PaperOrder, quantity: Decimal, price: Decimal, money: Money, now: datetime) -> Fill:
        """Book a fill whose holds are released already."""
        currency = self.currency_of(order.symbol, order.type)
        home = self.home_of(currency)
        covered = ZERO
        if is_derivative(order.symbol):
            covered = max(ZERO, -(self.cash.free + money.cash))
        self._add(home, money.cash + covered, None, now)
        what = self._home(order.symbol, order.position_side)
        self._add(what, -quantity if order.reducing else quantity, price, now)
        return Fill(quantity, price, money.fee, money.cash, now, covered)

    def pay_fee(
        self, asset: str, fee: Decimal, currency: str, markets: Mapping[str, Market], now: datetime
    ) -> Decimal | None:
        """Take a fee from the coin that pays fees; None where there is too little of it, or no price to turn it at."""
        market, home = markets.get(f"{asset}/{self.quote}"), self.home_of(asset)
        mark = None if market is None else mark_price(market)
        rate = Decimal(1) if currency == self.quote else self._rates.get(currency)
        if mark is None or rate is None:
            return None
        amount = (fee * rate / mark).quantize(DEFAULT_STEP, "ROUND_CEILING")
        if amount > self._free_at(home):
            return None
        self._add(home, -amount, None, now)
        return amount

    def _add(self, home: Home, amount: Decimal, price: Decimal | None, now: datetime) -> None:
        """Add to what is held of a currency, or take from it; what comes in pays a debt first."""
        if home.key is None:
            cash = self.money.get(home.currency, _NOTHING)
            repaid = min(max(amount, ZERO), cash.debt)
            self.money[home.currency] = replace(cash, free=cash.free + amount - repaid, debt=cash.debt - repaid)
            return
        held = self.positions.get(home.key)
        if held is None:
            if amount > 0:
                self.positions[home.key] = Position(*home.key, amount, entry_price=price, opened_at=now)
            return
        repaid = min(max(amount, ZERO), held.debt)
        left, debt = held.quantity + amount - repaid, held.debt - repaid
        if not left and not debt:
            del self.positions[home.key]
            return
        entry = held.entry_price if amount <= 0 else _mean_entry(held, amount, price)
        self.positions[home.key] = replace(held, quantity=left, debt=debt, entry_price=entry)


def _sized(position: Position) -> Position:
    """Return a derivative's short its size where the venue that was recorded reports it as negative."""
    if position.side == "short" and is_derivative(position.symbol):
        return replace(position, quantity=abs(position.quantity))
    return position


def _mean_entry(held: Position, quantity: Decimal, price: Decimal | None) -> Decimal | None:
    """Average the entry price over what is held and bought, to 28 digits; unknown stays unknown."""
    if held.entry_price is None or held.quantity <= 0 or price is None:
        return None
    if held.entry_price == price:
        return price
    cost = held.entry_price * held.quantity + price * quantity
    return _ENTRY.divide(cost, held.quantity + quantity)


def fit_holds(wanted: Iterable[tuple[PaperOrder, Hold]], ledger: Ledger) -> dict[str, PaperOrder]:
    """Return orders their holds, never more in sum than the account says is locked.

    A recorded account may lock more than its orders explain (staked coins), or less; what no order explains
    stays locked.
    """
    pools: dict[Home, Decimal] = {}
    orders = {}

    def fitted(home: Home, amount: Decimal) -> Decimal:
        left = pools.get(home, max(ZERO, ledger.locked_at(home)))
        fit = min(amount, left)
        pools[home] = left - fit
        return fit

    for order, hold in wanted:
        money = ledger.home_of(ledger.currency_of(order.symbol, order.type))
        cash = fitted(money, hold.cash)
        quantity = fitted(ledger.home_for(order), hold.quantity)
        orders[order.id] = replace(order, hold=Hold(cash, quantity))
    return orders
