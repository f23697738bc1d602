"""A clock that is off: nothing is sent and nobody waits, and what the venue denies for it is told as that."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitplan.brokers.clock_offset import TOLD, TOLERATED, ClockOffset, offset_in
from exitplan.brokers.protocol import Done, RefusalReason, Refused
from exitplan.ruleset.errors import ClockIsOff, CredentialsRefused
from exitplan.ruleset.model.snapshot import Snapshot
from tests.brokers.live.accounts import VENUES, Opened, named, sell
from tests.brokers.live.conftest import Opener
from tests.venues.fronts import new_credentials
from tests.venues.venue import utc_now

NOW = datetime(2026, 2, 18, 22, tzinfo=UTC)
READ_ALL_THE_SAME = {*(("kraken", seconds) for seconds in (-60, -8, 8, 60)), ("coinbase", -60), ("coinbase", -8)}
"""Where questions carry no time, or tokens live long enough."""


def off(opened: Opened, seconds: float) -> Opened:
    """Move the venue's clock, so that ours is ahead of it by so much."""
    clock = lambda: utc_now() - timedelta(seconds=seconds)  # noqa: E731 - one for two places
    gate = getattr(opened.handle.front, "gate", None)
    if gate is not None:
        gate.clock = clock
    opened.handle.venue.clock = clock
    return opened


@pytest.mark.parametrize("seconds", [-60, -8, 8, 60])
@pytest.mark.parametrize("venue", VENUES)
def test_what_the_venue_denies_for_the_time_is_told_as_that_and_not_as_the_keys_fault(
    open_at: Opener, account: Snapshot, venue: str, seconds: int
) -> None:
    opened = off(open_at(venue, account), seconds)
    if (venue, seconds) in READ_ALL_THE_SAME:
        assert opened.broker.read_account().positions
        return
    side = "ahead of" if seconds > 0 else "behind"
    with pytest.raises(ClockIsOff, match=f"seconds or more {side} the venue's") as refusal:
        opened.broker.read_account()
    assert (refusal.value.exit_code, "NTP" in str(refusal.value.hint)) == (1, True)


@pytest.mark.parametrize("seconds", [-60, -8, 8, 60])
def test_nothing_is_sent_by_a_clock_that_is_off(kraken: Opened, seconds: int) -> None:
    off(kraken, seconds).ready()
    (outcome,) = kraken.broker.place_orders([sell()])
    (cancel,) = kraken.broker.cancel_orders([named("OAAAAA-BBBBB-CCCCCC")])
    for told in (outcome, cancel):
        assert isinstance(told, Refused)
        assert (told.reason, "this machine's clock is" in told.message) == (RefusalReason.CLOCK_IS_OFF, True)
    assert kraken.calls() == []


@pytest.mark.parametrize("seconds", [-1, 0, 1])
def test_a_clock_that_is_nearly_right_keeps_nobody_from_trading(kraken: Opened, seconds: int) -> None:
    off(kraken, seconds).ready()
    assert isinstance(kraken.place_one(sell()), Done)


def test_a_wrong_key_stays_a_wrong_key(open_at: Opener, account: Snapshot) -> None:
    opened = open_at("kraken", account, broker={"credentials": new_credentials("kraken")})
    with pytest.raises(CredentialsRefused):
        opened.broker.read_account()


@given(
    ours=st.floats(-100, 100),
    on_the_way=st.floats(0, 30),
    answered=st.floats(0, 1),
    fraction=st.floats(0, 0.999),
)
def test_what_is_said_of_the_offset_holds_however_long_a_reply_takes(
    ours: float, on_the_way: float, answered: float, fraction: float
) -> None:
    """The venue answers at some moment between our asking and receiving, by a clock that leaves out the fraction."""
    venue = NOW + timedelta(seconds=fraction)
    sent = venue + timedelta(seconds=ours - on_the_way * answered)
    headers = {"Date": format_datetime(venue.replace(microsecond=0), usegmt=True)}
    offset = offset_in(headers, sent, sent + timedelta(seconds=on_the_way))
    assert offset is not None
    assert offset.least - 1e-5 <= -ours <= offset.most + 1e-5


@pytest.mark.parametrize(
    "headers", [{}, {"Date": "yesterday"}, {"date": "Wed, 18 Feb 2026 21:00:00 GMT", "Age": "3600"}]
)
def test_a_reply_that_does_not_tell_its_time_says_nothing(headers: dict[str, str]) -> None:
    assert offset_in(headers, NOW, NOW) is None


@pytest.mark.parametrize(
    ("least", "most", "told"),
    [
        (TOLERATED, 9, None),
        (-9, -TOLERATED, None),
        (8, 9, "8 seconds or more behind"),
        (-9, -8, "8 seconds or more ahead"),
    ],
)
def test_only_what_is_sure_is_told(least: float, most: float, told: str | None) -> None:
    problem = ClockOffset(least, most).problem()
    assert told in str(problem) if told else problem is None


@given(
    ours=st.floats(-100, 100),
    replies=st.lists(st.tuples(st.floats(0, 3), st.floats(0, 1), st.floats(0, 0.999)), min_size=1, max_size=5),
)
def test_several_replies_together_say_no_less_than_each_and_nothing_wrong(
    ours: float, replies: list[tuple[float, float, float]]
) -> None:
    told = None
    for second, (on_the_way, answered, fraction) in enumerate(replies):
        venue = NOW + timedelta(seconds=second * 10 + fraction)
        sent = venue + timedelta(seconds=ours - on_the_way * answered)
        headers = {"Date": format_datetime(venue.replace(microsecond=0), usegmt=True)}
        offset = offset_in(headers, sent, sent + timedelta(seconds=on_the_way))
        assert offset is not None
        told = offset if told is None else told.narrowed(offset)
        assert told.most - told.least <= offset.most - offset.least + 1e-5
        assert told.least - 1e-5 <= -ours <= told.most + 1e-5


def test_where_replies_contradict_each_other_a_clock_was_set_and_the_newer_one_holds() -> None:
    old, new = ClockOffset(2, 3), ClockOffset(-1, 1)
    assert (old.narrowed(new), old.narrowed(None)) == (new, old)


def test_a_difference_of_more_than_a_second_is_known_after_a_reading_and_does_not_stop_it(kraken: Opened) -> None:
    off(kraken, -4).ready()
    offset = kraken.broker.capabilities.clock_offset
    assert offset is not None
    assert "or more behind the venue's" in str(offset.problem(TOLD))
    off(kraken, 0).ready()
    offset = kraken.broker.capabilities.clock_offset
    assert offset is not None
    assert offset.problem(TOLD) is None
