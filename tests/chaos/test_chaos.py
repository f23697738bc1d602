"""A bounded part of the chaos suite: every kind of trouble, a sample of the places to die at, every mutant."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from exitplan.executor.store.journal_file import open_journal
from exitplan.executor.store.journal_values import Resolution, Settlement
from exitplan.ruleset.errors import FileIsInvalid, PlanIsStale
from exitplan.ruleset.planning.plan import read_plan
from tests.builders import NOW
from tests.chaos.experiment import Experiment, count_points, run
from tests.chaos.kinds import KINDS, POSTGRES
from tests.chaos.mutants import MUTANTS
from tests.chaos.suite import Result, Tally, at_every_point, drawn, gather, run_safely, tries_until_caught
from tests.executor.conftest import Stage
from tests.executor.scene import legacy
from tests.faults import Crash, Fault

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # the children do one thing and are gone

POINTS = {"slices": 34, "busy": 56, "stops": 52, "grouped": 63, "ahead": 82}
"""About how many places an undisturbed run comes by."""


@pytest.mark.parametrize("number", range(len(KINDS) - 1))
def test_whatever_goes_wrong_nothing_is_lost_and_nothing_doubled(number: int) -> None:
    experiment = list(zip(range(number + 1), drawn(POINTS, 7), strict=False))[number][1]
    assert (experiment, run(experiment).violations) == (experiment, [])


@pytest.mark.parametrize("account", POINTS)
def test_wherever_a_process_is_killed_nothing_is_lost_and_nothing_doubled(account: str) -> None:
    sample = list(at_every_point({account: POINTS[account]}, 7))[:: POINTS[account] // 6]
    result = Result({name: Tally() for name in KINDS}, [])
    gather(result, map(run_safely, sample))
    assert (result.failures, result.kills) == ([], len(sample))


@pytest.mark.parametrize(
    "mutant",
    [
        pytest.param(name, marks=[pytest.mark.thorough] * taken.slow)
        for name, taken in MUTANTS.items()
        if taken.venue != POSTGRES
    ],
)
def test_without_a_safety_it_fails(mutant: str) -> None:
    assert tries_until_caught(mutant, 1, 12) is not None


def test_no_place_goes_uncounted() -> None:
    assert {account: count_points(account) >= most for account, most in POINTS.items()} == dict.fromkeys(POINTS, True)


def test_an_experiment_that_breaks_down_itself_is_a_failure() -> None:
    _, report = run_safely(Experiment("two writers", "no such account", 1))
    assert [violation.kind for violation in report.violations] == ["lost"]


def test_who_was_replaced_writes_nothing_any_more(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    plan = scene.plan()
    with open_journal(scene.folder.journal) as replaced:
        replaced.begin_run(read_plan(plan), {"unwind_progress": {}}, NOW)
        (intent,) = replaced.intents(plan["plan_id"]).values()
        assert scene.apply(plan).exit_code == 0
        with pytest.raises(FileIsInvalid, match="taken over by another run"):
            replaced.settle(Settlement([(intent, Resolution("refused"), NOW)]))
    assert scene.state().unwinds["AAA/USD"].cycle == 1


def test_a_plan_that_does_not_know_of_an_order_stays_stale_after_the_order_was_settled(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.break_writes(Fault.CRASH_AFTER)
    with pytest.raises(Crash):
        scene.apply()
    plan = scene.plan()
    for _ in range(2):
        with pytest.raises(PlanIsStale, match="resolved only now"):
            scene.apply(plan)
    assert (scene.held(), scene.state().unwinds["AAA/USD"].initial_quantity) == ("75", Decimal(100))


def test_a_folder_that_becomes_read_only_is_told_as_that(tmp_path: Path) -> None:
    experiment = Experiment("read-only folder", "busy", 3, (30,))
    assert (tmp_path.exists(), run(experiment).violations) == (True, [])
