"""A trading program as users have one: its own broker object in memory, which fails on demand."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from exitplan.brokers.duck_typed.broker import RECEIVE_WINDOW
from exitplan.dropin.protocol import LegacyPositionExitProtocol
from exitplan.dropin.tracker import PositionTracker
from tests.builders import NOW

RAISES = object()
"""An answer that is an exception."""
LOST = object()
"""It is done, and then an exception."""


@dataclass
class BotBroker:
    """The six methods; ``answers`` are given instead of what is true, in order, by method."""

    positions: dict[Any, dict[str, Any]] = field(default_factory=dict)
    orders: list[dict[str, Any]] = field(default_factory=list)
    balance: Any = 10_000.0
    prices: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, deque[Any]] = field(default_factory=dict)
    calls: list[tuple[Any, ...]] = field(default_factory=list)

    def get_open_positions(self, user_id: str | None = None) -> Any:
        return self._answer("get_open_positions", lambda: [dict(found) for found in self.positions.values()], user_id)

    def get_open_orders(self, user_id: str | None = None) -> Any:
        return self._answer("get_open_orders", lambda: [dict(found) for found in self.orders], user_id)

    def get_account_balance(self) -> Any:
        return self._answer("get_account_balance", lambda: self.balance)

    def get_current_price(self, symbol: str) -> Any:
        return self._answer("get_current_price", lambda: self.prices.get(symbol, 100.0), symbol)

    def cancel_order(self, order_id: Any) -> Any:
        return self._answer("cancel_order", lambda: self._cancel(order_id), order_id)

    def close_position(self, symbol: str, quantity: Any) -> Any:
        return self._answer("close_position", lambda: self._close(symbol, quantity), symbol, quantity)

    def _answer(self, name: str, truth: Callable[[], Any], *arguments: Any) -> Any:
        self.calls.append((name, *arguments))
        waiting = self.answers.get(name)
        answer = waiting.popleft() if waiting else None
        if answer is RAISES:
            raise ConnectionError("the venue is away")
        if answer is LOST:
            truth()
            raise TimeoutError("no reply")
        return truth() if answer is None else answer[0]

    def _cancel(self, order_id: Any) -> bool:
        found = [order for order in self.orders if order.get("order_id", order.get("id")) == order_id]
        self.orders = [order for order in self.orders if order not in found]
        return bool(found)

    def _close(self, symbol: str, quantity: float) -> bool:
        held = self.positions[symbol]
        left = held["quantity"] - quantity
        for key in ("size_usd", "usd_value"):
            if key in held:
                held[key] *= left / held["quantity"]
        held["quantity"] = left
        if left <= 0:
            del self.positions[symbol]
        return True

    def will(self, name: str, *answers: Any) -> None:
        """Prepare answers: RAISES, LOST, None for the truth, else the value itself."""
        special = {id(RAISES), id(LOST), id(None)}
        self.answers[name] = deque(answer if id(answer) in special else (answer,) for answer in answers)

    def called(self, name: str) -> list[tuple[Any, ...]]:
        return [call[1:] for call in self.calls if call[0] == name]


def held(symbol: Any, size: float = 1000.0, quantity: float = 10.0, **more: Any) -> dict[str, Any]:
    return {"symbol": symbol, "quantity": quantity, "size_usd": size, **more}


def stale(name: str = "o1", symbol: str = "BTC-USD", minutes: float = 45, **more: Any) -> dict[str, Any]:
    return {"order_id": name, "symbol": symbol, "created_at": NOW - timedelta(minutes=minutes), "value": 100.0, **more}


@dataclass
class Bot:
    """A program with its data folder, clock, tracker and broker; a new protocol is made for every question."""

    root: Path
    broker: Any
    parameters: dict[str, Any] = field(default_factory=dict)
    now: datetime = NOW
    slept: list[float] = field(default_factory=list)

    @property
    def tracker(self) -> PositionTracker:
        return PositionTracker(self.root / "positions.json", clock=lambda: self.now)

    @property
    def protocol(self) -> LegacyPositionExitProtocol:
        """The protocol as a new process would make it."""
        self.now += timedelta(seconds=1)
        chosen = {"position_tracker": self.tracker, "data_dir": self.root, **self.parameters}
        return LegacyPositionExitProtocol(
            broker_integration=self.broker, clock=lambda: self.now, sleep=self._sleep, **chosen
        )

    def track(self, *symbols: str, **more: Any) -> None:
        for symbol in symbols:
            self.tracker.track_entry(symbol, 100.0, 10.0, 1000.0, **more)

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)


def bot(root: Path, *positions: dict[str, Any], balance: Any = 10_000.0, **parameters: Any) -> Bot:
    """Make a program that holds these positions."""
    known = {position.get("symbol"): position for position in positions}
    return Bot(root, BotBroker(known, balance=balance), parameters)


WAITED = RECEIVE_WINDOW + 0.5
