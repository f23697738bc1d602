"""Hedged pairs: what closes one side closes the other, in the same share, or both stay."""

from __future__ import annotations

from decimal import Decimal

import pytest

from exitplan.ruleset.groups.group_planner import plan_group
from exitplan.ruleset.groups.group_policy import PairRule, PositionName
from tests.builders import NOW, Given, ago, market, order, record, unwound
from tests.ruleset.groups.group_builders import (
    KEPT_BY_STRATEGY,
    PERP,
    SPOT,
    account,
    group_plan,
    group_policy,
    hedged,
    legs,
    member,
    members,
    perp,
    plans_of,
    ratio,
    spot,
)

ONLY_THE_HEDGE = {PERP: record()}
"""The spot side is nobody's, and is unwound by its own policy."""
CLOSE_LEGACY: Given = {
    "exits": [{"id": "legacy", "rule": 3, "when": {"category": "LEGACY_NON_COMPLIANT"}, "action": "close"}]
}


def test_the_other_side_goes_in_the_same_share() -> None:
    plan = group_plan(group_policy(), hedged(tracked=ONLY_THE_HEDGE))

    assert legs(plan) == [[("cash", "unwind", "0.25", "legacy"), ("hedge", "unwind", "0.25", "group.pair")]]
    (bundle,) = plan.bundles
    assert (bundle.net_before, bundle.net_after, bundle.share) == (Decimal(0), Decimal(0), Decimal("0.25"))
    assert [leg.ground for leg in bundle.legs] == ["own", "group"]


def test_a_close_of_one_side_closes_the_other() -> None:
    plan = group_plan(group_policy(), hedged(tracked=ONLY_THE_HEDGE, **CLOSE_LEGACY))

    assert legs(plan) == [[("cash", "close", "1", "legacy"), ("hedge", "close", "1", "group.pair")]]
    joined = plan.accounts["hedge"].actions[0]
    assert joined.side == "buy"
    assert "BTC/USD at cash" in joined.because


def test_two_sides_that_both_go_by_their_own_policies_need_no_say_of_the_group() -> None:
    those = hedged(tracked={})

    plan = group_plan(group_policy(), those)

    assert legs(plan) == [[("cash", "unwind", "0.25", "legacy"), ("hedge", "unwind", "0.25", "legacy")]]
    assert all(made.group is None for made in plan.accounts.values())


def test_what_the_group_says_of_stands_in_the_plan_of_its_account_alone() -> None:
    plan = group_plan(group_policy(), hedged(tracked=ONLY_THE_HEDGE))

    assert plan.accounts["cash"].group is None
    head = plan.accounts["hedge"].group
    assert head is not None
    assert head.name == "desk"


def test_kept_hedges_stay_on_both_sides_and_it_is_told() -> None:
    plan = group_plan(group_policy(hedged="keep"), hedged(tracked=ONLY_THE_HEDGE))

    assert plan.bundles == ()
    (held,) = plan.held
    assert "the group keeps its hedges" in held.because
    (blocked,) = plan.accounts["cash"].blocked
    assert blocked.reason == "group"


def test_kept_hedges_go_where_both_sides_are_to_go() -> None:
    plan = group_plan(group_policy(hedged="keep"), hedged(tracked={}))

    assert [leg.account for leg in plan.bundles[0].legs] == ["cash", "hedge"]


def test_alone_every_position_goes_its_own_way_and_a_growing_exposure_is_told() -> None:
    plan = group_plan(group_policy(hedged="alone"), hedged(tracked=ONLY_THE_HEDGE))

    assert legs(plan) == [[("cash", "unwind", "0.25", "legacy")]]
    assert [warning.kind for warning in plan.warnings] == ["net-rises"]


@pytest.mark.parametrize(
    ("protect", "words"), [([{"symbol": PERP, "reason": "mine"}], "it is protected"), ([], "it cannot be judged")]
)
def test_a_pair_stays_whole_where_one_side_may_not_be_touched(protect: list[dict[str, str]], words: str) -> None:
    unreadable = market(1000, price_status="unavailable")
    other = account("hedge", perp(), tracked={PERP: record()}, markets={} if protect else {PERP: unreadable})
    those = members(member(account("cash", spot())), member(other, protect=protect))

    plan = group_plan(group_policy(), those)

    assert plan.bundles == ()
    assert words in plan.held[0].because
    assert words in plan.accounts["cash"].blocked[0].because


