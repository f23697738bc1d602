"""Live accounts at venues on loopback: real ccxt clients over HTTP."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest import mock

from exitplan.brokers.live.broker import LiveBroker
from exitplan.brokers.live.opening import open_live_account
from exitplan.brokers.protocol import Clock, OrderReference, OrderRequest, Outcome
from exitplan.ruleset.language.policy import CASH_KEPT
from exitplan.ruleset.model.snapshot import Snapshot
from tests.builders import Amount, market, number, position, snapshot
from tests.venues.server import Handle, serving
from tests.venues.venue import Call, utc_now
from tests.venues.wire import Credentials

VENUES = ("kraken", "coinbase", "binance", "bybit")
AT_ONCE = {"burst": 10_000, "per_second": 10_000}
"""A pace that keeps nobody waiting."""


@dataclass
class Watch:
    """A clock that is the real one, moved by some time."""

    ahead: timedelta = field(default_factory=timedelta)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


def open_account(
    handle: Handle,
    clock: Clock = utc_now,
    credentials: Credentials | None = None,
    keep: tuple[str, ...] = CASH_KEPT,
    **account: Any,
) -> LiveBroker:
    """Open an account at a venue on loopback; further keys go into its account block."""
    block = {
        "id": "platform",
        "venue": handle.front.name,
        "quote": "USD",
        "credentials": "env:LOOPBACK",
        "base_url": handle.base_url,
        "rate_limit": AT_ONCE,
        **account,
    }
    environment = (credentials or handle.credentials).environment("LOOPBACK")
    with mock.patch.dict("os.environ", environment):
        return open_live_account(block, Path(), clock, keep)


def open_account_by(watch: Watch, handle: Handle, **account: Any) -> LiveBroker:
    """Open an account that goes by a clock of its own, and let the venue's gate go by it too."""
    gate: Any = getattr(handle.front, "gate", None)
    gate.clock = watch
    return open_account(handle, watch, **account)


@dataclass(frozen=True)
class Opened:
    """A venue that listens and an account there."""

    handle: Handle
    broker: LiveBroker

    def plan_faults(self, sort: str, *faults: Any) -> None:
        self.handle.venue.faults.plan(sort, *faults)

    def calls(self, sort: str | None = None) -> list[Call]:
        return self.handle.venue.calls(sort)

    def paths(self, sort: str | None = None) -> list[str]:
        """Return the last part of each path, in the order of arrival."""
        return [call.path.rpartition("/")[2] for call in self.calls(sort)]

    def answer_none_before(self, count: int) -> None:
        """Let the venue answer the next requests only when so many have come: in turn none would be answered."""
        numbers, gathered = itertools.count(), threading.Barrier(count)
        self.handle.venue.latency = 1.0
        self.handle.venue.wait = lambda _: next(numbers) < count and gathered.wait(timeout=20)

    def forget_calls(self) -> None:
        self.handle.venue.log.clear()

    def place(self, *requests: OrderRequest) -> tuple[Outcome, ...]:
        return self.broker.place_orders(requests)

    def place_one(self, request: OrderRequest) -> Outcome:
        (outcome,) = self.broker.place_orders([request])
        return outcome

    def ready(self) -> Opened:
        """Have the account read, and what went over the wire for it forgotten."""
        self.broker.read_account()
        self.forget_calls()
        return self


@contextmanager
def account_at(
    venue: str, account: Snapshot, broker: Mapping[str, Any] | None = None, **served: Any
) -> Iterator[Opened]:
    """Serve an account and open it."""
    with serving(venue, account, **served) as handle:
        yield Opened(handle, open_account(handle, **(broker or {})))


def holding(*symbols: str, **more: Any) -> Snapshot:
    """Return an account that holds ten of each symbol."""
    return snapshot(*(position(symbol) for symbol in symbols), **more)


def many(count: int) -> Snapshot:
    """Return an account with so many positions."""
    return holding(*(f"C{number:03d}/USD" for number in range(count)))


def priced(**more: Any) -> Any:
    """Return a market at 100 with bid, ask and a price step."""
    return market(100, **{"bid": "99.9", "ask": "100.1", "price_step": "0.1", **more})


def sell(
    symbol: str = "AAA/USD",
    quantity: Amount = 2,
    kind: str = "market",
    *,
    client: str | None = "xp0123456789abcdef",
    price: Amount | None = None,
    trigger: Amount | None = None,
    **more: Any,
) -> OrderRequest:
    words: Any = {"type": kind, "side": "sell", **more}
    return OrderRequest(
        client_order_id=client,
        symbol=symbol,
        quantity=Decimal(quantity),
        price=number(price),
        trigger_price=number(trigger),
        **words,
    )


def named(order_id: str | None, symbol: str = "AAA/USD", **more: Any) -> OrderReference:
    return OrderReference(symbol=symbol, order_id=order_id, **more)
