"""Laws of a rollout: who moves first, how far each stage reaches, when it goes on, waits and stops."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitplan.fleet.rollout.placing import in_order, size_of
from exitplan.fleet.rollout.stages import Clocks, Counts, Pace, Step, credited, decide
from exitplan.ruleset.errors import UsageError

HOLD = timedelta(minutes=30)
PACE = Pace((Decimal("0.01"), Decimal("0.1"), Decimal(1)), HOLD, Decimal("0.01"))
NOW = datetime(2026, 2, 18, 22, tzinfo=UTC)

shares = st.decimals(Decimal("0.0001"), 1, places=4)
fleets = st.dictionaries(st.text("abcxyz0123", min_size=1, max_size=6), st.sampled_from(["kraken", "okx", "gate"]))
jumps = st.integers(-(10**6), 10**6).map(lambda seconds: timedelta(seconds=seconds))


@given(fleets, st.randoms())
def test_the_order_is_the_same_whoever_asks_and_has_everybody_once(fleet: dict[str, str], chance: object) -> None:
    accounts = list(fleet.items())
    order = in_order(accounts, "salt")
    chance.shuffle(accounts)  # type: ignore[attr-defined]
    assert in_order(accounts, "salt") == order
    assert sorted(order) == sorted(fleet)


@given(fleets, shares)
def test_each_part_from_the_front_is_spread_over_the_venues(fleet: dict[str, str], share: Decimal) -> None:
    part = in_order(fleet.items(), "salt")[: size_of(share, len(fleet))]
    for venue in set(fleet.values()):
        members = [account for account in fleet if fleet[account] == venue]
        moved = sum(account in members for account in part)
        assert abs(moved - len(part) / len(fleet) * len(members)) <= 1.5


def test_another_rollout_begins_with_others() -> None:
    fleet = [(f"a{number}", "paper") for number in range(1_000)]
    assert set(in_order(fleet, "one")[:10]) != set(in_order(fleet, "other")[:10])


@given(shares, shares, st.integers(0, 100_000))
def test_a_stage_is_its_share_rounded_up_and_stages_only_grow(one: Decimal, other: Decimal, accounts: int) -> None:
    assert one * accounts <= size_of(one, accounts) < one * accounts + 1
    assert size_of(min(one, other), accounts) <= size_of(max(one, other), accounts) <= accounts


counts = st.integers(0, 10_000).flatmap(
    lambda moved: st.integers(0, moved).flatmap(
        lambda failing: st.integers(0, moved - failing).map(lambda unseen: Counts(moved, failing, unseen))
    )
)
held = st.integers(0, 10_000).map(lambda seconds: timedelta(seconds=seconds))


@given(counts, held, st.integers(0, 2))
def test_it_stops_whenever_too_many_fail_and_goes_on_only_after_its_hold(
    counted: Counts, time: timedelta, stage: int
) -> None:
    decision = decide(PACE, stage, time, counted)
    if counted.failing > counted.moved * PACE.max_failures:
        assert decision.step is Step.STOP
    if time < HOLD:
        assert decision.step in {Step.WAIT, Step.STOP}
    if decision.step in {Step.NEXT, Step.FINISH}:
        assert counted.failing + counted.unseen <= counted.moved * PACE.max_failures
        assert (decision.step is Step.FINISH) == (stage == 2)


def test_accounts_that_are_never_planned_hold_it_up_and_then_stop_it() -> None:
    silent = Counts(moved=10, unseen=1)
    assert decide(PACE, 0, HOLD, silent).step is Step.WAIT
    assert decide(PACE, 0, HOLD * 3, silent).step is Step.STOP
    assert "1 of 10 moved accounts" in decide(PACE, 0, HOLD * 3, silent).why


@given(st.lists(st.tuples(st.integers(0, 900), jumps), max_size=30))
def test_no_jump_of_one_clock_ends_a_hold_before_its_time(looks: list[tuple[int, timedelta]]) -> None:
    real, passed = timedelta(), timedelta()
    before = Clocks(NOW, NOW)
    for seconds, jump in looks:
        real += timedelta(seconds=seconds)
        now = Clocks(NOW + real + jump, NOW + real)
        passed += credited(HOLD, before, now)
        before = now
    assert timedelta() <= passed <= real


@given(jumps)
def test_a_jump_of_every_clock_takes_a_third_of_a_hold_at_most(jump: timedelta) -> None:
    later = Clocks(NOW + jump, NOW + jump)
    assert timedelta() <= credited(HOLD, Clocks(NOW, NOW), later) <= HOLD / 3


@pytest.mark.parametrize("stages", [(), ("0.5",), ("0.1", "0.1", "1"), ("0", "1"), ("0.5", "0.1", "1")])
def test_stages_that_do_not_grow_to_all_are_refused(stages: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="stages grow"):
        Pace(tuple(map(Decimal, stages)), HOLD, Decimal(0))


def test_a_limit_of_failures_is_a_share() -> None:
    with pytest.raises(UsageError, match="share below"):
        Pace((Decimal(1),), HOLD, Decimal(1))
