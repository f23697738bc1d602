"""The matching engine of the paper venue: free of files and clocks.

It refuses what a venue refuses and fills what a venue fills, on one account. Orders fill when they are placed
and when :meth:`MatchingEngine.tick` moves a price, never by themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from msgspec.structs import replace

from exitplan.brokers.paper.checks import OrderCase, aimed_side, first_refusal, refuse_conversion
from exitplan.brokers.paper.ledger import Ledger
from exitplan.brokers.paper.notes import HISTORY, Notes, OpenNote
from exitplan.brokers.paper.options import PaperOptions
from exitplan.brokers.paper.orders import Hold, PaperOrder, to_open_order, to_report
from exitplan.brokers.paper.pricing import (
    Money,
    Taken,
    Terms,
    crosses,
    exactly,
    mark_price,
    money_of_fill,
    taker_price,
    touch_price,
)
from exitplan.brokers.paper.recorded import hold_of, take_over_orders
from exitplan.brokers.protocol import (
    ConvertRequest,
    Done,
    OrderReference,
    OrderReport,
    OrderRequest,
    Outcome,
    RefusalReason,
    Refused,
)
from exitplan.ruleset.model.snapshot import Market, PriceStatus, Snapshot
from exitplan.ruleset.model.values import ZERO, floor_to_step


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """A market's prices from one moment on."""

    bid: Decimal | None = None
    ask: Decimal | None = None
    last: Decimal | None = None
    price_status: PriceStatus | None = None


