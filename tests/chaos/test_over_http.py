"""A bounded part of the chaos over HTTP: live accounts through ccxt's real clients, before venues that outlive them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import pytest
from _pytest.mark.structures import ParameterSet

from tests.chaos.experiment import Experiment, run
from tests.chaos.kinds import LIVE, OVER_HTTP, accounts_at
from tests.chaos.suite import at_every_point, drawn

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # the children do one thing and are gone

POINTS = {"slices": 50, "busy": 80, "stops": 80, "grouped": 88, "hedged": 110}
"""About how many places an undisturbed run comes by."""


THOROUGH = {"killed twice", "two at once", "id in use", "refused", "slow reply"}
"""Kinds that are each like another one, or much the same without HTTP."""


def _one_of_each_kind() -> Iterator[ParameterSet]:
    """Draw one experiment of each kind, from one venue after the other."""
    for number, kind in enumerate([*(kind for kind in OVER_HTTP if kind not in THOROUGH), *sorted(THOROUGH)]):
        venues = [venue for venue in LIVE if venue in OVER_HTTP[kind].venues]
        at_venue = islice(drawn(POINTS, 7, venues[number % len(venues)]), len(OVER_HTTP))
        marks = [pytest.mark.thorough] if kind in THOROUGH else []
        experiments = [one for one in at_venue if one.kind == kind]
        if experiments:  # "killed at every point" is not drawn: the test below takes it
            yield pytest.param(experiments[0], marks=marks, id=f"{experiments[0].venue}: {kind}")


@pytest.mark.parametrize("experiment", list(_one_of_each_kind()))
def test_whatever_goes_wrong_on_the_way_to_a_live_venue_nothing_is_lost_or_doubled(experiment: Experiment) -> None:
    assert (experiment, run(experiment).violations) == (experiment, [])


@pytest.mark.parametrize("venue", LIVE)
def test_a_group_in_flight_to_a_live_venue_is_neither_lost_nor_doubled_by_a_kill(venue: str) -> None:
    places = list(at_every_point({"grouped": POINTS["grouped"]}, 7, venue))[25::50]
    reports = [run(experiment) for experiment in places]
    assert [report.violations for report in reports] == [[]] * len(places)
    assert sum(report.kills for report in reports) == len(places)


@pytest.mark.parametrize("venue", [venue for venue in LIVE if "hedged" in accounts_at(venue)])
def test_both_sides_of_a_swap_are_unwound_each_by_itself_wherever_a_process_is_killed(venue: str) -> None:
    places = list(at_every_point({"hedged": POINTS["hedged"]}, 7, venue))[50::40]
    reports = [run(experiment) for experiment in places]
    assert [report.violations for report in reports] == [[]] * len(places)
    assert sum(report.kills for report in reports) == len(places)
