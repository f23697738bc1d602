"""The kinds of experiment: what goes wrong on the wire, and how the process dies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import Literal

from tests.chaos.wire import Record

PAPER = "paper"
LIVE = ("kraken", "coinbase", "binance", "bybit")
POSTGRES = "postgres"
"""The paper venue, with the account kept in Postgres."""
PLAYED = ("slices", "busy", "stops", "grouped")
"""The accounts that can be at any venue."""
PLAYED_AT: Mapping[str, tuple[str, ...]] = {
    PAPER: ("ahead",),
    POSTGRES: ("ahead",),
    "binance": ("hedged",),
    "bybit": ("hedged",),
}
"""Those that can be only where contracts are traded, or where a venue's manners are ours to choose."""

Death = Literal["point", "twice", "random", "disk full", "read-only", "corrupted", "writers", "race", "disturbed"]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of experiment.

    ``writes``, ``look_ups`` and ``reads`` are what may go wrong with each, drawn anew for every experiment; the process
    dies as ``death`` says. ``accounts`` and ``venues`` are those it is played with.
    """

    name: str
    death: Death = "point"
    writes: tuple[str, ...] = ()
    look_ups: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    options: Mapping[str, object] = field(default_factory=dict)
    accounts: tuple[str, ...] = PLAYED
    venues: tuple[str, ...] = (PAPER, *LIVE)

    def accounts_at(self, venue: str) -> tuple[str, ...]:
        """Name the accounts that it is played with at a venue; what is about any account takes those of its own too."""
        return accounts_at(venue) if self.accounts == PLAYED else self.accounts

    def troubles(self, chance: Random) -> Record:
        """Draw what goes wrong."""
        return Record(
            writes=_drawn(self.writes, chance, 6),
            look_ups=_drawn(self.look_ups, chance, 3),
            reads=_drawn(self.reads, chance, 8),
        )


def accounts_at(venue: str) -> tuple[str, ...]:
    """Name the accounts that are played at a venue."""
    return (*PLAYED, *PLAYED_AT.get(venue, ()))


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
        Kind("late execution", writes=("late",), accounts=("slices", "grouped", "ahead")),
        Kind("duplicate delivery", writes=("doubled",), options={"unique_client_order_ids": "ever"}),
        Kind("5xx", writes=("lost_before", "lost_after"), look_ups=("5xx",), reads=("5xx",)),
        Kind("disconnect", writes=("raises_before", "raises_after")),
        Kind("slow reply", writes=("slow",)),
        Kind("rate limit", writes=("rate_limited", "busy")),
        Kind("partial fill", options={"depth": "20"}),
        Kind("order vanishes", writes=("vanished",), accounts=("slices", "busy", "grouped", "ahead")),
        Kind("cancelled by the venue", writes=("cancelled",)),
        Kind("others trade", writes=("traded",)),
        Kind("clock jumps", writes=("jumped",)),
        Kind("disk full", "disk full"),
        Kind("read-only folder", "read-only"),
        Kind("corrupted journal", "corrupted"),
        Kind("two writers", "writers", accounts=("slices", "grouped", "ahead")),
        Kind("two at once", "race"),
        Kind("all of it", "random", EVERYTHING, ("5xx",), ("5xx",)),
    )
}

_BROKEN = ("lost_before", "lost_after")
_SERVER_ERRORS = ("error_before", "error_after", "bad_gateway", "gateway_timeout")
_GARBLED = ("html", "empty", "bare", "cut")
_TROUBLES = ("error_before", "lost_before", "rate_limited", *_GARBLED)
_MIXED = (*_BROKEN, *_SERVER_ERRORS, *_GARBLED, "rate_limited", "late", "slow", "partial", "open_first")

OVER_HTTP: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("killed at every point"),
        Kind("killed twice", "twice"),
        Kind("killed at any moment", "random"),
        Kind("two writers", "writers", accounts=("slices", "grouped")),
        Kind("two at once", "race"),
        Kind("connection lost", writes=_BROKEN, look_ups=_BROKEN, reads=_BROKEN),
        Kind("garbled reply", writes=(*_GARBLED, "unexecuted")),
        Kind("garbled answer", writes=_BROKEN, look_ups=_GARBLED, reads=_GARBLED),
        Kind("5xx", writes=_SERVER_ERRORS, look_ups=("error_before",), reads=("error_before",)),
        Kind("429", writes=("rate_limited",), look_ups=("rate_limited",), reads=("rate_limited",)),
        Kind("late execution", writes=("late", "just_in_time", "too_late")),
        # At binance nothing tells a request that is delivered twice from two: it counts none, and ids are free again.
        Kind("duplicate delivery", writes=("redelivered",), venues=("kraken", "coinbase", "bybit")),
        Kind("id in use", writes=("duplicate",), accounts=("slices", "grouped"), venues=("kraken", "binance", "bybit")),
        Kind("refused", writes=("refused",)),
        Kind("answered unclearly", writes=("submitted", "broke_inside", "timed_out_inside"), venues=("bybit",)),
        Kind("partial fill", writes=("partial", "cancelled")),
        Kind("told as open first", writes=("open_first",)),
        Kind("order vanishes", writes=("vanished",), accounts=("slices", "busy", "grouped")),
        Kind("slow reply", writes=("slow", "stuck"), look_ups=("slow",), reads=("slow",)),
        Kind("timed out", writes=("timed_out", "held"), look_ups=("timed_out",), accounts=("slices", "busy")),
        Kind("cancel lingers", writes=("lingers",), accounts=("busy", "grouped")),
        Kind("others trade", writes=("traded",)),
        Kind(
            "all of it", "random", (*_MIXED, "vanished"), _TROUBLES, _TROUBLES, accounts=("slices", "busy", "grouped")
        ),
        # A stop that no list tells when it is asked for, past its window, leaves no trace at all.
        Kind("all of it, with stops", "random", _MIXED, _TROUBLES, _TROUBLES, accounts=("stops",)),
    )
}
"""What goes wrong with a live account over HTTP; ``Record`` names the faults of :mod:`tests.chaos.loopback`."""

_OF_FILES = frozenset({"disk full", "read-only", "corrupted"})
IN_POSTGRES: Mapping[str, Kind] = {
    **{name: replace(kind, venues=(POSTGRES,)) for name, kind in KINDS.items() if kind.death not in _OF_FILES},
    **{
        name: Kind(name, "disturbed", venues=(POSTGRES,), accounts=("slices", "grouped"))
        for name in (
            "server restarted",
            "server crashes",
            "server restarted at any moment",
            "sessions ended",
            "server paused",
            "network cut",
            "lease ends",
            "dies elsewhere",
        )
    },
}
"""What goes wrong with an account that is kept in Postgres; :mod:`tests.chaos.disturbances` does the last ones."""


def kinds_at(venue: str) -> Mapping[str, Kind]:
    """Give the kinds of experiment with accounts of a venue."""
    known = {PAPER: KINDS, POSTGRES: IN_POSTGRES}.get(venue, OVER_HTTP)
    return {name: kind for name, kind in known.items() if venue in kind.venues}


Draw = Callable[[Random], Record]
