"""Orders of USD-M futures before the matching engine: those in the book, and those that wait in a list of their own.

A stop waits in the matching engine. What the engine has no kind for waits here, and goes there as a market or limit
order once its trigger is reached: orders that take profit, that trail the price, or that close all there is.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal

from msgspec import structs

from exitplan.brokers.paper.orders import PaperOrder
from exitplan.brokers.paper.pricing import mark_price
from exitplan.brokers.protocol import Done, OrderReference, OrderRequest, Outcome, RefusalReason, Refused
from exitplan.ruleset.model.values import ZERO, is_derivative
from tests.venues.binance_futures_shapes import REFUSALS, Terms, became_of
from tests.venues.binance_shapes import Asked, client_id_of
from tests.venues.venue import Venue
from tests.venues.wire import RefusedInWords

_TYPES = {"stop": "STOP_MARKET", "stop_limit": "STOP"}


@dataclass
class FuturesOrders:
    """All orders of contracts; ``fired`` are those whose trigger was reached, ``sent`` what went to the engine then."""

    venue: Venue
    asked: dict[str, Asked] = field(default_factory=dict)
    terms: dict[str, Terms] = field(default_factory=dict)
    waiting: dict[str, PaperOrder] = field(default_factory=dict)
    sent: dict[str, str] = field(default_factory=dict)
    fired: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.venue.on_tick.append(self._settle)

    # --- what there is ---

    def told(self) -> list[PaperOrder]:
        """Return all orders as the venue tells them now, oldest first, those that wait among them."""
        return self._with_waiting(self.venue.told_orders())

    def every(self) -> list[PaperOrder]:
        """Return all orders as they are."""
        return self._with_waiting(self.venue.every_order())

    def _with_waiting(self, orders: list[PaperOrder]) -> list[PaperOrder]:
        contracts = {order.id: order for order in orders if is_derivative(order.symbol)}
        for name, order in self.waiting.items():
            became = contracts.pop(self.sent.get(name, ""), None)
            contracts[name] = order if became is None else _as(order, became)
        return sorted(contracts.values(), key=lambda order: order.created_at or self.venue.start.taken_at)

    def in_book(self, orders: list[PaperOrder]) -> list[PaperOrder]:
        """Return those that are, or were, in the book: what fired is there as the order that it became."""
        return [
            became_of(order) if self.is_conditional(order) else order
            for order in orders
            if not self.is_conditional(order) or self.has_fired(order)
        ]

    def conditional(self, orders: list[PaperOrder]) -> list[PaperOrder]:
        """Return those that wait for a trigger, or did."""
        return [order for order in orders if self.is_conditional(order)]

    def is_conditional(self, order: PaperOrder) -> bool:
        return order.trigger_price is not None or order.id in self.waiting

    def has_fired(self, order: PaperOrder) -> bool:
        return order.id in self.fired

    def terms_of(self, order: PaperOrder) -> Terms:
        return self.terms.get(order.id) or Terms(_TYPES[order.type])

    def asked_for(self, order: PaperOrder) -> Asked:
        return self.asked.get(order.id) or Asked("MARKET" if order.price is None else "LIMIT")

    # --- what changes them ---

    def place(self, request: OrderRequest, asked: Asked) -> PaperOrder:
        """Place an order in the book, and return it as the venue tells it."""
        self._check_id(request, self.in_book(self.every()))
        name = _taken(self.venue.place(request, rests=asked.time_in_force != "IOC"))
        self.asked[name] = asked
        return self.venue.as_told(self._engine_order(name))

    def rehearse(self, request: OrderRequest) -> None:
        """Check an order for the book as if it were placed."""
        _taken(self.venue.rehearse(request))

    def place_conditional(self, request: OrderRequest, terms: Terms) -> PaperOrder:
        """Let an order wait for its trigger."""
        self._check_id(request, self.conditional(self.every()))
        is_stop = terms.type in _TYPES.values() and not terms.closes
        if is_stop:
            name = _taken(self.venue.place(request))
            self.terms[name] = terms
            return self._engine_order(name)
        return self._wait(request, terms)

    def _wait(self, request: OrderRequest, terms: Terms) -> PaperOrder:
        name, now = f"conditional {len(self.waiting)}", self.venue.now()
        rises = (request.side == "sell") == terms.type.startswith("TAKE_PROFIT")
        mark = mark_price(self.venue.snapshot().markets[request.symbol])
        if request.trigger_price is not None and mark is not None and _reaches(mark, request.trigger_price, rises):
            raise RefusedInWords(REFUSALS[RefusalReason.TRIGGER_SIDE])
        self.waiting[name] = PaperOrder(
            id=name,
            client_order_id=request.client_order_id,
            symbol=request.symbol,
            side=request.side,
            type="stop" if request.price is None else "stop_limit",
            quantity=request.quantity,
            position_side=request.position_side or ("long" if request.side == "sell" else "short"),
            created_at=now,
            price=request.price,
            trigger_price=request.trigger_price,
            reduce_only=request.reduce_only,
            fires_above=rises,
            updated_at=now,
        )
        self.terms[name] = terms
        self._settle_one(self.waiting[name], mark)
        return self.waiting[name]

    def _check_id(self, request: OrderRequest, known: list[PaperOrder]) -> None:
        """Refuse an id that an open order of the same list carries."""
        taken = {client_id_of(order) for order in known if order.status == "open"}
        if request.client_order_id in taken:
            raise RefusedInWords(REFUSALS[RefusalReason.DUPLICATE_CLIENT_ORDER_ID])

    def cancel(self, order: PaperOrder) -> None:
        """Cancel an order, in the list or in the book."""
        if order.id in self.waiting and order.id not in self.sent:
            self.waiting[order.id] = order.ended(self.venue.now())
            return
        name = self.sent.get(order.id, order.id)
        _taken(self.venue.cancel(OrderReference(symbol=order.symbol, order_id=name)))

    def _engine_order(self, name: str) -> PaperOrder:
        return next(order for order in self.venue.every_order() if order.id == name)

    # --- triggers ---

    def _settle(self, symbol: str) -> None:
        """Note which stops have fired, and let fire what waits here."""
        for order in self.venue.every_order():
            has_gone_on = order.status == "open" or order.fills
            if order.symbol == symbol and order.trigger_price is not None and order.fires_above is None and has_gone_on:
                self.fired.add(order.id)
        mark = mark_price(self.venue.snapshot().markets[symbol])
        for order in list(self.waiting.values()):
            if order.symbol == symbol and order.status == "open" and order.id not in self.sent:
                self._settle_one(order, mark)

    def _settle_one(self, order: PaperOrder, mark: Decimal | None) -> None:
        if mark is None:
            return
        if self.terms[order.id].callback is not None:
            self._trail(order, mark)
        elif order.trigger_price is not None and _reaches(mark, order.trigger_price, bool(order.fires_above)):
            self._fire(order)

    def _trail(self, order: PaperOrder, mark: Decimal) -> None:
        """Follow the price from where it is to be followed, and fire once it has come back by the callback rate."""
        terms, is_sell = self.terms[order.id], order.side == "sell"
        if terms.since is None and terms.activate is not None and not _reaches(mark, terms.activate, is_sell):
            return
        best = mark if terms.since is None else (max if is_sell else min)(terms.since, mark)
        self.terms[order.id] = replace(terms, since=best)
        back = best * (terms.callback or ZERO) / 100
        if _reaches(mark, best - back if is_sell else best + back, not is_sell):
            self._fire(order)

    def _fire(self, order: PaperOrder) -> None:
        held = [
            entry.quantity
            for entry in self.venue.snapshot().positions
            if entry.symbol == order.symbol and entry.side == order.position_side
        ]
        closes = self.terms[order.id].closes
        request = OrderRequest(
            client_order_id=None,
            symbol=order.symbol,
            side=order.side,
            type="market" if order.price is None else "limit",
            quantity=sum(held, ZERO) if closes else order.quantity,
            price=order.price,
            reduce_only=order.reduce_only or closes,
            position_side=order.position_side,
        )
        outcome = self.venue.engine.place(request, self.venue.now())
        if isinstance(outcome, Done):
            self.fired.add(order.id)
            self.sent[order.id] = outcome.report.order_id
        else:
            self.waiting[order.id] = order.ended(self.venue.now())


def _as(order: PaperOrder, became: PaperOrder) -> PaperOrder:
    """Return an order that fired with what became of it."""
    return structs.replace(
        order,
        quantity=became.quantity,
        fires_above=None,
        fills=became.fills,
        status=became.status,
        updated_at=became.updated_at,
    )


def _reaches(mark: Decimal, price: Decimal, above: bool) -> bool:
    return mark >= price if above else mark <= price


def _taken(outcome: Outcome) -> str:
    if isinstance(outcome, Refused):
        raise RefusedInWords(
            REFUSALS.get(outcome.reason, "-1000 An unknown error occurred while processing the request.")
        )
    if not isinstance(outcome, Done):
        raise TypeError(outcome)
    return outcome.report.order_id
