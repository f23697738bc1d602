"""The course of a bundle: whatever becomes of its slices, its legs are never further apart than the bound."""

from __future__ import annotations

from decimal import Decimal
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from exitplan.executor.groups.course import Course, Progress, Slice
from exitplan.ruleset.model.values import ZERO

PRICE = Decimal(100)


def pair(*legs: tuple[int, int, int], slack: str = "0") -> Progress:
    """Legs by place: the sign of what is held, how much of it goes, and in how many slices."""
    slices = [
        Slice(f"acc{place}", f"a{place}/{number}", place, Decimal(whole) / parts, -Decimal(sign * whole) / parts)
        for place, (sign, whole, parts) in enumerate(legs, start=1)
        for number in range(parts)
    ]
    before = Decimal(sum(sign * whole for sign, whole, _ in legs))
    return Progress("b1", before, ZERO, PRICE, slices, Decimal(slack))


def fill(one: Slice, share: str = "1") -> None:
    one.status, one.filled = "done", one.quantity * Decimal(share)


def carried_out(progress: Progress, bound: int, fail_at: int = 10**6) -> list[str]:
    sent: list[str] = []
    for number in count():
        one = progress.next_slice(Decimal(bound))
        if one is None:
            return sent
        sent.append(one.action)
        if number == fail_at:
            one.status = "failed"
            progress.fail(one.account, one.place, progress.course)
        else:
            fill(one)
    raise AssertionError


def test_the_legs_of_a_pair_take_turns() -> None:
    assert carried_out(pair((1, 2, 2), (-1, 2, 2)), 100) == ["a1/0", "a2/0", "a1/1", "a2/1"]


def test_nothing_is_begun_that_a_bound_is_too_small_for() -> None:
    assert carried_out(pair((1, 2, 2), (-1, 2, 2)), 99) == []


def test_a_leg_is_not_begun_that_the_others_cannot_make_up_for() -> None:
    progress = pair((1, 2, 2), (-1, 2, 2))
    progress.fail("acc2", 2, Course.GOING)
    assert progress.next_slice(Decimal(1000)) is None


def test_what_was_filled_in_part_is_made_up_for_before_anything_else_goes() -> None:
    progress = pair((1, 4, 4), (-1, 4, 4))
    first = progress.next_slice(Decimal(200))
    assert first is not None
    fill(first)
    second = progress.next_slice(Decimal(200))
    assert second is not None
    fill(second, "0.5")
    third = progress.next_slice(Decimal(200))
    assert third is not None
    assert (second.place, third.place, progress.imbalance) == (2, 2, Decimal(50))


def test_an_unknown_order_counts_as_filled_or_not_whichever_is_worse() -> None:
    progress = pair((1, 2, 2), (-1, 2, 2))
    first = progress.next_slice(Decimal(100))
    assert first is not None
    first.status = "unknown"
    assert (progress.net, progress.imbalance) == ((Decimal(-1), Decimal(0)), Decimal(100))


def test_a_failed_leg_is_made_up_for_by_another_one_on_the_same_side() -> None:
    progress = pair((-1, 2, 2), (1, 1, 1), (1, 1, 1))
    first = progress.next_slice(Decimal(100))
    assert first is not None
    fill(first)
    progress.fail("acc2", 2, Course.RESTORING)
    assert carried_out(progress, 100) == ["a3/0"]
    assert progress.imbalance == 0


def test_where_policy_says_to_stop_nothing_more_is_sent() -> None:
    progress = pair((-1, 2, 2), (1, 1, 1), (1, 1, 1))
    first = progress.next_slice(Decimal(100))
    assert first is not None
    fill(first)
    progress.fail("acc2", 2, Course.after_failure("retry"))
    assert (progress.next_slice(Decimal(100)), progress.imbalance) == (None, Decimal(100))


def test_a_course_never_goes_back_to_one_that_does_more() -> None:
    progress = pair((1, 1, 1), (-1, 1, 1))
    progress.narrow(Course.STOPPED)
    progress.narrow(Course.RESTORING)
    assert progress.course is Course.STOPPED


LEGS = st.lists(
    st.tuples(st.sampled_from((1, -1)), st.integers(1, 40), st.integers(1, 12)), min_size=2, max_size=4
).filter(lambda legs: {sign for sign, *_ in legs} == {1, -1})
FATES = st.lists(st.sampled_from(("1", "1", "1", "0.5", "0", "failed", "unknown", "late")), min_size=60, max_size=60)


@given(LEGS, FATES, st.integers(0, 4000), st.sampled_from(list(Course)))
def test_whatever_happens_the_legs_are_within_the_bound_and_nothing_grows(
    legs: list[tuple[int, int, int]], fates: list[str], bound: int, after: Course
) -> None:
    progress = pair(*legs)
    sent = set[str]()
    for number in range(10**6):
        one = progress.next_slice(Decimal(bound))
        if one is None:
            break
        assert one.action not in sent
        sent.add(one.action)
        worst = progress.imbalance
        fate = fates[number % len(fates)]
        one.status = "unknown"
        assert progress.imbalance <= max(Decimal(bound), worst)
        if fate == "failed":
            one.status = "failed"
            progress.fail(one.account, one.place, after)
        elif fate != "unknown":
            fill(one, "0" if fate == "late" else fate)
        assert progress.imbalance <= max(Decimal(bound), worst)
    assert all(one.filled <= one.quantity for one in progress.slices)
    low, high = progress.net
    assert max(abs(low), abs(high)) * PRICE <= progress.largest * PRICE + bound


@given(st.integers(1, 40), st.integers(1, 20), st.integers(1, 20))
def test_where_nothing_goes_wrong_all_of_a_hedged_pair_is_done_and_in_balance(
    size: int, first: int, other: int
) -> None:
    whole = size * first * other
    progress = pair((1, whole, first), (-1, whole, other))
    carried_out(progress, size * max(first, other) * 100)
    assert progress.is_complete
    assert (progress.net, progress.imbalance) == ((ZERO, ZERO), ZERO)
