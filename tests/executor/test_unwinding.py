"""A gradual unwind over its cycles, as the venue fills it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from exitplan.executor.apply.state_transitions import after_action
from exitplan.executor.store.journal_values import Resolution
from exitplan.ruleset.errors import PlanIsStale
from exitplan.ruleset.planning.plan import read_plan
from exitplan.ruleset.planning.planner import PlanScope
from tests.builders import NOW, market, order, position, record, snapshot
from tests.executor.conftest import Stage
from tests.executor.scene import Scene, kinds, legacy, statuses
from tests.faults import Fault


def cycle(scene: Scene) -> tuple[int, str]:
    """Give the cycles done and what is held after one more run."""
    scene.clock.advance(60)
    scene.apply()
    done = scene.state().unwinds.get("AAA/USD")
    return (done.cycle if done else 0, scene.held())


def test_four_cycles_close_a_position_and_forget_it(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    assert [cycle(scene) for _ in range(4)] == [(1, "75"), (2, "56.25"), (3, "42.188"), (0, "0")]
    assert (scene.state_document()["unwind_progress"], scene.says()) == ({}, "CLEAN")


def test_progress_is_written_as_the_contract_says(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    cycle(scene)
    cycle(scene)
    moments = {"started_at": "2026-02-18T22:01:01Z", "last_cycle_at": "2026-02-18T22:02:02Z"}
    figures = {"cycle": 2, "remaining_pct": "0.5625", "initial_quantity": "100"}
    assert scene.state_document()["unwind_progress"] == {"AAA/USD": {**figures, **moments}}


def test_a_slice_filled_in_part_is_finished_before_the_cycle_counts(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.break_writes(Fault.PARTIAL)
    assert cycle(scene) == (0, "87.5")
    assert scene.state().unwinds["AAA/USD"].initial_quantity == 100
    assert cycle(scene) == (1, "75")


@pytest.mark.parametrize(("depth", "done", "held"), [("24", 0, "76"), ("25", 1, "75")])
def test_one_whole_step_above_the_target_the_cycle_is_not_done(
    on_stage: Stage, depth: str, done: int, held: str
) -> None:
    markets = {"AAA/USD": market(step=1, min_amount=1)}
    scene = on_stage(legacy(markets=markets), options={"depth": depth})
    assert cycle(scene) == (done, held)


def test_a_later_slice_filled_in_part_keeps_the_cycle(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    cycle(scene)
    scene.break_writes(Fault.PARTIAL)
    assert [cycle(scene) for _ in range(2)] == [(1, "65.625"), (2, "56.25")]


def test_a_refused_slice_leaves_no_progress(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.break_writes(Fault.REFUSED)
    assert cycle(scene) == (0, "100")
    assert scene.state().failed_exits == {"AAA/USD": 1}


def test_a_slice_of_which_nothing_was_filled_has_failed_whatever_it_is_called(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.break_writes(Fault.REFUSED)
    cycle(scene)
    plan, state = read_plan(scene.plan()), scene.state()
    after = after_action(state, plan, plan.actions[0], Resolution("done"), Decimal(100), None, NOW)
    assert (after.failed_exits, after.unwinds) == ({"AAA/USD": 2}, {})


def test_a_slice_that_works_clears_the_failures_before_it(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.break_writes(Fault.REFUSED)
    cycle(scene)
    assert cycle(scene) == (1, "75")
    assert scene.state().failed_exits == {}


@pytest.mark.parametrize("fault", [Fault.LOST_AFTER, Fault.OPEN_FIRST, Fault.DELAYED, Fault.LOST_BEFORE])
def test_cycles_count_what_the_venue_filled_and_not_what_it_answered(on_stage: Stage, fault: Fault) -> None:
    scene = on_stage(legacy())
    scene.break_writes(fault, fault)
    assert [cycle(scene) for _ in range(2)] == [(1, "75"), (2, "56.25")]


def test_a_cycle_counts_with_no_order_where_its_target_is_reached(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    cycle(scene)
    scene.hold("AAA/USD", "50")
    plan = scene.plan()
    result = scene.apply(plan)
    assert (kinds(plan), result.exit_code, scene.trouble.orders[1:]) == ([], 0, [])
    assert scene.told("cycle_counted") == [{"position": "AAA/USD", "cycle": 2, "cycles": 4}]
    assert scene.state().unwinds["AAA/USD"].remaining_pct == Decimal("0.5625")


def test_a_cycle_counts_once_however_often_it_was_planned(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    cycle(scene)
    scene.hold("AAA/USD", "50")
    first, second = scene.plan(), scene.plan()
    scene.apply(first)
    counted = scene.state().unwinds["AAA/USD"]
    scene.apply(second)
    assert (counted.cycle, scene.state().unwinds["AAA/USD"]) == (2, counted)
    assert len(scene.told("cycle_counted")) == 1


def test_a_cycle_counts_once_although_the_run_that_counted_it_is_made_good_by_another(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    cycle(scene)
    scene.hold("AAA/USD", "50")
    plan = scene.plan()
    scene.trouble.reads.extend([True, False])  # the verification fails
    assert scene.apply(plan).exit_code == 9
    counted = scene.state().unwinds["AAA/USD"]
    scene.clock.advance(60)
    assert (scene.apply(plan).exit_code, counted.cycle, scene.state().unwinds["AAA/USD"]) == (0, 2, counted)
    assert len(scene.told("cycle_counted")) == 1


def test_a_cycle_of_a_position_that_is_no_longer_unwound_does_not_count(on_stage: Stage) -> None:
    scene = on_stage(legacy(position("BBB/USD", 100)))
    scene.apply()
    scene.hold("AAA/USD", "50")
    scene.clock.advance(60)
    plan = scene.plan()
    scene.track(AAA=record())
    assert (scene.apply(plan).exit_code, scene.told("cycle_counted")) == (0, [])


def test_a_run_that_a_person_stops_counts_no_cycle(on_stage: Stage) -> None:
    scene = on_stage(legacy(position("BBB/USD", 100)))
    scene.apply()
    scene.hold("AAA/USD", "50")
    scene.clock.advance(60)
    plan = scene.plan()
    assert (scene.apply(plan, stop_after=0).exit_code, scene.told("cycle_counted")) == (8, [])
    assert (scene.apply(plan).exit_code, len(scene.told("cycle_counted"))) == (0, 1)


def test_a_plan_of_a_cycle_long_counted_does_not_set_the_unwind_back(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    cycle(scene)
    scene.hold("AAA/USD", "42")
    old = scene.plan()
    assert [cycle(scene)[0] for _ in range(2)] == [2, 3]
    scene.apply(old)
    assert scene.state().unwinds["AAA/USD"].cycle == 3


@pytest.mark.parametrize("held", ["75", "50"], ids=["a slice", "a cycle with no order"])
def test_a_plan_from_before_the_position_grew_does_not_go_on_from_its_new_unwind(on_stage: Stage, held: str) -> None:
    scene = on_stage(legacy(), guards={"max_equity_change_pct": 1})
    cycle(scene)
    scene.hold("AAA/USD", held)
    old = scene.plan()
    scene.hold("AAA/USD", "200")
    assert cycle(scene) == (1, "150")
    scene.hold("AAA/USD", held)
    with pytest.raises(PlanIsStale, match="how far the exits of AAA/USD have come"):
        scene.apply(old)
    assert scene.state().unwinds["AAA/USD"].initial_quantity == 200


def test_a_cycle_of_a_position_that_is_gone_does_not_count(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    cycle(scene)
    scene.hold("AAA/USD", "50")
    plan = scene.plan()
    scene.hold("AAA/USD", None)
    scene.apply(plan)
    assert (scene.told("cycle_counted"), scene.state().unwinds) == ([], {})


def test_a_position_that_grew_starts_anew_with_an_alert(on_stage: Stage) -> None:
    scene = on_stage(legacy(), guards={"max_equity_change_pct": 1})
    cycle(scene)
    scene.hold("AAA/USD", "200")
    assert cycle(scene) == (1, "150")
    assert scene.state().unwinds["AAA/USD"].initial_quantity == 200
    (alert,) = scene.alerts()
    assert (alert["alert_type"], alert["position"], alert["severity"]) == ("UNWIND_REANCHORED", "AAA/USD", "WARNING")


def test_a_regrown_position_filled_in_part_is_anchored_anew_at_cycle_zero(on_stage: Stage) -> None:
    scene = on_stage(legacy(), guards={"max_equity_change_pct": 1})
    cycle(scene)
    scene.hold("AAA/USD", "200")
    scene.break_writes(Fault.PARTIAL)
    assert cycle(scene) == (0, "175")
    assert cycle(scene) == (1, "150")
    assert scene.alert_kinds() == ["UNWIND_REANCHORED"]


def test_the_progress_of_a_position_sold_by_hand_is_not_that_of_a_later_one(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    for _ in range(3):
        cycle(scene)
    gone = scene.document()
    scene.hold("AAA/USD", None)
    scene.apply()
    assert scene.state().unwinds == {}
    scene._write(gone)
    scene.hold("AAA/USD", "10")
    assert cycle(scene) == (1, "7.5")


def test_a_position_adopted_by_a_strategy_is_no_longer_unwound(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    cycle(scene)
    scene.track(AAA=record())
    assert (scene.until_quiet(), scene.held(), scene.verify().state) == ([], "75", "CLEAN")


def test_what_is_locked_limits_a_slice_and_the_cycle_waits(on_stage: Stage) -> None:
    held = position("AAA/USD", 100, locked=90)
    scene = on_stage(snapshot(held, orders=[order("rest", quantity=90, price=500)]))
    assert cycle(scene) == (0, "90")
    assert scene.state().unwinds["AAA/USD"].initial_quantity == 100


def test_a_slice_too_small_for_the_venue_is_raised_to_its_minimum(on_stage: Stage) -> None:
    scene = on_stage(legacy(markets={"AAA/USD": market(100, min_amount=40)}))
    assert [cycle(scene) for _ in range(2)] == [(1, "60"), (0, "0")]


def test_an_unwind_with_no_order_possible_is_blocked_and_goes_on_later(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    cycle(scene)
    scene.list_market("AAA/USD", active=False)
    result = scene.apply()
    assert (result.outcomes, scene.says()) == ((), "CLEANUP_IN_PROGRESS")
    scene.list_market("AAA/USD", active=True)
    assert cycle(scene) == (2, "56.25")


def test_the_account_is_in_progress_while_only_unwinds_are_left(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    result = scene.apply()
    assert result.checks is not None
    assert (result.checks.state, result.checks.unwinding) == ("CLEANUP_IN_PROGRESS", ("AAA/USD",))


def test_the_unwind_of_another_position_stays_as_it_is(on_stage: Stage) -> None:
    scene = on_stage(snapshot(position("AAA/USD", 100), position("BBB/USD", 100)))
    scene.apply()
    scene.clock.advance(60)
    scene.apply(scene.plan(PlanScope(targets=("AAA/USD",))))
    unwinds = scene.state().unwinds
    assert (unwinds["AAA/USD"].cycle, unwinds["BBB/USD"].cycle) == (2, 1)
    assert unwinds["BBB/USD"].last_cycle_at == NOW + timedelta(seconds=1)
    assert unwinds["AAA/USD"].last_cycle_at == NOW + timedelta(seconds=62)


def test_statuses_of_skipped_slices_say_so(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    plan = scene.plan()
    scene.hold("AAA/USD", None)
    assert statuses(scene.apply(plan)) == ["skipped"]


def test_what_grew_while_it_stands_still_is_anchored_anew_once(on_stage: Stage) -> None:
    scene = on_stage(legacy(), guards={"max_equity_change_pct": 1})
    cycle(scene)
    scene.policy["parameters"]["gradual_unwind_pct"] = 0
    scene.hold("AAA/USD", "200")
    assert [cycle(scene) for _ in range(2)] == [(0, "200")] * 2
    assert scene.state().unwinds["AAA/USD"].initial_quantity == 200
    assert len(scene.told("cycle_counted")) == 1
