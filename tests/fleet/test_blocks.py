"""No window of time sees more tokens than a venue grants, whichever process has drawn them when."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitplan.brokers.live.buckets import LevelsUnknown
from exitplan.fleet.blocks import AHEAD, Ask, BlockBucket, Grant, hold_of, kept_back
from exitplan.fleet.levels import PostgresLevels
from tests.brokers.live.test_limits import SLACK, Taken, Time, busiest
from tests.conftest import examples
from tests.fleet.levels import row, with_buckets

NUMBERS = itertools.count()
FIGURES = st.sampled_from([(240, 20), (45, 1), (30, 30), (50, 50), (10, 2)])
"""Of binance, kraken, coinbase and bybit, and of a small one."""


@dataclass
class World:
    """A scope of its own in one database, and processes that draw from it, by a clock that only sleeping moves."""

    levels: PostgresLevels
    time: Time
    capacity: float
    refill: float
    scope: str = field(default_factory=lambda: f"venue {next(NUMBERS)}")

    def process(self) -> BlockBucket:
        return BlockBucket(
            self.scope, self.capacity, self.refill, self.levels, clock=self.time.clock, sleep=self.time.sleep
        )

    def row(self, column: str) -> float:
        return row(self.levels, self.scope, column)


Make = Callable[..., World]


@pytest.fixture(scope="module")
def make(new_database: Callable[[], str]) -> Iterator[Make]:
    times: list[Time] = []
    levels = PostgresLevels(with_buckets(new_database()), wall=lambda: times[-1].clock() + 1e9)

    def made(capacity: float = 10, refill: float = 2) -> World:
        times.append(Time())
        return World(levels, times[-1], capacity, refill)

    yield made
    levels.close()


STEPS = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from([0, 0, 0.5, 0.95, 1.9, 2.1, 30]),
        st.sampled_from([0.05, 0.3, 1.2, 6]),
        st.sampled_from([*["take"] * 4, *["take what is there"] * 4, "die", "tell", "limit"]),
    ),
    max_size=12,
)
"""Who, how long after the step before, in lives of a block, a part of a fifth of the bucket, and what."""


@given(figures=FIGURES, steps=STEPS)
@examples(30, 300)
def test_no_window_sees_more_than_the_burst_and_the_refill(
    make: Make, figures: tuple[float, float], steps: list[tuple[int, float, float, str]]
) -> None:
    world = make(*figures)
    processes, taken = [world.process() for _ in range(3)], Taken()
    for who, idle, part, does in steps:
        world.time.now += idle * hold_of(*figures)
        cost = part * world.capacity / 5
        if does == "die":
            processes[who] = world.process()
        elif does == "tell":
            processes[who].learn(cost, None, 1 + idle)
        elif does == "limit":
            processes[who].learn(None, part * world.capacity, None)
        elif does == "take":
            processes[who].take(cost)
            taken.append((world.time.now, cost))
        else:
            while processes[who].take(world.capacity / 20, 0) == 0:
                taken.append((world.time.now, world.capacity / 20))
    most = max([world.capacity, *(cost for _, cost in taken)])
    assert busiest(taken, world.refill) <= most * (1 + SLACK)


@given(steps=st.lists(st.tuples(st.integers(0, 2), st.sampled_from([0, 0.1, 0.3, 1]), st.booleans()), max_size=30))
@examples(30, 300)
def test_a_rest_holds_whoever_asks_once_what_was_in_hand_is_old(
    make: Make, steps: list[tuple[int, float, bool]]
) -> None:
    world = make(45, 1)
    processes, resting = [world.process() for _ in range(3)], (-math.inf, -math.inf)
    for who, idle, rests in steps:
        world.time.now += idle
        if rests:
            processes[who].pause(4)
            resting = (world.time.now, world.time.now + 4)
        elif processes[who].take(1, 0) == 0:
            begun, ends = resting
            assert not begun + hold_of(45, 1) + SLACK < world.time.now < ends - SLACK


def test_a_bucket_grows_with_replies_that_allow_it_and_with_nothing_else(make: Make) -> None:
    world = make(240, 20)
    process = world.process()
    process.learn(None, 12, None)
    process.take(288)  # after which nothing is left, at a twentieth of the pace
    process.take(2.4)
    assert world.row("granted") == 0.05
    assert world.time.now == pytest.approx(1_277.8 + 2.4)
    process.learn(None, 240, None)
    process.take(2.4)
    assert world.row("granted") == pytest.approx(0.15)
    assert world.time.now == pytest.approx(1_277.8 + 2.4 + 2.4 / 3, abs=0.5)


def test_a_block_is_good_for_some_requests_more(make: Make) -> None:
    world = make(45, 1)
    process, before = world.process(), world.levels.queries
    for _ in range(1 + AHEAD):
        process.take()
    assert world.levels.queries == before + 1


def test_what_is_not_used_comes_back_with_the_next_question(make: Make) -> None:
    world = make(45, 1)
    one, other, room = world.process(), world.process(), 45 - kept_back(45, 1)
    one.take()
    assert world.row("level") == room - 1 - AHEAD
    world.time.now += 1.5  # its time is over, and still it may come back
    one.take(2)
    assert world.row("level") == pytest.approx(room - 1 - 2 * (1 + AHEAD) + 1, abs=0.51)
    assert other.take(30, 0) == 0


def test_a_process_that_dies_costs_what_it_had_in_hand(make: Make) -> None:
    world = make(45, 1)
    world.process().take()
    survivor, room = world.process(), 45 - kept_back(45, 1)
    assert survivor.take(room, 60) == 0
    assert world.time.now == pytest.approx(1_000 + 1 + AHEAD)


def test_who_waits_has_a_place_before_those_who_come_later(make: Make) -> None:
    world = make(45, 1)
    one, other = world.process(), world.process()
    one.take(45 - kept_back(45, 1))
    seen = []

    def look(seconds: float) -> None:
        seen.append((round(seconds, 3), round(other.take(1, 0), 3)))
        world.time.sleep(seconds)

    one._sleep = look
    one.take(5)
    assert seen == [(5, 6)]


def test_what_was_promised_before_a_rest_is_void(make: Make) -> None:
    world = make(45, 1)
    one, other = world.process(), world.process()
    one.take(45)

    def rest(seconds: float) -> None:
        other.pause(20)
        world.time.sleep(seconds)
        one._sleep = world.time.sleep

    one._sleep = rest
    one.take(2)
    assert world.time.now >= 1_020


def test_what_one_learns_the_others_know_with_its_next_question(make: Make) -> None:
    world = make(45, 1)
    one, other = world.process(), world.process()
    one.learn(3, None, 20)
    assert one.take(1) == 0
    assert other.take(4, 0) == pytest.approx(20, abs=1)


def test_what_was_left_a_while_ago_says_nothing_any_more(make: Make) -> None:
    world = make(45, 1)
    process = world.process()
    process.learn(2, None, None)
    world.time.now += 3
    assert process.take(20, 0) == 0


@dataclass
class Away:
    """Levels whose database is away for a while; what is asked meanwhile is kept."""

    is_away: bool = True
    asked: list[Ask] = field(default_factory=list)

    def draw(self, ask: Ask) -> Grant:
        self.asked.append(ask)
        if self.is_away:
            raise LevelsUnknown("away")
        return Grant(ask.must, 0.0, 0.0, 0, 0.0, ask.clock())


def test_while_the_levels_are_away_nobody_goes_and_what_was_learned_is_told_later() -> None:
    time, far = Time(), Away()
    bucket = BlockBucket("a", 10, 2, far, clock=time.clock, sleep=time.sleep)
    bucket.learn(3, 5, 30)
    bucket.pause(7)
    for _ in range(2):
        time.now += 4
        with pytest.raises(LevelsUnknown):
            bucket.take()
    far.is_away = False
    bucket.take()
    told = far.asked[-1].note
    assert (told.remaining, told.limit, told.window) == (3, 5, 22)
    assert [round(ask.note.rest) for ask in far.asked] == [7, 3, 0, 0]


def test_levels_that_answer_too_slowly_are_none() -> None:
    time = Time()

    class Slow(Away):
        def draw(self, ask: Ask) -> Grant:
            time.now += 1
            return super().draw(ask)

    with pytest.raises(LevelsUnknown, match="too slowly"):
        BlockBucket("a", 10, 2, Slow(is_away=False), clock=time.clock, sleep=time.sleep).take()


@given(capacity=st.floats(0.1, 1e6), refill=st.floats(0.1, 1e6))
def test_half_of_a_bucket_stays_and_a_block_lives_no_longer_than_a_second(capacity: float, refill: float) -> None:
    assert kept_back(capacity, refill) <= capacity / 2
    assert 0.25 <= hold_of(capacity, refill) <= 1
