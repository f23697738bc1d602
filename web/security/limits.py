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
_LONGEST_NAME = 100
"""So much of a name is remembered; those of users are shorter."""


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

    def begin_try(self, name: str, address: str) -> timedelta | None:
        """Count a try that may be made now; else return how long to wait, and count nothing.

        Both are one step, before the password is compared: many tries at once are no more than one after another.
        """
        now = self.clock()
        with self._lock:
            longest = max(self._wait(limit, key, now) for limit, key in _keys(name, address))
            if longest > timedelta(0):
                return longest
            for limit, key in _keys(name, address):
                tries = self._failures.setdefault(key, deque(maxlen=limit.most))
                tries.append(now)
                self._failures.move_to_end(key)
            while len(self._failures) > _MOST_KEPT:
                self._failures.popitem(last=False)
        return None

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
    name = name.casefold()[:_LONGEST_NAME]
    return (
        (BY_PAIR, (BY_PAIR.of, name, address)),
        (BY_NAME, (BY_NAME.of, name)),
        (BY_ADDRESS, (BY_ADDRESS.of, address)),
    )
