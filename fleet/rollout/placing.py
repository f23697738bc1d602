"""In which order accounts get a new policy: the same whoever asks, by chance, and spread over the venues. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from decimal import ROUND_CEILING, Decimal


def in_order(accounts: Iterable[tuple[str, str]], salt: str) -> list[str]:
    """Put accounts, each with its venue, in the order in which they move.

    Any part from the front has of each venue nearly the share that all have; which accounts of a venue come first is
    told by a hash with ``salt``, so that another rollout begins with others.
    """
    by_venue: dict[str, list[tuple[str, str]]] = {}
    for account, venue in accounts:
        by_venue.setdefault(venue, []).append((_chance(salt, account), account))
    placed = [
        ((rank + 0.5) / len(members), chance, account)
        for members in by_venue.values()
        for rank, (chance, account) in enumerate(sorted(members))
    ]
    return [account for *_, account in sorted(placed)]


def size_of(share: Decimal, accounts: int) -> int:
    """Return how many accounts a share is, rounded up."""
    return int((share * accounts).to_integral_value(ROUND_CEILING))


def _chance(salt: str, account: str) -> str:
    return hashlib.sha256(f"{salt}:{account}".encode()).hexdigest()
