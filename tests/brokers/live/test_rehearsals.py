"""Orders that a venue checks without placing them."""

from __future__ import annotations

import pytest

from exitplan.brokers.protocol import OrderRequest, Refused, Unknown
from exitplan.brokers.rehearsal import Rehearsed
from exitplan.brokers.retrying import RetryingBroker
from exitplan.brokers.venues import KNOWN, dialect_of
from exitplan.ruleset.model.snapshot import Snapshot
from tests.brokers.live.accounts import Opened, sell
from tests.brokers.live.conftest import Opener
from tests.venues.faults import fault

ASKED = ("binance", "kraken")


@pytest.fixture(params=ASKED)
def asked(request: pytest.FixtureRequest, open_at: Opener, account: Snapshot) -> Opened:
    return open_at(request.param, account).ready()


def rehearsed(opened: Opened, request: OrderRequest) -> Rehearsed:
    (answer,) = RetryingBroker(opened.broker, lambda _: None).rehearse_orders([request])
    return answer


def test_an_order_that_the_venue_would_take_is_asked_for_once_and_changes_nothing(asked: Opened) -> None:
    before = asked.broker.read_account()
    asked.forget_calls()
    assert rehearsed(asked, sell(quantity=2)) is None
    (call,) = asked.calls()
    assert "xp0123456789abcdef" not in call.params.values()
    after = asked.broker.read_account()
    assert (after.positions, after.open_orders, after.cash) == (before.positions, before.open_orders, before.cash)


def test_what_the_venue_would_refuse_is_told(asked: Opened) -> None:
    assert isinstance(rehearsed(asked, sell(quantity=8)), Refused)  # of ten, three are locked


def test_what_is_off_the_steps_is_refused_without_asking(asked: Opened) -> None:
    assert isinstance(rehearsed(asked, sell(quantity=2, kind="limit", price="99.95")), Refused)
    assert asked.calls() == []


@pytest.mark.parametrize("venue", ["coinbase", "bybit"])
def test_a_venue_that_cannot_be_asked_is_not(venue: str, open_at: Opener, account: Snapshot) -> None:
    opened = open_at(venue, account).ready()
    assert rehearsed(opened, sell(quantity=2)) is None
    assert opened.calls() == []


def test_of_an_answer_that_was_lost_nothing_is_known(asked: Opened) -> None:
    for sort in ("writes", "look_ups"):
        asked.plan_faults(sort, fault("lost_after"))
    assert isinstance(rehearsed(asked, sell(quantity=2)), Refused | Unknown)


def test_only_what_is_tested_on_loopback_is_asked() -> None:
    told = {name: dialect_of(name).traits for name in KNOWN}
    assert {name for name, traits in told.items() if traits.rehearses} == set(ASKED)
    assert all(set(traits.rehearses) <= {*traits.loopback, "future"} for traits in told.values())