def test_a_pair_stays_whole_where_the_venue_does_not_trade_the_other_side() -> None:
    other = account("hedge", perp(), tracked={PERP: record()}, markets={PERP: market(1000, active=False)})

    plan = group_plan(group_policy(), members(member(account("cash", spot())), member(other)))

    assert plan.bundles == ()
    assert "does not trade" in plan.held[0].because


def test_a_crumb_beside_a_large_short_is_no_pair() -> None:
    those = members(member(account("cash", spot("0.0005"))), member(account("hedge", perp(), tracked={PERP: record()})))

    plan = group_plan(group_policy(), those)

    assert "partly-hedged" in [warning.kind for warning in plan.warnings]
    assert all(leg.account == "cash" for bundle in plan.bundles for leg in bundle.legs)


def test_steps_that_do_not_meet_leave_a_hedged_rest_and_never_a_naked_one() -> None:
    coarse = {PERP: market(1000, step="0.01")}
    those = members(
        member(account("cash", spot("1.005")), **CLOSE_LEGACY),
        member(account("hedge", perp("1.005"), tracked={PERP: record()}, markets=coarse)),
    )

    plan = group_plan(group_policy(), those)

    (bundle,) = plan.bundles
    assert [leg.quantity for leg in bundle.legs] == [1, 1]
    assert bundle.net_after == 0


def test_the_net_of_a_pair_counts_a_position_of_it_that_stays() -> None:
    near = account("near", spot("0.102"), perp("0.003"), tracked=KEPT_BY_STRATEGY)
    dust: Given = {"id": "dust", "rule": 1, "when": {"value_usd": {"lt": 5}}, "action": "close"}
    those = members(
        member(account("far", perp("0.1"), tracked={PERP: record()})),
        member(near, exits=[dust]),
    )

    plan = group_plan(group_policy(pairs=ratio("0.01")), those)

    (bundle,) = plan.bundles
    assert [(leg.account, leg.quantity) for leg in bundle.legs] == [
        ("near", Decimal("0.003")),
        ("near", Decimal("0.002")),
    ]
    assert (bundle.net_before, bundle.net_after) == (Decimal("-0.001"), Decimal(0))


def test_contracts_are_counted_in_units_of_the_asset() -> None:
    contracts = account(
        "hedge",
        perp(100, contract_size="0.01"),
        tracked={PERP: record()},
        markets={PERP: market(1000, step=1, min_amount=1)},
    )

    plan = group_plan(group_policy(), members(member(account("cash", spot())), member(contracts)))

    assert [leg.quantity for leg in plan.bundles[0].legs] == [Decimal("0.25"), 25]
    assert plan.exposures[0].net == 0


def test_an_inverse_contract_is_worth_its_size_in_quote() -> None:
    inverse = {PERP: market(1000, step=1, min_amount=1, inverse=True)}
    those = members(
        member(account("cash", spot()), **CLOSE_LEGACY),
        member(account("hedge", perp(10, contract_size=100), tracked={PERP: record()}, markets=inverse)),
    )

    plan = group_plan(group_policy(), those)

    assert plan.exposures[0].net == 0
    assert [leg.quantity for leg in plan.bundles[0].legs] == [1, 10]


def test_an_inverse_contract_without_a_price_keeps_the_pair_whole() -> None:
    blind = {PERP: market(None, step=1, inverse=True)}
    those = members(
        member(account("cash", spot())),
        member(account("hedge", perp(10, contract_size=100), tracked={PERP: record()}, markets=blind)),
    )

    plan = group_plan(group_policy(), those)

    assert all(leg.account != "cash" for bundle in plan.bundles for leg in bundle.legs)
    assert plan.exposures[0].net is None


def test_what_other_names_mean_a_multiple_of_is_counted_so() -> None:
    policy = group_policy(aliases={"1000PEPE": "PEPE"}, units={"1000PEPE": Decimal(1000)})
    those = members(
        member(account("cash", spot(5000, "PEPE/USD"), markets={"PEPE/USD": market(1)})),
        member(
            account(
                "hedge",
                perp(5, "1000PEPE/USD:USD"),
                tracked={"1000PEPE/USD:USD": record()},
                markets={"1000PEPE/USD:USD": market(1000)},
            )
        ),
    )

    plan = group_plan(policy, those)

    assert [leg.quantity for leg in plan.bundles[0].legs] == [1250, Decimal("1.25")]


