"""Laws of plans over several accounts."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, localcontext
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from exitplan.ruleset.groups.group_planner import plan_group
from exitplan.ruleset.groups.group_policy import GroupPolicy
from exitplan.ruleset.groups.holdings import Member, PositionKey, net_of
from exitplan.ruleset.groups.redecision import judge_bundles, plan_group_again
from exitplan.ruleset.groups.writing import ensure_partitioned, read_group_plan, write_group_plan
from exitplan.ruleset.model.values import EXACT, ZERO
from exitplan.ruleset.planning.exits import ExitContext
from exitplan.ruleset.planning.plan import write_plan
from exitplan.ruleset.planning.planner import Draft
from exitplan.ruleset.planning.redecision import Redecision, Standing
from tests.conftest import examples
from tests.ruleset.groups.group_builders import group_plan, group_policy, plans_of
from tests.ruleset.groups.groups_strategy import groups, policies

laws = examples(40)


def sold_by(drafts: Mapping[str, Draft]) -> dict[PositionKey, Decimal]:
    sold: dict[PositionKey, Decimal] = {}
    for name, draft in drafts.items():
        for action in draft.actions:
            if action.reduces:
                sold[name, action.key] = sold.get((name, action.key), ZERO) + action.quantity
    return sold


@laws
@given(policies(), groups())
def test_a_group_never_raises_the_net_exposure_of_an_asset(policy: GroupPolicy, those: Mapping[str, Member]) -> None:
    with localcontext(EXACT):
        draft = plan_group(policy, those)
        own = sold_by({name: one.own for name, one in those.items()})
        paired = {pair.asset for pair in draft.pairs} if policy.hedged != "alone" else set()

        for asset in {position.asset for position in draft.positions}:
            there = [position for position in draft.positions if position.asset == asset]
            before, after = net_of(there), net_of(there, draft.sold)
            alone = net_of(there, own)
            assert before is not None
            assert after is not None
            assert alone is not None
            assert abs(after) <= abs(before if asset in paired else alone)


@laws
@given(policies(), groups())
def test_a_pair_goes_on_both_sides_or_on_none(policy: GroupPolicy, those: Mapping[str, Member]) -> None:
    draft = plan_group(policy, those)

    if policy.hedged != "alone":
        for pair in draft.pairs:
            signs = {
                position.unit > 0 for position in pair.positions if position.unit and draft.sold.get(position.name)
            }
            assert len(signs) in {0, 2}


@laws
@given(groups())
def test_without_pairs_and_limits_the_accounts_keep_their_plans_to_the_byte(those: Mapping[str, Member]) -> None:
    plan = group_plan(group_policy(hedged="alone"), those)

    for name, one in those.items():
        assert plan.accounts[name].document == write_plan(one.given, one.own, {}).document


@laws
@given(policies(), groups())
def test_bundles_hold_every_sale_once(policy: GroupPolicy, those: Mapping[str, Member]) -> None:
    ensure_partitioned(group_plan(policy, those))


@laws
@given(policies(), groups(), st.randoms(use_true_random=False))
def test_the_order_of_the_accounts_makes_no_difference(
    policy: GroupPolicy, those: Mapping[str, Member], random: Random
) -> None:
    names = list(those)
    random.shuffle(names)

    assert group_plan(policy, {name: those[name] for name in names}).document == group_plan(policy, those).document


@laws
@given(policies(), groups())
def test_a_plan_is_read_as_it_was_written(policy: GroupPolicy, those: Mapping[str, Member]) -> None:
    plan = group_plan(policy, those)

    assert read_group_plan(plan.document).document == plan.document


@laws
@given(policies(), groups())
def test_where_nothing_has_changed_every_bundle_is_still_wanted(
    policy: GroupPolicy, those: Mapping[str, Member]
) -> None:
    draft = plan_group(policy, those)
    plan = write_group_plan(draft, plans_of(draft))

    again = plan_group_again(policy, those, plan)

    judgements = {}
    with localcontext(EXACT):
        for name, made in plan.accounts.items():
            fresh, given_now = again.drafts[name], again.givens[name]
            coming = frozenset(action.order_id for action in made.actions if action.order_id is not None)
            own = given_now.rulebook.policy
            context = ExitContext.of(own, fresh.account, given_now.progress, given_now.now, coming)
            judgements[name] = Redecision(own, fresh, context, made.actions, steps=made.steps).judge()
    standings = judge_bundles(plan, again, judgements)
    assert {one.standing for one in standings.values()} <= {Standing.WANTED}, standings
