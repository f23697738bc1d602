"""Moving a recorded account in time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from exitplan.brokers.paper.times import shift_times, start_now
from exitplan.ruleset.model.snapshot_reading import snapshot_from_document
from exitplan.ruleset.model.snapshot_writing import snapshot_to_document
from tests.brokers.accounts import NOW, recorded, snapshot

MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - Hypothesis wants naive bounds


def test_every_time_moves_and_nothing_else() -> None:
    document = {
        "taken_at": "2026-02-18T22:00:00Z",
        "tracker": {"ETH/USD": {"seen": ["2026-02-18T20:00:00+01:00"], "size": "0.5", "note": None, "on": True}},
    }
    assert shift_times(document, timedelta(days=1)) == {
        "taken_at": "2026-02-19T22:00:00Z",
        "tracker": {"ETH/USD": {"seen": ["2026-02-19T19:00:00Z"], "size": "0.5", "note": None, "on": True}},
    }


def test_a_time_at_the_end_of_the_calendar_stays() -> None:
    document = {"until": "9999-12-31T23:59:59Z"}
    assert shift_times(document, timedelta(days=1)) == document


@given(MOMENTS, MOMENTS)
def test_ages_are_the_same_whenever_an_account_starts(created: datetime, now: datetime) -> None:
    resting = snapshot(open_orders=(recorded("o1", "sell", "1", "150", created_at=created),))
    moved = snapshot_from_document(start_now(snapshot_to_document(resting), now))
    (order,) = moved.open_orders
    assert order.created_at is not None
    assert moved.taken_at == now
    assert moved.taken_at - order.created_at == NOW - created
