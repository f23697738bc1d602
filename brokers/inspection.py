"""What may be asked of a venue before trouble: what the key may do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

READ, TRADE, SPOT, FUTURES, WITHDRAW = "read", "trade", "spot", "futures", "withdraw"
"""Rights that venues have in common; what else a key may do has the venue's word for it."""


@dataclass(frozen=True, slots=True)
class KeyRights:
    """What a key may do, and whether it can be used from certain addresses alone; None where the venue does not say."""

    rights: frozenset[str]
    is_bound: bool | None = None

    def unneeded(self, market_types: frozenset[str]) -> tuple[str, ...]:
        """Return what it may do that nobody who trades these kinds of markets needs, without to withdraw."""
        needed = {READ, TRADE, WITHDRAW, *([SPOT] if "spot" in market_types else [])}
        needed |= {FUTURES} if market_types - {"spot"} else set()
        return tuple(sorted(self.rights - needed))


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a venue has told; None is what it does not tell, ``problem`` why it could not be asked."""

    rights: KeyRights | None = None
    problem: str | None = None
    market_types: frozenset[str] = frozenset({"spot"})


@runtime_checkable
class Inspected(Protocol):
    """A broker of which these can be asked, once it has read the account."""

    def inspect(self) -> Inspection:
        """Ask the venue for the rights of the key; nothing is raised."""
        ...
