"""A token bucket whose level is kept far away: tokens are drawn from it in blocks, and a block lives for a moment.

What holds whoever draws: in any window of time all processes together use no more than the venue's burst and what the
window refills. A token that was drawn may be used up to :func:`hold_of` seconds later, and one that comes back may be
drawn again and used later still; so the far bucket is smaller than the venue's by what refills meanwhile
(:func:`kept_back`). A process that dies with a block in hand costs that block and nothing else. A request goes when its
tokens are taken; that a busy machine lets it go a moment later is counted nowhere, with blocks or without.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Protocol

from exitplan.brokers.live.buckets import LevelsUnknown
from exitplan.brokers.live.limits import (
    LONGEST_WINDOW,
    SHORTEST_SLEEP,
    SMALLEST_LIMIT,
    Line,
    require_cost,
    require_positive,
)

LONGEST_HOLD, SHORTEST_HOLD = 1.0, 0.25
"""Seconds that a block may live: within the longer all hear of a rest, and a slow answer fits in the shorter."""
HELD_SHARE = 0.05
"""The part of the time in which a bucket fills for which a block may live."""
QUICK = 5.0
"""Seconds; what fills in less is not worth giving back to: it has refilled before."""
LATEST = 1.0
"""Seconds that a thread may be late for tokens that are its own, as on a busy machine; a frozen one asks again."""
AHEAD = 3
"""How many requests more than the one that is asked for a block is good for, if the bucket holds them."""
RESTLESS = 0.5
"""Seconds; who has waited longer for its tokens looks whether the venue has asked for a rest meanwhile."""
_TRIES = 3


def hold_of(capacity: float, refill: float) -> float:
    """Return for how many seconds a block of such a bucket may live."""
    return max(SHORTEST_HOLD, min(LONGEST_HOLD, HELD_SHARE * capacity / refill))


def gives_back(capacity: float, refill: float) -> bool:
    """Check whether tokens of such a bucket come back that were drawn and not used."""
    return capacity / refill >= QUICK


def kept_back(capacity: float, refill: float) -> float:
    """Return by how many tokens the far bucket is smaller than the venue's; half of a small one stays in any case.

    A token is used within one life of a block, and comes back within two.
    """
    lives = 3 if gives_back(capacity, refill) else 1
    return min(lives * hold_of(capacity, refill) * refill, capacity / 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What is told to the far bucket beside a question, all of it as of now.

    ``back`` tokens were drawn at ``back_at`` (the keeper's time) in ``back_era`` and not used. ``remaining`` tokens are
    left by what the venue said, for ``window`` seconds, and it holds ``limit`` at most. It wants to rest for ``rest``.
    """

    back: float = 0.0
    back_at: float = 0.0
    back_era: int = 0
    remaining: float | None = None
    limit: float | None = None
    window: float | None = None
    rest: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A question for tokens: ``must`` are needed now, ``likely`` by all who wait, up to ``want`` if they are there.

    Where those that must be are not there, they are promised for later, if that is within ``longest`` seconds, and with
    them of what is likely as much as refills while a block lives. ``capacity`` and ``refill`` are the venue's.
    """

    scope: str
    capacity: float
    refill: float
    must: float = 0.0
    likely: float = 0.0
    want: float = 0.0
    longest: float = 0.0
    note: Note = Note()
    clock: Callable[[], float] = time.monotonic


@dataclass(frozen=True, slots=True)
class Grant:
    """The answer: so many ``tokens``, to be used in ``wait`` seconds; none where the wait would be too long.

    ``rest`` are the seconds that the venue wants to be left alone. ``era`` changes with each rest: what was promised
    in an earlier one is void. ``at`` is the keeper's time, ``received`` when the answer came by the asker's clock.
    """

    tokens: float
    wait: float
    rest: float
    era: int
    at: float
    received: float


class FarLevels(Protocol):
    """Where the levels are; safe to use from many threads. Raises LevelsUnknown."""

    def draw(self, ask: Ask) -> Grant:
        """Put a question, together with those of other threads."""
        ...


@dataclass(slots=True)
class _Block:
    """Tokens in hand, to be used between two moments of our own clock; ``at`` and ``era`` are the keeper's.

    An answer that came too late has them the wrong way round.
    """

    tokens: float = 0.0
    since: float = math.inf
    until: float = -math.inf
    era: int = 0
    at: float = 0.0


class BlockBucket:
    """The bucket of one scope in one process; threads go in the order in which they came."""

    def __init__(
        self,
        scope: str,
        capacity: float,
        refill: float,
        far: FarLevels,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Draw from ``far``; ``clock`` gives seconds that never go back."""
        require_positive(capacity, refill)
        self._scope, self._capacity, self._refill = scope, capacity, refill
        self._far, self._clock, self._sleep = far, clock, sleep
        self._line, self._lock = Line(), threading.Lock()
        self._block, self._note, self._era = _Block(), Note(), 0
        self._learned_at = self._window_until = self._rest_until = -math.inf
        self._is_rest_told = True

    def take(self, cost: float = 1.0, longest: float = math.inf) -> float:
        """Wait until a request of this weight may go, and take its tokens; as the port says."""
        require_cost(cost)
        with self._line.turn():
            deadline, late = self._clock() + longest, 0
            while not self._take_in_hand(cost):
                grant = self._draw(cost, deadline - self._clock())
                wait = grant.wait if grant.tokens else max(grant.wait, grant.rest, SHORTEST_SLEEP)
                if wait > max(0.0, deadline - self._clock()):
                    return wait
                if wait > 0:
                    self._wait(wait)
                if grant.tokens and self._take_promised(cost):
                    return 0.0
                late += grant.tokens > 0
                if late > _TRIES:
                    raise LevelsUnknown("what is left of its limits is told too slowly")
        return 0.0

    def ready_in(self, cost: float = 1.0) -> float:
        """Return the seconds of rest that the venue wants, as far as it is known here."""
        require_cost(cost)
        return max(0.0, self._rest_until - self._clock())

    def learn(self, remaining: float | None, limit: float | None, reset_in: float | None) -> None:
        """Hold what is in hand to what the venue says is left, and tell the others with the next question."""
        with self._lock:
            if limit is not None and limit >= SMALLEST_LIMIT:
                self._note = replace(self._note, limit=limit)
            if remaining is None:
                return
            left = max(0.0, remaining)
            self._block.tokens = min(self._block.tokens, left)
            self._note = replace(self._note, remaining=left)
            is_believed = reset_in is not None and 0 < reset_in <= LONGEST_WINDOW
            self._learned_at = self._clock()
            self._window_until = self._learned_at + reset_in if is_believed and reset_in is not None else -math.inf

    def pause(self, seconds: float) -> None:
        """Let nobody go for so many seconds; others are told at once, or where that fails with the next question."""
        if not 0 <= seconds < math.inf:
            raise ValueError(f"a pause lasts from 0 seconds on, not {seconds}")
        with self._lock:
            self._rest_until = max(self._rest_until, self._clock() + seconds)
            self._block, self._is_rest_told = _Block(), False
        with suppress(LevelsUnknown):  # then nobody else gets any tokens either
            self._ask(keeps=True)

    def hold_to(self, capacity: float, refill: float) -> None:
        """Never be looser than these figures; what is tighter already stays."""
        require_positive(capacity, refill)
        with self._lock:
            self._capacity, self._refill = min(self._capacity, capacity), min(self._refill, refill)

    @property
    def hold(self) -> float:
        """Return for how many seconds a block may live."""
        return hold_of(self._capacity, self._refill)

    def _take_in_hand(self, cost: float) -> bool:
        with self._lock:
            now, block = self._clock(), self._block
            if now < self._rest_until:
                return False
            if cost and not (block.since <= now <= block.until and block.tokens >= cost):
                return False
            block.tokens -= cost
            return True

    def _take_promised(self, cost: float) -> bool:
        """Take the tokens that were granted just now, unless the answer was late or a rest has made it void."""
        with self._lock:
            now, block = self._clock(), self._block
            is_late = block.since > block.until or now > block.until + LATEST
            if is_late or now < self._rest_until or block.tokens < cost:
                return False
            block.tokens -= cost
            return True

    def _draw(self, cost: float, longest: float) -> Grant:
        """Draw a block that is good for all who stand in line, and some requests or a moment more."""
        likely = cost * len(self._line)
        want = likely + max(AHEAD * cost, self._refill * self.hold)
        return self._ask(must=cost, likely=likely, want=want, longest=max(0.0, longest))

    def _wait(self, seconds: float) -> None:
        """Wait for what was promised; after a long wait it may be void, for a rest that was asked for meanwhile."""
        self._sleep(max(seconds, SHORTEST_SLEEP))
        if seconds > RESTLESS:
            self._ask(keeps=True)

    def _ask(self, *, keeps: bool = False, **wanted: float) -> Grant:
        """Put a question with all that there is to tell, and keep what is granted; raises LevelsUnknown.

        What is in hand goes back with it unless it is kept.
        """
        sent = self._clock()
        with self._lock:
            kept, note, is_rest_told = self._note, self._noted(sent, keeps=keeps), self._is_rest_told
            self._note, self._is_rest_told = Note(), True
            if not keeps:
                self._block = _Block()
        try:
            grant = self._far.draw(
                Ask(
                    scope=self._scope,
                    capacity=self._capacity,
                    refill=self._refill,
                    note=note,
                    clock=self._clock,
                    **wanted,
                )
            )
        except LevelsUnknown:
            with self._lock:
                self._is_rest_told = self._is_rest_told and is_rest_told
                self._note = kept if self._note == Note() else self._note
            raise
        self._keep(grant, sent)
        return grant

    def _noted(self, now: float, *, keeps: bool) -> Note:
        note, block = self._note, self._block
        if not keeps and block.tokens > 0 and gives_back(self._capacity, self._refill):
            note = replace(note, back=block.tokens, back_at=block.at, back_era=block.era)
        if self._window_until > now:
            note = replace(note, window=self._window_until - now)
        elif now - self._learned_at > LONGEST_HOLD:
            note = replace(note, remaining=None)  # what was left then says nothing any more
        return note if self._is_rest_told else replace(note, rest=max(0.0, self._rest_until - now))

    def _keep(self, grant: Grant, sent: float) -> None:
        """Keep what was granted: the keeper's moment lay between our question and its answer."""
        with self._lock:
            self._era = max(self._era, grant.era)
            self._rest_until = max(self._rest_until, grant.received + grant.rest if grant.rest > 0 else -math.inf)
            if grant.tokens and grant.era == self._era:
                since, until = grant.received + grant.wait, sent + grant.wait + self.hold
                self._block = _Block(grant.tokens, since, until, grant.era, grant.at + grant.wait)
            if self._block.era < self._era:
                self._block = _Block()
