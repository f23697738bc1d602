"""How fast a venue may be asked: token buckets, and what reply headers say about them.

Seconds and weights are floats here; none of this is money. All accounts behind one key or one address share a
bucket, because the venue counts them together.
"""

from __future__ import annotations

import math
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Literal

LONGEST_WINDOW = 86_400.0
"""Seconds; a reset farther away than a day is a header misread, and not believed."""

LOOSENING = 0.1
"""The part of its own capacity by which a bucket grows again with one reply that allows it."""

SMALLEST_LIMIT = 1.0
"""Tokens; a venue that grants less in a window than one plain request is misread, and not believed."""

_SHORTEST_SLEEP = 0.001
_ROUNDING = 1e-9
_NUMBER = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,9})?")

ResetUnit = Literal["s", "ms", "epoch_s", "epoch_ms"]


class TokenBucket:
    """So many tokens at once, and so many more a second; whoever came first goes first.

    A request that costs more than the bucket holds goes when the bucket is full, and leaves a debt. Safe to use
    from many threads.
    """

    def __init__(
        self,
        capacity: float,
        refill: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Start full; ``refill`` is in tokens a second, ``clock`` gives seconds that never go back."""
        _require_positive(capacity, refill)
        self._capacity, self._refill = capacity, refill
        self._ceiling = capacity
        self._clock, self._sleep = clock, sleep
        self._level, self._at = capacity, clock()
        self._rest_until = -math.inf
        self._quota, self._quota_until = math.inf, -math.inf
        self._lock = threading.Lock()
        self._queue: deque[threading.Event] = deque()

    def take(self, cost: float = 1.0) -> None:
        """Wait until a request of this weight may go, and take its tokens."""
        _require_cost(cost)
        with self._turn():
            while (wait := self._take_or_wait(cost)) > 0:
                self._sleep(max(wait, _SHORTEST_SLEEP))

    def ready_in(self, cost: float = 1.0) -> float:
        """Return how many seconds a request of this weight would wait now if nobody stood before it."""
        _require_cost(cost)
        with self._lock:
            return self._wait(cost, self._refilled())

    def learn(self, remaining: float | None, limit: float | None, reset_in: float | None) -> None:
        """Take over what a reply says: tokens left, tokens a window holds, seconds until the next window.

        What is tighter than believed holds at once. A limit that is looser again is believed by and by, and
        tokens come back by the bucket's own refill, never above what the venue says is left until its reset.
        """
        with self._lock:
            now = self._refilled()
            if limit is not None and limit >= SMALLEST_LIMIT:
                self._adjust_ceiling(limit)
            if remaining is None:
                return
            left = max(0.0, remaining)
            self._level = min(self._level, left)
            window = reset_in is not None and 0 < reset_in <= LONGEST_WINDOW
            # A higher number within the window is an older reply, or one that does not know what is under way.
            if reset_in is not None and window and (now >= self._quota_until or left <= self._quota):
                self._quota, self._quota_until = left, now + reset_in

    def pause(self, seconds: float) -> None:
        """Let nobody go for so many seconds, as the venue asked; what was believed to be left is gone."""
        if not 0 <= seconds < math.inf:
            raise ValueError(f"a pause lasts from 0 seconds on, not {seconds}")
        with self._lock:
            now = self._refilled()
            self._rest_until = max(self._rest_until, now + seconds)
            self._level = min(self._level, 0.0)

    def hold_to(self, capacity: float, refill: float) -> None:
        """Never be looser than these figures; what is tighter already stays."""
        _require_positive(capacity, refill)
        with self._lock:
            self._refilled()
            self._capacity, self._refill = min(self._capacity, capacity), min(self._refill, refill)
            self._ceiling = min(self._ceiling, self._capacity)
            self._level = min(self._level, self._ceiling)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Stand in line; a plain lock would let anybody pass."""
        turn = threading.Event()
        with self._lock:
            self._queue.append(turn)
            self._queue[0].set()
        try:
            turn.wait()
            yield
        finally:
            with self._lock:
                self._queue.remove(turn)
                if self._queue:
                    self._queue[0].set()

    def _take_or_wait(self, cost: float) -> float:
        with self._lock:
            wait = self._wait(cost, self._refilled())
            if wait <= 0:
                self._level -= cost
                self._quota -= cost
            return wait

    def _wait(self, cost: float, now: float) -> float:
        """Return the seconds until a request may go; 0 says now."""
        missing = min(cost, self._ceiling) - self._level
        wait = missing / self._rate if missing > _ROUNDING * self._ceiling else 0.0
        if cost > self._quota and now < self._quota_until:
            wait = max(wait, self._quota_until - now)
        return max(wait, self._rest_until - now, 0.0)

    def _refilled(self) -> float:
        """Bring the level up to the present, and give the present."""
        now = max(self._clock(), self._at)
        self._level = min(self._ceiling, self._level + (now - self._at) * self._rate)
        self._at = now
        return now

    @property
    def _rate(self) -> float:
        """Tokens a second; a venue that grants a smaller window also fills it more slowly."""
        return self._refill * self._ceiling / self._capacity

    def _adjust_ceiling(self, limit: float) -> None:
        looser = self._ceiling + LOOSENING * self._capacity
        self._ceiling = min(limit, self._capacity, max(self._ceiling, looser))
        self._level = min(self._level, self._ceiling)


def _require_positive(capacity: float, refill: float) -> None:
    if not (0 < capacity < math.inf and 0 < refill < math.inf):
        raise ValueError(f"a bucket needs a capacity and a refill above 0, not {capacity} and {refill}")


def _require_cost(cost: float) -> None:
    if not 0 <= cost < math.inf:
        raise ValueError(f"a request weighs 0 or more, not {cost}")


_BUCKETS: dict[str, TokenBucket] = {}
_BUCKETS_LOCK = threading.Lock()


def bucket_for(scope: str, capacity: float, refill: float) -> TokenBucket:
    """Return the one bucket of this process for a scope; where figures differ, the tighter ones hold.

    A scope is a venue's host and what it counts by: the address, or the fingerprint of a key, never the key.
    """
    with _BUCKETS_LOCK:
        bucket = _BUCKETS.get(scope)
        if bucket is None:
            bucket = _BUCKETS[scope] = TokenBucket(capacity, refill)
    bucket.hold_to(capacity, refill)
    return bucket


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderNames:
    """Which reply headers of a venue tell its limits, in any case of letters; None where it has no such header.

    ``known_limit`` is the documented limit of a venue that tells only what is used. ``window`` are the seconds of
    a window that starts at whole multiples of itself, for a venue that does not tell when it ends. ``unit`` is how much
    of what the headers and ``known_limit`` count makes one of ccxt's cost units.
    """

    remaining: str | None = None
    limit: str | None = None
    used: str | None = None
    reset: str | None = None
    reset_unit: ResetUnit = "s"
    known_limit: float | None = None
    window: float | None = None
    unit: float = 1.0


@dataclass(frozen=True, slots=True)
class Learned:
    """What a reply says about the limits: tokens left, tokens a window holds, seconds until the next window."""

    remaining: float | None
    limit: float | None
    reset_in: float | None


def read_headers(headers: Mapping[str, str], names: HeaderNames, now: float) -> Learned | None:
    """Read what a reply says about the limits; None where it says nothing that can be understood.

    ``now`` is in seconds since 1970, as the venue's clock has them.
    """
    folded = {str(name).casefold(): value for name, value in headers.items()}
    numbers = [_number(folded, name) for name in (names.remaining, names.limit, names.used, names.reset)]
    remaining, limit, used, reset = numbers
    if all(number is None for number in numbers):
        return None
    limit = limit if limit is not None and limit >= SMALLEST_LIMIT else names.known_limit
    if remaining is None and used is not None and limit is not None:
        remaining = limit - used
    if remaining is None and limit is None:
        return None
    left = None if remaining is None else max(0.0, remaining) / names.unit
    return Learned(left, None if limit is None else limit / names.unit, _seconds_until(reset, names, now))


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Read Retry-After, seconds or an HTTP date, as seconds from ``now`` (since 1970); None where it says nothing."""
    folded = {str(name).casefold(): str(value).strip() for name, value in headers.items()}
    text = folded.get("retry-after", "")
    if _NUMBER.fullmatch(text):
        return max(0.0, float(text))
    try:
        date = parsedate_to_datetime(text)
        # HTTP dates are in GMT, also where they do not say so (RFC 9110, 5.6.7).
        seconds = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now
    except (ValueError, OverflowError):
        return None
    return max(0.0, seconds)


def _number(folded: Mapping[str, str], name: str | None) -> float | None:
    text = str(folded.get((name or "").casefold(), "")).strip()
    return float(text) if _NUMBER.fullmatch(text) else None


def _seconds_until(reset: float | None, names: HeaderNames, now: float) -> float | None:
    if reset is None:
        return None if names.window is None else names.window - now % names.window
    seconds = reset / 1000 if names.reset_unit in {"ms", "epoch_ms"} else reset
    seconds -= now if names.reset_unit.startswith("epoch") else 0.0
    return max(0.0, seconds) if seconds <= LONGEST_WINDOW else None
