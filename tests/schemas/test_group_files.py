"""Policies of groups: every mistake with its place, what is allowed, and the nearest right name."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from exitplan.schemas.groups import load_group
from exitplan.schemas.loading.diagnostics import FileHasProblems

GOOD = "version: 1\nname: desk\nquote: USD\nmax_leg_imbalance: {value: 500, seconds: 60}\n"
LISTED = "pairs:\n  find: listed\n  listed: "
Write = Callable[[str, str], Path]


def test_the_least_that_a_group_says_is_enough(write: Write) -> None:
    policy = load_group(write("policies/groups/desk.yaml", GOOD)).policy
    assert (policy.max_leg_imbalance.value, policy.hedged, policy.cap.max_positions) == (
        Decimal(500),
        "close_together",
        None,
    )


@pytest.mark.parametrize(
    ("added", "line", "said"),
    [
        ("hedgd: keep\n", 5, "hedged"),
        ("hedged: keeep\n", 5, "keep"),
        ("cap: {max_positons: 3}\n", 5, "max_positions"),
        ("cap: {max_positions: -1}\n", 5, "-1"),
        ("on_leg_failure: {then: reopen}\n", 5, "reduce"),
        ("dust: {value: 0}\n", 5, "0"),
        ("guards: {max_run_pct: 2}\n", 5, "2"),
        ("guards: {max_runs: 1}\n", 5, "max_run_pct"),
        ("rates: {USD: 1}\n", 5, "own quote"),
        ("aliases: {A: B, B: A}\n", 5, "circle"),
        ("pairs: {find: listed}\n", 5, "no pairs are listed"),
        ("pairs: {min_ratio: 1.5}\n", 5, "1.5"),
        (
            "pairs:\n  listed: [[{account: a, symbol: A/USD}, {account: b, symbol: 'A/USD:USD', side: short}]]\n",
            6,
            "find",
        ),
        (
            LISTED + "[[{account: a, symbol: A/USD}, {account: b, symbol: B/USD, side: short}]]\n",
            7,
            "a pair is of one asset",
        ),
        (
            LISTED + "[[{account: a, symbol: A/USD}, {account: b, symbol: A/USD}]]\n",
            7,
            "every position of the pair is long",
        ),
        (
            LISTED + "[[{account: a, symbol: A/USD}, {account: a, symbol: A/USD}]]\n",
            7,
            "is listed twice",
        ),
        ("name: desk\n", 5, "twice"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_what_is_right(write: Write, added: str, line: int, said: str) -> None:
    path = write("policies/groups/desk.yaml", GOOD + added)
    with pytest.raises(FileHasProblems) as problem:
        load_group(path)
    told = str(problem.value) + "".join(str(one) for one in problem.value.diagnostics)
    assert f":{line}:" in told
    assert said in told


@pytest.mark.parametrize("missing", ["version", "name", "quote", "max_leg_imbalance"])
def test_what_is_missing_is_named(write: Write, missing: str) -> None:
    text = "".join(line for line in GOOD.splitlines(keepends=True) if not line.startswith(missing))
    with pytest.raises(FileHasProblems, match=missing):
        load_group(write("policies/groups/desk.yaml", text))


def test_a_group_is_called_as_its_file(write: Write) -> None:
    with pytest.raises(FileHasProblems, match="the group is called 'desk', and its file"):
        load_group(write("policies/groups/other.yaml", GOOD))
