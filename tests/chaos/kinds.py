"""The kinds of experiment: what goes wrong on the wire, and how the process dies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Literal

from tests.chaos.wire import Record

Death = Literal["point", "twice", "random", "disk full", "read-only", "corrupted", "writers", "race"]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of experiment.

    ``writes``, ``look_ups`` and ``reads`` are what may go wrong with each, drawn anew for every experiment; the process
    dies as ``death`` says.
    """

    name: str
    death: Death = "point"
    writes: tuple[str, ...] = ()
    look_ups: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    options: Mapping[str, object] = field(default_factory=dict)
    accounts: tuple[str, ...] = ("slices", "busy", "stops")

    def troubles(self, chance: Random) -> Record:
        """Draw what goes wrong."""
        return Record(
            writes=_drawn(self.writes, chance, 6),
            look_ups=_drawn(self.look_ups, chance, 3),
            reads=_drawn(self.reads, chance, 8),
        )


def _drawn(faults: tuple[str, ...], chance: Random, most: int) -> list[str]:
    """Draw faults among requests that go well; the first is always one."""
    if not faults:
        return []
    drawn = [chance.choice((*faults, "none")) for _ in range(chance.randint(1, most))]
    drawn[chance.randrange(min(2, len(drawn)))] = chance.choice(faults)
    return drawn


EVERYTHING = (
    "lost_before",
    "lost_after",
    "raises_before",
    "raises_after",
    "rate_limited",
    "late",
    "slow",
    "vanished",
    "cancelled",
)

KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("killed at every point"),
        Kind("killed twice", "twice"),
        Kind("killed at any moment", "random"),
        Kind("reply lost before", writes=("lost_before",)),
        Kind("reply lost after", writes=("lost_after",)),
        Kind("late execution", writes=("late",), accounts=("slices",)),
        Kind("duplicate delivery", writes=("doubled",), options={"unique_client_order_ids": "ever"}),
        Kind("5xx", writes=("lost_before", "lost_after"), look_ups=("5xx",), reads=("5xx",)),
        Kind("disconnect", writes=("raises_before", "raises_after")),
        Kind("slow reply", writes=("slow",)),
        Kind("rate limit", writes=("rate_limited",)),
        Kind("partial fill", options={"depth": "20"}),
        Kind("order vanishes", writes=("vanished",), accounts=("slices", "busy")),
        Kind("cancelled by the venue", writes=("cancelled",)),
        Kind("others trade", writes=("traded",)),
        Kind("clock jumps", writes=("jumped",)),
        Kind("disk full", "disk full"),
        Kind("read-only folder", "read-only"),
        Kind("corrupted journal", "corrupted"),
        Kind("two writers", "writers", accounts=("slices",)),
        Kind("two at once", "race"),
        Kind("all of it", "random", EVERYTHING, ("5xx",), ("5xx",)),
    )
}

Draw = Callable[[Random], Record]