class MatchingEngine:
    """One account at the paper venue."""

    @exactly
    def __init__(self, snapshot: Snapshot, notes: Notes | None = None, options: PaperOptions | None = None) -> None:
        notes = notes or Notes()
        self._options = options or PaperOptions()
        self._highest_fee = max(self._options.taker_fee, self._options.maker_fee)
        self._start = snapshot
        self._ledger = Ledger(snapshot)
        self._markets = dict(snapshot.markets)
        self._open = take_over_orders(snapshot, notes, self._ledger)
        self._closed = {order.id: order for order in notes.closed_orders}
        self._named: dict[str | None, dict[str, None]] = {}  # order ids by client id, oldest first
        for order in (*notes.closed_orders, *self._open.values()):
            self._name(order)
        self._next_id = notes.next_order_id
        self._names_sides = self._options.hedge_mode or any(order.position_side for order in snapshot.open_orders)

    def snapshot(self, now: datetime) -> Snapshot:
        """Return the account as of now."""
        return replace(
            self._start,
            taken_at=now,
            cash=self._ledger.cash,
            other_cash=self._ledger.other_cash,
            positions=tuple(self._ledger.positions.values()),
            open_orders=tuple(to_open_order(order, names_side=self._names_sides) for order in self._open.values()),
            markets=dict(self._markets),
        )

    def notes(self) -> Notes:
        """Return what a snapshot has no place for; with both the engine starts again where it was."""
        remembered = {
            order.id: OpenNote(order.position_side, order.fires_above, order.hold, order.fills, order.updated_at)
            for order in self._open.values()
        }
        return Notes(self._next_id, remembered, tuple(self._closed.values()))

    @property
    def orders(self) -> tuple[PaperOrder, ...]:
        """The orders that are known, with their fills: those that have ended, oldest first, then the open ones."""
        return (*self._closed.values(), *self._open.values())

    @exactly
    def place(self, request: OrderRequest, now: datetime) -> Outcome:
        """Take an order into the book and fill what can be filled at once."""
        market = self._markets.get(request.symbol)
        if market is None:
            return Refused(RefusalReason.UNKNOWN_SYMBOL, f"the venue does not list {request.symbol}")
        refusal = self._refuse_id(request.client_order_id) or first_refusal(self._case(request, market))
        if refusal is not None:
            return refusal
        order = self._enter(request, market, now)
        return Done(self._report(self._match(order, market, now, arriving=True)))

    @exactly
    def cancel(self, reference: OrderReference, now: datetime) -> Outcome:
        """Cancel an open order and release what it holds."""
        order = self._find(reference)
        if order is None:
            return Refused(RefusalReason.UNKNOWN_ORDER, "the venue knows no such order")
        if order.status != "open":
            return Refused(RefusalReason.ORDER_CLOSED, f"order {order.id} is {order.status}")
        return Done(self._report(self._end(order, now)))

    def look_up(self, reference: OrderReference) -> OrderReport | None:
        """Find an order, open ones first, then the newest; None where there is none."""
        order = self._find(reference)
        return None if order is None else self._report(order)

    def closed_since(self, since: datetime) -> list[str]:
        """Return the client order ids of the orders that ended since a time, or nobody knows when."""
        ended = [order for order in self._closed.values() if order.updated_at is None or order.updated_at >= since]
        return [order.client_order_id for order in ended if order.client_order_id is not None]

    @exactly
    def convert(self, request: ConvertRequest, now: datetime) -> Outcome:
        """Turn a spot position into money at the mark price less the taker's fee; no minimums."""
        market = self._markets.get(request.symbol)
        if market is None:
            return Refused(RefusalReason.UNKNOWN_SYMBOL, f"the venue does not list {request.symbol}")
        price = mark_price(market)
        refusal = self._refuse_id(request.client_order_id)
        refusal = refusal or refuse_conversion(request, market, self._ledger, self._options)
        if refusal is not None or price is None:
            return refusal or Refused(RefusalReason.NO_PRICE, f"{request.symbol} has no price to convert at")
        order = PaperOrder(
            id=self._new_id(),
            client_order_id=request.client_order_id,
            symbol=request.symbol,
            side="sell",
            type="convert",
            quantity=request.quantity,
            position_side="long",
            created_at=now,
        )
        order = self._fill(order, market, request.quantity, price, self._options.taker_fee, now)
        return Done(self._report(self._end(order, now)))

    @exactly
    def tick(self, symbol: str, prices: Prices, now: datetime) -> tuple[OrderReport, ...]:
        """Move a market's prices and fill what they reach; the reports are of the orders that changed.

        Raises KeyError for a symbol the venue does not list.
        """
        market = replace(
            self._markets[symbol],
            bid=prices.bid,
            ask=prices.ask,
            last=prices.last,
            price_status=prices.price_status,
        )
        self._markets[symbol] = market
        if not market.active:
            return ()
        resting = [order for order in self._open.values() if order.symbol == symbol]
        matched = [(order, self._match(order, market, now, arriving=False)) for order in resting]
        return tuple(self._report(after) for before, after in matched if after != before)

    def _report(self, order: PaperOrder) -> OrderReport:
        return to_report(order, self._ledger.currency_of(order.symbol, order.type))

    def _case(self, request: OrderRequest, market: Market) -> OrderCase:
        side = aimed_side(request, self._ledger, hedge_mode=self._options.hedge_mode)
        terms = self._ledger.terms(request.symbol, side, market)
        return OrderCase(request, market, side, terms, self._ledger, self._options)

    def _refuse_id(self, client_order_id: str | None) -> Refused | None:
        named = self._named.get(client_order_id, {})
        if not named or (self._options.unique_client_order_ids == "open" and self._open.keys().isdisjoint(named)):
            return None
        return Refused(RefusalReason.DUPLICATE_CLIENT_ORDER_ID, f"the id {client_order_id} is in use")

    def _name(self, order: PaperOrder) -> None:
        if order.client_order_id is not None:
            self._named.setdefault(order.client_order_id, {})[order.id] = None

    def _forget(self, order: PaperOrder) -> None:
        named = self._named.get(order.client_order_id, {})
        named.pop(order.id, None)

    def _new_id(self) -> str:
        while (name := f"paper-{self._next_id}") in self._open or name in self._closed:
            self._next_id += 1
        self._next_id += 1
        return name

    def _find(self, reference: OrderReference) -> PaperOrder | None:
        if reference.order_id is not None:
            return self._open.get(reference.order_id) or self._closed.get(reference.order_id)
        named = [*self._named.get(reference.client_order_id, {})]
        for orders in (self._open, self._closed):
            for name in reversed(named):
                if name in orders:
                    return orders[name]
        return None

    def _enter(self, request: OrderRequest, market: Market, now: datetime) -> PaperOrder:
        stops = request.trigger_price is not None
        order = PaperOrder(
            id=self._new_id(),
            client_order_id=request.client_order_id,
            symbol=request.symbol,
            side=request.side,
            type=request.type,
            quantity=request.quantity,
            position_side=aimed_side(request, self._ledger, hedge_mode=self._options.hedge_mode),
            created_at=now,
            price=request.price,
            trigger_price=request.trigger_price,
            reduce_only=request.reduce_only,
            fires_above=request.side == "buy" if stops else None,
            updated_at=now,
        )
        terms = self._ledger.terms(order.symbol, order.position_side, market)
        hold = hold_of(order, terms, order.remaining, self._highest_fee)
        self._ledger.hold(order, hold)
        return self._keep(replace(order, hold=hold))

    def _keep(self, order: PaperOrder) -> PaperOrder:
        self._open[order.id] = order
        self._name(order)
        return order

    def _end(self, order: PaperOrder, now: datetime) -> PaperOrder:
        ended = order.ended(now)
        self._ledger.release(order, ended.hold)
        self._open.pop(order.id, None)
        self._closed[order.id] = ended
        self._name(ended)
        if len(self._closed) > HISTORY:
            self._forget(self._closed.pop(next(iter(self._closed))))
        return ended

    def _match(self, order: PaperOrder, market: Market, now: datetime, *, arriving: bool) -> PaperOrder:
        """Fill what the prices allow; an order that arrives takes, one that rested makes."""
        if order.fires_above is not None:
            if not _fires(order, market):
                return order
            order = self._keep(replace(order, fires_above=None, updated_at=now))
            arriving = True  # a stop that fires meets the book as a new order does
        if order.price is None:
            return self._match_market(order, market, now)
        if not crosses(touch_price(market, order.side, self._options), order.side, order.price):
            return order
        wanted = self._reach(order, market)
        taken = self._taker_price(order, market, wanted) if arriving else None
        fee = self._options.maker_fee if taken is None else self._options.taker_fee
        filled = self._fill(order, market, wanted, order.price if taken is None else taken, fee, now)
        if filled.remaining <= 0 or filled.filled - order.filled < wanted:
            return self._end(filled, now)
        return self._keep(filled)

    def _match_market(self, order: PaperOrder, market: Market, now: datetime) -> PaperOrder:
        wanted = self._reach(order, market)
        price = self._taker_price(order, market, wanted)
        if price is None:
            return order
        return self._end(self._fill(order, market, wanted, price, self._options.taker_fee, now), now)

    def _taker_price(self, order: PaperOrder, market: Market, quantity: Decimal) -> Decimal | None:
        terms = self._ledger.terms(order.symbol, order.position_side, market)
        return taker_price(market, order.side, self._options, Taken(quantity, terms), order.price)

    def _reach(self, order: PaperOrder, market: Market) -> Decimal:
        """Return how much of an order the market's depth lets fill at once."""
        depth = self._options.depth_of(order.symbol)
        if depth is None or order.remaining <= depth:
            return order.remaining
        return floor_to_step(depth, market.amount_step)

    def _fill(
        self,
        order: PaperOrder,
        market: Market,
        quantity: Decimal,
        price: Decimal,
        fee_rate: Decimal,
        now: datetime,
    ) -> PaperOrder:
        """Fill a quantity, or as much of it as the account has the units and the money for."""
        side, position_side = order.side, order.position_side
        terms = self._ledger.terms(order.symbol, position_side, market, order.type)
        quantity = self._ledger.affordable(order, terms, quantity, price, fee_rate, market.amount_step)
        if quantity <= 0:
            return order
        money = money_of_fill(terms, quantity, price, fee_rate, side=side, position_side=position_side)
        paid = self._paid_in_coin(order, money, now)
        money = money if paid is None else Money(money.cash + money.fee, paid)
        kept = self._kept_hold(order, terms, order.remaining - quantity, money.cash)
        self._ledger.release(order, kept)
        fill = self._ledger.book(order, quantity, price, money, now)
        fill = fill if paid is None else replace(fill, fee_currency=self._options.fee_asset)
        return replace(order, hold=kept, fills=(*order.fills, fill), updated_at=now)

    def _paid_in_coin(self, order: PaperOrder, money: Money, now: datetime) -> Decimal | None:
        """Take the fee of a fill from the coin that pays fees; None where it comes out of the trade."""
        coin = self._options.fee_asset
        if coin is None or not money.fee:
            return None
        currency = self._ledger.currency_of(order.symbol, order.type)
        return self._ledger.pay_fee(coin, money.fee, currency, self._markets, now)

    def _kept_hold(self, order: PaperOrder, terms: Terms, remaining: Decimal, spent: Decimal) -> Hold:
        """Return what an order still holds after a fill: what the rest needs, as far as the money lasts."""
        needed = hold_of(order, terms, remaining, self._highest_fee)
        free = self._ledger.free_money(self._ledger.currency_of(order.symbol, order.type))
        left = max(ZERO, free + order.hold.cash + spent)
        return Hold(min(needed.cash, order.hold.cash, left), min(needed.quantity, order.hold.quantity))


def _fires(order: PaperOrder, market: Market) -> bool:
    mark = mark_price(market)
    if mark is None or order.trigger_price is None:
        return False
    return mark >= order.trigger_price if order.fires_above else mark <= order.trigger_price
