"""What the group's own cap takes: never what would leave a larger net exposure, and the same when asked again."""

from __future__ import annotations

from decimal import Decimal

from exitplan.ruleset.groups.group_planner import plan_group
from exitplan.ruleset.groups.redecision import plan_group_again
from exitplan.ruleset.groups.writing import write_group_plan
from tests.builders import position, record
from tests.ruleset.groups.group_builders import (
    PERP,
    SPOT,
    account,
    capped,
    group_plan,
    group_policy,
    legs,
    member,
    members,
    perp,
    plans_of,
)

OTHER = "BTC/USDT:USDT"


def test_what_the_net_exposure_kept_is_looked_at_again_once_another_has_gone() -> None:
    tracked = {PERP: record(), OTHER: record()}
    those = members(
        member(account("far", position(OTHER, "0.2"), tracked=tracked, rates={"USDT": 1})),
        member(account("near", perp("0.1"), tracked=tracked)),
    )
    policy = group_policy(hedged="alone", cap=capped(0))  # the smaller goes first, and alone would leave more

    draft = plan_group(policy, those)
    plan = write_group_plan(draft, plans_of(draft))

    assert legs(plan) == [[("far", "close", "0.2", "group.over-cap")], [("near", "close", "0.1", "group.over-cap")]]
    assert plan_group_again(policy, those, plan).sold == draft.sold


def test_what_was_above_the_cap_is_no_dust_for_being_near_the_threshold() -> None:
    those = members(
        member(account("far", tracked={})), member(account("near", position(SPOT, "0.8"), tracked={SPOT: record()}))
    )
    policy = group_policy(cap=capped(0), dust_value=Decimal(800))

    draft = plan_group(policy, those)
    again = plan_group_again(policy, those, write_group_plan(draft, plans_of(draft)))

    rules = [[action.rule for action in one.drafts["near"].actions] for one in (draft, again)]
    assert rules == [["group.over-cap"], ["group.over-cap"]]


def test_a_wish_is_taken_back_where_less_of_another_could_go_than_it_counted_on() -> None:
    tracked = {SPOT: record(), PERP: record()}
    those = members(
        member(account("far", position(SPOT, "0.2", locked="0.15"), tracked=tracked)),
        member(account("near", perp("0.1"), tracked=tracked)),
    )

    plan = group_plan(group_policy(hedged="alone", cap=capped(0)), those)

    assert legs(plan) == [[("far", "close", "0.05", "group.over-cap")]]
