"""The operation on one account: one order of things, whoever asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from exitplan.executor.accounts.account import Account
from exitplan.executor.apply.apply import check_plan
from exitplan.executor.apply.events import Stop
from exitplan.executor.operation import Operation, Outcome, Unobserved, Watch, operate
from exitplan.executor.plan import plan_account
from exitplan.ruleset.errors import CancelledByUser, PlanIsAltered, PlanIsUsed, RefusedByGuard
from exitplan.ruleset.exit_codes import ExitCode
from exitplan.ruleset.planning.actions import Phase
from exitplan.ruleset.planning.checks import AccountState
from exitplan.ruleset.planning.plan import parse_plan
from exitplan.ruleset.planning.plan_types import Plan
from exitplan.ruleset.planning.planner import PlanScope
from tests.builders import position, snapshot
from tests.executor.conftest import Stage
from tests.executor.scene import Scene, legacy

CLEAN = snapshot(position("AAA/USD", 100), tracked=["AAA/USD"])


class Note(Unobserved):
    """Writes down what it sees, in order."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def show_plan(self, account: Account, plan: Plan) -> None:
        self.seen.append("planned")

    @contextmanager
    def watch_run(self, account: Account, plan: Plan) -> Iterator[Watch]:
        self.seen.append("sending")
        yield Watch(lambda event: self.seen.append(event.kind))
        self.seen.append("sent")


def done(scene: Scene, operation: Operation = Operation()) -> Outcome:  # noqa: B008 - it is frozen
    return operate(scene.open(), operation, sleep=scene.clock.sleep)


def test_it_shows_the_plan_asks_and_only_then_sends(on_stage: Stage) -> None:
    scene, note = on_stage(legacy()), Note()

    def ask(account: Account, plan: Plan) -> None:
        note.seen.append("asked")

    operate(scene.open(), Operation(), approve=ask, observer=note, sleep=scene.clock.sleep)
    assert note.seen[:4] == ["planned", "asked", "sending", "run_started"]
    assert note.seen[-2:] == ["run_finished", "sent"]


def test_who_says_no_gets_nothing_sent(on_stage: Stage) -> None:
    scene = on_stage(legacy())

    def refuse(account: Account, plan: Plan) -> None:
        raise CancelledByUser("no")

    with pytest.raises(CancelledByUser):
        operate(scene.open(), Operation(), approve=refuse)
    assert (scene.trouble.sent, scene.folder.path.exists()) == ([], False)


def test_an_empty_plan_asks_nobody_is_journalled_and_verified(on_stage: Stage) -> None:
    scene = on_stage(CLEAN)

    def never(account: Account, plan: Plan) -> None:
        raise AssertionError("asked")

    outcome = operate(scene.open(), Operation(), approve=never)
    assert outcome.result is not None
    assert (outcome.exit_code, outcome.state, outcome.result.outcomes) == (ExitCode.DONE, AccountState.CLEAN, ())
    assert scene.state().last_verified_at is not None


def test_a_dry_run_sends_nothing_and_writes_nothing(on_stage: Stage) -> None:
    scene, note = on_stage(legacy()), Note()
    outcome = operate(scene.open(), Operation(dry_run=True, to_clean=True), observer=note)
    assert (outcome.result, outcome.exit_code, note.seen) == (None, ExitCode.PENDING, ["planned"])
    assert (scene.trouble.sent, scene.folder.path.exists()) == ([], False)


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_guard_refuses_after_the_plan_was_shown(on_stage: Stage, dry_run: bool) -> None:
    scene, note = on_stage(legacy(), guards={"max_actions": 0}), Note()
    with pytest.raises(RefusedByGuard, match="refused by max_actions: 1 is above 0"):
        operate(scene.open(), Operation(dry_run=dry_run), observer=note)
    assert (note.seen, scene.trouble.sent) == (["planned"], [])


def test_a_dry_run_of_a_saved_plan_checks_it_against_the_account(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    plan = plan_account(scene.open()).plan
    scene.hold("AAA/USD", None)
    assert done(scene, Operation(plan, dry_run=True)).done_already == 1
    done(scene, Operation(plan))
    with pytest.raises(PlanIsUsed):
        done(scene, Operation(plan, dry_run=True))


def test_the_whole_protocol_is_pending_until_the_account_is_clean(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    assert done(scene).exit_code == ExitCode.DONE
    scene.clock.advance(3600)
    assert done(scene, Operation(to_clean=True)).exit_code == ExitCode.PENDING


def test_a_protocol_that_a_guard_refuses_leaves_no_older_answer(on_stage: Stage) -> None:
    scene = on_stage(CLEAN)
    done(scene)
    scene.policy["guards"] = {"max_actions": 0}
    scene.track()
    with pytest.raises(RefusedByGuard):
        done(scene, Operation(to_clean=True))
    assert scene.says() is AccountState.NEEDS_CLEANUP


def test_a_narrowed_operation_does_its_phase_alone(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    outcome = done(scene, Operation(scope=PlanScope(phase=Phase.CANCEL)))
    assert (outcome.plan.actions, scene.held()) == ((), "100")


def test_a_plan_object_that_was_changed_is_not_applied(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    document = {**plan_account(scene.open()).document, "expires_at": "2099-01-01T00:00:00Z"}
    with pytest.raises(PlanIsAltered):
        done(scene, Operation(parse_plan(document)))
    with pytest.raises(PlanIsAltered):
        check_plan(scene.open(), parse_plan(document))


@pytest.mark.parametrize("stop", Stop)
def test_every_reason_to_stop_has_an_exit_code_that_is_not_success(stop: Stop) -> None:
    assert stop.exit_code is not ExitCode.DONE
