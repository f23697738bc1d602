"""What the group itself wants to go: positions and pairs above its cap, and those that are dust for all of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal

from msgspec import Struct

from exitplan.ruleset.groups.group_policy import GroupPolicy, GroupRank
from exitplan.ruleset.groups.holdings import GroupPosition, Member, PositionKey
from exitplan.ruleset.groups.pairs import Pair
from exitplan.ruleset.language.policy import Policy
from exitplan.ruleset.language.reasons import money_text
from exitplan.ruleset.model.fact_registry import Category
from exitplan.ruleset.model.values import ONE, ZERO, floor_to_step
from exitplan.ruleset.planning.classify import is_counted
from exitplan.ruleset.planning.group_orders import GroupRule

Earlier = Mapping[PositionKey, GroupRule]
"""What a plan that is looked at again has chosen by the group's own rules."""

NOTHING: Earlier = {}

_CHOSEN = (Category.LEGACY_NON_COMPLIANT, Category.STRATEGY_ALIGNED)


class Wish(Struct, frozen=True, gc=False):
    """What the group wants of a position: by which of its rules, and why."""

    rule: GroupRule
    because: str


class Unit(Struct, frozen=True, gc=False):
    """What the group counts and closes as one: a pair, or a position that is in none."""

    positions: tuple[GroupPosition, ...]
    is_pair: bool

    @property
    def asset(self) -> str:
        """The asset of all of its positions."""
        return self.positions[0].asset

    @property
    def value(self) -> Decimal | None:
        """What both sides are worth, in the group's quote; None where one has no price."""
        values = [position.value for position in self.positions]
        known = [value for value in values if value is not None]
        return sum(known, ZERO) if len(known) == len(values) else None

    @property
    def can_go(self) -> bool:
        """Check that a wish of the group may touch it: all of it is judged, priced, sellable and not protected."""
        return self.value is not None and all(
            not position.decision.is_protected
            and not position.decision.is_deferred
            and bool(position.view.facts["sellable"])
            for position in self.positions
        )

    def goes(self, policy: GroupPolicy) -> bool:
        """Check whether it goes anyway by the accounts' own policies: a pair as soon as one side does, unless kept."""
        closed = [_is_closed(position) for position in self.positions]
        return all(closed) if policy.hedged == "keep" else any(closed)


class Nets(Struct, frozen=True, gc=False):
    """The net exposure by asset as it would be after all that is chosen so far; None where it cannot be told."""

    by_asset: dict[str, Decimal | None]

    @classmethod
    def of(cls, units: Sequence[Unit]) -> Nets:
        """Begin with what the accounts' own policies leave."""
        by_asset: dict[str, Decimal | None] = {}
        for position in (position for unit in units for position in unit.positions):
            so_far = by_asset.get(position.asset, ZERO)
            left = position.view.held - position.sold
            by_asset[position.asset] = (
                None if so_far is None or position.unit is None else so_far + left * position.unit
            )
        return cls(by_asset)

    def allowed(self, units: Iterable[Unit]) -> Iterator[Unit]:
        """Yield those that may go, in this order, as they are counted as gone.

        One that may not is tried again as soon as another of its asset has gone: so whoever is asked once more, for
        those that were taken before any others, takes the same.
        """
        waiting = deque(units)
        passed_over: dict[str, list[Unit]] = {}
        while waiting:
            unit = waiting.popleft()
            if self._allows(unit):
                yield unit
                waiting.extendleft(reversed(passed_over.pop(unit.asset, [])))
            else:
                passed_over.setdefault(unit.asset, []).append(unit)

    def _allows(self, unit: Unit) -> bool:
        """Check that a unit may go without a larger net exposure, and count it as gone; a pair is sized so that it may.

        The group's own wish is never a reason to take the smaller side away.
        """
        if unit.is_pair:
            return True
        (position,) = unit.positions
        net = self.by_asset[position.asset]
        if net is None or position.unit is None:
            return False
        after = net - (position.view.held - position.sold) * position.unit
        if abs(after) > abs(net):
            return False
        self.by_asset[position.asset] = after
        return True


def units_of(positions: Sequence[GroupPosition], pairs: Sequence[Pair]) -> list[Unit]:
    """List what the group counts, pairs first."""
    paired = frozenset[PositionKey]().union(*(pair.keys for pair in pairs))
    alone = [Unit((position,), is_pair=False) for position in positions if position.name not in paired]
    return [Unit(pair.positions, is_pair=True) for pair in pairs] + alone


