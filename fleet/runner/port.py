"""What a runner is: whoever hands the shards of a tick to a worker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

APPLICATION_VERSION = "exitplan-1"
"""The version of the work that runners hand over: a tick and a shard. Workers of any exitplan understand it."""


@dataclass(frozen=True, slots=True)
class ShardCycle:
    """One shard in one tick: what is to be done once. ``egress`` names the address it reaches its venue from."""

    tick: int
    shard: int
    egress: str = field(default="", compare=False)

    @property
    def id(self) -> str:
        """Return its name, the same for whoever begins the tick."""
        return f"cycle:{self.tick}:{self.shard}"


@dataclass(frozen=True, slots=True)
class Claim:
    """A shard that a worker has taken: nobody else may work on it while its lease holds.

    ``fence`` grows each time that the shard is taken.
    """

    cycle: ShardCycle
    fence: int


class Shift(Protocol):
    """What a worker lends its runner."""

    @property
    def worker(self) -> str:
        """The name of the worker."""
        ...

    @property
    def egress(self) -> Sequence[str]:
        """Which shards it may take, by the address that they reach their venue from."""
        ...

    @property
    def slots(self) -> int:
        """How many shards it works on at once."""
        ...

    def take(self, cycle: ShardCycle | None = None) -> Claim | None:
        """Take a shard, any that is free or the one that is named; None where there is nothing to take."""
        ...

    def is_done(self, cycle: ShardCycle) -> bool:
        """Check whether nothing is left to do of a shard in a tick."""
        ...

    def work(self, claim: Claim) -> None:
        """Work on a shard until it is done, given back or lost; raises nothing."""
        ...

    def begin(self, tick: int, why: str) -> None:
        """Begin a tick, once in the whole fleet, or tell why it is skipped."""
        ...

    def may_take(self) -> bool:
        """Check whether the worker takes further shards: not while it drains."""
        ...


class Runner(Protocol):
    """Hands out shards until it is stopped."""

    def start(self, shift: Shift, every: timedelta | None) -> None:
        """Hand out shards from now on, and begin a tick every so often."""
        ...

    def enqueue(self, tick: int, cycles: Sequence[ShardCycle]) -> None:
        """See to it that the shards of a tick are handed out, each once however often this is called."""
        ...

    def look_after(self, lost: Sequence[str]) -> None:
        """Hand out again what these workers have left, and forget what is long over; called now and then."""
        ...

    def under_way(self) -> Sequence[ShardCycle]:
        """Return what is worked on here at the moment."""
        ...

    def wait(self, seconds: float) -> bool:
        """Wait until nothing is under way here any more; False if that takes longer."""
        ...

    def stop(self) -> None:
        """Hand out nothing more; what is under way goes on."""
        ...

    def close(self) -> None:
        """Let go of everything; nothing is under way any more."""
        ...
