"""Find the hedged pairs of a group: long and short positions of one asset, large enough against each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

from msgspec import Struct

from exitplan.ruleset.groups.group_plan import GroupWarning
from exitplan.ruleset.groups.group_policy import GroupPolicy, PositionName
from exitplan.ruleset.groups.holdings import GroupPosition, PositionKey
from exitplan.ruleset.language.reasons import percent_text
from exitplan.ruleset.model.snapshot import position_key
from exitplan.ruleset.model.values import EXACT, ZERO


class Pair(Struct, frozen=True, dict=True):
    """The positions of one hedge, both sides of it; ``name`` tells it from the other pairs of a group."""

    name: str
    positions: tuple[GroupPosition, ...]

    @property
    def asset(self) -> str:
        """The asset that it is about."""
        return self.positions[0].asset

    @cached_property
    def keys(self) -> frozenset[PositionKey]:
        """The names of its positions."""
        return frozenset(position.name for position in self.positions)


def find_pairs(policy: GroupPolicy, positions: Sequence[GroupPosition]) -> tuple[list[Pair], list[GroupWarning]]:
    """Find the pairs by the group's rule, and what looks like one and is none."""
    candidates: list[Pair] = []
    warnings: list[GroupWarning] = []
    if policy.pairs.find == "listed":
        held = {position.name: position for position in positions}
        for names in policy.pairs.listed:
            warnings.extend(_missing(name) for name in names if _key_of(name) not in held)
            there = tuple(held[_key_of(name)] for name in names if _key_of(name) in held)
            if there:
                candidates.append(Pair(" and ".join(f"{one.symbol} at {one.account}" for one in names), there))
    else:
        assets = sorted({position.asset for position in positions})
        candidates = [Pair(asset, tuple(one for one in positions if one.asset == asset)) for asset in assets]
    pairs = []
    for pair in candidates:
        if _has_two_sides(pair):
            uneven = _unevenness(policy, pair)
            if uneven is None:
                pairs.append(pair)
            else:
                warnings.append(uneven)
    return pairs, warnings


def _key_of(name: PositionName) -> PositionKey:
    return name.account, position_key(name.symbol, name.side)


def _missing(name: PositionName) -> GroupWarning:
    text = f"the policy lists {name.symbol} {name.side} at {name.account}, and it is not held there"
    return GroupWarning("matches-nothing", name.symbol, text)


def _has_two_sides(pair: Pair) -> bool:
    """Check for long and short positions; one whose size takes a price that is not there goes by its side."""
    return len(set(_signs(pair))) > 1


def _signs(pair: Pair) -> Iterator[bool]:
    for position in pair.positions:
        base = position.base
        if base is None:
            yield position.view.position.side == "long"
        elif base != 0:
            yield base > 0


def _unevenness(policy: GroupPolicy, pair: Pair) -> GroupWarning | None:
    """Say why two sides are too unequal to be a pair; one whose size is not known is taken for one, and so held."""
    bases = [position.base for position in pair.positions]
    known = [base for base in bases if base is not None]
    if len(known) < len(bases):
        return None
    long = sum((base for base in known if base > 0), ZERO)
    short = -sum((base for base in known if base < 0), ZERO)
    smaller, larger = sorted((long, short))
    if smaller >= policy.pairs.min_ratio * larger:
        return None
    share = percent_text(EXACT.divide(smaller, larger))
    text = (
        f"{pair.asset} is held long and short, but the smaller side is {share} of the larger, below "
        f"{percent_text(policy.pairs.min_ratio)}: no pair, each goes its own way"
    )
    return GroupWarning("partly-hedged", pair.asset, text)
