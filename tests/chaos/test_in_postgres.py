"""A bounded part of the chaos with accounts that are kept in Postgres."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.chaos import in_postgres
from tests.chaos.experiment import count_points, run
from tests.chaos.kinds import IN_POSTGRES, POSTGRES
from tests.chaos.mutants import MUTANTS
from tests.chaos.suite import at_every_point, drawn, tries_until_caught

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # the children do one thing and are gone

POINTS = {"slices": 33, "busy": 55, "stops": 51, "grouped": 62, "ahead": 81}
"""About how many places an undisturbed run comes by."""
QUICK = {
    *("killed twice", "two writers", "server crashes", "server restarted at any moment"),
    *("server paused", "network cut", "lease ends", "dies elsewhere"),
}
"""What is not much the same as another kind, or as it is on files."""
BITES = {"no own clock in Postgres", "not durable in Postgres"}


@pytest.fixture(scope="module")
def database(new_database: Callable[[], str]) -> Iterator[str]:
    url = new_database()
    in_postgres.set_up(url)
    in_postgres.SHARED.append(url)
    yield url
    in_postgres.SHARED.clear()


def _marked(name: str, *, is_quick: bool) -> object:
    return pytest.param(name, marks=[] if is_quick else [pytest.mark.thorough])


@pytest.mark.parametrize(
    "kind",
    [_marked(name, is_quick=name in QUICK) for name in IN_POSTGRES if name != "killed at every point"],
)
def test_whatever_goes_wrong_nothing_is_lost_and_nothing_doubled(kind: str, database: str) -> None:
    experiment = next(one for one in drawn(POINTS, 7, POSTGRES) if one.kind == kind)
    assert (experiment, run(experiment).violations) == (experiment, [])


def test_wherever_a_process_is_killed_nothing_is_lost_and_nothing_doubled(database: str) -> None:
    places = list(at_every_point({"grouped": POINTS["grouped"]}, 7, POSTGRES))[3::20]
    reports = [run(experiment) for experiment in places]
    assert [report.violations for report in reports] == [[]] * len(places)
    assert sum(report.kills for report in reports) == len(places)


@pytest.mark.parametrize(
    "mutant", [_marked(name, is_quick=name in BITES) for name, taken in MUTANTS.items() if taken.venue == POSTGRES]
)
def test_without_a_safety_it_fails(mutant: str, database: str) -> None:
    assert tries_until_caught(mutant, 1, 12) is not None


def test_no_place_goes_uncounted(database: str) -> None:
    assert count_points("grouped", POSTGRES) >= POINTS["grouped"]
