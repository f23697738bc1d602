"""Every way through the model up to a depth: nothing lost, nothing doubled; and each safety is missed at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.model.explore import Explored, explore
from tests.model.mutants import MUTANTS, OF_CHAOS, OUTSIDE
from tests.model.settings import DEEP, SETTINGS
from tools.postgres import NoPostgres, find_binaries

pytestmark = pytest.mark.timeout(600)  # it is work, and no waiting

AT_ONCE = (
    "no wait",
    "no compare-and-swap",
    "no fence",
    "one of a group",
    "sends again",
    "no deadline",
    "no own clock in Postgres",
    "not durable",
    "no look at the journal before it is sent",
    "a window that is too short",
)
"""The safeties that are missed within the first runs; the others take seconds."""


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXITPLAN_CACHE_DIR", str(tmp_path / "cache"))


def ensure_playable(setting: str) -> None:
    if "postgres" in setting:
        try:
            find_binaries()
        except NoPostgres as why:
            pytest.skip(str(why))


def told(explored: Explored) -> tuple[list[str], bool]:
    return [str(fault) for fault in explored.faults], explored.is_exhausted


@pytest.mark.parametrize(
    "setting", [pytest.param(name, marks=[pytest.mark.thorough] * (name != "one")) for name in SETTINGS]
)
def test_whatever_happens_once_nothing_is_lost_and_nothing_doubled(setting: str) -> None:
    ensure_playable(setting)
    assert told(explore(SETTINGS[setting], 1)) == ([], True)


@pytest.mark.thorough
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("setting", DEEP)
def test_whatever_happens_twice_nothing_is_lost_and_nothing_doubled(setting: str) -> None:
    assert told(explore(SETTINGS[setting], 2, seconds=1700)) == ([], True)


@pytest.mark.parametrize(
    "safety", [pytest.param(name, marks=[pytest.mark.thorough] * (name not in AT_ONCE)) for name in MUTANTS]
)
def test_a_safety_that_is_taken_out_is_missed_within_a_minute(safety: str) -> None:
    mutant = MUTANTS[safety]
    ensure_playable(mutant.setting)
    explored = explore(SETTINGS[mutant.setting], 1, seconds=60, mutate=mutant.install)
    assert len(explored.faults) == 1


def test_every_mutant_of_chaos_is_looked_for_or_left_out_with_a_reason() -> None:
    assert OF_CHAOS.keys() - MUTANTS.keys() == OUTSIDE.keys()


def test_the_same_search_comes_by_the_same_runs() -> None:
    first, second = (explore(SETTINGS["one"], 0) for _ in range(2))
    assert (first.runs, first.states, first.longest) == (second.runs, second.states, second.longest)
