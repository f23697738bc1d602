"""Every way through the model up to a depth: nothing lost, nothing doubled; and each safety is missed at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from exitplan.executor.store.journal import Journal
from tests.chaos.mutants import MUTANTS
from tests.model.explore import Explored, explore
from tests.model.settings import DEEP, SETTINGS

pytestmark = pytest.mark.timeout(600)  # it is work, and no waiting

Mutate = Callable[[pytest.MonkeyPatch], Any]

CAUGHT_IN = {
    "no look-up": "one",
    "no wait": "one",
    "one question": "one",
    "no compare-and-swap": "one",
    "no fence": "one",
    "one of a group": "group",
}
"""The setting in which each safety of the executor is missed; what the venues' adapters do is not in the model."""


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXITPLAN_CACHE_DIR", str(tmp_path / "cache"))


def told(explored: Explored) -> tuple[list[str], bool]:
    return [str(fault) for fault in explored.faults], explored.is_exhausted


@pytest.mark.parametrize(
    "setting", [pytest.param(name, marks=[pytest.mark.thorough] * (name != "one")) for name in SETTINGS]
)
def test_whatever_happens_once_nothing_is_lost_and_nothing_doubled(setting: str) -> None:
    assert told(explore(SETTINGS[setting], 1)) == ([], True)


@pytest.mark.thorough
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("setting", DEEP)
def test_whatever_happens_twice_nothing_is_lost_and_nothing_doubled(setting: str) -> None:
    assert told(explore(SETTINGS[setting], 2, seconds=1700)) == ([], True)


@pytest.mark.parametrize(
    "mutant", [pytest.param(name, marks=[pytest.mark.thorough] * (name == "one question")) for name in CAUGHT_IN]
)
def test_a_safety_that_is_taken_out_is_missed(mutant: str) -> None:
    explored = explore(SETTINGS[CAUGHT_IN[mutant]], 1, mutate=MUTANTS[mutant].install)
    assert (len(explored.faults), explored.seconds < 60) == (1, True)


def _without_claim(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Journal, "ensure_claimed", lambda _: None)


def _without_window(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("exitplan.executor.apply.reconcile.MARGIN_SECONDS", -4)


def _without_note(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("exitplan.executor.store.last_journal.ensure_newest_traded", lambda *_: None)


MORE: Mapping[str, Mutate] = {"a look at the journal before it is sent": _without_claim, "the window": _without_window}


@pytest.mark.thorough
def test_without_the_note_beside_the_lock_a_folder_that_was_put_back_is_not_noticed() -> None:
    assert len(explore(SETTINGS["put back"], 1, mutate=_without_note).faults) == 1


@pytest.mark.parametrize("safety", MORE)
def test_the_model_misses(safety: str) -> None:
    assert len(explore(SETTINGS["one"], 1, mutate=MORE[safety]).faults) == 1


def test_the_same_search_comes_by_the_same_runs() -> None:
    first, second = (explore(SETTINGS["one"], 0) for _ in range(2))
    assert (first.runs, first.states, first.longest) == (second.runs, second.states, second.longest)
