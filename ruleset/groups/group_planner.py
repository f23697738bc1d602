"""Plan for a group: each account by its own policy first, then what the group says of pairs, its cap and its dust.

What comes out are the drafts of ordinary plans. An account of which the group says nothing keeps its own, to the byte.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, localcontext
from functools import cached_property

from msgspec import Struct, field
from msgspec.structs import replace

from exitplan.ruleset.groups.group_guards import judge_group
from exitplan.ruleset.groups.group_plan import Exposure, GroupWarning, HeldPair
from exitplan.ruleset.groups.group_policy import GroupPolicy
from exitplan.ruleset.groups.holdings import (
    GroupPosition,
    Member,
    PositionKey,
    exposures_of,
    holding_of,
    net_of,
    positions_of,
)
from exitplan.ruleset.groups.pair_orders import PairAnswer, PairQuestion, answer_pair
from exitplan.ruleset.groups.pairs import Pair, find_pairs
from exitplan.ruleset.groups.wishes import NOTHING, Earlier, Wish, find_wishes, units_of
from exitplan.ruleset.model.values import EXACT, ZERO, plain
from exitplan.ruleset.planning.actions import BLOCKED_REASONS
from exitplan.ruleset.planning.group_orders import GroupOrder, GroupOrders
from exitplan.ruleset.planning.guards import Verdict
from exitplan.ruleset.planning.planner import Draft, PlanInput, draft_plan

_MOST_BOUNDS = 3
"""How often the venues' own limits may make a pair smaller before it is left alone."""


class DraftBundle(Struct, frozen=True, gc=False):
    """Positions whose exits are done all or not at all, and why; ``pair`` has those of the pair that stay as well."""

    asset: str
    because: str
    positions: tuple[GroupPosition, ...]
    pair: tuple[GroupPosition, ...]


class GroupDraft(Struct, frozen=True, dict=True):
    """The plan of a group before it is written.

    ``drafts`` are those of its accounts, ``givens`` what they were made of: ``given.group`` holds what the group says.
    """

    policy: GroupPolicy
    members: Mapping[str, Member]
    givens: Mapping[str, PlanInput]
    drafts: Mapping[str, Draft]
    positions: tuple[GroupPosition, ...]
    bundles: tuple[DraftBundle, ...]
    held: tuple[HeldPair, ...]
    pairs: tuple[Pair, ...]
    guards: tuple[Verdict, ...]
    warnings: tuple[GroupWarning, ...]

    @cached_property
    def sold(self) -> Mapping[PositionKey, Decimal]:
        """What the plan takes of each position, in its units."""
        return _sold(self.drafts)

    @cached_property
    def exposures(self) -> tuple[Exposure, ...]:
        """What is held of each asset, now and after."""
        with localcontext(EXACT):
            paired = frozenset[PositionKey]().union(*(pair.keys for pair in self.pairs))
            return exposures_of(self.positions, paired, self.sold)


def plan_group(policy: GroupPolicy, members: Mapping[str, Member], earlier: Earlier = NOTHING) -> GroupDraft:
    """Plan for a group whose accounts were all read.

    ``earlier`` is what a plan that is looked at again has chosen by the group's own cap and dust.
    The order of the accounts makes no difference. Raises AccountUnreadable without a rate between two quotes, and
    EngineDisagreement.
    """
    with localcontext(EXACT):
        return _Planning.of(policy, {name: members[name] for name in sorted(members)}, earlier).planned()


