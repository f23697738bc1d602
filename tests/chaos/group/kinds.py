"""What goes wrong at one of the two venues of a group."""

from __future__ import annotations

from collections.abc import Mapping

from tests.chaos.kinds import Kind

_BROKEN = ("lost_before", "lost_after")
_SERVER_ERRORS = ("error_before", "error_after", "bad_gateway", "gateway_timeout")
_GARBLED = ("html", "empty", "bare", "cut")

GROUP_KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("killed at every point"),
        Kind("connection lost", writes=_BROKEN, look_ups=_BROKEN, reads=_BROKEN),
        Kind("garbled reply", writes=(*_GARBLED, "unexecuted")),
        Kind("5xx", writes=_SERVER_ERRORS, look_ups=("error_before",), reads=("error_before",)),
        Kind("429", writes=("rate_limited",), reads=("rate_limited",)),
        Kind("late execution", writes=("late", "just_in_time", "too_late")),
        Kind("refused", writes=("refused",)),
        Kind("partial fill", writes=("partial", "cancelled")),
        Kind("order vanishes", writes=("vanished",)),
        Kind("slow reply", writes=("slow", "stuck"), reads=("slow",)),
        Kind(
            "all of it",
            writes=(*_BROKEN, *_SERVER_ERRORS, *_GARBLED, "late", "slow", "partial", "refused", "vanished"),
            look_ups=("error_before", "lost_before"),
            reads=("error_before", "lost_before"),
        ),
    )
}
"""Every kind is played with either venue, and processes die at points drawn anew each time."""