def find_wishes(
    policy: GroupPolicy, members: Mapping[str, Member], units: Sequence[Unit], earlier: Earlier
) -> dict[PositionKey, Wish]:
    """Find what the group's cap and dust want to go, by position.

    ``earlier`` is what a plan that is looked at again has chosen: what it took as above the cap goes first, and what it
    took as dust may stand above the threshold by the tolerated move of a price.
    """
    nets = Nets.of(units)
    dusty = list(nets.allowed(unit for unit in units if _is_dust(policy, members, unit, earlier)))
    wishes = {position.name: _dust_wish(policy, unit) for unit in dusty for position in unit.positions}
    for unit in _over_cap(policy, members, [unit for unit in units if unit not in dusty], earlier, nets):
        why = f"the group holds more than its cap of {policy.cap.max_positions}"
        wishes |= {position.name: Wish("group.over-cap", why) for position in unit.positions}
    return wishes


def _is_dust(policy: GroupPolicy, members: Mapping[str, Member], unit: Unit, earlier: Earlier) -> bool:
    value = unit.value
    if policy.dust_value is None or value is None or not unit.can_go:
        return False
    if any(position.view.price.basis == "one_side" for position in unit.positions):
        return False
    moves = [_move_of(members, position) for position in unit.positions if earlier.get(position.name) == "group.dust"]
    return value < policy.dust_value * (ONE + max(moves, default=ZERO))


def _move_of(members: Mapping[str, Member], position: GroupPosition) -> Decimal:
    return members[position.account].given.rulebook.policy.guards["max_price_move_pct"]


def _dust_wish(policy: GroupPolicy, unit: Unit) -> Wish:
    both = "both sides together are" if unit.is_pair else "it is"
    threshold = money_text(policy.dust_value or ZERO)
    worth = money_text(unit.value or ZERO)
    return Wish("group.dust", f"{both} worth {worth} {policy.quote} in the group, dust below {threshold}")


def _over_cap(
    policy: GroupPolicy,
    members: Mapping[str, Member],
    units: Sequence[Unit],
    earlier: Earlier,
    nets: Nets,
) -> list[Unit]:
    """Choose what is above the cap; nothing while the price of any position could not be asked for.

    What the accounts' own policies close is as good as gone.
    """
    most = policy.cap.max_positions
    if most is None:
        return []
    counted = [unit for unit in units if not unit.goes(policy) and _is_counted(members, unit)]
    excess = sum(_weight(policy, unit) for unit in counted) - most
    unread = [one for unit in units for one in unit.positions if one.decision.is_deferred]
    if excess <= 0 or not all(one.decision.is_implausible or one.decision.is_protected for one in unread):
        return []
    able = [unit for unit in counted if unit.can_go and all(one.decision.category in _CHOSEN for one in unit.positions)]
    chosen: list[Unit] = []
    for unit in nets.allowed(sorted(able, key=lambda one: _rank(policy, one, earlier))):
        chosen.append(unit)
        excess -= _weight(policy, unit)
        if excess <= 0:
            break
    return chosen


def _weight(policy: GroupPolicy, unit: Unit) -> int:
    return policy.cap.pair_counts_as if unit.is_pair else 1


def _is_counted(members: Mapping[str, Member], unit: Unit) -> bool:
    """Check whether the accounts' own caps would count any of it."""
    return any(_counts(members[position.account].given.rulebook.policy, position) for position in unit.positions)


def _counts(own_policy: Policy, position: GroupPosition) -> bool:
    return is_counted(position.decision, own_policy, lambda _: position.own)


def _is_closed(position: GroupPosition) -> bool:
    sold = position.sold
    return sold > 0 and floor_to_step(position.view.held - sold, position.view.amount_step) <= 0


def _rank(policy: GroupPolicy, unit: Unit, earlier: Earlier) -> tuple[object, ...]:
    is_preferred = all(earlier.get(position.name) == "group.over-cap" for position in unit.positions)
    classes = min(_CHOSEN.index(position.decision.category) for position in unit.positions)
    ranks = tuple(_rank_by(name, unit) for name in policy.cap.rank_by)
    return (not is_preferred, classes, *ranks, tuple(sorted(position.name for position in unit.positions)))


def _rank_by(name: GroupRank, unit: Unit) -> Decimal | int:
    if name == "value":
        return unit.value or ZERO
    return -max(int(position.view.facts.get("age_minutes", 0)) for position in unit.positions)