def test_a_slice_too_small_for_one_venue_closes_the_pair() -> None:
    heavy = {PERP: market(1000, step=1, min_amount=1)}
    those = members(
        member(account("cash", spot(2))), member(account("hedge", perp(2), tracked={PERP: record()}, markets=heavy))
    )

    plan = group_plan(group_policy(), those)

    assert legs(plan) == [[("cash", "close", "2", "group.pair"), ("hedge", "close", "2", "group.pair")]]


def test_the_second_cycle_of_a_pair_goes_on_from_the_first() -> None:
    first = unwound(1, "0.75", 1, SPOT, started=ago(60), last=ago(60))
    along = unwound(1, "0.75", 1, f"{PERP}#short", started=ago(60), last=ago(60))
    those = members(
        member(account("cash", spot("0.75")), first),
        member(account("hedge", perp("0.75"), tracked={PERP: record()}), along),
    )

    plan = group_plan(group_policy(), those)

    assert [leg.quantity for leg in plan.bundles[0].legs] == [Decimal("0.187")] * 2
    step = plan.accounts["hedge"].positions[0].unwind
    assert step is not None
    assert (step.cycle, step.initial_quantity, step.started_at, step.regrown) == (2, Decimal(1), ago(60), False)


def test_what_a_position_can_let_go_of_bounds_the_whole_pair() -> None:
    those = members(
        member(account("cash", spot(1, locked="0.4")), **CLOSE_LEGACY),
        member(account("hedge", perp(1), tracked={PERP: record()})),
    )

    plan = group_plan(group_policy(), those)

    assert [leg.quantity for leg in plan.bundles[0].legs] == [Decimal("0.6")] * 2


def test_orders_in_the_way_of_a_leg_are_its_cancels() -> None:
    resting = order("o1", PERP, "buy", "0.5", price=900, reduce_only=True)
    those = members(
        member(account("cash", spot()), **CLOSE_LEGACY),
        member(account("hedge", perp(), tracked={PERP: record()}, orders=[resting])),
    )

    plan = group_plan(group_policy(), those)

    by_account = {leg.account: leg for leg in plan.bundles[0].legs}
    cancels = [action.id for action in plan.accounts["hedge"].actions if action.kind == "cancel_order"]
    assert by_account["hedge"].cancels == tuple(cancels)
    assert cancels


def test_what_the_other_side_of_a_side_already_does_is_not_done_twice() -> None:
    """Of two longs one goes by its own policy; the short goes by that one's share, and the other long stays."""
    those = members(
        member(account("cash", spot(1)), **CLOSE_LEGACY),
        member(account("more", spot(1), tracked={SPOT: record()})),
        member(account("hedge", perp(2), tracked={PERP: record()})),
    )

    plan = group_plan(group_policy(), those)

    assert {leg.account: leg.quantity for leg in plan.bundles[0].legs} == {"cash": 1, "hedge": 1}


def test_a_listed_pair_leaves_the_rest_of_its_asset_alone() -> None:
    listed = PairRule("listed", listed=((PositionName("cash", SPOT), PositionName("hedge", PERP, "short")),))
    those = members(
        member(account("cash", spot(1)), **CLOSE_LEGACY),
        member(account("hedge", perp(1), tracked={PERP: record()})),
        member(account("other", perp(1), tracked={PERP: record()})),
    )

    plan = group_plan(group_policy(pairs=listed), those)

    assert [leg.account for leg in plan.bundles[0].legs] == ["cash", "hedge"]


def test_a_smaller_ratio_takes_unequal_sides_for_a_pair() -> None:
    those = hedged(tracked=ONLY_THE_HEDGE, long=4, short=1)

    apart = group_plan(group_policy(), those)
    together = group_plan(group_policy(pairs=ratio("0.25")), those)

    assert [len(bundle.legs) for bundle in apart.bundles] == [1]
    assert [leg.quantity for leg in together.bundles[0].legs] == [1, Decimal("0.25")]


def test_accounts_of_which_the_group_says_nothing_keep_their_own_drafts() -> None:
    those = hedged(tracked=KEPT_BY_STRATEGY)

    draft = plan_group(group_policy(), those)

    assert all(draft.drafts[name] is those[name].own for name in those)
    assert all(plan.created_at == NOW for plan in plans_of(draft).values())
