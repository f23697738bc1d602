"""What was closed in a time: by the journal, each fill once."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from exitplan.executor.report import AccountReport, Outcomes, clean_times, report_account
from exitplan.ruleset.model.values import time_text
from tests.builders import NOW
from tests.executor.conftest import Stage
from tests.executor.scene import Scene, over_cap, resting
from tests.faults import Crash, Fault

d = Decimal
LONG_AGO = NOW - timedelta(days=400)


def report(scene: Scene, since: datetime = LONG_AGO) -> AccountReport:
    return report_account(scene.open(), since)


def told(scene: Scene) -> list[tuple[str, str, int, int]]:
    return [(one.rule, one.kind, one.orders, one.refused) for one in report(scene).outcomes]


def test_an_account_without_a_journal_has_nothing_to_report(on_stage: Stage) -> None:
    known = report(on_stage(over_cap()))
    assert (known.runs, known.outcomes, known.clean.took, known.clean.open_since) == (0, (), (), None)
    assert known.total == Outcomes(rule="total", kind="")


def test_exits_are_set_against_the_marks_of_their_plans(on_stage: Stage) -> None:
    scene = on_stage(over_cap(), parameters={"max_positions": 2})
    plan = scene.plan()
    (action,) = [entry for entry in plan["actions"] if entry["kind"] == "close"]
    scene.move_price(action["symbol"], "99")
    scene.apply(plan)
    (outcome,) = report(scene).outcomes
    quantity = d(action["quantity"])
    assert (outcome.rule, outcome.kind, outcome.orders) == ("over-cap", "close", 1)
    assert (outcome.planned, outcome.proceeds) == (quantity * 100, quantity * 99)
    assert (outcome.slippage, outcome.slippage_share) == (quantity, d("0.01"))
    assert outcome.positions == {action["symbol"]}


def test_what_a_cut_off_run_sent_counts_once_when_the_plan_is_resumed(on_stage: Stage) -> None:
    scene = on_stage(over_cap(locked=40, orders=(resting(),)), parameters={"max_positions": 2})
    scene.break_writes(Fault.NONE, Fault.CRASH_AFTER)
    with pytest.raises(Crash):
        scene.apply()
    assert told(scene) == [("over-cap", "cancel_order", 1, 0)]
    assert scene.apply(scene.plans[0]).exit_code == 0
    assert told(scene) == [("over-cap", "cancel_order", 1, 0), ("over-cap", "close", 1, 0)]
    assert report(scene).runs == 2


def test_what_the_venue_refuses_is_counted_and_costs_nothing(on_stage: Stage) -> None:
    scene = on_stage(over_cap(locked=40, orders=(resting(),)), parameters={"max_positions": 2})
    scene.break_writes(Fault.NONE, Fault.REFUSED)
    scene.apply()
    assert told(scene) == [("over-cap", "cancel_order", 1, 0), ("over-cap", "close", 0, 1)]
    assert report(scene).total.proceeds == 0


def test_only_what_happened_since_then_is_told(on_stage: Stage) -> None:
    scene = on_stage(over_cap(), parameters={"max_positions": 2})
    scene.apply()
    assert report(scene, scene.clock()).total.orders == 1
    later = report(scene, scene.clock() + timedelta(microseconds=1))
    assert (later.runs, later.outcomes) == (0, ())


def test_fees_are_added_up_by_currency() -> None:
    first = Outcomes(rule="a", kind="close", fees={"USD": d(1), "BNB": d("0.1")})
    both = first.plus(Outcomes(rule="b", kind="unwind", fees={"USD": d(2)}))
    assert both.fees == {"USD": d(3), "BNB": d("0.1")}
    assert (both.rule, first.fees) == ("a", {"USD": d(1), "BNB": d("0.1")})


def run(minute: int, state: str | None, *, lasts: int | None = 1, done: bool = False) -> dict[str, Any]:
    began = NOW + timedelta(minutes=minute)
    return {
        "account_state": state,
        "started_at": time_text(began),
        "ended_at": None if lasts is None else time_text(began + timedelta(minutes=lasts)),
        "summary": {"outcomes": [{"status": "done"}]} if done else None,
    }


@pytest.mark.parametrize(
    ("runs", "took", "open_since"),
    [
        ([], [], None),
        ([run(0, "CLEAN")], [], None),
        ([run(0, "CLEAN", done=True)], [1], None),
        ([run(0, "NEEDS_CLEANUP"), run(5, "CLEANUP_IN_PROGRESS"), run(10, "CLEAN")], [11], None),
        ([run(0, "NEEDS_CLEANUP"), run(5, "CLEAN"), run(9, "CLEAN"), run(20, "UNKNOWN")], [6], 20),
        ([run(0, None, lasts=None), run(5, "CLEAN", done=True)], [6], None),
        ([run(0, "NEEDS_CLEANUP"), run(5, "CLEAN"), run(7, "NEEDS_CLEANUP"), run(9, "CLEAN")], [6, 3], None),
    ],
)
def test_the_time_to_clean_is_from_the_first_run_with_work_to_the_first_that_is_clean(
    runs: list[dict[str, Any]], took: list[int], open_since: int | None
) -> None:
    times = clean_times(runs, NOW)
    assert times.took == tuple(timedelta(minutes=minutes) for minutes in took)
    assert times.open_since == (None if open_since is None else NOW + timedelta(minutes=open_since))


def test_a_time_that_began_earlier_counts_where_it_ended_since() -> None:
    runs = [run(0, "NEEDS_CLEANUP"), run(5, "CLEAN"), run(7, "NEEDS_CLEANUP"), run(9, "CLEAN")]
    assert clean_times(runs, NOW + timedelta(minutes=8)).took == (timedelta(minutes=3),)
