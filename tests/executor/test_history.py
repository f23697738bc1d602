"""Past runs, those that were killed among them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec import structs

from exitplan.executor.apply.costs import costs_of
from exitplan.executor.store.history import past_runs
from exitplan.executor.store.lease import account_lease
from exitplan.ruleset.model.values import parse_decimal
from tests.executor.conftest import Stage
from tests.executor.scene import Scene, over_cap, resting
from tests.faults import Crash, Fault


def killed(on_stage: Stage) -> Scene:
    """Die after the first of two actions, while the second is on its way."""
    scene = on_stage(over_cap(locked=40, orders=(resting(),)), parameters={"max_positions": 2})
    scene.break_writes(Fault.NONE, Fault.CRASH_AFTER)
    with pytest.raises(Crash):
        scene.apply()
    return scene


def told(scene: Scene) -> list[tuple[int | None, int, int, bool]]:
    return [(run["exit_code"], run["done"], run["refused"], run["under_way"]) for run in past_runs(scene.open())]


def test_a_run_that_was_killed_counts_what_the_journal_has_of_it(on_stage: Stage) -> None:
    assert told(killed(on_stage)) == [(None, 1, 0, False)]


def test_what_is_settled_later_counts_for_the_run_that_sent_it(on_stage: Stage) -> None:
    scene = killed(on_stage)
    assert scene.apply(scene.plans[0]).exit_code == 0
    assert told(scene)[1] == (None, 2, 0, False)


def test_a_run_without_an_end_is_under_way_while_its_account_is_in_use(on_stage: Stage) -> None:
    scene = killed(on_stage)
    with account_lease(scene.folder.lock, "platform", scene.clock()):
        assert told(scene) == [(None, 1, 0, True)]


def test_a_note_that_a_dead_process_left_is_no_run_under_way(on_stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = killed(on_stage)
    with account_lease(scene.folder.lock, "platform", scene.clock()), monkeypatch.context() as dead:
        dead.setattr("os.kill", gone)
        assert told(scene) == [(None, 1, 0, False)]


def gone(_pid: int, _signal: int) -> None:
    raise ProcessLookupError


def test_a_run_that_ended_counts_its_outcomes(on_stage: Stage) -> None:
    scene = on_stage(over_cap(locked=40, orders=(resting(),)), parameters={"max_positions": 2})
    scene.break_writes(Fault.NONE, Fault.REFUSED)
    assert scene.apply().exit_code == 4
    assert told(scene) == [(4, 1, 1, False)]


def test_the_fee_that_a_plan_expected_is_that_of_what_was_sold(on_stage: Stage) -> None:
    scene = on_stage(over_cap(), parameters={"max_positions": 2})
    outcomes = scene.apply().outcomes
    assert past_runs(scene.open())[0]["summary"]["outcomes"][0]["expected_fee"] == "0"  # what this venue takes
    dearer = [
        structs.replace(outcome, action=structs.replace(outcome.action, taker_fee=Decimal("0.001")))
        for outcome in outcomes
    ]
    costs = costs_of(dearer)
    assert costs.expected_fees == costs.planned * Decimal("0.001") > 0
    assert [parse_decimal(outcome.to_document()["expected_fee"]) for outcome in dearer] == [costs.expected_fees]


def test_fees_are_expected_of_a_run_only_where_the_rate_of_each_sale_is_known(on_stage: Stage) -> None:
    outcomes = on_stage(over_cap(), parameters={"max_positions": 2}).apply().outcomes
    unknown = [structs.replace(outcome, action=structs.replace(outcome.action, taker_fee=None)) for outcome in outcomes]
    assert costs_of([*outcomes, *unknown]).expected_fees is None
    assert "expected_fee" not in unknown[0].to_document()
