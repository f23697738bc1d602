"""How often a password may be tried, by name and by address, so that nobody guesses one."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock

from exitplan.brokers.protocol import Clock

PERIOD = timedelta(minutes=15)
_MOST_KEPT = 10_000
"""Names and addresses that are remembered; whoever makes up more makes the oldest forgotten."""


@dataclass(frozen=True, slots=True)
class Limit:
    """So many tries within :data:`PERIOD`."""

    of: str
    most: int


BY_PAIR, BY_NAME, BY_ADDRESS = Limit("pair", 5), Limit("name", 50), Limit("address", 30)
"""A name from one address, a name from anywhere, and an address with any names.

The second is high: whoever tries somebody's name from elsewhere must not easily lock that person out.
"""


@dataclass(slots=True)
class LogInLimits:
    """The failed tries of the last while."""

    clock: Clock
    _failures: OrderedDict[tuple[str, ...], deque[datetime]] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def wait(self, name: str, address: str) -> timedelta | None:
        """Return how long to wait before the next try; None where one may try now."""
        now = self.clock()
        with self._lock:
            waits = [self._wait(limit, key, now) for limit, key in _keys(name, address)]
        longest = max(waits)
        return longest if longest > timedelta(0) else None

    def note_try(self, name: str, address: str) -> None:
        """Count a try, before the password is compared: many at once are counted too."""
        now = self.clock()
        with self._lock:
            for limit, key in _keys(name, address):
                tries = self._failures.setdefault(key, deque(maxlen=limit.most))
                tries.append(now)
                self._failures.move_to_end(key)
            while len(self._failures) > _MOST_KEPT:
                self._failures.popitem(last=False)

    def forgive(self, name: str, address: str) -> None:
        """Take back the last try, which was right, and those of the name from this address."""
        pair, *others = (key for _, key in _keys(name, address))
        with self._lock:
            self._failures.pop(pair, None)
            for key in others:
                if tries := self._failures.get(key):
                    tries.pop()

    def _wait(self, limit: Limit, key: tuple[str, ...], now: datetime) -> timedelta:
        tries = self._failures.get(key, ())
        recent = [at for at in tries if now - at < PERIOD]
        return recent[0] + PERIOD - now if len(recent) >= limit.most else timedelta(0)


def _keys(name: str, address: str) -> tuple[tuple[Limit, tuple[str, ...]], ...]:
    name = name.casefold()
    return (
        (BY_PAIR, (BY_PAIR.of, name, address)),
        (BY_NAME, (BY_NAME.of, name)),
        (BY_ADDRESS, (BY_ADDRESS.of, address)),
    )
