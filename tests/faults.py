"""A venue that misbehaves on demand: the real paper venue behind a wire that loses, delays and garbles."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from functools import partial
from typing import Literal

from msgspec import structs

from exitplan.brokers.clock_offset import ClockOffset
from exitplan.brokers.paper.broker import PaperBroker
from exitplan.brokers.protocol import (
    Broker,
    Capabilities,
    Clock,
    ConvertRequest,
    Done,
    Found,
    LookUp,
    NotFound,
    OrderReference,
    OrderReport,
    OrderRequest,
    Outcome,
    PastOrders,
    RefusalReason,
    Refused,
    ToldMarkets,
    Unknown,
)
from exitplan.brokers.trade_history import TradeHistory
from exitplan.ruleset.errors import AccountUnreadable
from exitplan.ruleset.model.cost_basis import CostBasis
from exitplan.ruleset.model.market_data import MarketData, MarketDemand
from exitplan.ruleset.model.snapshot import Conversion, Position, PriceStatus, Snapshot
from exitplan.ruleset.model.values import floor_to_step


class Crash(BaseException):
    """The process dies here; nothing that catches Exception may see it."""


class Fault(Enum):
    """What may happen to one request to change something."""

    NONE = "it arrives and is answered"
    LOST_BEFORE = "it never arrives, and nobody answers"
    LOST_AFTER = "it is done, and the reply is lost"
    RAISES_BEFORE = "the connection breaks before it arrives"
    RAISES_AFTER = "the connection breaks after it was done"
    REFUSED = "the venue refuses it"
    RATE_LIMITED = "the venue asks to be left alone for three seconds"
    BANNED = "the venue asks to be left alone for an hour"
    DUPLICATE = "it is done, and then refused because its id is in use"
    BUSY = "the venue is too busy to take it"
    CLOCK_IS_OFF = "our clock is off, so that it is not sent"
    PARTIAL = "half of it is filled, the rest cancelled"
    DELAYED = "nobody answers, and it arrives a little later"
    OPEN_FIRST = "it is told as open before it is told as filled"
    CRASH_BEFORE = "we die before it arrives"
    CRASH_AFTER = "we die after it was done"


Request = OrderRequest | OrderReference | ConvertRequest
Act = Callable[[], Outcome]


@dataclass
class Trouble:
    """What is going to go wrong, in order, and what went over the wire; it outlives every connection.

    ``writes`` is used up by orders and cancels, ``look_ups`` and ``reads`` by questions; what is left out, or None,
    goes well. ``before`` are called with the request, before it is sent: whatever else happens in the world meanwhile.
    ``at_once`` is how many requests the venue takes in one go, ``history`` what it knows of what positions cost,
    ``trades`` the trades it tells, ``markets`` what it knows of markets beyond prices: what it was asked of them is
    in ``demands``. Where it ``asks_beside`` a reply to an order does not say what it filled. ``beside`` says whether
    what is read beside cancels is from before or after them; None where nothing is.
    """

    writes: deque[Fault] = field(default_factory=deque)
    look_ups: deque[LookUp | Exception | None] = field(default_factory=deque)
    reads: deque[bool] = field(default_factory=deque)
    before: deque[Callable[[], object] | None] = field(default_factory=deque)
    at_once: int = 1
    asks_beside: bool = False
    beside: Literal["before", "after"] | None = None
    history: dict[str, CostBasis] = field(default_factory=dict)
    trades: TradeHistory | None = None
    window: int = 5
    delay: float = 3
    told_open: int = 3
    past_orders_fail: bool = False
    markets: dict[str, MarketData] = field(default_factory=dict)
    markets_fail: bool = False
    demands: list[Mapping[str, MarketDemand]] = field(default_factory=list)
    clock_offset: ClockOffset | None = None
    tampered: Mapping[str, PriceStatus] = field(default_factory=dict)
    sent: list[Request] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)
    under_way: list[tuple[datetime, Act]] = field(default_factory=list)
    reports: dict[str, OrderReport] = field(default_factory=dict)
    opens: dict[str, int] = field(default_factory=dict)

    @property
    def orders(self) -> list[OrderRequest]:
        """The orders that were sent, whether they arrived or not."""
        return [request for request in self.sent if isinstance(request, OrderRequest)]


def only_taken(outcome: Outcome) -> Outcome:
    """Return what a venue says of an order that says no more than that it took it."""
    if not isinstance(outcome, Done):
        return outcome
    return Done(replace(outcome.report, status="open", filled=Decimal(0), average_price=None, fee=None))


class FaultyBroker:
    """A connection to the real paper venue, with trouble."""

    def __init__(self, inner: PaperBroker, trouble: Trouble, clock: Clock) -> None:
        self._inner = inner
        self._trouble = trouble
        self._clock = clock

    venue = "paper"

    @property
    def capabilities(self) -> Capabilities:
        trouble = self._trouble
        return replace(
            self._inner.capabilities,
            receive_window=trouble.window,
            writes_at_once=trouble.at_once,
            cancels_at_once=trouble.at_once,
            asks_beside=trouble.asks_beside,
            clock_offset=trouble.clock_offset,
        )

    def read_account(self) -> Snapshot:
        self._ask("read")
        snapshot = self._inner.read_account()
        tampered = self._trouble.tampered
        markets = {
            symbol: structs.replace(market, price_status=tampered[symbol]) if symbol in tampered else market
            for symbol, market in snapshot.markets.items()
        }
        return structs.replace(snapshot, markets=markets)

    def read_cost_basis(self, positions: Sequence[Position]) -> Mapping[str, CostBasis]:
        self._ask("basis")
        history = self._trouble.history
        return {position.key: history[position.key] for position in positions if position.key in history}

    def read_trades(self, symbols: Collection[str]) -> TradeHistory | None:
        self._ask("trades")
        return self._trouble.trades

    def read_conversions(self, positions: Sequence[Position]) -> Mapping[str, Conversion]:
        self._ask("conversions")
        return self._inner.read_conversions(positions)

    def read_market_data(self, demands: Mapping[str, MarketDemand]) -> ToldMarkets:
        self._trouble.demands.append(demands)
        if self._trouble.markets_fail:
            return ToldMarkets(failed=frozenset(demands))
        return ToldMarkets({symbol: data for symbol, data in self._trouble.markets.items() if symbol in demands})

    def read_past_orders(self, since: datetime, symbols: Collection[str]) -> PastOrders:
        if self._trouble.past_orders_fail:
            raise AccountUnreadable("the venue answers 503")
        return self._inner.read_past_orders(since, symbols)

    def place_orders(self, requests: Sequence[OrderRequest]) -> tuple[Outcome, ...]:
        self._trouble.groups.append(len(requests))
        return tuple(self._write("place", one, partial(self._inner.place_order, one)) for one in requests)

    def place_and_ask(
        self, requests: Sequence[OrderRequest], accepted: Sequence[OrderReference]
    ) -> tuple[tuple[Outcome, ...], tuple[LookUp, ...]]:
        placed = self.place_orders(requests) if requests else ()
        return tuple(map(only_taken, placed)), self.look_up_orders(accepted)

    def cancel_orders(self, references: Sequence[OrderReference]) -> tuple[Outcome, ...]:
        self._trouble.groups.append(len(references))
        return tuple(self._write("cancel", one, partial(self._inner.cancel_order, one)) for one in references)

    def cancel_and_read(self, references: Sequence[OrderReference]) -> tuple[tuple[Outcome, ...], Snapshot | None]:
        before = self.read_account() if self._trouble.beside == "before" else None
        outcomes = self.cancel_orders(references)
        return outcomes, self.read_account() if self._trouble.beside == "after" else before

    def convert_dust(self, request: ConvertRequest) -> Outcome:
        return self._write("convert", request, lambda: self._inner.convert_dust(request))

    def look_up_order(self, reference: OrderReference) -> LookUp:
        self._trouble.calls.append("look up")
        self._arrive()
        scripted = self._trouble.look_ups.popleft() if self._trouble.look_ups else None
        if isinstance(scripted, Exception):
            raise scripted
        if scripted is not None:
            return scripted
        found = self._inner.look_up_order(reference)
        return Found(self._told(found.report)) if isinstance(found, Found) else found

    def look_up_orders(self, references: Sequence[OrderReference]) -> tuple[LookUp, ...]:
        return tuple(self.look_up_order(reference) for reference in references)

    def _ask(self, name: str) -> None:
        """Read something, which may fail."""
        self._trouble.calls.append(name)
        self._arrive()
        if self._trouble.reads and not self._trouble.reads.popleft():
            raise AccountUnreadable("the venue answers 503")

    def _write(self, name: str, request: Request, act: Act) -> Outcome:
        trouble = self._trouble
        trouble.calls.append(name)
        self._arrive()
        if trouble.before and (meanwhile := trouble.before.popleft()) is not None:
            meanwhile()
        trouble.sent.append(request)
        fault = trouble.writes.popleft() if trouble.writes else Fault.NONE
        return _FAULTS[fault](self, request, act)

    def _arrive(self) -> None:
        """Let requests that were delayed reach the venue."""
        due = [act for when, act in self._trouble.under_way if when <= self._clock()]
        self._trouble.under_way = [entry for entry in self._trouble.under_way if entry[0] > self._clock()]
        for act in due:
            act()

    def _told(self, report: OrderReport) -> OrderReport:
        """Return an order as the venue that we play would."""
        trouble, name = self._trouble, report.order_id
        if trouble.opens.get(name, 0) > 0:
            trouble.opens[name] -= 1
            return replace(report, status="open", filled=Decimal(0))
        return trouble.reports.get(name, report)

    # --- the faults ---

    def _none(self, _: Request, act: Act) -> Outcome:
        return act()

    def _lost_before(self, _: Request, __: Act) -> Outcome:
        return Unknown("the request timed out")

    def _lost_after(self, _: Request, act: Act) -> Outcome:
        act()
        return Unknown("the reply timed out")

    def _raises_before(self, _: Request, __: Act) -> Outcome:
        raise ConnectionError("broken before it was sent")

    def _raises_after(self, _: Request, act: Act) -> Outcome:
        act()
        raise ConnectionError("broken after it was sent")

    def _refused(self, _: Request, __: Act) -> Outcome:
        return Refused(RefusalReason.OTHER, "not today")

    def _rate_limited(self, _: Request, __: Act) -> Outcome:
        return Refused(RefusalReason.RATE_LIMITED, "too many requests", retry_after=3.0)

    def _banned(self, _: Request, __: Act) -> Outcome:
        return Refused(RefusalReason.RATE_LIMITED, "far too many requests", retry_after=3600.0)

    def _clock_is_off(self, _: Request, __: Act) -> Outcome:
        return Refused(RefusalReason.CLOCK_IS_OFF, "this machine's clock is 8 seconds or more behind the venue's")

    def _busy(self, _: Request, __: Act) -> Outcome:
        return Refused(RefusalReason.TRY_AGAIN, "the matching engine is busy")

    def _duplicate(self, _: Request, act: Act) -> Outcome:
        act()
        return Refused(RefusalReason.DUPLICATE_CLIENT_ORDER_ID, "the id is in use")

    def _partial(self, request: Request, act: Act) -> Outcome:
        if not isinstance(request, OrderRequest) or request.type != "market":
            return act()
        step = self._inner.read_account().markets[request.symbol].amount_step
        half = floor_to_step(request.quantity / 2, step or Decimal("0.001"))
        outcome = self._inner.place_order(replace(request, quantity=half)) if half else Unknown("too little to halve")
        if not isinstance(outcome, Done):
            return act()
        report = replace(outcome.report, quantity=request.quantity, status="cancelled")
        self._trouble.reports[report.order_id] = report
        return Done(report)

    def _delayed(self, _: Request, act: Act) -> Outcome:
        due = self._clock() + timedelta(seconds=self._trouble.delay)
        self._trouble.under_way.append((due, act))
        return Unknown("the request timed out")

    def _open_first(self, _: Request, act: Act) -> Outcome:
        outcome = act()
        if not isinstance(outcome, Done):
            return outcome
        self._trouble.opens[outcome.report.order_id] = self._trouble.told_open
        return Done(self._told(outcome.report))

    def _crash_before(self, _: Request, __: Act) -> Outcome:
        raise Crash

    def _crash_after(self, _: Request, act: Act) -> Outcome:
        act()
        raise Crash


_FAULTS: Mapping[Fault, Callable[[FaultyBroker, Request, Act], Outcome]] = {
    Fault.NONE: FaultyBroker._none,
    Fault.LOST_BEFORE: FaultyBroker._lost_before,
    Fault.LOST_AFTER: FaultyBroker._lost_after,
    Fault.RAISES_BEFORE: FaultyBroker._raises_before,
    Fault.RAISES_AFTER: FaultyBroker._raises_after,
    Fault.REFUSED: FaultyBroker._refused,
    Fault.RATE_LIMITED: FaultyBroker._rate_limited,
    Fault.BANNED: FaultyBroker._banned,
    Fault.BUSY: FaultyBroker._busy,
    Fault.CLOCK_IS_OFF: FaultyBroker._clock_is_off,
    Fault.DUPLICATE: FaultyBroker._duplicate,
    Fault.PARTIAL: FaultyBroker._partial,
    Fault.DELAYED: FaultyBroker._delayed,
    Fault.OPEN_FIRST: FaultyBroker._open_first,
    Fault.CRASH_BEFORE: FaultyBroker._crash_before,
    Fault.CRASH_AFTER: FaultyBroker._crash_after,
}

GONE = NotFound()
SILENT = Unknown("the look-up timed out")


def as_broker(broker: FaultyBroker) -> Broker:
    """Let the type checker hold the fake to the Protocol."""
    return broker
