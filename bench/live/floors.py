"""The fewest round trips, one after the other, that the work needs at a venue: times the latency, that is the floor.

What has to wait for an answer counts as a trip of its own; what may be asked at the same time counts once. Nothing is
taken off for how exitplan goes about it: no group that is settled before the next one, no second read to be safe.

Reading the account:

* coinbase, 1: balances, open orders, products and best prices at the same time.
* kraken, 3: private calls go in turn: balances, margin positions, open orders; the prices are asked for beside them.

A **plan** is one reading. **Applying** it, with ``n`` orders after ``c`` cancels, is

* a reading, to see that the account is still the one that the plan was made for;
* where there are cancels: ``ceil(c / batch)`` for them (100 at coinbase, 50 at kraken), and a reading, because what
  they free can only be sold once it is free. What they had filled is asked beside it at coinbase, and takes one trip
  more at kraken, where nothing private goes beside anything;
* the orders: ``ceil(n / 20)`` at coinbase, where 20 go side by side (a burst is 30); ``n`` at kraken, in turn;
* one trip to ask what all of them have filled, since no reply to an order says it; at kraken one for each 50;
* a reading, for the verification: it has to come after the fills.

Not in the floor, and so a cost: computing, the disk, and what the venue needs to answer. Rate limits are switched off
(:mod:`bench.live.account`), and connections are open before the clock starts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

MOST_CALLS_OF_A_PLAN = 5
"""The aim, whatever the number of positions."""
MOST_TIMES_THE_FLOOR = 1.5
"""The aim for the wall time."""


@dataclass(frozen=True, slots=True)
class Manners:
    """What a venue does at once: trips of a reading, cancels per call, orders side by side, orders per look-up."""

    reading: int
    cancels: int
    orders: int
    asked: int
    serialize_private: bool


MANNERS: Mapping[str, Manners] = {
    "kraken": Manners(reading=3, cancels=50, orders=1, asked=50, serialize_private=True),
    "coinbase": Manners(reading=1, cancels=100, orders=20, asked=100, serialize_private=False),
}


def trips(venue: str, phase: str, orders: int, cancels: int) -> int:
    """Return the fewest round trips of a phase, ``plan`` or ``apply``, one after the other."""
    manners = MANNERS[venue]
    if phase == "plan":
        return manners.reading
    needed = 2 * manners.reading
    if cancels:
        needed += ceil(cancels / manners.cancels) + manners.reading
        needed += ceil(cancels / manners.asked) if manners.serialize_private else 0
    return needed + ceil(orders / manners.orders) + (ceil(orders / manners.asked) if manners.serialize_private else 1)
