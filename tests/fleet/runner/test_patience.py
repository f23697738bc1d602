"""How long a worker waits for a database that is away, or that refuses it."""

from __future__ import annotations

import logging
from collections.abc import Callable

import psycopg
import pytest

from exitplan.executor.store.postgres.failures import told
from exitplan.fleet.runner.patience import patiently
from exitplan.ruleset.errors import DataFolderUnusable


@pytest.fixture
def passed(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let pauses pass at once; returns a list of one number, the seconds that have passed."""
    clock = [0.0]

    def sleep(seconds: float) -> None:
        clock[0] += seconds

    monkeypatch.setattr("time.sleep", sleep)
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    return clock


def failing(error: psycopg.Error, clock: list[float], until: float = float("inf")) -> Callable[[], str]:
    def ask() -> str:
        with told("postgresql:///x"):
            if clock[0] < until:
                raise error
        return "here"

    return ask


AWAY, REFUSES = psycopg.OperationalError("no route"), psycopg.errors.InsufficientPrivilege("permission denied")


def test_a_database_that_comes_back_is_waited_for(passed: list[float]) -> None:
    assert patiently(failing(AWAY, passed, until=500)) == "here"


@pytest.mark.parametrize(
    ("error", "event"), [(AWAY, "database_away"), (REFUSES, "database_refuses")], ids=["away", "refuses"]
)
def test_it_is_told_again_each_minute_and_what_does_not_pass_distinctly(
    passed: list[float], caplog: pytest.LogCaptureFixture, error: psycopg.Error, event: str
) -> None:
    with caplog.at_level(logging.WARNING, "exitplan"):
        patiently(failing(error, passed, until=190))
    assert [record.getMessage() for record in caplog.records if event in record.getMessage()]
    assert len(caplog.records) == 4  # at once, and after each of three minutes


@pytest.mark.parametrize(("error", "seconds"), [(AWAY, 30), (REFUSES, 0)], ids=["away", "refuses"])
def test_who_leaves_waits_for_a_while_for_what_passes_and_not_for_what_does_not(
    passed: list[float], error: psycopg.Error, seconds: float
) -> None:
    with pytest.raises(DataFolderUnusable):
        patiently(failing(error, passed), leaving=lambda: True)
    assert seconds <= passed[0] <= seconds + 2


def test_who_begins_to_leave_later_has_the_same_while_from_then_on(passed: list[float]) -> None:
    with pytest.raises(DataFolderUnusable):
        patiently(failing(AWAY, passed), leaving=lambda: passed[0] > 100)
    assert 130 <= passed[0] <= 134
