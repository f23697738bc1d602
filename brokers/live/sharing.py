"""What the accounts of a venue share in a process that reads many of them, and how it goes about that.

A person who plans one account wants it fast and fresh: its questions go side by side, prices among them. Of many
accounts some are read at the same time anyway, so the questions of each go in turn, which costs no threads; and the
prices of all markets, which are the same for all of them, are asked for once in a while. How old they are is told: the
snapshot is as old as the oldest part of it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from exitplan.brokers.live.prices import TickerReply
from exitplan.brokers.protocol import Clock


@dataclass(frozen=True, slots=True)
class Manner:
    """How accounts are read: whether their questions go ``in_turn``, and for how long prices of a venue are believed.

    Without a time each account asks for prices of its own.
    """

    in_turn: bool = False
    prices_for: timedelta = timedelta(0)


ALONE = Manner()
AMONG_MANY = Manner(in_turn=True, prices_for=timedelta(seconds=1))

_MANNERS: list[Manner] = [ALONE]


def manner() -> Manner:
    """Return how this process reads accounts."""
    return _MANNERS[-1]


@contextmanager
def reading_as(wanted: Manner) -> Iterator[None]:
    """Read all accounts of this process in a manner until the block ends."""
    _MANNERS.append(wanted)
    try:
        yield
    finally:
        _MANNERS.remove(wanted)


@dataclass(slots=True)
class _Question:
    """A question for all prices, under way or answered; ``reply`` is None until then, and where it broke."""

    asked_at: datetime
    reply: TickerReply | None = None
    answered: threading.Event = field(default_factory=threading.Event)

    def serves(self, now: datetime, age: timedelta) -> bool:
        """Check whether its answer is to come, or there and young; a failed one serves only who waited for it."""
        if not self.answered.is_set():
            return True
        is_young = timedelta(0) <= now - self.asked_at < age
        return is_young and self.reply is not None and not self.reply.failed


@dataclass(slots=True)
class SharedPrices:
    """The prices of one place: one account asks for them, and those that come soon after get the answer too."""

    _last: _Question | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def read(self, ask: Callable[[], TickerReply], clock: Clock, age: timedelta) -> TickerReply:
        """Return prices that were asked for no longer than ``age`` ago, or by a question that was under way."""
        with self._lock:
            question, now = self._last, clock()
            is_ours = question is None or not question.serves(now, age)
            if question is None or is_ours:
                question = self._last = _Question(now)
        if is_ours:
            try:
                question.reply = replace(ask(), asked_at=question.asked_at)
            finally:
                question.answered.set()
        question.answered.wait()
        return question.reply or TickerReply({}, failed=True)


_PRICES: dict[str, SharedPrices] = {}
_PRICES_LOCK = threading.Lock()


def shared_prices(place: str) -> SharedPrices:
    """Return what all clients of a place have of its prices."""
    with _PRICES_LOCK:
        return _PRICES.setdefault(place, SharedPrices())


def forget_prices(place: str) -> None:
    """Let go of the prices of places that are no longer there, by the beginning of their names."""
    with _PRICES_LOCK:
        for name in [name for name in _PRICES if name.startswith(place)]:
            del _PRICES[name]
