"""Phase 4 alone: four checks on freshly read data, and no trades."""

from __future__ import annotations

import pytest

from exitplan.executor.standing import no_old_answer
from exitplan.executor.store.history import account_status
from exitplan.ruleset.errors import (
    AccountIsHalted,
    AccountIsLocked,
    CancelledByUser,
    ExitplanError,
    FileIsInvalid,
    RefusedByGuard,
)
from exitplan.ruleset.planning.planner import PlanScope
from tests.builders import NOW, order, position, record, snapshot
from tests.executor.conftest import Stage
from tests.executor.scene import Scene, legacy
from tests.faults import Fault


def state(scene: Scene) -> str:
    answer = scene.verify().state
    assert answer == scene.says()
    assert scene.trouble.sent == []
    return answer


def test_an_account_of_registered_positions_is_clean(on_stage: Stage) -> None:
    assert state(on_stage(snapshot(position(), tracked=["AAA/USD"]))) == "CLEAN"


def test_an_empty_account_is_clean(on_stage: Stage) -> None:
    assert state(on_stage(snapshot())) == "CLEAN"


def test_too_many_positions_need_cleanup(on_stage: Stage) -> None:
    two = (position("AAA/USD", 100), position("BBB/USD", 100))
    account = snapshot(*two, tracked=["AAA/USD", "BBB/USD"])
    assert state(on_stage(account, parameters={"max_positions": 1})) == "NEEDS_CLEANUP"


def test_a_zombie_needs_cleanup(on_stage: Stage) -> None:
    assert state(on_stage(snapshot(position(), markets={"AAA/USD": None}))) == "NEEDS_CLEANUP"


def test_a_position_nobody_registered_needs_cleanup(on_stage: Stage) -> None:
    assert state(on_stage(legacy())) == "NEEDS_CLEANUP"


def test_a_stale_order_needs_cleanup(on_stage: Stage) -> None:
    stale = order("old", "AAA/USD", "buy", 1, price=50, minutes=31)
    assert state(on_stage(snapshot(position(), orders=[stale], tracked=["AAA/USD"]))) == "NEEDS_CLEANUP"


def test_an_order_that_is_not_stale_yet_is_clean(on_stage: Stage) -> None:
    fresh = order("new", "AAA/USD", "buy", 1, price=50, minutes=30)
    assert state(on_stage(snapshot(position(), orders=[fresh], tracked=["AAA/USD"]))) == "CLEAN"


def test_untradeable_dust_is_tolerated_and_listed(on_stage: Stage) -> None:
    scene = on_stage(snapshot(position("AAA/USD", "0.0001"), position("BBB/USD", 10), tracked=["BBB/USD"]))
    checks = scene.verify()
    assert (checks.state, checks.tolerated, checks.zombies) == ("CLEAN", ("AAA/USD",), ())


def test_a_policy_that_tolerates_no_dust_is_not_clean_with_it(on_stage: Stage) -> None:
    account = snapshot(position("AAA/USD", "0.0001"), position("BBB/USD", 10), tracked=["BBB/USD"])
    assert state(on_stage(account, clean={"tolerate_untradeable_dust": False})) == "NEEDS_CLEANUP"


def test_a_protected_position_is_not_held_against_clean(on_stage: Stage) -> None:
    assert state(on_stage(legacy(), protect=[{"symbol": "AAA/USD", "reason": "mine"}])) == "CLEAN"


def test_a_protection_that_has_expired_protects_no_more(on_stage: Stage) -> None:
    protect = [{"symbol": "AAA/USD", "until": "2026-02-18T22:00:00Z"}]
    assert state(on_stage(legacy(), protect=protect)) == "NEEDS_CLEANUP"


def test_an_unwind_under_way_is_progress(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.apply()
    assert scene.verify().state == "CLEANUP_IN_PROGRESS"


def test_an_unwind_and_something_else_need_cleanup(on_stage: Stage) -> None:
    scene = on_stage(snapshot(position("AAA/USD", 100), position("BBB/USD", 100)))
    scene.apply(scene.plan(PlanScope(targets=("AAA/USD",))))
    assert scene.verify().state == "NEEDS_CLEANUP"


def test_the_answer_is_remembered_with_its_time(on_stage: Stage) -> None:
    scene = on_stage(snapshot(position(), tracked=["AAA/USD"]))
    scene.verify()
    status = account_status(scene.open()).document
    assert (status["account_state"], status["last_verified_at"]) == ("CLEAN", "2026-02-18T22:00:00Z")
    assert (status["last_cleanup_run"], scene.state().last_verified_at) == (None, NOW)


def test_it_forgets_nothing_of_what_was_known(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.apply()
    before = scene.state()
    scene.clock.advance(5)
    scene.verify()
    after = scene.state()
    assert (after.unwinds, after.metrics, after.classified) == (before.unwinds, before.metrics, before.classified)


def test_while_somebody_is_at_work_the_answer_is_given_and_not_remembered(on_stage: Stage) -> None:
    scene = on_stage(snapshot(position("AAA/USD", 100), tracked={"AAA/USD": record(entry=None)}))
    answers = []
    scene.trouble.before.append(lambda: answers.append((scene.verify().state, scene.says())))
    scene.apply()
    assert answers == [("NEEDS_CLEANUP", None)]


def test_where_the_tracker_is_broken_no_old_answer_stands(on_stage: Stage) -> None:
    scene = on_stage(snapshot(position(), tracked=["AAA/USD"]))
    assert state(scene) == "CLEAN"
    scene.folder.tracker.write_text("{broken")
    with pytest.raises(FileIsInvalid, match="this is not JSON"):
        scene.verify()
    assert scene.says() == "UNKNOWN"


def test_what_a_guard_refuses_needs_cleanup_and_a_mistake_of_ours_is_unknown(on_stage: Stage) -> None:
    scene = on_stage(snapshot())
    for problem, said in [(RefusedByGuard("too much"), "NEEDS_CLEANUP"), (KeyError("bug"), "UNKNOWN")]:
        with pytest.raises(type(problem)), no_old_answer(scene.open()):
            raise problem
        assert scene.says() == said


@pytest.mark.parametrize("problem", [AccountIsLocked("busy"), AccountIsHalted("stop"), CancelledByUser("no")])
def test_what_says_nothing_of_the_account_leaves_the_last_answer(on_stage: Stage, problem: ExitplanError) -> None:
    scene = on_stage(snapshot())
    scene.verify()
    with pytest.raises(type(problem)), no_old_answer(scene.open()):
        raise problem
    assert scene.says() == "CLEAN"


@pytest.mark.parametrize("fault", [Fault.REFUSED, Fault.PARTIAL])
def test_a_run_verifies_what_is_and_not_what_was_forecast(on_stage: Stage, fault: Fault) -> None:
    scene = on_stage(snapshot(position("AAA/USD", 100), tracked={"AAA/USD": record(entry=None)}))
    plan = scene.plan()
    scene.break_writes(fault)
    scene.apply(plan)
    assert (plan["forecast"]["state"], scene.says()) == ("CLEAN", "NEEDS_CLEANUP")
