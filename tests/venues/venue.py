"""A venue's account behind any front: the paper venue's matching engine, what went over the wire, what goes wrong."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from msgspec import structs

from exitplan.brokers.paper.engine import MatchingEngine, Prices
from exitplan.brokers.paper.notes import notes_from_document, notes_to_document
from exitplan.brokers.paper.options import PaperOptions
from exitplan.brokers.paper.orders import PaperOrder
from exitplan.brokers.paper.storage import replace_file
from exitplan.brokers.protocol import Clock, ConvertRequest, Done, OrderReference, OrderRequest, Outcome
from exitplan.ruleset.model.snapshot import Market, OrderSide, PriceStatus, Snapshot
from exitplan.ruleset.model.snapshot_reading import snapshot_from_document
from exitplan.ruleset.model.snapshot_writing import snapshot_to_document
from exitplan.ruleset.model.values import floor_to_step, is_derivative
from tests.venues.faults import Faults
from tests.venues.wire import Sort


@dataclass(slots=True)
class Call:
    """One request as it came over the wire, and what became of it; ``status`` None: the connection was dropped."""

    at: datetime
    method: str
    path: str
    params: Mapping[str, Any]
    sort: Sort
    fault: str = "none"
    status: int | None = None

    @property
    def is_write(self) -> bool:
        return self.sort is Sort.WRITE


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """One trade as a venue tells it; ``order`` is the matching engine's id.

    ``fee_currency`` is the coin that the fee was taken from, None where it came out of the money of the trade.
    """

    id: str
    order: str
    symbol: str
    side: OrderSide
    type: str
    quantity: Decimal
    price: Decimal
    fee: Decimal
    at: datetime
    maker: bool = False
    fee_currency: str | None = None


@dataclass(frozen=True, slots=True)
class Twist:
    """What happens on arrival: only a share of an order fills, others trade before, a cancel waits some seconds.

    ``opens`` is how often an order is told as open, whatever became of it.
    """

    share: Decimal | None = None
    others_trade: bool = False
    cancels_after: float = 0.0
    opens: int = 0


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Venue:
    """One account at a venue.

    With a ``file`` the account is written there, whole, after each change, in the form of a paper account, and goes on
    from there. ``past`` are trades from before, ``history`` closes of the days or hours before this one, by symbol.
    ``latency`` are seconds on the way of each request, ``headers`` go with each reply, and a ``read_only`` key may
    change nothing. ``wait`` passes the time of what is slow, in place of real time. Those ``on_tick`` are told of each
    symbol whose prices have moved.
    """

    start: Snapshot
    options: PaperOptions = field(default_factory=PaperOptions)
    clock: Clock = utc_now
    latency: float = 0.0
    file: Path | None = None
    past: Sequence[Execution] = ()
    history: dict[str, Sequence[str]] = field(default_factory=dict)
    read_only: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    wait: Callable[[float], object] | None = None
    on_tick: list[Callable[[str], None]] = field(default_factory=list)
    log: list[Call] = field(default_factory=list)
    faults: Faults = field(default_factory=Faults)
    lock: threading.RLock = field(default_factory=threading.RLock)
    engine: MatchingEngine = field(init=False)
    twist: Twist = field(default_factory=Twist, init=False)
    _moment: datetime | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        start, notes = self.start, None
        if self.file is not None and self.file.exists():
            document = json.loads(self.file.read_bytes())
            start, notes = snapshot_from_document(document), notes_from_document(document["paper"])
        self.engine = MatchingEngine(start, notes, self.options)

    def now(self) -> datetime:
        return self._moment or self.clock()

    def snapshot(self) -> Snapshot:
        """Return the account as it is, whatever a front tells of it."""
        with self.lock:
            return self.engine.snapshot(self.now())

    def market(self, symbol: str) -> Market | None:
        return self.snapshot().markets.get(symbol)

    def calls(self, sort: str | None = None) -> list[Call]:
        """Return the requests of one sort, or all of them, in the order of arrival."""
        with self.lock:
            return [call for call in self.log if sort is None or call.sort == sort]

    # --- orders ---

    def every_order(self) -> list[PaperOrder]:
        """Return all orders as they are, oldest first; the engine tells them whole to its tests only."""
        orders = [*self.engine._closed.values(), *self.engine._open.values()]
        return sorted(orders, key=lambda order: order.created_at or self.start.taken_at)

    def told_orders(self) -> list[PaperOrder]:
        """Return the orders as the venue tells them now: some late as filled, some not at all for a while."""
        faults, now = self.faults, self.now()
        shown = [order for order in self.every_order() if now >= faults.hidden.get(order.id, now)]
        told = [self.as_told(order) for order in shown]
        for order in shown:
            if faults.opens.get(order.id, 0) > 0:
                faults.opens[order.id] -= 1
        return told

    def as_told(self, order: PaperOrder) -> PaperOrder:
        """Return an order as the venue tells it now: some are told as open though they are filled."""
        return structs.replace(order, status="open", fills=()) if self.faults.opens.get(order.id, 0) > 0 else order

    def executions(self) -> list[Execution]:
        """Return all trades of the account, newest first; conversions are none."""
        hidden, now = self.faults.hidden, self.now()
        fills = [
            Execution(
                id=f"{order.id}-{number}",
                order=order.id,
                symbol=order.symbol,
                side=order.side,
                type=order.type,
                quantity=fill.quantity,
                price=fill.price,
                fee=fill.fee,
                at=fill.at,
                fee_currency=fill.fee_currency,
            )
            for order in self.every_order()
            for number, fill in enumerate(order.fills)
            if order.type != "convert" and now >= hidden.get(order.id, now)
        ]
        return sorted([*self.past, *fills], key=lambda trade: trade.at, reverse=True)

    def place(self, request: OrderRequest, *, rests: bool = True) -> Outcome:
        """Place an order with whatever happens to it on arrival; one that does not rest is cancelled at once."""
        if self.twist.others_trade:
            self._trade_before(request.symbol)
        with self._shallow(request):
            outcome = self.engine.place(request, self.now())
        if self.twist.opens and isinstance(outcome, Done):
            self.faults.opens[outcome.report.order_id] = self.twist.opens
        stays = rests and self.twist.share is None
        if stays or not isinstance(outcome, Done) or outcome.report.status != "open":
            return outcome
        reference = OrderReference(symbol=request.symbol, order_id=outcome.report.order_id)
        return self.engine.cancel(reference, self.now())

    def rehearse(self, request: OrderRequest) -> Outcome:
        """Return what would become of an order."""
        copy = MatchingEngine(self.snapshot(), self.engine.notes(), self.options)
        return copy.place(request, self.now())

    def cancel(self, reference: OrderReference) -> Outcome:
        """Cancel an order, or take the request now and let it come into effect later."""
        known = self.engine.look_up(reference)
        if not self.twist.cancels_after or known is None or known.status != "open":
            return self.engine.cancel(reference, self.now())
        due = self.now() + timedelta(seconds=self.twist.cancels_after)
        self.faults.under_way.append((due, lambda: self.engine.cancel(reference, due)))
        return Done(known)

    def convert(self, request: ConvertRequest) -> Outcome:
        return self.engine.convert(request, self.now())

    def tick(self, symbol: str, status: PriceStatus | None = None, **prices: Decimal | int | str | None) -> None:
        """Move a market's prices, ``bid``, ``ask`` and ``last``, and fill what they reach; left out means none."""
        bid, ask, last = (
            None if price is None else Decimal(price) for price in map(prices.get, ("bid", "ask", "last"))
        )
        with self.lock:
            moved = Prices(bid=bid, ask=ask, last=last, price_status=status)
            self.engine.tick(symbol, moved, self.now())
            for told in self.on_tick:
                told(symbol)
            self.save()

    def _trade_before(self, symbol: str) -> None:
        market = self.market(symbol)
        step = market.amount_step if market else None
        for position in self.snapshot().positions:
            part = floor_to_step((position.quantity - position.locked) / 10, step)
            if position.symbol == symbol and part > 0:
                theirs = OrderRequest(
                    client_order_id=None,
                    symbol=symbol,
                    side=position.exit_side,
                    type="market",
                    quantity=part,
                    reduce_only=is_derivative(symbol),
                    position_side=position.side,
                )
                self.engine.place(theirs, self.now())

    @contextmanager
    def _shallow(self, request: OrderRequest) -> Iterator[None]:
        """Return the market only as much depth as the twist lets the order fill."""
        if self.twist.share is None:
            yield
            return
        depth = request.quantity * self.twist.share or request.quantity / 10**12
        self.engine._options = replace(self.options, depth=depth)
        try:
            yield
        finally:
            self.engine._options = self.options

    # --- time and trouble ---

    def arrive(self) -> None:
        """Let requests that were delayed reach the venue at their time."""
        with self.lock:
            for when, act in self.faults.due(self.clock()):
                self.run_at(when, act)

    def run_at(self, moment: datetime, act: Callable[[], object]) -> None:
        self._moment = moment
        try:
            act()
        finally:
            self._moment = None
        self.save()

    @contextmanager
    def twisted(self, twist: Twist) -> Iterator[None]:
        self.twist = twist
        try:
            yield
        finally:
            self.twist = Twist()

    def save(self) -> None:
        """Write the account to its file, if it has one."""
        if self.file is not None:
            document = snapshot_to_document(self.engine.snapshot(self.now()))
            document["paper"] = notes_to_document(self.engine.notes())
            replace_file(self.file, json.dumps(document).encode())
