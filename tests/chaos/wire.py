"""A wire that outlives its clients: what goes wrong on it, what is under way and what time it is are kept in a file.

Requests that are under way when their sender dies still reach the venue, as long as their receive window lasts.
"""

from __future__ import annotations

import fcntl
import json
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from exitplan.brokers.paper.broker import PaperBroker
from exitplan.brokers.paper.changes import RecordingEngine
from exitplan.brokers.protocol import (
    Capabilities,
    ConvertRequest,
    Done,
    Found,
    LookUp,
    NotFound,
    OrderReference,
    OrderRequest,
    Outcome,
    PastOrders,
    ToldMarkets,
    Unknown,
)
from exitplan.ruleset.errors import AccountUnreadable
from exitplan.ruleset.model.cost_basis import CostBasis
from exitplan.ruleset.model.market_data import MarketDemand
from exitplan.ruleset.model.snapshot import Conversion, Position, Snapshot
from exitplan.ruleset.model.values import floor_to_step, plain
from tests.builders import NOW
from tests.executor.scene import StillClock
from tests.faults import Fault, FaultyBroker, Trouble, only_taken

WINDOW = 5
"""Seconds for which the venue accepts a request after it was signed."""

_AMOUNTS = ("quantity", "price", "trigger_price")


@dataclass
class Record:
    """What the wire remembers; times are seconds since the scene was set, in the venue's time.

    ``writes``, ``look_ups`` and ``reads`` are what goes wrong with the next of each; ``skew`` is how far our clock is
    ahead of the venue's; ``foreign`` are the symbols that others trade; ``at_once`` is how many requests the venue
    takes in one go, and whether it ``asks_beside`` others what an order filled. Between our sleeps time stands still,
    unless it ``began`` to go on by the machine's own clock: then sleeping is skipped, and nothing else.
    """

    at_once: int = 1
    asks_beside: bool = False
    elapsed: float = 0.0
    began: float | None = None
    skew: float = 0.0
    blind_until: float = 0.0
    writes: list[str] = field(default_factory=list)
    look_ups: list[str] = field(default_factory=list)
    reads: list[str] = field(default_factory=list)
    under_way: list[dict[str, Any]] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    met: dict[str, int] = field(default_factory=dict)

    @property
    def passed(self) -> float:
        """Seconds that have passed at the venue."""
        return self.elapsed + (0.0 if self.began is None else time.monotonic() - self.began)


@dataclass(frozen=True, slots=True)
class WireFile:
    """The wire's memory on disk; every change is whole, whoever dies."""

    path: Path

    @contextmanager
    def changing(self) -> Iterator[Record]:
        """Change the record while nobody else does."""
        with self.path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            record = self.read()
            yield record
            self.write(record)

    def read(self) -> Record:
        return Record(**json.loads(self.path.read_bytes()))

    def write(self, record: Record) -> None:
        beside = self.path.with_suffix(".new")
        beside.write_text(json.dumps(vars(record)))
        beside.replace(self.path)

    def true_time(self) -> datetime:
        """Tell the venue's time."""
        return NOW + timedelta(seconds=self.read().passed)

    def advance(self, seconds: float) -> None:
        """Let time pass for everybody."""
        with self.changing() as record:
            record.elapsed += seconds


@dataclass
class WireClock(StillClock):
    """Our clock: it goes on while we sleep, also for those who come after us, and may jump."""

    wire: WireFile = field(kw_only=True)

    def __call__(self) -> datetime:
        record = self.wire.read()
        return NOW + timedelta(seconds=record.passed + record.skew)

    def advance(self, seconds: float) -> None:
        self.wire.advance(seconds)


