"""How much of each position of a pair goes, so that the net exposure never grows.

Both sides go in the same share. Where the steps of the venues do not allow that exactly, a little less goes of the side
that would leave the other one naked: with N the net exposure before and d what it is lowered by, N - d stays between N
and -N. For an inverse contract, whose size in units of the asset moves with its price, one step of it is let pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction

from msgspec import Struct

from exitplan.ruleset.groups.holdings import PositionKey
from exitplan.ruleset.model.values import EXACT, ZERO, ceil_to_step, floor_to_step

_MOST_CUTS = 1_000
_NONE, _ALL = Fraction(0), Fraction(1)


class Stake(Struct, frozen=True, gc=False):
    """One position of a pair as its sizing sees it, in the position's units.

    ``unit`` is how much of the asset one is, less than nothing for a short. ``own`` is what goes at least by the wish
    that started it, ``most`` what could go now. ``takes`` says whether the venue takes an order of a quantity, and
    ``leaves`` whether what is then left could be sold later. ``slack`` is what is let pass of its own size.
    """

    name: PositionKey
    unit: Decimal
    held: Decimal
    step: Decimal
    own: Decimal
    most: Decimal
    takes: Callable[[Decimal], bool]
    leaves: Callable[[Decimal], bool]
    slack: Decimal = ZERO

    def base(self, quantity: Decimal) -> Decimal:
        """Turn a quantity into units of the asset, without sign."""
        return quantity * abs(self.unit)

    def part(self, share: Fraction) -> Decimal:
        """Return this share of it on the step: never less than its own wish, never more than could go."""
        steps = Fraction(self.held) * share // Fraction(self.step)
        return min(max(steps * self.step, self.own), self.most)


class Sizes(Struct, frozen=True, gc=False):
    """What goes of each position of a pair, and the part of both sides that this is; 1 is everything."""

    share: Fraction
    quantities: Mapping[PositionKey, Decimal]


def size_pair(stakes: Sequence[Stake]) -> Sizes | None:
    """Size a pair by the largest share that one side is to go in; everything where a slice is too small for a venue.

    None where no sizes leave the net exposure as small as it is.
    """
    longs, shorts = _sides(stakes)
    share = max(_own_share(longs), _own_share(shorts))
    for level in dict.fromkeys((min(share, _ALL), _ALL)):
        quantities = _sized(longs, level) | _sized(shorts, level)
        if _trim(longs, shorts, quantities) and _is_taken(longs, shorts, quantities, level):
            return Sizes(level, quantities)
    return None


def _sides(stakes: Sequence[Stake]) -> tuple[list[Stake], list[Stake]]:
    return [one for one in stakes if one.unit > 0], [one for one in stakes if one.unit < 0]


def _own_share(side: Sequence[Stake]) -> Fraction:
    held = sum((one.base(one.held) for one in side), ZERO)
    own = sum((one.base(one.own) for one in side), ZERO)
    return Fraction(own) / Fraction(held) if held > 0 else _NONE


def _sized(side: Sequence[Stake], share: Fraction) -> dict[PositionKey, Decimal]:
    """Give each position of a side at least its own wish, and the rest of the side's share in equal parts."""
    level = _level(side, share)
    return {one.name: one.part(level) for one in side}


def _level(side: Sequence[Stake], share: Fraction) -> Fraction:
    """Find the part of each position that goes where those that want more than it keep their wish."""
    wanted = share * Fraction(sum((one.base(one.held) for one in side), ZERO))
    rest = list(side)
    while True:
        held = Fraction(sum((one.base(one.held) for one in rest), ZERO))
        level = max(wanted, _NONE) / held if held > 0 else _NONE
        above = [one for one in rest if Fraction(one.own) > level * Fraction(one.held)]
        if not above:
            return min(level, _ALL)
        wanted -= Fraction(sum((one.base(one.own) for one in above), ZERO))
        rest = [one for one in rest if one not in above]


def _trim(longs: Sequence[Stake], shorts: Sequence[Stake], quantities: dict[PositionKey, Decimal]) -> bool:
    """Take away from the side that goes too far until the net exposure does not grow; False where that never ends."""
    net = _total(longs, {one.name: one.held for one in longs}) - _total(shorts, {one.name: one.held for one in shorts})
    slack = max((one.slack for one in (*longs, *shorts)), default=ZERO)
    low, high = min(2 * net, ZERO) - slack, max(2 * net, ZERO) + slack
    for _ in range(_MOST_CUTS):
        lowered = _total(longs, quantities) - _total(shorts, quantities)
        if low <= lowered <= high:
            return True
        side, excess = (longs, lowered - high) if lowered > high else (shorts, low - lowered)
        finest = min((one for one in side if quantities[one.name] > 0), key=lambda one: (one.base(one.step), one.name))
        cut = ceil_to_step(EXACT.divide(excess, abs(finest.unit)), finest.step)
        quantities[finest.name] = max(floor_to_step(quantities[finest.name] - cut, finest.step), ZERO)
    return False


def _total(side: Sequence[Stake], quantities: Mapping[PositionKey, Decimal]) -> Decimal:
    return sum((one.base(quantities[one.name]) for one in side), ZERO)


def _is_taken(
    longs: Sequence[Stake], shorts: Sequence[Stake], quantities: Mapping[PositionKey, Decimal], level: Fraction
) -> bool:
    """Check that both sides go, and that the venues take what goes and, of a slice, what is left."""
    for one in (*longs, *shorts):
        quantity = quantities[one.name]
        if quantity > 0 and not one.takes(quantity):
            return False
        if level < 1 and not one.leaves(quantity):
            return False
    return all(any(quantities[one.name] > 0 for one in side) for side in (longs, shorts))
