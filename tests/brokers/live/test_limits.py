"""No window of time ever sees more tokens than a venue grants, whoever asks and whatever its replies say."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitplan.brokers.live.buckets import bucket_for
from exitplan.brokers.live.limits import (
    LONGEST_WINDOW,
    HeaderNames,
    Learned,
    ResetUnit,
    TokenBucket,
    read_headers,
    retry_after,
)

NOW = 1_800_000_000.0
SLACK = 1e-6


@dataclass(slots=True)
class Time:
    """A clock that only sleeping moves; safe for threads."""

    now: float = 1_000.0
    slept: list[float] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def clock(self) -> float:
        with self.lock:
            return self.now

    def sleep(self, seconds: float) -> None:
        with self.lock:
            self.slept.append(seconds)
            self.now += seconds

    def bucket(self, capacity: float = 10, refill: float = 2) -> TokenBucket:
        return TokenBucket(capacity, refill, clock=self.clock, sleep=self.sleep)


Taken = list[tuple[float, float]]


def busiest(taken: Taken, refill: float) -> float:
    """The most tokens of any window, less what its seconds refill."""
    most = 0.0
    for start in range(len(taken)):
        total = 0.0
        for at, cost in taken[start:]:
            total += cost
            most = max(most, total - refill * (at - taken[start][0]))
    return most


RATES = st.floats(0.1, 100)
STEPS = st.lists(st.tuples(st.floats(0, 30), st.floats(0, 1)), max_size=30)


@given(capacity=RATES, refill=RATES, steps=STEPS)
def test_no_window_sees_more_than_a_burst_and_the_refill(
    capacity: float, refill: float, steps: list[tuple[float, float]]
) -> None:
    time, taken = Time(), Taken()
    bucket = time.bucket(capacity, refill)
    for idle, part in steps:
        time.now += idle
        bucket.take(part * capacity)
        taken.append((time.now, part * capacity))
    assert busiest(taken, refill) <= capacity * (1 + SLACK)


@given(capacity=RATES, refill=RATES, costs=st.lists(st.floats(0, 300), max_size=30))
def test_a_request_above_the_capacity_goes_alone(capacity: float, refill: float, costs: list[float]) -> None:
    time, taken = Time(), Taken()
    bucket = time.bucket(capacity, refill)
    for cost in costs:
        bucket.take(cost)
        taken.append((time.now, cost))
    assert busiest(taken, refill) <= max([capacity, *costs]) * (1 + SLACK)


LESSONS = st.tuples(
    st.none() | st.floats(-5, 30), st.none() | st.floats(0, 30), st.none() | st.floats(-5, 60), st.floats(0, 1)
)


@given(lessons=st.lists(LESSONS, max_size=20))
def test_whatever_replies_say_they_never_loosen_the_figures_of_the_bucket(
    lessons: list[tuple[float | None, float | None, float | None, float]],
) -> None:
    time, taken = Time(), Taken()
    bucket = time.bucket(10, 2)
    for remaining, limit, reset_in, cost in lessons:
        bucket.learn(remaining, limit, reset_in)
        bucket.take(cost)
        taken.append((time.now, cost))
    assert busiest(taken, 2) <= 10 + SLACK


@given(left=st.integers(0, 10), window=st.floats(0.5, 60), costs=st.lists(st.floats(0.1, 3), max_size=20))
def test_until_the_reset_no_more_goes_than_the_venue_says_is_left(left: int, window: float, costs: list[float]) -> None:
    time, used = Time(), 0.0
    bucket = time.bucket(10, 100)
    bucket.learn(left, None, window)
    for cost in costs:
        bucket.take(cost)
        used += cost if time.now < 1_000 + window else 0
    assert used <= left + SLACK


def test_a_burst_goes_at_once_and_the_next_waits_for_its_tokens() -> None:
    time = Time()
    bucket = time.bucket(10, 2)
    for _ in range(10):
        bucket.take()
    assert (time.slept, bucket.ready_in(3)) == ([], 1.5)
    bucket.take(3)
    assert time.slept == [1.5]


def test_what_costs_nothing_goes_at_once_from_an_empty_bucket() -> None:
    time = Time()
    bucket = time.bucket()
    bucket.take(10)
    bucket.take(0)
    assert time.slept == []


def test_a_request_above_the_capacity_leaves_a_debt() -> None:
    time = Time()
    bucket = time.bucket(10, 2)
    bucket.take(16)
    assert (time.slept, bucket.ready_in(1)) == ([], 3.5)


def test_a_pause_holds_everybody_and_empties_the_bucket() -> None:
    time = Time()
    bucket = time.bucket(10, 2)
    bucket.pause(3)
    bucket.pause(1)
    assert (bucket.ready_in(0), bucket.ready_in(8)) == (3, 4)


def test_nobody_waits_longer_than_it_may_also_where_the_rest_is_asked_for_meanwhile() -> None:
    time = Time()
    bucket = time.bucket(10, 2)
    bucket.take(10)
    assert bucket.take(4, 1.5) == 2
    assert (time.slept, bucket.ready_in(4)) == ([], 2)

    def sleep(seconds: float) -> None:
        time.sleep(seconds)
        bucket.pause(3_600)

    bucket._sleep = sleep
    assert bucket.take(4, 60) == 3_600
    assert time.slept == [2]
    time.now += 3_602  # nothing is taken, so that much has come in
    assert bucket.ready_in(4) == 0


def test_what_the_venue_says_is_left_holds_at_once() -> None:
    bucket = Time().bucket(10, 2)
    bucket.learn(2, None, None)
    assert (bucket.ready_in(2), bucket.ready_in(4)) == (0, 1)


def test_what_is_left_holds_until_the_reset_whatever_the_refill() -> None:
    time = Time()
    bucket = time.bucket(10, 5)
    bucket.learn(1, None, 30)
    bucket.take()
    assert bucket.ready_in() == 30
    bucket.take()
    assert time.now == 1_030


def test_an_older_reply_that_comes_late_gives_nothing_back() -> None:
    bucket = Time().bucket(10, 5)
    bucket.learn(1, None, 30)
    bucket.learn(9, None, 30)
    assert bucket.ready_in(2) == 30


def test_the_next_window_counts_anew() -> None:
    time = Time()
    bucket = time.bucket(10, 5)
    bucket.learn(0, None, 30)
    time.now += 31
    bucket.learn(8, None, 29)
    assert (bucket.ready_in(8), bucket.ready_in(9)) == (0, 29)


def test_a_reset_beyond_a_day_is_not_believed() -> None:
    bucket = Time().bucket(10, 5)
    bucket.learn(0, None, LONGEST_WINDOW + 1)
    assert bucket.ready_in(5) == 1


def test_a_limit_below_one_request_is_not_believed() -> None:
    time = Time()
    bucket = time.bucket(10, 2)
    bucket.learn(None, 1e-12, None)
    bucket.take(10)
    bucket.take()
    assert time.slept == [0.5]


def test_a_smaller_limit_also_slows_the_refill() -> None:
    bucket = Time().bucket(10, 2)
    bucket.learn(None, 5, None)
    bucket.take(5)
    assert bucket.ready_in(1) == 1


def test_a_limit_grows_back_a_tenth_at_a_time_and_not_above_our_own() -> None:
    time = Time()
    bucket = time.bucket(10, 2)
    bucket.learn(None, 5, None)
    held = []
    for _ in range(6):
        bucket.learn(None, 1_000, None)
        time.now += 100
        bucket.take(100)
        held.append(round(100 - bucket_debt(bucket), 6))
        time.now += 1_000
    assert held == [6, 7, 8, 9, 10, 10]


def bucket_debt(bucket: TokenBucket) -> float:
    """How far a bucket is below nothing."""
    return -bucket._shared._level.level


@pytest.mark.parametrize("figures", [(0, 1), (1, 0), (-1, 1), (math.nan, 1), (1, math.inf)])
def test_a_bucket_without_size_or_refill_is_refused(figures: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="a bucket needs"):
        Time().bucket(*figures)


@pytest.mark.parametrize("cost", [-1, math.nan, math.inf])
def test_a_request_without_a_possible_weight_is_refused(cost: float) -> None:
    with pytest.raises(ValueError, match="a request weighs"):
        Time().bucket().take(cost)


@pytest.mark.parametrize("seconds", [-1, math.nan, math.inf])
def test_a_pause_without_an_end_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match="a pause lasts"):
        Time().bucket().pause(seconds)


def test_many_threads_together_get_no_more_than_one_would() -> None:
    time, taken = Time(), Taken()
    bucket, lock = time.bucket(10, 2), threading.Lock()

    def work() -> None:
        for _ in range(20):
            bucket.take(1.5)
            with lock:
                taken.append((time.clock(), 1.5))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # 160 takes of 1.5 are 240 tokens: 10 at once, the others at 2 a second, and not a second wasted.
    assert time.now - 1_000 == pytest.approx((240 - 10) / 2, abs=0.1)
    assert len(taken) == 160


def test_whoever_came_first_goes_first() -> None:
    time, order, waiting = Time(), list[int](), threading.Event()

    def hold(seconds: float) -> None:
        waiting.wait()
        time.sleep(seconds)

    bucket = TokenBucket(1, 1, clock=time.clock, sleep=hold)
    bucket.take()

    def work(number: int) -> None:
        bucket.take()
        order.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for n, thread in enumerate(threads):
        thread.start()
        while len(bucket._line) <= n:
            pass
    waiting.set()
    for thread in threads:
        thread.join()
    assert order == sorted(order)


def test_who_gives_up_waiting_makes_room_for_the_next() -> None:
    time = Time()

    def interrupted(_seconds: float) -> None:
        raise KeyboardInterrupt

    bucket = TokenBucket(1, 1, clock=time.clock, sleep=interrupted)
    bucket.take()
    with pytest.raises(KeyboardInterrupt):
        bucket.take()
    time.now += 1
    bucket.take()


def test_all_accounts_of_one_scope_share_a_bucket() -> None:
    one, same = bucket_for("venue.test#1", 10, 1), bucket_for("venue.test#1", 10, 1)
    assert (one is same, one is bucket_for("venue.test#2", 10, 1)) == (True, False)


def test_where_accounts_disagree_about_a_limit_the_tighter_holds() -> None:
    bucket = bucket_for("venue.test#3", 10, 1)
    bucket_for("venue.test#3", 4, 0.5)
    bucket_for("venue.test#3", 20, 5)
    bucket.take(4)
    assert bucket.ready_in(1) == pytest.approx(2, abs=0.1)


USUAL = HeaderNames(remaining="X-RateLimit-Remaining", limit="X-RateLimit-Limit", reset="X-RateLimit-Reset")
USUAL_NAMES = ("X-RateLimit-Remaining", "X-RateLimit-Limit", "X-RateLimit-Reset")


@pytest.mark.parametrize(
    ("unit", "reset"),
    [("s", "30"), ("ms", "30000"), ("epoch_s", f"{NOW + 30:.0f}"), ("epoch_ms", f"{(NOW + 30) * 1000:.0f}")],
)
def test_a_reset_is_read_in_the_unit_of_the_venue(unit: ResetUnit, reset: str) -> None:
    headers = {"x-ratelimit-remaining": " 7 ", "X-RATELIMIT-LIMIT": "10", "X-RateLimit-Reset": reset}
    assert read_headers(headers, replace(USUAL, reset_unit=unit), NOW) == Learned(7, 10, 30)


def test_a_venue_that_tells_what_is_used_is_held_to_its_documented_limit() -> None:
    names = HeaderNames(used="X-MBX-USED-WEIGHT-1M", known_limit=6_000, window=60)
    assert read_headers({"x-mbx-used-weight-1m": "5990"}, names, NOW + 12) == Learned(10, 6_000, 48)
    in_fives = replace(names, unit=5)
    assert read_headers({"x-mbx-used-weight-1m": "5990"}, in_fives, NOW + 12) == Learned(2, 1_200, 48)


def test_more_used_than_granted_leaves_nothing() -> None:
    names = HeaderNames(used="used", limit="limit")
    assert read_headers({"used": "12", "limit": "10"}, names, NOW) == Learned(0, 10, None)


def test_a_reset_that_is_past_is_now() -> None:
    names = replace(USUAL, reset_unit="epoch_s")
    headers = {"X-RateLimit-Remaining": "1", "X-RateLimit-Reset": f"{NOW - 5:.0f}"}
    assert read_headers(headers, names, NOW) == Learned(1, None, 0)


@pytest.mark.parametrize("names", [replace(USUAL, known_limit=5), HeaderNames()])
@pytest.mark.parametrize("value", ["", "abc", "nan", "inf", "1e9", "0x10", "5, 5;w=60", "9" * 20, "\u0663"])
def test_garbage_in_headers_teaches_nothing(names: HeaderNames, value: str) -> None:
    assert read_headers(dict.fromkeys(USUAL_NAMES, value), names, NOW) is None


@given(headers=st.dictionaries(st.sampled_from([*USUAL_NAMES, "Retry-After"]), st.text() | st.integers().map(str)))
def test_no_header_breaks_the_reading(headers: dict[str, str]) -> None:
    learned = read_headers(headers, replace(USUAL, reset_unit="epoch_ms"), NOW)
    wait = retry_after(headers, NOW)
    bucket = Time().bucket()
    if learned is not None:
        bucket.learn(learned.remaining, learned.limit, learned.reset_in)
    assert wait is None or 0 <= wait < math.inf
    assert 0 <= bucket.ready_in() < math.inf


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120),
        (" 1.5 ", 1.5),
        ("-3", 0),
        ("Fri, 15 Jan 2027 08:00:30 GMT", 30),
        ("Fri, 15 Jan 2027 08:00:30 -0000", 30),
        ("Fri, 15 Jan 2027 07:00:00 GMT", 0),
        ("soon", None),
        ("", None),
        ("Fri, 99 Jan 2027 08:00:30 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str, seconds: float | None) -> None:
    assert retry_after({"retry-AFTER": text}, NOW) == seconds


def test_without_retry_after_there_is_no_pause() -> None:
    assert retry_after({}, NOW) is None
