"""The work of a plan, counted in calls and not in seconds: the same on every machine, however busy."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from bench.work import FLOOR, count_calls, count_work, work_table

MOST = {"file to snapshot": 0.9, "mixed account to plan": 6.6, "far over the cap to plan": 10.4}
"""The most calls that a position may take, as a multiple of the floor: a tenth above what it takes."""
GROWTH = 1.1


@pytest.fixture(scope="module")
def work() -> Mapping[str, float]:
    return count_work(50, 200)


@pytest.mark.parametrize("step", MOST)
def test_a_position_takes_no_more_work_than_it_did(work: Mapping[str, float], step: str) -> None:
    assert work[step] / work[FLOOR] <= MOST[step], work_table(work)


def test_in_a_larger_account_a_position_takes_no_more_work(work: Mapping[str, float]) -> None:
    larger = count_work(300, 450)
    assert {step: calls for step, calls in larger.items() if calls > GROWTH * work[step]} == {}


def test_calls_of_python_and_of_c_are_counted_and_every_time_alike() -> None:
    def three_calls() -> None:
        len(str(1))

    few = count_calls(three_calls)
    assert few >= 2
    assert count_calls(lambda: [len(str(number)) for number in range(10)]) >= 10 > few
    assert count_calls(three_calls) == few
