"""Decide again over a group: which bundles of a plan it would still close as they are, all its accounts read anew.

Each account judges its own actions, against a draft in which the group says what it says now: an action by one of the
group's rules is wanted only where the group, looking at all accounts, orders the same again. Here the legs come
together: a bundle goes only if each of its legs is still wanted, no other leg belongs to it, and what it sends does not
raise the net exposure. A file that somebody altered and hashed anew can so never close one side alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, localcontext
from typing import cast

from msgspec import Struct

from exitplan.ruleset.groups.group_plan import Bundle, GroupPlan
from exitplan.ruleset.groups.group_planner import DraftBundle, GroupDraft, plan_group
from exitplan.ruleset.groups.group_policy import GroupPolicy
from exitplan.ruleset.groups.holdings import Member, PositionKey, net_of, slack_of
from exitplan.ruleset.model.values import EXACT, ZERO, plain
from exitplan.ruleset.planning.group_orders import GroupOrder, GroupOrders, GroupRule
from exitplan.ruleset.planning.redecision import Judgement, Standing

Judgements = Mapping[str, Mapping[str, Judgement]]
"""What the accounts say of their actions: by account, then by action."""


class BundleJudgement(Struct, frozen=True, gc=False):
    """What becomes of a bundle: WANTED, DONE where all its legs are, else why not any of it is sent."""

    standing: Standing
    why: str = ""


def plan_group_again(policy: GroupPolicy, members: Mapping[str, Member], plan: GroupPlan) -> GroupDraft:
    """Plan a group anew for a plan that is about to be carried out.

    What the plan chose by the group's cap or dust is chosen again while it may be: it is enough that the cap is still
    exceeded, and dust may stand above its threshold by the tolerated move of a price.
    """
    chosen = {
        (leg.account, leg.key): cast("GroupRule", leg.rule)
        for bundle in plan.bundles
        for leg in bundle.legs
        if leg.rule in {"group.over-cap", "group.dust"}
    }
    return plan_group(policy, members, chosen)


def orders_of(plan: GroupPlan, account: str) -> GroupOrders:
    """Return what a plan itself says of an account, for a run that was begun and is gone on with.

    Of such a run the whole was decided when it was prepared, and its own orders have changed the accounts since: a side
    that is left has no other side any more.
    """
    found = plan.accounts[account]
    orders = {
        leg.key: GroupOrder(bundle.because, cast("GroupRule", leg.rule), found.steps.get(leg.key), leg.quantity)
        for bundle in plan.bundles
        for leg in bundle.legs
        if leg.account == account and leg.ground == "group"
    }
    return GroupOrders(plan.group.name, plan.group.sha256, orders)


def judge_bundles(plan: GroupPlan, fresh: GroupDraft, judgements: Judgements) -> dict[str, BundleJudgement]:
    """Judge every bundle of a plan; ``judgements`` are those of its accounts on the drafts of ``fresh``."""
    with localcontext(EXACT):
        return {bundle.id: _judge(plan, bundle, fresh, judgements) for bundle in plan.bundles}


def _judge(plan: GroupPlan, bundle: Bundle, fresh: GroupDraft, judgements: Judgements) -> BundleJudgement:
    told = [(leg, judgements[leg.account][action]) for leg in bundle.legs for action in leg.actions]
    if all(judgement.standing is Standing.DONE for _, judgement in told):
        return BundleJudgement(Standing.DONE, told[0][1].why)
    for leg, judgement in told:
        if judgement.standing is not Standing.WANTED:
            why = f"{leg.symbol} at {leg.account}: {judgement.standing}: {judgement.why}"
            return BundleJudgement(_worst(judgement), why)
    return _other_legs(bundle, fresh) or _rising(plan, bundle, fresh, judgements) or BundleJudgement(Standing.WANTED)


def _worst(judgement: Judgement) -> Standing:
    """Return how a bundle stands of which one leg is as judged: one that is done already leaves the rest stale."""
    return Standing.STALE if judgement.standing is Standing.DONE else judgement.standing


def _other_legs(bundle: Bundle, fresh: GroupDraft) -> BundleJudgement | None:
    """Say so where the group would now close other positions with those of a bundle, or keep them."""
    meant = {(leg.account, leg.key) for leg in bundle.legs}
    now = {one.name for again in fresh.bundles for one in again.positions if not meant.isdisjoint(_keys(again))}
    more, less = sorted(now - meant), sorted(meant - now)
    if more:
        return BundleJudgement(Standing.UNWANTED, f"{more[0][1]} at {more[0][0]} belongs to it now")
    if less:
        return BundleJudgement(Standing.UNWANTED, f"{less[0][1]} at {less[0][0]} belongs to it no more")
    return None


def _keys(bundle: DraftBundle) -> frozenset[PositionKey]:
    return frozenset(one.name for one in bundle.positions)


def _rising(plan: GroupPlan, bundle: Bundle, fresh: GroupDraft, judgements: Judgements) -> BundleJudgement | None:
    """Say so where what a bundle of several legs may send would leave more net exposure than there is now."""
    if not bundle.is_pair:
        return None
    names = {(leg.account, leg.key) for leg in bundle.legs}
    pairs = [again.pair for again in fresh.bundles if not names.isdisjoint(_keys(again))]
    positions = [one for pair in pairs for one in pair]
    slack = max((slack_of(one) for one in positions), default=ZERO)
    before, after = net_of(positions), net_of(positions, _sent(bundle, judgements, plan))
    if before is None or after is None or abs(after) > abs(before) + slack:
        said = "unknown" if before is None or after is None else f"{plain(after)} after {plain(before)}"
        return BundleJudgement(Standing.STALE, f"net {bundle.asset} would be {said}")
    return None


def _sent(bundle: Bundle, judgements: Judgements, plan: GroupPlan) -> dict[PositionKey, Decimal]:
    """Add up what the orders of a bundle may still sell of each position."""
    sent: dict[PositionKey, Decimal] = {}
    for leg in bundle.legs:
        for action in plan.accounts[leg.account].actions:
            if action.id in leg.actions:
                most = judgements[leg.account][action.id].most
                quantity = action.quantity if most is None else min(action.quantity, most)
                sent[leg.account, leg.key] = sent.get((leg.account, leg.key), ZERO) + quantity
    return sent
