"""What a run left open is finished or reported by the next one."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from decimal import Decimal

import pytest

from exitplan.executor.store.history import account_status, past_runs
from exitplan.ruleset.errors import FileIsInvalid, OutcomeUnknown, PlanIsStale, PlanIsUsed
from exitplan.ruleset.planning.planner import PlanScope
from tests.builders import position, snapshot
from tests.executor.conftest import Stage
from tests.executor.scene import Scene, legacy, over_cap, resting, statuses, zombie
from tests.faults import SILENT, Crash, Fault

TWO = (position("AAA/USD", 100), position("BBB/USD", 100))


def unknown(scene: Scene, fault: Fault = Fault.LOST_AFTER) -> dict[str, object]:
    """Leave a plan open whose first order nobody can tell about."""
    plan = scene.plan()
    scene.break_writes(fault)
    scene.trouble.look_ups.extend([SILENT] * 5)
    assert scene.apply(plan).exit_code == 9
    return plan


def test_a_run_that_is_stopped_ends_with_eight_and_stays_open(on_stage: Stage) -> None:
    scene = on_stage(snapshot(*TWO))
    plan = scene.plan()
    result = scene.apply(plan, stop_after=1)
    assert (result.exit_code, statuses(result), scene.held("BBB/USD")) == (8, ["done", "open"], "100")
    assert account_status(scene.open()).document["open_plans"] == [plan["plan_id"]]


def test_a_stopped_plan_goes_on_where_it_was(on_stage: Stage) -> None:
    scene = on_stage(snapshot(*TWO))
    plan = scene.plan()
    scene.apply(plan, stop_after=1)
    result = scene.apply(plan)
    assert (result.exit_code, statuses(result)) == (0, ["done", "done"])
    assert (scene.held("AAA/USD"), scene.held("BBB/USD"), len(scene.trouble.orders)) == ("75", "75", 2)
    first = result.outcomes[0].to_document()
    assert (first["message"], first["filled"]) == ("done by an earlier run", "25")


def test_a_plan_stopped_before_anything_goes_on_too(on_stage: Stage) -> None:
    scene = on_stage(snapshot(*TWO))
    plan = scene.plan()
    assert scene.apply(plan, stop_after=0).exit_code == 8
    assert scene.apply(plan).exit_code == 0


def test_once_finished_a_resumed_plan_is_used(on_stage: Stage) -> None:
    scene = on_stage(snapshot(*TWO))
    plan = scene.plan()
    scene.apply(plan, stop_after=1)
    scene.apply(plan)
    with pytest.raises(PlanIsUsed):
        scene.apply(plan)


def test_an_open_plan_that_sent_nothing_is_neither_looked_up_nor_read_for(on_stage: Stage) -> None:
    scene = on_stage(snapshot(*TWO))
    scene.apply(stop_after=0)
    plan = scene.plan()
    scene.trouble.calls.clear()
    assert scene.apply(plan).exit_code == 0
    assert scene.trouble.calls == ["read", "place", "place", "read"]
    assert (scene.told("run_recovering"), scene.told("run_recovered")[0]["settled"]) == ([], 0)


def test_a_refusal_before_the_stop_is_told_after_it(on_stage: Stage) -> None:
    scene = on_stage(snapshot(*TWO))
    plan = scene.plan()
    scene.break_writes(Fault.REFUSED)
    scene.apply(plan, stop_after=1)
    assert scene.apply(plan).exit_code == 4


def test_a_plan_stopped_between_cancel_and_close_closes(on_stage: Stage) -> None:
    scene = on_stage(over_cap(orders=[resting()], locked=40), parameters={"max_positions": 2})
    plan = scene.plan()
    scene.apply(plan, stop_after=1)
    assert (scene.apply(plan).exit_code, scene.held()) == (0, "0")


def test_what_a_cancelled_order_sold_before_the_stop_is_no_drift(on_stage: Stage) -> None:
    scene = on_stage(over_cap(orders=[resting()], locked=40), parameters={"max_positions": 2})
    plan = scene.plan()
    scene.trouble.before.append(lambda: scene.touch("AAA/USD", "500"))
    scene.apply(plan, stop_after=1)
    assert (scene.apply(plan).exit_code, scene.held()) == (0, "0")
    assert scene.trouble.orders[0].quantity == 60


def test_a_quantity_that_moved_before_the_resumption_makes_the_plan_stale(on_stage: Stage) -> None:
    scene = on_stage(snapshot(*TWO))
    plan = scene.plan()
    scene.apply(plan, stop_after=1)
    scene.hold("BBB/USD", "90")
    with pytest.raises(PlanIsStale):
        scene.apply(plan)


def test_an_unknown_order_that_turns_up_is_adopted(on_stage: Stage) -> None:
    scene = on_stage(snapshot(*TWO))
    plan = unknown(scene)
    result = scene.apply(plan)
    assert (result.exit_code, statuses(result)) == (0, ["done", "done"])
    assert (scene.held("AAA/USD"), scene.state().unwinds["AAA/USD"].cycle) == ("75", 1)


def test_an_unknown_order_that_never_arrived_is_sent_again(on_stage: Stage) -> None:
    scene = on_stage(snapshot(*TWO))
    plan = unknown(scene, Fault.LOST_BEFORE)
    assert (scene.apply(plan).exit_code, scene.held("AAA/USD"), scene.held("BBB/USD")) == (0, "75", "75")


def test_while_an_order_is_unknown_nothing_is_sent_for_the_account(on_stage: Stage) -> None:
    scene = on_stage(snapshot(*TWO))
    unknown(scene)
    sent = len(scene.trouble.sent)
    scene.trouble.look_ups.extend([SILENT] * 5)
    with pytest.raises(OutcomeUnknown, match="is unknown") as stop:
        scene.apply()
    assert (stop.value.exit_code, len(scene.trouble.sent)) == (9, sent)
    assert scene.alert_kinds() == ["OUTCOME_UNKNOWN"] * 2


def test_another_plan_settles_the_open_one_first(on_stage: Stage) -> None:
    scene = on_stage(snapshot(*TWO))
    plan = unknown(scene)
    scene.apply(scene.plan(PlanScope(targets=("BBB/USD",))))
    assert scene.told("run_recovered")[0]["plan_id"] == plan["plan_id"]
    assert (scene.held("AAA/USD"), scene.state().unwinds["AAA/USD"].cycle) == ("75", 1)
    with pytest.raises(PlanIsUsed):
        scene.apply(plan)


def test_a_plan_made_without_knowing_of_an_order_that_turns_up_is_stale(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    unknown(scene)
    blind = scene.plan()
    with pytest.raises(PlanIsStale, match="resolved only now"):
        scene.apply(blind)
    assert (scene.held(), scene.state_document()["unwind_progress"]) == ("75", {})
    assert scene.until_quiet() == [0, 0, 0]
    assert scene.held() == "0"


def test_the_slices_of_a_recovered_unwind_go_on_from_its_anchor(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    unknown(scene)
    with pytest.raises(PlanIsStale):
        scene.apply()
    scene.apply()
    unwind = scene.state().unwinds["AAA/USD"]
    assert (unwind.cycle, unwind.initial_quantity, scene.held()) == (2, Decimal(100), "56.25")


def test_a_position_closed_by_a_recovered_order_leaves_the_tracker(on_stage: Stage) -> None:
    scene = on_stage(zombie())
    unknown(scene)
    scene.apply()
    assert scene.tracked() == {}
    assert scene.state().metrics.zombie_positions_closed == 1


def test_an_account_that_cannot_be_read_keeps_the_open_plan(on_stage: Stage) -> None:
    scene = on_stage(snapshot(*TWO))
    plan = unknown(scene)
    scene.trouble.reads.append(False)
    with pytest.raises(Exception, match="503"):
        scene.apply(plan)
    result = scene.apply(plan)
    assert (result.exit_code, statuses(result), len(scene.trouble.orders)) == (0, ["done", "done"], 2)


def test_a_run_whose_account_cannot_be_verified_stays_open_for_that(on_stage: Stage) -> None:
    scene = on_stage(zombie())
    plan = scene.plan()
    scene.trouble.reads.extend([True, True, False])  # the account, what it was bought at, and the account again
    assert (scene.apply(plan).exit_code, scene.says()) == (9, "UNKNOWN")
    assert (scene.apply(plan).exit_code, scene.says()) == (0, "CLEAN")
    assert (len(scene.trouble.orders), scene.tracked()) == (1, {})


def test_runs_are_remembered_with_how_they_ended(on_stage: Stage) -> None:
    scene = on_stage(snapshot(*TWO))
    plan = scene.plan()
    scene.apply(plan, stop_after=1)
    scene.apply(plan)
    newest, oldest = past_runs(scene.open())
    assert (oldest["exit_code"], newest["exit_code"], newest["plan_id"]) == (8, 0, plan["plan_id"])
    assert newest["summary"]["outcomes"][1]["status"] == "done"


def test_a_crash_leaves_a_run_without_an_end(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.break_writes(Fault.CRASH_BEFORE)
    with pytest.raises(Crash):
        scene.apply()
    (run,) = past_runs(scene.open())
    assert (run["ended_at"], run["exit_code"]) == (None, None)


def test_an_open_plan_that_the_journal_holds_wrongly_stops_the_account(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.apply(stop_after=0)
    with closing(sqlite3.connect(scene.folder.journal)) as db, db:
        db.execute("UPDATE plans SET document = CAST(replace(CAST(document AS TEXT), '\"25\"', '\"99\"') AS BLOB)")
    with pytest.raises(FileIsInvalid, match="the journal is damaged"):
        scene.apply()
    assert scene.trouble.sent == []
