"""How fast a venue may be asked: token buckets, and what reply headers say about them.

Seconds and weights are floats here; none of this is money. All accounts behind one key or one address share a
bucket, because the venue counts them together, in whatever process of this machine they are.
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
from pathlib import Path
from typing import Literal

from exitplan.brokers.live.shared_level import Level, SharedLevel

LONGEST_WINDOW = 86_400.0
"""Seconds; a reset farther away than a day is a header misread, and not believed."""

LOOSENING = 0.1
"""The part of its own capacity by which a bucket grows again with one reply that allows it."""

SMALLEST_LIMIT = 1.0
"""Tokens; a venue that grants less in a window than one plain request is misread, and not believed."""

SHORTEST_SLEEP = 0.001
"""Seconds; what takes less is no wait."""

_ROUNDING = 1e-9
_RETRY_AFTER = "retry-after"
_NUMBER = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,9})?")

ResetUnit = Literal["s", "ms", "epoch_s", "epoch_ms"]


class Line:
    """A line of threads: whoever came first goes first; a plain lock would let anybody pass."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queue: deque[threading.Event] = deque()

    def __len__(self) -> int:
        return len(self._queue)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Stand in line until it is one's turn, which ends with the block."""
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


class TokenBucket:
    """So many tokens at once, and so many more a second; whoever came first goes first.

    A request that costs more than the bucket holds goes when the bucket is full, and leaves a debt. Safe to use
    from many threads, and with a file from many processes.
    """

    def __init__(
        self,
        capacity: float,
        refill: float,
        *,
        file: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Start full, or as other processes have left the ``file``.

        ``refill`` is in tokens a second. ``clock`` gives seconds that never go back, ``wall`` those since 1970, which
        all processes of a machine agree about and which may jump.
        """
        require_positive(capacity, refill)
        self._capacity, self._refill = capacity, refill
        self._clock, self._wall, self._sleep = clock, wall, sleep
        self._shared = SharedLevel(capacity, file, wall=wall)
        self._seen = -math.inf
        self._waiting: _Place | None = None
        self._lock = threading.Lock()
        self._line = Line()

    def take(self, cost: float = 1.0, longest: float = math.inf) -> float:
        """Wait until a request of this weight may go, and take its tokens.

        Returns 0; or, where that would take more than ``longest`` seconds from some moment on, how long, and takes
        nothing: the venue may want a rest only after somebody has begun to wait.
        """
        require_cost(cost)
        with self._line.turn():
            place = _Place(cost)
            taken = False
            try:
                while (wait := self._take_or_wait(place)) > 0:
                    if wait > longest:
                        return wait
                    self._sleep(max(wait, SHORTEST_SLEEP))
                taken = True
            finally:
                if not taken:
                    with self._present() as level:
                        self._give_back(place, level)
        return 0.0

    def ready_in(self, cost: float = 1.0) -> float:
        """Return how many seconds a request of this weight would wait now if nobody stood before it."""
        require_cost(cost)
        with self._present() as level:
            return max(self._rest(cost, level), self._missing(cost, level.level + self._reserved(level), level))

    def learn(self, remaining: float | None, limit: float | None, reset_in: float | None) -> None:
        """Take over what a reply says: tokens left, tokens a window holds, seconds until the next window.

        What is tighter than believed holds at once. A limit that is looser again is believed by and by, and
        tokens come back by the bucket's own refill, never above what the venue says is left until its reset.
        """
        with self._present() as level:
            if limit is not None and limit >= SMALLEST_LIMIT:
                looser = self._ceiling(level) + LOOSENING * self._capacity
                level.ceiling = min(limit, self._capacity, looser)
                level.level = min(level.level, level.ceiling)
            if remaining is None:
                return
            left = max(0.0, remaining)
            level.level = min(level.level, left - self._reserved(level))
            # A higher number within the window is an older reply, or one that does not know what is under way.
            if reset_in is not None and 0 < reset_in <= LONGEST_WINDOW and left <= level.quota:
                level.quota, level.window = left, reset_in

    def pause(self, seconds: float) -> None:
        """Let nobody go for so many seconds, as the venue asked; what was believed to be left is gone."""
        if not 0 <= seconds < math.inf:
            raise ValueError(f"a pause lasts from 0 seconds on, not {seconds}")
        with self._present() as level:
            level.rest = max(level.rest, seconds)
            level.level = min(level.level, -self._reserved(level))

    def hold_to(self, capacity: float, refill: float) -> None:
        """Never be looser than these figures; what is tighter already stays."""
        require_positive(capacity, refill)
        with self._lock:
            self._capacity, self._refill = min(self._capacity, capacity), min(self._refill, refill)

    def _take_or_wait(self, place: _Place) -> float:
        """Take a place in the line of all processes, and go where it is reached; gives the seconds until then.

        While the venue wants a rest nobody has a place, so that its end is not the start of a crowd.
        """
        with self._present() as level:
            if (rest := self._rest(place.cost, level)) > 0:
                self._give_back(place, level)
                return rest
            if place.era != level.era:
                level.level -= place.cost
                level.granted += place.cost
                place.era, place.number, self._waiting = level.era, level.granted, place
            of_those_behind = level.granted - place.number
            wait = self._missing(place.cost, level.level + of_those_behind + place.cost, level)
            if wait <= 0:
                self._waiting = None
                level.quota -= place.cost
            return wait

    def _give_back(self, place: _Place, level: Level) -> None:
        if place.era == level.era:
            level.level += place.cost
            level.granted -= place.cost
        place.era, self._waiting = None, None

    def _reserved(self, level: Level) -> float:
        """Return the tokens that the first in our own line has reserved and not taken."""
        return self._waiting.cost if self._waiting is not None and self._waiting.era == level.era else 0.0

    def _rest(self, cost: float, level: Level) -> float:
        """Return the seconds until the venue wants to be asked again, tokens or not."""
        return max(level.rest, level.window if cost > level.quota else 0.0)

    def _missing(self, cost: float, there: float, level: Level) -> float:
        """Return the seconds until a request may go that finds so many tokens; 0 says now."""
        ceiling = self._ceiling(level)
        missing = min(cost, ceiling) - there
        return missing / self._rate(level) if missing > _ROUNDING * ceiling else 0.0

    @contextmanager
    def _present(self) -> Iterator[Level]:
        """Lend the level, brought up to the present."""
        with self._lock, self._shared.borrowed() as level:
            self._refill_to_now(level)
            yield level

    def _refill_to_now(self, level: Level) -> None:
        """Add what came in since the level was written.

        What we wrote ourselves our own clock measures. What others wrote is as old as the wall's clock says, and
        never older than our own last look: so a jump of the wall's clock gives nothing to whom was there.
        """
        now, wall = self._clock(), self._wall()
        elapsed = now - self._seen
        if level.writer != self._shared.me:
            elapsed = min(elapsed, wall - level.at)
        elapsed = max(0.0, elapsed)
        self._seen = max(self._seen, now)
        level.writer, level.at = self._shared.me, wall
        room = self._ceiling(level) - self._reserved(level)
        level.level = min(room, level.level + elapsed * self._rate(level))
        level.rest, level.window = max(0.0, level.rest - elapsed), max(0.0, level.window - elapsed)
        if not level.window:
            level.quota = math.inf

    def _ceiling(self, level: Level) -> float:
        return min(self._capacity, level.ceiling)

    def _rate(self, level: Level) -> float:
        """Tokens a second; a venue that grants a smaller window also fills it more slowly."""
        return self._refill * self._ceiling(level) / self._capacity


@dataclass(slots=True)
class _Place:
    """A request's place in the line of all processes: the sum of tokens asked for up to it, in an era of the file."""

    cost: float
    number: float = 0.0
    era: bytes | None = None


def require_positive(capacity: float, refill: float) -> None:
    """Raise ValueError for figures that no bucket can have."""
    if not (0 < capacity < math.inf and 0 < refill < math.inf):
        raise ValueError(f"a bucket needs a capacity and a refill above 0, not {capacity} and {refill}")


def require_cost(cost: float) -> None:
    """Raise ValueError for what no request weighs."""
    if not 0 <= cost < math.inf:
        raise ValueError(f"a request weighs 0 or more, not {cost}")


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
    text = next((str(value).strip() for name, value in headers.items() if str(name).casefold() == _RETRY_AFTER), "")
    if not text:
        return None
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
