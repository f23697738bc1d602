"""The parts of a worker that are pure, or live in shared memory."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import timedelta
from threading import Thread
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitplan.fleet.runner.board import Board
from exitplan.fleet.runner.child import _worked
from exitplan.fleet.runner.children import Child, Done, Refused
from exitplan.fleet.runner.dbos_runner import cron_of, queue_of
from exitplan.fleet.runner.due import due_at
from exitplan.fleet.runner.performing import AtWork, Means, ShardTask, Stopped
from exitplan.fleet.runner.runners import make_runner
from exitplan.fleet.runner.shift import add_up
from exitplan.ruleset.errors import UsageError
from tests.fleet.runner.stand_ins import Idle, Name

FIGURES = st.fixed_dictionaries(
    {
        "accounts": st.integers(0, 200),
        "kinds": st.dictionaries(st.sampled_from(["quiet", "applied", "failed"]), st.integers(0, 200)),
        "exit_code": st.sampled_from([0, 1, 2, 9]),
        "failures": st.lists(st.text(max_size=3), max_size=3),
    }
)


def summed(*parts: dict[str, Any]) -> dict[str, Any]:
    sums: dict[str, Any] = {}
    for part in parts:
        add_up(sums, part)
    return sums


@given(FIGURES, FIGURES, FIGURES)
def test_figures_of_parts_add_up_however_they_are_grouped(
    one: dict[str, Any], two: dict[str, Any], three: dict[str, Any]
) -> None:
    assert summed(one, two, three) == summed(one, summed(two, three)) == summed(summed(one, two), three)
    assert summed(one, two)["accounts"] == one["accounts"] + two["accounts"]


def test_of_exit_codes_the_one_that_asks_most_of_a_person_is_kept() -> None:
    assert summed({"exit_code": 2}, {"exit_code": 9}, {"exit_code": 0}) == {"exit_code": 9}


@given(st.integers(1, 86_400), st.floats(0, 4e9))
def test_a_tick_is_due_at_the_same_second_for_all(every: int, now: float) -> None:
    due = due_at(now, timedelta(seconds=every))
    assert due <= now < due + every
    assert due_at(due, timedelta(seconds=every)) == due


def test_what_a_child_has_in_hand_is_seen_through_another_board() -> None:
    ours = Board.make()
    theirs = Board(os.dup(ours.descriptor))
    seen = [(ours.in_hand, ours.steps)]
    theirs.take_in_hand(7)
    seen.append((ours.in_hand, ours.steps))
    assert seen == [(None, 0), (7, 1)]
    theirs.close()
    ours.close()


def test_a_child_stops_when_it_is_told_or_when_its_lease_is_not_sure_any_more() -> None:
    board = Board.make()
    assert board.is_to_stop()
    board.allow(60)
    assert not board.is_to_stop()
    board.ask_to_stop()
    assert board.is_to_stop()
    board.ask_to_stop(is_wanted=False)
    board.allow(-1)
    assert board.is_to_stop()
    board.close()


@pytest.mark.parametrize(
    ("seconds", "line"),
    [
        (30, "*/30 * * * * *"),
        (60, "0 */1 * * * *"),
        (300, "0 */5 * * * *"),
        (3600, "0 0 */1 * * *"),
        (86_400, "0 0 0 * * *"),
    ],
)
def test_a_pause_is_written_as_cron_says_it(seconds: int, line: str) -> None:
    assert cron_of(timedelta(seconds=seconds)) == line


@pytest.mark.parametrize("seconds", [7, 420, 5400, 172_800])
def test_a_pause_that_cron_cannot_say_is_refused(seconds: int) -> None:
    with pytest.raises(UsageError, match="no part of a minute"):
        cron_of(timedelta(seconds=seconds))


def test_each_egress_has_a_queue_and_an_unknown_runner_is_refused() -> None:
    assert queue_of("") != queue_of("eu-1") != queue_of("eu-2")
    with pytest.raises(UsageError, match="there is no runner x"):
        make_runner("x", "postgresql:///")


@pytest.mark.parametrize(
    ("means", "said"),
    [
        (
            Means("postgresql:///x?host=/nowhere"),
            Refused("the database postgresql:///nowhere/x cannot be used: ", again=True),
        ),
        (Means("", "tests.fleet:nobody"), Refused("AttributeError: ", again=False)),
    ],
)
def test_a_child_that_cannot_begin_says_why_and_is_no_account_s_fault(means: Means, said: Refused) -> None:
    child = Child(means, 60)
    refused = child.work(ShardTask(60, 1, "w", 1))
    child.end()
    assert isinstance(refused, Refused)
    assert (refused.problem.startswith(said.problem), refused.again) == (True, said.again)


def test_a_shard_that_was_left_half_way_is_not_done_though_its_lease_is_sure_again() -> None:
    board = Board.make()

    class Halfway(Idle):
        def perform(
            self, task: ShardTask, accounts: Sequence[Name], at_work: AtWork, stopped: Stopped
        ) -> Mapping[str, object]:
            board.allow(-1)
            assert stopped()
            board.allow(60)
            return {}

    assert _worked(Halfway(), ShardTask(60, 1, "w", 1), lambda _: None, board)["stopped"]
    board.close()


def test_a_child_outlives_the_thread_that_had_it_started() -> None:
    child, task = Child(Means("", "tests.fleet.runner.stand_ins:make_idle"), 60), ShardTask(60, 1, "w", 1)
    first = Thread(target=child.work, args=(task,))
    first.start()
    first.join()
    pid = child.pid
    outcomes = [child.work(task) for _ in range(3)]
    assert (outcomes, child.pid) == ([Done({}, is_partly=True)] * 3, pid)
    child.end()
