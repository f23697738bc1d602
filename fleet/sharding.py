"""Which accounts are worked on together: shards of one venue and one egress, pure and the same at every look.

The limits of a venue count by key and by the address that requests leave from, so a shard has one of each. An account
stays in its shard as long as it can: shards are the unit that workers take, and what they know of it stays warm.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

USUAL_SIZE = 150


@dataclass(frozen=True, slots=True, order=True)
class Lane:
    """What the accounts of a shard have in common: their venue, and the egress that their requests leave by."""

    venue: str
    egress: str = ""


@dataclass(frozen=True, slots=True)
class Member:
    """An account, its lane, and the shard that it is in; None where it is in none yet."""

    account: str
    lane: Lane
    shard: int | None = None


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many accounts a shard has: ``usual`` is how far it is filled; rebalancing keeps it in least to most."""

    usual: int = USUAL_SIZE

    @property
    def least(self) -> int:
        """With fewer than two thirds of the usual a shard is joined with others."""
        return self.usual * 2 // 3

    @property
    def most(self) -> int:
        """With more than four thirds of the usual a shard is split."""
        return self.usual * 4 // 3


@dataclass(slots=True)
class Moves:
    """Shards to open, and the shard that each account goes to that is in another one, or in none."""

    opened: dict[int, Lane] = field(default_factory=dict)
    placed: dict[str, int] = field(default_factory=dict)


def assign(members: Iterable[Member], shards: Mapping[int, Lane], sizes: Sizes = Sizes()) -> Moves:
    """Place the accounts that are in no shard of their lane; no other one moves.

    They fill the shards of their lane in the order of the numbers, up to the usual size, then new ones.
    """
    counts = dict.fromkeys(shards, 0)
    homeless: dict[Lane, list[str]] = defaultdict(list)
    for member in members:
        if member.shard is not None and shards.get(member.shard) == member.lane:
            counts[member.shard] += 1
        else:
            homeless[member.lane].append(member.account)
    moves = Moves()
    for lane in sorted(homeless):
        accounts = iter(sorted(homeless[lane]))
        places = {number: counts[number] for number in sorted(shards) if shards[number] == lane}
        _fill(moves, places, sizes.usual, accounts)
        left = list(accounts)
        for start in range(0, len(left), sizes.usual):
            number = _open(moves, shards, lane)
            moves.placed.update(dict.fromkeys(left[start : start + sizes.usual], number))
    return moves


def rebalance(members: Iterable[Member], shards: Mapping[int, Lane], sizes: Sizes = Sizes()) -> Moves:
    """Bring all shards between their least and most size with the fewest moves that do; empty ones may stay.

    A lane with less than the least has all its accounts in one shard. Accounts in no shard are placed as well.
    """
    lanes: dict[Lane, _Lane] = defaultdict(_Lane)
    for number in sorted(shards):
        lanes[shards[number]].held[number] = []
    where: dict[str, int | None] = {}
    for member in sorted(members, key=lambda one: one.account):
        where[member.account] = member.shard
        lane = lanes[member.lane]
        lane.held.get(member.shard if member.shard is not None else -1, lane.leaving).append(member.account)
    moves = Moves()
    for name in sorted(lanes):
        _level(moves, shards, name, lanes[name], sizes)
    moves.placed = {account: number for account, number in moves.placed.items() if where[account] != number}
    return moves


@dataclass(slots=True)
class _Lane:
    """The accounts of a lane by the shard that they are in, and those that leave theirs or have none."""

    held: dict[int, list[str]] = field(default_factory=dict)
    leaving: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        return sum(map(len, self.held.values())) + len(self.leaving)

    def release(self, number: int, stay: int) -> None:
        """Let the accounts of a shard leave it, but for the first so many."""
        self.leaving += self.held[number][stay:]
        del self.held[number][stay:]


def _level(moves: Moves, shards: Mapping[int, Lane], name: Lane, lane: _Lane, sizes: Sizes) -> None:
    """Choose which shards of a lane are kept, and move what those have too much, and all of the others."""
    total = lane.total
    if total == 0:
        return
    least = min(sizes.least, total)
    by_size = sorted(lane.held, key=lambda number: (-len(lane.held[number]), number))
    count = _best_count([len(lane.held[number]) for number in by_size], len(lane.leaving), sizes)
    kept = by_size[:count]
    for number in by_size[count:]:
        lane.release(number, 0)
    for _ in range(count - len(by_size)):
        kept.append(_open(moves, shards, name))
        lane.held[kept[-1]] = []
    for number in kept:
        lane.release(number, sizes.most)
    wanting = sum(max(0, least - len(lane.held[number])) for number in kept)
    for number in kept:  # the largest first
        spare = min(wanting - len(lane.leaving), len(lane.held[number]) - least)
        lane.release(number, len(lane.held[number]) - max(0, spare))
    accounts, places = iter(sorted(lane.leaving)), {number: len(lane.held[number]) for number in sorted(kept)}
    for target in (least, sizes.usual, sizes.most):
        _fill(moves, places, target, accounts)


def _best_count(counts: Sequence[int], loose: int, sizes: Sizes) -> int:
    """Return how many shards cost the fewest moves; ``counts`` are the sizes now, the largest first.

    ``loose`` counts the accounts that are in none, and move anyway.

    With more shards fewer accounts have to leave theirs, and more are wanted elsewhere; the best is where these meet.
    """
    total = sum(counts) + loose
    fewest, least = -(-total // sizes.most), min(sizes.least, total)
    most = max(fewest, total // max(1, sizes.least))

    def leaving(number: int) -> int:
        return loose + sum(counts[number:]) + sum(max(0, count - sizes.most) for count in counts[:number])

    def wanted(number: int) -> int:
        short = sum(max(0, least - count) for count in counts[:number])
        return short + least * max(0, number - len(counts))

    met = bisect_left(range(fewest, most), x=True, key=lambda number: wanted(number) >= leaving(number)) + fewest
    near = [number for number in (met - 1, met) if number >= fewest]
    return min(near, key=lambda number: (max(leaving(number), wanted(number)), number))


def _fill(moves: Moves, places: dict[int, int], target: int, accounts: Iterator[str]) -> None:
    """Put accounts into shards in order until each has so many; ``places`` counts what each has."""
    for number, count in places.items():
        for account in islice(accounts, max(0, target - count)):
            moves.placed[account] = number
            places[number] += 1


def _open(moves: Moves, shards: Mapping[int, Lane], lane: Lane) -> int:
    """Open a shard for a lane, with the next number; numbers are never used again."""
    number = max((*shards, *moves.opened), default=0) + 1
    moves.opened[number] = lane
    return number
