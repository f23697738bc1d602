"""Every call to a venue is logged with what it weighs and how long it took, and nothing secret in it."""

from __future__ import annotations

import logging
from contextlib import suppress

import pytest

from exitplan.brokers.call_log import Call, listening
from exitplan.brokers.live.limits import TokenBucket
from exitplan.ruleset.errors import AccountUnreadable
from tests.brokers.live.accounts import Opened


def test_every_call_of_a_reading_is_logged(opened: Opened, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "exitplan.venue")
    opened.broker.read_account()
    records = [record for record in caplog.records if record.name == "exitplan.venue"]
    assert len(records) == len(opened.calls())
    assert {record.__dict__["call"].partition(" ")[2] for record in records} == {call.path for call in opened.calls()}
    for record in records:
        assert (record.__dict__["venue"], record.__dict__["outcome"]) == (opened.handle.front.name, "ok")
        assert record.__dict__["milliseconds"] > 0
        assert record.__dict__["weight"] > 0
        assert record.levelno == logging.DEBUG


def test_a_call_that_fails_is_a_warning_that_names_the_error(opened: Opened, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "exitplan.venue")
    opened.plan_faults("reads", "error_before")
    with suppress(AccountUnreadable):  # it was the question for prices, if the account was read
        opened.broker.read_account()
    (record,) = [record for record in caplog.records if record.name == "exitplan.venue"]
    assert (record.levelname, record.__dict__["outcome"]) == ("WARNING", "ExchangeNotAvailable")


def test_no_secret_and_no_query_is_logged(opened: Opened, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "exitplan.venue")
    opened.broker.read_account()
    credentials = opened.handle.credentials
    assert caplog.records
    for record in caplog.records:
        text = str(record.__dict__)
        assert credentials.key not in text
        assert credentials.secret not in text
        assert "?" not in text


def test_who_listens_is_told_how_long_a_call_waited_for_the_limits(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, heard = [0.0], list[Call]()

    def wait(*_: object) -> float:
        now[0] += 3.0
        return 0.0

    monkeypatch.setattr(TokenBucket, "take", wait)
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    with listening(heard.append):
        opened.broker.read_account()
    assert heard
    assert all(call.waited >= 3.0 for call in heard)
