"""Binance's orders before the matching engine: what was asked for, and lists of two of which one cancels the other.

https://github.com/binance/binance-spot-api-docs/blob/master/rest-api.md#order-lists
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal

from msgspec import structs

from exitplan.brokers.paper.orders import PaperOrder
from exitplan.brokers.paper.pricing import crosses, mark_price, touch_price
from exitplan.brokers.protocol import Done, OrderReference, OrderRequest, Outcome, Refused
from exitplan.ruleset.model.snapshot import Market, OrderSide
from exitplan.ruleset.model.values import is_derivative
from tests.venues.binance_filters import broken_filter
from tests.venues.binance_shapes import REFUSALS, Asked, asked_of, client_id_of, number_of
from tests.venues.venue import Venue
from tests.venues.wire import RefusedInWords


@dataclass(frozen=True, slots=True)
class OrderList:
    """Two orders of which one cancels the other.

    The limit order is in the matching engine, under ``limit``, and holds what both of them need. The stop waits
    here until its trigger is reached: then the limit order goes, and what the stop becomes is under ``fired``.
    """

    number: int
    client_id: str
    symbol: str
    limit: str
    stop: PaperOrder
    fired: str | None = None


@dataclass
class Orders:
    """All orders of an account, by the matching engine's ids."""

    venue: Venue
    asked: dict[str, Asked] = field(default_factory=dict)
    lists: dict[int, OrderList] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.venue.on_tick.append(self._settle)

    def asked_for(self, order: PaperOrder) -> Asked:
        return self.asked.get(order.id) or asked_of(order)

    def told(self) -> list[PaperOrder]:
        """Return all orders as the venue tells them now, oldest first."""
        return self._with_stops(self.venue.told_orders())

    def every(self) -> list[PaperOrder]:
        """Return all orders as they are."""
        return self._with_stops(self.venue.every_order())

    def _with_stops(self, orders: list[PaperOrder]) -> list[PaperOrder]:
        fired = {entry.fired for entry in self.lists.values()}
        spot = [order for order in orders if not is_derivative(order.symbol)]
        shown = [order for order in spot if order.type != "convert" and order.id not in fired]
        stops = [self._stop(entry) for entry in self.lists.values()]
        return sorted([*shown, *stops], key=lambda order: order.created_at or self.venue.start.taken_at)

    def list_of(self, order: PaperOrder) -> OrderList | None:
        return self.lists.get(self.asked_for(order).list_id)

    def name_of(self, engine_name: str) -> str:
        """Return the order that one in the engine stands for: what a stop of a list became is that stop."""
        fired = {entry.fired: entry.stop.id for entry in self.lists.values()}
        return fired.get(engine_name, engine_name)

    def legs(self, entry: OrderList) -> tuple[PaperOrder, PaperOrder]:
        return self._engine_order(entry.limit), self._stop(entry)

    def _stop(self, entry: OrderList) -> PaperOrder:
        if entry.fired is None:
            return entry.stop
        became = self._engine_order(entry.fired)
        return structs.replace(
            entry.stop, fires_above=None, fills=became.fills, status=became.status, updated_at=became.updated_at
        )

    def _engine_order(self, name: str) -> PaperOrder:
        return next(order for order in self.venue.every_order() if order.id == name)

    # --- placing ---

    def place(self, request: OrderRequest, asked: Asked) -> PaperOrder:
        """Place an order, and return it as the venue tells it."""
        market = self._checked(request)
        if asked.type == "LIMIT_MAKER" and self._would_take(request, market):
            raise RefusedInWords("-2010 Order would immediately match and take.")
        name = _taken(self.venue.place(request, rests=asked.time_in_force == "GTC"))
        self.asked[name] = asked
        return self.venue.as_told(self._engine_order(name))

    def rehearse(self, request: OrderRequest) -> None:
        """Check an order as if it were placed."""
        self._checked(request)
        _taken(self.venue.rehearse(request))

    def place_list(self, limit: OrderRequest, stop: OrderRequest, client_id: str | None) -> OrderList:
        """Place a limit order and a stop of which one cancels the other; together they hold what one of them needs."""
        market = self._checked(limit)
        self._checked(stop)
        last = mark_price(market)
        if last is None or not _are_around(last, limit.price, stop.trigger_price, limit.side):
            raise RefusedInWords("-2010 The relationship of the prices for the orders is not correct.")
        name, now = _taken(self.venue.place(limit)), self.venue.now()
        number = number_of(f"list of {name}")
        waiting = PaperOrder(
            id=f"stop beside {name}",
            client_order_id=stop.client_order_id,
            symbol=stop.symbol,
            side=stop.side,
            type=stop.type,
            quantity=stop.quantity,
            position_side="long",
            created_at=now,
            price=stop.price,
            trigger_price=stop.trigger_price,
            fires_above=stop.side == "buy",
            updated_at=now,
        )
        kind = "STOP_LOSS" if stop.price is None else "STOP_LOSS_LIMIT"
        self.asked[name] = Asked("LIMIT_MAKER", list_id=number)
        self.asked[waiting.id] = Asked(kind, list_id=number)
        self.lists[number] = OrderList(number, client_id or f"list{number}", limit.symbol, name, waiting)
        return self.lists[number]

    def _checked(self, request: OrderRequest) -> Market:
        """Check an order by the filters of its symbol; an id of an open order may not be used again."""
        market = self.venue.snapshot().markets[request.symbol]
        opened = [order for order in self.every() if order.status == "open"]
        if market.active:
            broken = broken_filter(request, market, [order for order in opened if order.symbol == request.symbol])
            if broken is not None:
                raise RefusedInWords(f"-1013 Filter failure: {broken}")
        if request.client_order_id is not None and request.client_order_id in map(client_id_of, opened):
            raise RefusedInWords("-2010 Duplicate order sent.")
        return market

    def _would_take(self, request: OrderRequest, market: Market) -> bool:
        touch = touch_price(market, request.side, self.venue.options)
        return request.price is not None and crosses(touch, request.side, request.price)

    # --- what ends them ---

    def cancel(self, order: PaperOrder) -> OrderList | None:
        """Cancel an order, and with it all of its list, which is returned."""
        entry = self.list_of(order)
        if entry is None:
            _taken(self.venue.cancel(OrderReference(symbol=order.symbol, order_id=order.id)))
            return None
        for name in (entry.limit, entry.fired):
            if name is not None and self._engine_order(name).status == "open":
                _taken(self.venue.cancel(OrderReference(symbol=order.symbol, order_id=name)))
        return self._end_stop(entry)

    def is_executing(self, entry: OrderList) -> bool:
        return any(leg.status == "open" for leg in self.legs(entry))

    def _settle(self, symbol: str) -> None:
        """Let the one of a list that is filled, or whose trigger is reached, cancel the other."""
        mark = mark_price(self.venue.snapshot().markets[symbol])
        for entry in self._waiting(symbol):
            limit = self._engine_order(entry.limit)
            if limit.status != "open" or limit.filled:
                self._expire(entry.stop.id)
                self._end_stop(entry)
            elif mark is not None and _is_reached(entry.stop, mark):
                self._expire(entry.limit)
                self._fire(entry)

    def _waiting(self, symbol: str) -> Iterator[OrderList]:
        for entry in list(self.lists.values()):
            if entry.symbol == symbol and entry.fired is None and entry.stop.status == "open":
                yield entry

    def _fire(self, entry: OrderList) -> None:
        stop, now = entry.stop, self.venue.now()
        self.venue.engine.cancel(OrderReference(symbol=entry.symbol, order_id=entry.limit), now)
        request = OrderRequest(
            client_order_id=stop.client_order_id,
            symbol=stop.symbol,
            side=stop.side,
            type="market" if stop.price is None else "limit",
            quantity=stop.quantity,
            price=stop.price,
        )
        self.lists[entry.number] = replace(entry, fired=_taken(self.venue.engine.place(request, now)))

    def _end_stop(self, entry: OrderList) -> OrderList:
        if entry.fired is None and entry.stop.status == "open":
            self.lists[entry.number] = replace(entry, stop=entry.stop.ended(self.venue.now()))
        return self.lists[entry.number]

    def _expire(self, name: str) -> None:
        self.asked[name] = replace(self.asked[name], expired=True)


def _taken(outcome: Outcome) -> str:
    if isinstance(outcome, Refused):
        raise RefusedInWords(
            REFUSALS.get(outcome.reason, "-1000 An unknown error occurred while processing the request.")
        )
    if not isinstance(outcome, Done):
        raise TypeError(outcome)
    return outcome.report.order_id


def _are_around(last: Decimal, limit: Decimal | None, trigger: Decimal | None, side: OrderSide) -> bool:
    """Check that the last price is between the two of a list: a sell's limit above it, its trigger below."""
    if limit is None or trigger is None:
        return False
    return trigger < last < limit if side == "sell" else limit < last < trigger


def _is_reached(stop: PaperOrder, mark: Decimal) -> bool:
    if stop.trigger_price is None:
        return False
    return mark >= stop.trigger_price if stop.fires_above else mark <= stop.trigger_price
