"""A bounded part of the chaos with a fleet: real workers on a server of their own."""

from __future__ import annotations

import pytest

from tests.chaos.fleet.mutants import MUTANTS
from tests.chaos.fleet.scenes import SCENES, is_caught, play
from tests.chaos.fleet.suite import run_long
from tools.postgres import NoPostgres, find_binaries

QUICK = {"halted"}
"""Scenes that wait for no lease."""


@pytest.fixture(autouse=True)
def server_is_there() -> None:
    try:
        find_binaries()
    except NoPostgres as problem:
        pytest.skip(str(problem))


def _scenes() -> list[object]:
    return [pytest.param(scene, marks=[] if scene in QUICK else [pytest.mark.thorough]) for scene in SCENES]


@pytest.mark.parametrize("scene", _scenes())
def test_at_the_worst_moment_nothing_is_lost_and_nothing_doubled(scene: str) -> None:
    assert play(scene) == []


@pytest.mark.thorough
@pytest.mark.timeout(600)
@pytest.mark.parametrize("mutant", MUTANTS)
def test_without_a_safety_it_fails(mutant: str) -> None:
    assert is_caught(mutant)


@pytest.mark.thorough
@pytest.mark.timeout(900)
def test_whatever_happens_to_a_fleet_nothing_is_lost_and_nothing_doubled() -> None:
    tale = run_long(40, 7, 300, accounts=20)
    assert (tale.violations, tale.faults >= 40) == ([], True)
