"""A bounded part of the chaos over two venues: plans of a group, killed and lied to, and judged by both venues."""

from __future__ import annotations

import pytest

from exitplan.executor.groups.course import Progress
from exitplan.executor.groups.saga import Saga
from tests.chaos.group import world
from tests.chaos.group.experiment import GroupExperiment, run_group
from tests.executor.groups.group_scene import CASH, HEDGE

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # the children do one thing and are gone

DRAWN = (
    GroupExperiment("killed at every point", CASH, 3, (150, 90)),
    GroupExperiment("connection lost", HEDGE, 5, (120,)),
    GroupExperiment("late execution", CASH, 9, (30,)),
    GroupExperiment("partial fill", CASH, 604076, (60,)),
)


@pytest.mark.parametrize("experiment", DRAWN, ids=lambda one: f"{one.kind} at {one.side}")
def test_whatever_goes_wrong_at_one_of_two_venues_legs_are_within_the_bound_or_told(
    experiment: GroupExperiment,
) -> None:
    report = run_group(experiment)
    assert (experiment.written(), report.violations) == (experiment.written(), [])
    assert report.kills == len(experiment.at)


def test_it_goes_on_at_other_venues_that_check_first_orders_in_their_own_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world, "VENUES", {CASH: "coinbase", HEDGE: "bybit"})
    report = run_group(GroupExperiment("killed at every point", CASH, 3, (150,)))
    assert (report.kills, report.violations) == (1, [])


def test_without_taking_turns_the_venues_own_fills_show_legs_too_far_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Progress, "next_slice", lambda progress, _: next(iter(progress.left), None))
    assert "apart" in run_group(GroupExperiment("killed at every point", CASH, 3, (0,))).violations[0].text


def test_without_its_alert_a_leg_that_is_left_alone_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Saga, "_alert", lambda *_: None)
    told = run_group(GroupExperiment("partial fill", CASH, 5, (90,))).violations
    assert any("nobody was told" in violation.text for violation in told)