class Wire:
    """A connection over the wire to the real paper venue."""

    venue = "paper"

    def __init__(self, inner: PaperBroker, file: WireFile) -> None:
        self._inner = inner
        self._file = file

    @property
    def capabilities(self) -> Capabilities:
        record = self._file.read()
        return replace(
            self._inner.capabilities,
            receive_window=WINDOW,
            writes_at_once=record.at_once,
            cancels_at_once=record.at_once,
            asks_beside=record.asks_beside,
        )

    def read_account(self) -> Snapshot:
        self.arrive()
        if self._next("reads") == "5xx":
            raise AccountUnreadable("the venue answers 503")
        return self._inner.read_account()

    def look_up_order(self, reference: OrderReference) -> LookUp:
        self.arrive()
        if self._next("look_ups") == "5xx":
            return Unknown("the venue answers 503")
        record = self._file.read()
        if reference.order_id is None and record.elapsed < record.blind_until:
            return NotFound()
        return self._inner.look_up_order(reference)

    def look_up_orders(self, references: Sequence[OrderReference]) -> tuple[LookUp, ...]:
        return tuple(self.look_up_order(reference) for reference in references)

    def read_cost_basis(self, positions: Sequence[Position]) -> Mapping[str, CostBasis]:
        return self._inner.read_cost_basis(positions)

    def read_conversions(self, positions: Sequence[Position]) -> Mapping[str, Conversion]:
        return self._inner.read_conversions(positions)

    def read_market_data(self, demands: Mapping[str, MarketDemand]) -> ToldMarkets:
        return self._inner.read_market_data(demands)

    def read_past_orders(self, since: datetime, symbols: Collection[str]) -> PastOrders:
        return self._inner.read_past_orders(since, symbols)

    def place_orders(self, requests: Sequence[OrderRequest]) -> tuple[Outcome, ...]:
        return tuple(self._write("place", one, partial(self._inner.place_order, one)) for one in requests)

    def place_and_ask(
        self, requests: Sequence[OrderRequest], accepted: Sequence[OrderReference]
    ) -> tuple[tuple[Outcome, ...], tuple[LookUp, ...]]:
        return tuple(map(only_taken, self.place_orders(requests))), self.look_up_orders(accepted)

    def cancel_orders(self, references: Sequence[OrderReference]) -> tuple[Outcome, ...]:
        return tuple(self._write("cancel", one, partial(self._inner.cancel_order, one)) for one in references)

    def cancel_and_read(self, references: Sequence[OrderReference]) -> tuple[tuple[Outcome, ...], Snapshot | None]:
        return self.cancel_orders(references), None

    def convert_dust(self, request: ConvertRequest) -> Outcome:
        return self._write("convert", request, lambda: self._inner.convert_dust(request))

    def arrive(self) -> None:
        """Let requests that are under way reach the venue when their time has come and their window has not passed."""
        with self._file.changing() as record:
            due = [entry for entry in record.under_way if entry["due"] <= record.elapsed]
            record.under_way = [entry for entry in record.under_way if entry["due"] > record.elapsed]
        for entry in due:
            _deliver(self._inner, entry)

    def _next(self, queue: str) -> str:
        with self._file.changing() as record:
            waiting: list[str] = getattr(record, queue)
            fault = waiting.pop(0) if waiting else "none"
            record.met[fault] = record.met.get(fault, 0) + 1
        return fault

    def _write(self, name: str, request: Request, act: Act) -> Outcome:
        self.arrive()
        fault = self._next("writes")
        if fault in _MORE:
            return _MORE[fault](self, name, request, act)
        trouble = Trouble(writes=deque([Fault[fault.upper()]]))
        faulty = FaultyBroker(self._inner, trouble, self._file.true_time)
        if isinstance(request, OrderRequest):
            return faulty.place_orders([request])[0]
        if isinstance(request, ConvertRequest):
            return faulty.convert_dust(request)
        return faulty.cancel_orders([request])[0]

    # --- what goes wrong beyond the faults of a single connection ---

    def _late(self, name: str, request: Request, _: Act) -> Outcome:
        """Nobody answers; the request arrives towards the end of its window, whoever is there to see it."""
        with self._file.changing() as record:
            due = record.elapsed + WINDOW * 0.6
            record.under_way.append({"due": due, "name": name, "request": _packed(request)})
        return Unknown("the request timed out")

    def _doubled(self, _: str, __: Request, act: Act) -> Outcome:
        """Deliver the request twice; the reply is the second one's."""
        act()
        return act()

    def _slow(self, _: str, __: Request, act: Act) -> Outcome:
        with self._file.changing() as record:
            record.elapsed += WINDOW * 0.8
        return act()

    def _vanished(self, _: str, __: Request, act: Act) -> Outcome:
        """It is done, the reply is lost, and for a while no look-up finds it."""
        act()
        with self._file.changing() as record:
            record.blind_until = record.elapsed + WINDOW + 2
        return Unknown("the reply timed out")

    def _cancelled(self, _: str, request: Request, act: Act) -> Outcome:
        """The venue takes the order and cancels it unfilled."""
        if not isinstance(request, OrderRequest) or request.type != "market":
            return act()
        far = Decimal(10_000) if request.side == "sell" else Decimal("0.01")
        resting, now = replace(request, type="limit", price=far), self._file.true_time()

        def take_and_cancel(engine: RecordingEngine) -> Outcome:
            taken = engine.place(resting, now)
            if not isinstance(taken, Done):
                return taken
            reference = OrderReference(symbol=request.symbol, order_id=taken.report.order_id)
            return engine.cancel(reference, now)

        return self._inner._file.change(now, take_and_cancel)  # in one step, whoever dies

    def _jumped(self, _: str, __: Request, act: Act) -> Outcome:
        """Our clock jumps, ahead and back in turn, while the request is on its way."""
        with self._file.changing() as record:
            record.skew = -40.0 if record.skew > 0 else 90.0
        return act()

    def _traded(self, _: str, request: Request, act: Act) -> Outcome:
        """Somebody else sells a part of the same position just before our order arrives."""
        account = self._inner.read_account()
        market = account.markets.get(request.symbol)
        held = [found for found in account.positions if found.symbol == request.symbol]
        step = market.amount_step if market else None
        part = floor_to_step((held[0].quantity - held[0].locked) / 10, step) if held else Decimal(0)
        if isinstance(request, OrderRequest) and part > 0:
            theirs = OrderRequest(
                client_order_id=None, symbol=request.symbol, side="sell", type="market", quantity=part
            )
            with self._file.changing() as record:
                record.foreign.append(request.symbol)
            self._inner.place_order(theirs)
        return act()


Request = OrderRequest | OrderReference | ConvertRequest
Act = Callable[[], Outcome]

_MORE: Mapping[str, Callable[[Wire, str, Request, Act], Outcome]] = {
    "late": Wire._late,
    "doubled": Wire._doubled,
    "slow": Wire._slow,
    "vanished": Wire._vanished,
    "cancelled": Wire._cancelled,
    "jumped": Wire._jumped,
    "traded": Wire._traded,
}


def _packed(request: Request) -> dict[str, Any]:
    values = {entry.name: getattr(request, entry.name) for entry in fields(request) if entry.name != "since"}
    return {name: plain(value) if isinstance(value, Decimal) else value for name, value in values.items() if value}


def _unpacked(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: Decimal(value) if name in _AMOUNTS else value for name, value in values.items()}


def _deliver(venue: PaperBroker, entry: Mapping[str, Any]) -> Outcome | Found:
    values = {"client_order_id": None, **_unpacked(entry["request"])}
    if entry["name"] == "place":
        return venue.place_order(OrderRequest(**values))
    if entry["name"] == "convert":
        return venue.convert_dust(ConvertRequest(**values))
    return venue.cancel_order(OrderReference(**values))
