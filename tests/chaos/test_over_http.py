"""A bounded part of the chaos over HTTP: live accounts through ccxt's real clients, before venues that outlive them."""

from __future__ import annotations

from itertools import islice

import pytest

from tests.chaos.experiment import Experiment, run
from tests.chaos.kinds import LIVE, OVER_HTTP
from tests.chaos.suite import at_every_point, drawn

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # the children do one thing and are gone

POINTS = {"slices": 65, "busy": 95, "stops": 87, "grouped": 118}
"""About how many places an undisturbed run comes by."""


LEFT_OUT = {"killed twice", "two at once", "id in use", "refused", "slow reply"}
"""Kinds for the whole suite only, each like another one that is taken or much the same without HTTP."""


def _taken_in_turn() -> list[Experiment]:
    """Take kinds once each, from one venue after the other."""
    taken: list[Experiment] = []
    for number, kind in enumerate(kind for kind in OVER_HTTP if kind not in LEFT_OUT):
        one_of_each = islice(drawn(POINTS, 7, LIVE[number % 2]), len(OVER_HTTP))
        taken += [found for found in one_of_each if found.kind == kind][:1]
    return taken


@pytest.mark.parametrize("experiment", _taken_in_turn(), ids=lambda found: f"{found.venue}: {found.kind}")
def test_whatever_goes_wrong_on_the_way_to_a_live_venue_nothing_is_lost_or_doubled(experiment: Experiment) -> None:
    assert (experiment, run(experiment).violations) == (experiment, [])


@pytest.mark.parametrize("venue", LIVE)
def test_a_group_in_flight_to_a_live_venue_is_neither_lost_nor_doubled_by_a_kill(venue: str) -> None:
    places = list(at_every_point({"grouped": POINTS["grouped"]}, 7, venue))[30::60]
    reports = [run(experiment) for experiment in places]
    assert [report.violations for report in reports] == [[]] * len(places)
    assert sum(report.kills for report in reports) == len(places)