class _Planning(Struct, frozen=True, dict=True):
    """One planning of a group.

    ``bounds`` are what the venues let go of single positions, ``refused`` pairs by name, ``withdrawn`` the positions of
    which the group wants nothing after all.
    """

    policy: GroupPolicy
    members: Mapping[str, Member]
    positions: tuple[GroupPosition, ...]
    pairs: tuple[Pair, ...]
    wishes: Mapping[PositionKey, Wish]
    warnings: tuple[GroupWarning, ...]
    bounds: dict[PositionKey, Decimal] = field(default_factory=dict)
    bounded: dict[str, int] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    withdrawn: set[PositionKey] = field(default_factory=set)

    @classmethod
    def of(cls, policy: GroupPolicy, members: Mapping[str, Member], earlier: Earlier) -> _Planning:
        positions = positions_of(policy, members)
        pairs, warnings = find_pairs(policy, positions)
        units = units_of(positions, [] if policy.hedged == "alone" else pairs)
        wishes = find_wishes(policy, members, units, earlier)
        return cls(policy, members, tuple(positions), tuple(pairs), wishes, tuple(warnings))

    def planned(self) -> GroupDraft:
        """Ask of every pair, draft, and look whether each goes as it was sized; what does not is bound, or stays."""
        while True:
            answers = self._answers()
            givens, drafts = self._drafts(answers)
            if not self._is_corrected(answers, drafts) and not self._is_withdrawn(drafts):
                return self._draft(answers, givens, drafts)

    def _answers(self) -> list[PairAnswer]:
        if self.policy.hedged == "alone":
            return []
        questions = [
            PairQuestion(self.policy, pair, self.members, self.wishes, self.bounds, self.refused.get(pair.name))
            for pair in self.pairs
        ]
        return [answer for question in questions if (answer := answer_pair(question)) is not None]

    def _drafts(self, answers: Sequence[PairAnswer]) -> tuple[dict[str, PlanInput], dict[str, Draft]]:
        """Draft anew the accounts of which the group says something."""
        orders: dict[str, dict[str, GroupOrder]] = {}
        for name, order in self._orders(answers).items():
            orders.setdefault(name[0], {})[name[1]] = order
        givens, drafts = {}, {}
        for account, member in self.members.items():
            givens[account], drafts[account] = member.given, member.own
            if account in orders:
                group = GroupOrders(self.policy.name, self.policy.sha256, orders[account])
                givens[account] = replace(member.given, group=group)
                drafts[account] = draft_plan(givens[account])
        return givens, drafts

    def _orders(self, answers: Sequence[PairAnswer]) -> dict[PositionKey, GroupOrder]:
        singles = {name: GroupOrder(wish.because, wish.rule) for name, wish in self._single_wishes().items()}
        return singles | {name: order for answer in answers for name, order in answer.orders.items()}

    def _single_wishes(self) -> dict[PositionKey, Wish]:
        """Return what the group wants of positions that are in no pair, in the order in which they were chosen."""
        pairs = () if self.policy.hedged == "alone" else self.pairs
        others = self.withdrawn.union(*(pair.keys for pair in pairs))
        return {name: wish for name, wish in self.wishes.items() if name not in others}

    def _is_withdrawn(self, drafts: Mapping[str, Draft]) -> bool:
        """Take back the last wish where less went than it counted on, so that the net exposure of its asset rises."""
        wishes = self._single_wishes()
        assets = {position.name: position.asset for position in self.positions}
        sold, own = _sold(drafts), _sold({name: member.own for name, member in self.members.items()})
        before = len(self.withdrawn)
        for asset in {assets[name] for name in wishes}:
            there = [position for position in self.positions if position.asset == asset]
            after, alone = net_of(there, sold), net_of(there, own)
            if after is None or alone is None or abs(after) > abs(alone):
                self.withdrawn.add([name for name in wishes if assets[name] == asset][-1])
        return len(self.withdrawn) > before

    def _is_corrected(self, answers: Sequence[PairAnswer], drafts: Mapping[str, Draft]) -> bool:
        """Bind or refuse the pairs that the drafts do not take as they were sized; False where all are."""
        sold = _sold(drafts)
        is_corrected = False
        for answer in answers:
            off = [name for name, wanted in answer.sizes.items() if sold.get(name, ZERO) != wanted]
            if off:
                self._correct(answer, off, sold, drafts)
                is_corrected = True
        return is_corrected

    def _correct(
        self,
        answer: PairAnswer,
        off: Sequence[PositionKey],
        sold: Mapping[PositionKey, Decimal],
        drafts: Mapping[str, Draft],
    ) -> None:
        pair = answer.pair
        self.bounded[pair.name] = self.bounded.get(pair.name, 0) + 1
        nothing = [name for name in off if not sold.get(name)]
        larger = [name for name in off if sold.get(name, ZERO) > answer.sizes[name]]
        if nothing or larger or self.bounded[pair.name] > _MOST_BOUNDS:
            self.refused[pair.name] = self._why_not(pair, (nothing or larger or off)[0], drafts)
            return
        self.bounds.update({name: sold[name] for name in off})

    def _why_not(self, pair: Pair, name: PositionKey, drafts: Mapping[str, Draft]) -> str:
        position = next(one for one in pair.positions if one.name == name)
        blocked = drafts[name[0]].exits[name[1]].blocked
        why = "its sale cannot be sized evenly" if blocked is None else BLOCKED_REASONS[blocked.reason]
        return f"{position.text}: {why}"

    def _draft(
        self, answers: Sequence[PairAnswer], givens: Mapping[str, PlanInput], drafts: Mapping[str, Draft]
    ) -> GroupDraft:
        sold = _sold(drafts)
        bundles = [*(_bundle(answer) for answer in answers if answer.sizes)]
        inside = {position.name for bundle in bundles for position in bundle.positions}
        alone = [one for one in self.positions if one.name in sold and one.name not in inside]
        bundles += [DraftBundle(one.asset, _because(drafts, one), (one,), (one,)) for one in alone]
        bundles.sort(key=lambda bundle: (len(bundle.positions) == 1, bundle.asset, bundle.positions[0].name))
        rates = {position.account: position.rate for position in self.positions}
        return GroupDraft(
            self.policy,
            self.members,
            givens,
            drafts,
            self.positions,
            tuple(bundles),
            tuple(_held(answer) for answer in answers if not answer.sizes),
            self.pairs,
            tuple(judge_group(self.policy, drafts, rates, [[one.name for one in each.positions] for each in bundles])),
            (*self.warnings, *self._further_warnings(sold)),
        )

    def _further_warnings(self, sold: Mapping[PositionKey, Decimal]) -> list[GroupWarning]:
        """Tell of assets whose net exposure grows by the accounts' own exits, or cannot be told."""
        warnings = []
        for asset in sorted({position.asset for position in self.positions}):
            there = [position for position in self.positions if position.asset == asset]
            before, after = net_of(there), net_of(there, sold)
            if before is None or after is None:
                blind = next(position for position in there if position.unit is None)
                warnings.append(
                    GroupWarning("no-price", asset, f"{blind.text} has no price: net of {asset} is unknown")
                )
            elif abs(after) > abs(before):
                text = f"net {asset} goes from {plain(before)} to {plain(after)} by exits of the accounts' own policies"
                warnings.append(GroupWarning("net-rises", asset, text))
        return warnings


def _bundle(answer: PairAnswer) -> DraftBundle:
    going = tuple(one for one in answer.pair.positions if answer.sizes.get(one.name))
    return DraftBundle(answer.pair.asset, answer.because, going, answer.pair.positions)


def _held(answer: PairAnswer) -> HeldPair:
    shown = tuple(holding_of(position, is_paired=True) for position in answer.pair.positions)
    return HeldPair(answer.pair.asset, answer.because, answer.wanted, shown)


def _because(drafts: Mapping[str, Draft], position: GroupPosition) -> str:
    actions = drafts[position.account].exits[position.decision.key].actions
    return next(action.because for action in actions if action.reduces)


def _sold(drafts: Mapping[str, Draft]) -> dict[PositionKey, Decimal]:
    """Add up what drafts sell, by position."""
    sold: dict[PositionKey, Decimal] = {}
    for account, draft in drafts.items():
        for action in draft.actions:
            if action.reduces:
                name = (account, action.key)
                sold[name] = sold.get(name, ZERO) + action.quantity
    return sold
