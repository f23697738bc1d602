"""Which token bucket an account draws from, and where its level is kept: a port, for those who share it.

On one machine it is a file that all processes of a user lock in turn (:class:`FileLevels`). A fleet keeps it in its
database. Whoever begins to keep levels elsewhere does so before the first account is opened.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from exitplan.brokers.live.cache import cache_folder
from exitplan.brokers.live.limits import TokenBucket


class LevelsUnknown(Exception):
    """Nobody can tell how much of a venue's limits is used, so nothing may be asked of the venue."""


class Bucket(Protocol):
    """What a client draws from before it sends anything; safe to use from many threads."""

    def take(self, cost: float = 1.0, longest: float = ...) -> float:
        """Wait until a request of this weight may go, and take its tokens.

        Returns 0; or, where that would take more than ``longest`` seconds, how long, and takes nothing. Raises
        LevelsUnknown.
        """
        ...

    def ready_in(self, cost: float = 1.0) -> float:
        """Return how many seconds a request of this weight would wait now, as far as it is known here."""
        ...

    def learn(self, remaining: float | None, limit: float | None, reset_in: float | None) -> None:
        """Take over what a reply says: tokens left, tokens a window holds, seconds until the next window."""
        ...

    def pause(self, seconds: float) -> None:
        """Let nobody go for so many seconds, as the venue asked."""
        ...

    def hold_to(self, capacity: float, refill: float) -> None:
        """Never be looser than these figures; what is tighter already stays."""
        ...


class LevelKeeper(Protocol):
    """Where the levels of buckets are kept, so that all who draw from one know of each other."""

    def bucket(self, scope: str, capacity: float, refill: float) -> Bucket:
        """Return a bucket for a scope; ``refill`` is in tokens a second."""
        ...


class FileLevels:
    """Keeps each level in a small file, for all processes of this user on this machine."""

    def bucket(self, scope: str, capacity: float, refill: float) -> TokenBucket:
        """Return a bucket whose file is named by its scope, and does not repeat it."""
        name = hashlib.blake2b(scope.encode(), digest_size=12).hexdigest()
        return TokenBucket(capacity, refill, file=cache_folder() / "limits" / name)


_BUCKETS: dict[str, Bucket] = {}
_BUCKETS_LOCK = threading.Lock()
_KEEPERS: list[LevelKeeper] = [FileLevels()]
"""Who keeps the levels; the last one does."""


@contextmanager
def levels_kept_by(keeper: LevelKeeper) -> Iterator[None]:
    """Have the buckets of accounts that are opened within the block kept elsewhere."""
    with _BUCKETS_LOCK:
        _KEEPERS.append(keeper)
        _BUCKETS.clear()
    try:
        yield
    finally:
        with _BUCKETS_LOCK:
            _KEEPERS.remove(keeper)
            _BUCKETS.clear()


def bucket_for(scope: str, capacity: float, refill: float) -> Bucket:
    """Return the one bucket of this process for a scope; where figures differ, the tighter ones hold.

    A scope is a venue's host and what it counts by: the address, or the fingerprint of a key, never the key. All
    processes that have their levels at the same place draw from it, each at its own figures.
    """
    with _BUCKETS_LOCK:
        bucket = _BUCKETS.get(scope)
        if bucket is None:
            bucket = _BUCKETS[scope] = _KEEPERS[-1].bucket(scope, capacity, refill)
    bucket.hold_to(capacity, refill)
    return bucket


def forget_buckets(place: str) -> None:
    """Let go of the buckets of a place that is no longer there, and of their files."""
    with _BUCKETS_LOCK:
        for scope in [scope for scope in _BUCKETS if scope.startswith(f"{place} ")]:
            del _BUCKETS[scope]
