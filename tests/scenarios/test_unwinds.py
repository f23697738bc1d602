"""The gradual unwind: how much each cycle sells, when it counts, when it starts anew, and what it may touch."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from exitplan.ruleset.model.progress import Progress, UnwindProgress
from exitplan.ruleset.model.snapshot import Market
from exitplan.ruleset.planning.plan import Document
from exitplan.ruleset.planning.planner import draft_plan
from tests.builders import (
    Amount,
    Given,
    actions,
    ago,
    blocked,
    market,
    only_action,
    order,
    plan_input,
    plan_of,
    position,
    shown,
    snapshot,
    unwound,
)


def unwinding(
    held: Amount = 10, progress: Progress | None = None, listed: Market | None = None, **given: Given
) -> Document:
    markets = {"AAA/USD": listed} if listed else {}
    # Without cash nothing is dust by its share of the account.
    return plan_of(snapshot(position(quantity=held), markets=markets, cash=0), progress, **given)


def sold(plan: Document) -> str:
    action = only_action(plan)
    assert (action["kind"], action["rule"]) == ("unwind", "legacy")
    quantity: str = action["quantity"]
    return quantity


def step(plan: Document) -> dict[str, Any]:
    return dict(shown(plan)["unwind"])


@pytest.mark.parametrize(
    ("cycle", "left", "held", "slice_"),
    [
        (0, "1", "10", "2.5"),
        (1, "0.75", "7.5", "1.875"),
        (2, "0.5625", "5.625", "1.406"),
        (3, "0.421875", "4.219", "4.219"),
    ],
)
def test_each_cycle_closes_down_to_its_share_of_the_anchor(cycle: int, left: str, held: str, slice_: str) -> None:
    assert sold(unwinding(held, unwound(cycle, left, 10))) == slice_


@pytest.mark.parametrize(("cycles", "last"), [(3, 2), (4, 3), (5, 4)])
def test_the_last_cycle_and_any_after_it_closes_what_is_left(cycles: int, last: int) -> None:
    for done in (last, last + 1, last + 20):
        assert sold(unwinding(1, unwound(done, "0.2", 10), unwind_cycles=cycles)) == "1"
    assert sold(unwinding(8, unwound(last - 1, 1, 10), unwind_cycles=cycles)) != "8"


def test_the_last_cycle_sells_what_rounds_down_to_the_step() -> None:
    assert sold(unwinding("1.0009", unwound(3, "0.2", 10))) == "1"


def test_a_slice_is_rounded_down_to_the_step() -> None:
    assert sold(unwinding("3.339")) == "0.834"


def test_a_slice_below_the_minimum_amount_is_raised_to_it() -> None:
    assert sold(unwinding(10, listed=market(step="0.4", min_amount="2.9"))) == "3.2"


def test_a_slice_below_the_minimum_value_is_raised_to_the_smallest_multiple_that_meets_it() -> None:
    assert sold(unwinding(1000, listed=market("0.3", step="1", min_notional="100"))) == "334"
    assert sold(unwinding(1000, listed=market("0.3", step="1", min_notional="99.9"))) == "333"


@pytest.mark.parametrize(("held", "regrown"), [("75.875", False), ("75.878", True)])
def test_what_came_later_does_not_raise_the_share_that_may_come(held: str, regrown: bool) -> None:
    plan = unwinding(held, unwound(1, "0.75", "100.5", added="0.5"))
    assert step(plan)["regrown"] is regrown


def test_a_minimum_value_that_a_quotient_of_120_digits_just_misses_is_met() -> None:
    least = f"3.{'0' * 130}1"
    assert sold(unwinding(10, listed=market(3, step="1", min_notional=least), gradual_unwind_pct="0.1")) == "2"


def test_a_minimum_value_in_another_currency_is_met_before_the_rate() -> None:
    account = snapshot(
        position("AAA/EUR", 1000), rates={"EUR": 2}, markets={"AAA/EUR": market(1, step="1", min_notional=300)}
    )
    assert only_action(plan_of(account))["quantity"] == "300"


def test_a_slice_at_the_minimum_is_not_raised() -> None:
    assert sold(unwinding(10, listed=market(min_amount="2.5"))) == "2.5"


def test_where_what_remains_is_below_the_minimum_everything_is_closed() -> None:
    assert sold(unwinding("1.2", listed=market(min_amount=1))) == "1.2"


def test_where_what_remains_is_the_minimum_exactly_it_stays() -> None:
    assert sold(unwinding(2, listed=market(min_amount=1))) == "1"


def test_what_remains_is_rounded_down_before_it_is_compared() -> None:
    # 1.9999 less 1 leaves 0.9999, of which the venue would take 0.9: less than the minimum.
    assert sold(unwinding("1.9999", listed=market(step="0.1", min_amount="0.95"))) == "1.9"


def test_what_remains_is_compared_in_value_too() -> None:
    assert sold(unwinding(10, listed=market(1, step="1", min_amount=None, min_notional=8))) == "10"
    assert sold(unwinding(16, listed=market(1, step="1", min_amount=None, min_notional=8))) == "8"


def test_an_empty_slice_where_there_is_no_minimum_is_one_step() -> None:
    assert sold(unwinding(30, listed=market(step=10, min_amount=None, min_notional=None))) == "10"


def test_without_a_step_a_slice_has_eight_places_rounded_up() -> None:
    listed = market(step=None, min_amount=None, min_notional=None)
    assert sold(unwinding("1.00000001", listed=listed)) == "0.25000001"


def test_without_a_step_the_rest_is_sold_to_the_last_digit() -> None:
    listed = market(step=None, min_amount=None, min_notional=None)
    assert sold(unwinding("1.123456789123", unwound(3, "0.2", 10), listed)) == "1.123456789123"


@pytest.mark.parametrize(("held", "counts"), [("7.5", True), ("7.4", True), ("7.50001", False)])
def test_at_or_below_the_target_the_cycle_counts_with_no_order(held: str, counts: bool) -> None:
    plan = unwinding(held, unwound(0, 1, 10))
    assert step(plan)["counts"] is counts
    assert bool(plan["actions"]) is not counts
    assert plan["blocked"] == []


def test_a_slice_filled_in_part_is_finished_before_the_cycle_counts() -> None:
    plan = unwinding("8.5", unwound(0, 1, 10))
    assert sold(plan) == "1"
    assert (step(plan)["cycle"], step(plan)["target_quantity"]) == (1, "7.5")


@pytest.mark.parametrize(("held", "added"), [("7.5", None), ("7.501", None), ("7.50100001", "0.00100001")])
def test_more_than_one_step_above_what_the_last_cycle_left_has_grown(held: str, added: str | None) -> None:
    plan = unwinding(held, unwound(1, "0.75", 10))
    assert step(plan).get("added") == added
    assert step(plan)["cycle"] == 2


@pytest.mark.parametrize(("held", "regrown"), [("7.6", False), ("7.60000001", True), ("12", True)])
def test_growth_above_one_percent_of_what_it_began_with_begins_anew(held: str, regrown: bool) -> None:
    plan = unwinding(held, unwound(1, "0.75", 10))
    assert step(plan)["regrown"] is regrown
    assert step(plan)["cycle"] == (1 if regrown else 2)


def test_what_has_grown_is_anchored_anew() -> None:
    plan = unwinding(12, unwound(3, "0.421875", 10, started=ago(600)))
    assert sold(plan) == "3"
    assert step(plan)["initial_quantity"] == "12"
    assert step(plan)["started_at"] == "2026-02-18T22:00:00Z"


def test_without_a_step_growth_is_told_by_the_eighth_place() -> None:
    listed = market(step=None, min_amount=None, min_notional=None)
    assert "added" not in step(unwinding("7.50000001", unwound(1, "0.75", 10), listed))
    assert step(unwinding("7.500000011", unwound(1, "0.75", 10), listed))["added"] == "0.000000011"


def test_growth_is_measured_by_what_the_state_says_the_slices_by_the_policy() -> None:
    plan = unwinding(8, unwound(1, "0.8", 10), gradual_unwind_pct=Decimal("0.5"))
    assert step(plan)["regrown"] is False
    assert sold(plan) == "5.5"


@pytest.mark.parametrize(("share", "slice_"), [("1", "10"), ("0.5", "5"), ("0.9995", "9.995")])
def test_the_share_is_the_policy_s(share: str, slice_: str) -> None:
    listed = market(min_amount=None, min_notional=None)
    assert sold(unwinding(10, listed=listed, gradual_unwind_pct=Decimal(share))) == slice_


def test_a_share_of_nothing_only_counts() -> None:
    plan = unwinding(10, gradual_unwind_pct=0)
    assert plan["actions"] == []
    assert step(plan)["counts"] is True


def test_a_slice_is_sold_of_what_is_free() -> None:
    account = snapshot(position(locked=8), orders=[order(quantity=8)])
    assert actions(plan_of(account)) == [("unwind", "AAA/USD", "2", "legacy")]


def test_a_slice_of_what_is_free_is_rounded_down() -> None:
    assert sold(plan_of(snapshot(position(locked="8.0005")))) == "1.999"


def test_what_the_plan_s_cancels_release_is_free() -> None:
    resting = [order("old", quantity=6, minutes=31), order("new", quantity=3)]
    plan = plan_of(snapshot(position(locked=9), orders=resting))
    assert actions(plan) == [
        ("cancel_order", "AAA/USD", "6", "stale-limit-order"),
        ("unwind", "AAA/USD", "2.5", "legacy"),
    ]


def test_a_cancel_releases_what_remained_of_its_order() -> None:
    plan = plan_of(snapshot(position(locked=10), orders=[order("old", quantity=10, filled=9, minutes=31)]))
    assert actions(plan)[-1] == ("unwind", "AAA/USD", "1", "legacy")


def test_cancels_on_the_other_side_release_nothing() -> None:
    plan = plan_of(snapshot(position(locked=10), orders=[order("old", side="buy", quantity=10, minutes=31)]))
    assert blocked(plan) == {"AAA/USD": ("locked", False)}


@pytest.mark.parametrize(("locked", "reason"), [("9.9", None), ("9.991", None), ("9.9995", "locked"), (10, "locked")])
def test_less_than_the_minimum_free_is_blocked_as_locked(locked: Amount, reason: str | None) -> None:
    plan = plan_of(snapshot(position(locked=locked), markets={"AAA/USD": market(min_notional="0.9")}))
    assert blocked(plan).get("AAA/USD", (None,))[0] == reason


def test_a_blocked_unwind_has_no_step_under_way() -> None:
    assert "unwind" not in shown(plan_of(snapshot(position(locked=10))))


def test_an_unwind_leaves_fresh_orders_and_stops_alone() -> None:
    resting = [order("o1", quantity=1), order("o2", kind="stop", price=None, trigger=80, minutes=9999)]
    plan = plan_of(snapshot(position(locked=2), orders=resting))
    assert actions(plan) == [("unwind", "AAA/USD", "2.5", "legacy")]


def test_the_last_cycle_sells_at_most_what_is_free_as_well() -> None:
    plan = plan_of(snapshot(position(locked=4), orders=[order(quantity=4)]), unwound(3, 1, 10))
    assert actions(plan) == [("unwind", "AAA/USD", "6", "legacy")]


def test_unsellable_and_already_at_its_target_is_nothing() -> None:
    plan = unwinding("0.5", unwound(0, 1, 10), listed=market(active=False))
    assert plan["actions"] == plan["blocked"] == []


def test_unsellable_above_its_target_is_blocked() -> None:
    assert blocked(unwinding(10, unwound(0, 1, 10), listed=market(active=False))) == {
        "AAA/USD": ("market-inactive", False)
    }


def test_a_short_unwinds_by_buying_and_keeps_its_own_progress() -> None:
    held = [position("X/USD:USD", 10), position("X/USD:USD", "-10", side="short")]
    progress = Progress(
        {
            "X/USD:USD": UnwindProgress(1, Decimal("0.75"), Decimal(20), ago(60)),
            "X/USD:USD#short": UnwindProgress(1, Decimal("0.75"), Decimal("13.333"), ago(60)),
        }
    )
    plan = plan_of(snapshot(*held), progress)
    # The long is at 0.5 of 20 already, below its target of 11.25; the short has 10 of 13.333 left.
    assert [(found["side"], found["position_side"], found["quantity"]) for found in plan["actions"]] == [
        ("buy", "short", "2.5")
    ]


def test_long_comes_before_short() -> None:
    held = [position("X/USD:USD", 8, side="short"), position("X/USD:USD", 4)]
    plan = plan_of(snapshot(*held))
    assert [(found["side"], found["quantity"]) for found in plan["actions"]] == [("sell", "1"), ("buy", "2")]


def test_the_draft_tells_every_unwind_under_way() -> None:
    account = snapshot(position(), position("BBB/USD", "7.5"))
    steps = draft_plan(plan_input(account, unwound(0, 1, 10, "BBB/USD"))).unwinds
    assert [(found.key, found.cycle, found.counts) for found in steps] == [("AAA/USD", 1, False), ("BBB/USD", 1, True)]


def test_an_unwind_that_stands_still_keeps_its_cycle() -> None:
    found = step(unwinding("7.5", unwound(2, "0.75", 10), gradual_unwind_pct=0))
    assert (found["cycle"], found["target_quantity"], found["counts"]) == (2, "7.5", True)


def test_a_target_of_one_unit_is_kept() -> None:
    assert sold(unwinding(10, gradual_unwind_pct=Decimal("0.9"))) == "9"
