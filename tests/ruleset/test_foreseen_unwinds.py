"""What an unwind is foreseen to do is what it does: the same cycles, at the same times, of the same quantities."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitplan.ruleset.model.market_data import MarketData
from exitplan.ruleset.model.progress import UnwindProgress
from exitplan.ruleset.planning.pace import interval_of
from exitplan.ruleset.planning.unwind import MOST_BEYOND, coming_cycles, coming_shares
from tests.builders import NOW, compiled, market, policy_document
from tests.conftest import examples
from tests.ruleset.test_order_sizes import view_of
from tests.ruleset.test_paced_unwinds import Tape, sigmas, tapes, volumes

_INSTANT = timedelta(microseconds=1)
_STEP = Decimal("0.001")


@given(
    st.booleans().flatmap(lambda paced: tapes(paced=paced)),
    volumes | st.none(),
    volumes | st.just(Decimal(0)),
    sigmas,
    st.sampled_from(["0", "0.2", "0.7"]),
)
@examples(60)
def test_each_cycle_comes_as_foreseen(
    tape: Tape, begun_at: Decimal | None, volume: Decimal, sigma: Decimal | None, sold: str
) -> None:
    if begun_at is not None:
        tape.carry_out(tape.plan(begun_at, sigma), begun_at, Decimal(1))
    tape.held -= (tape.held * Decimal(sold)).quantize(_STEP / 10)  # by a person
    policy = tape.rules.policy
    (view,) = tape.plan(volume, sigma).account.positions
    cycles = coming_cycles(view, tape.progress, policy, tape.now, None)
    for cycle in cycles:
        if cycle.at > tape.now:
            tape.now = cycle.at - _INSTANT
            assert not tape.plan(volume, sigma).unwinds
        tape.now = cycle.at
        draft, before = tape.plan(volume, sigma), tape.held
        assert draft.unwinds == (cycle.step,)
        tape.carry_out(draft, volume, Decimal(1))
        assert (tape.held, before - tape.held) == (cycle.left, cycle.quantity)
    if tape.held >= _STEP and len(cycles) <= policy.unwind_cycles + MOST_BEYOND:
        tape.now += interval_of(policy)
        assert [blocked.reason for blocked in tape.plan(volume, sigma).blocked] == ["thin-market"]


@given(tapes(paced=False), sigmas)
@examples(30)
def test_what_the_schedule_is_to_leave_is_what_its_cycles_may_leave(tape: Tape, sigma: Decimal | None) -> None:
    (view,) = tape.plan(Decimal(0), sigma).account.positions
    policy, progress = tape.rules.policy, UnwindProgress(0, Decimal(1), tape.held, NOW)
    cycles = coming_cycles(view, progress, policy, NOW, None)
    shares = coming_shares(progress, policy, sigma)
    assert shares[: len(cycles)] == [cycle.step.remaining_pct for cycle in cycles]
    assert (len(shares), shares[-1]) == (policy.unwind_cycles, Decimal(0))
    assert sorted(shares, reverse=True) == shares


@pytest.mark.parametrize(("done", "left"), [(0, ["0.75", "0.5625", "0"]), (2, ["0"]), (3, []), (5, [])])
def test_of_the_schedule_comes_what_is_not_done(done: int, left: list[str]) -> None:
    policy = compiled(policy_document(unwind_cycles=3))
    progress = UnwindProgress(done, Decimal("0.5"), Decimal(10), NOW)
    assert coming_shares(progress, policy, None) == [Decimal(share) for share in left]


def foreseen(held: int = 1000, *, pct: str = "0.25", book: str | None = None) -> list[int]:
    """Give what is left after each cycle of three, at a venue that takes 5 at least, with 100 in its book."""
    limits = {} if book is None else {"max_participation": {"share": Decimal(book), "of": "book"}}
    document = policy_document(unwind_cycles=3, gradual_unwind_pct=Decimal(pct)) | {"unwind": limits}
    data = MarketData(bid_depth=Decimal(100))
    listed = market(4, step=1, min_amount=5, min_notional=None, data=data)
    return [int(cycle.left) for cycle in coming_cycles(view_of(listed, held), None, compiled(document), NOW, None)]


def test_without_a_limit_as_many_cycles_are_foreseen_as_the_policy_has_while_there_is_something_left() -> None:
    assert foreseen() == [750, 563, 0]
    assert foreseen(9) == [0]


def test_where_the_market_allows_little_twenty_cycles_and_the_one_that_goes_on_are_foreseen() -> None:
    assert MOST_BEYOND == 20
    assert foreseen(book="0.05") == [1000 - 5 * cycle for cycle in range(1, 25)]
    assert foreseen(16, book="0.05") == [11, 6, 0]


def test_where_the_market_allows_nothing_nothing_is_foreseen() -> None:
    assert foreseen(book="0.04") == []


def test_an_unwind_that_stands_still_has_nothing_to_come() -> None:
    assert foreseen(pct="0") == []
