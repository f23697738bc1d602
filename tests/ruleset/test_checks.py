"""The state that the checks come to: each finding alone, and what an unwind under way excuses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exitplan.ruleset.planning.checks import AccountState, Checks
from exitplan.ruleset.planning.plan import checks_document
from tests.builders import Given

KEYS = ("A", "B", "C")
QUIET = Checks(
    counted=2,
    max_positions=2,
    zombies=(),
    tolerated=("D",),
    registered=2,
    unregistered=(),
    stale=(),
    orders=3,
    deferred=(),
    unwinding=(),
)
"""As many positions as are allowed, all registered."""


def test_an_account_at_its_cap_is_clean() -> None:
    assert QUIET.state is AccountState.CLEAN


@pytest.mark.parametrize("name", ["deferred", "unjudged", "unread"])
def test_what_could_not_be_judged_makes_it_unknown_whatever_else_there_is(name: str) -> None:
    for one in (QUIET, replace(QUIET, zombies=KEYS)):
        finding: dict[str, Given] = {name: KEYS}
        assert replace(one, **finding).state is AccountState.UNKNOWN


def test_a_balance_that_nobody_expected_makes_it_unknown() -> None:
    assert replace(QUIET, surprise="").state is AccountState.UNKNOWN


@pytest.mark.parametrize(
    "finding",
    [
        {"counted": 3},
        *({name: ("A",)} for name in ("zombies", "unregistered", "stale")),
        *({name: ("A",)} for name in ("implausible", "debts", "reopening", "proceeds")),
    ],
    ids=str,
)
def test_each_finding_alone_needs_cleanup(finding: dict[str, Given]) -> None:
    assert replace(QUIET, **finding).state is AccountState.NEEDS_CLEANUP
    under_way = {"unregistered": ("X",), "unwinding": ("X",)}
    if "unregistered" not in finding:
        assert replace(QUIET, **{**under_way, **finding, "counted": 2 + 2 * ("counted" in finding)}).state is (
            AccountState.NEEDS_CLEANUP
        )


def test_unregistered_positions_that_are_all_being_unwound_are_in_progress() -> None:
    unwinding = replace(QUIET, unregistered=KEYS, unwinding=KEYS)
    assert unwinding.state is AccountState.CLEANUP_IN_PROGRESS
    assert replace(unwinding, unwinding=("A", "B")).state is AccountState.NEEDS_CLEANUP


@pytest.mark.parametrize(("counted", "state"), [(5, "CLEANUP_IN_PROGRESS"), (6, "NEEDS_CLEANUP")])
def test_what_is_being_unwound_does_not_count_against_the_cap(counted: int, state: str) -> None:
    assert replace(QUIET, unregistered=KEYS, unwinding=KEYS, counted=counted).state == state


def test_what_could_not_be_read_is_named_where_there_is_any() -> None:
    assert "unread" not in checks_document(QUIET)
    assert checks_document(replace(QUIET, unread=("a",)))["unread"] == ["a"]


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("position_count", {"counted": 3}),
        ("zombie_positions", {"zombies": KEYS}),
        ("registered_positions", {"unregistered": KEYS}),
        ("stale_orders", {"stale": KEYS}),
    ],
)
def test_a_check_passes_where_it_finds_nothing(name: str, changes: dict[str, Given]) -> None:
    assert checks_document(QUIET)["checks"][name]["pass"] is True
    assert checks_document(replace(QUIET, **changes))["checks"][name]["pass"] is False
