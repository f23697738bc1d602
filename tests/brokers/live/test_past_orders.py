"""Orders that are over are asked for once, in as few questions as the venue allows: their ids, since a time."""

from __future__ import annotations

from datetime import timedelta

import pytest

from exitplan.brokers.protocol import PastOrders
from exitplan.ruleset.errors import AccountUnreadable
from exitplan.ruleset.model.snapshot import Snapshot
from tests.brokers.live.accounts import Opened, named, sell
from tests.brokers.live.conftest import Opener
from tests.brokers.live.test_look_ups import place
from tests.builders import position, snapshot
from tests.venues.venue import utc_now

FILLED, CANCELLED, LATER = (f"xp{number:016}" for number in (1, 2, 3))
WITHIN = timedelta(minutes=1)
CALLS = {"kraken": 1, "coinbase": 1, "bybit": 1, "binance": 2}


@pytest.fixture(autouse=True)
def _histories_without_lag(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.venues.bybit.LAG", timedelta(0))


def asked(opened: Opened, since: timedelta = -WITHIN) -> PastOrders:
    """Ask for the orders since that long ago, in both symbols."""
    return opened.broker.read_past_orders(utc_now() + since, ["AAA/USD", "BBB/USD"])


def test_orders_that_are_filled_or_cancelled_are_told(opened: Opened) -> None:
    place(opened, FILLED)
    opened.broker.cancel_orders([named(place(opened, CANCELLED, quantity=1, price=150))])
    opened.forget_calls()
    told = asked(opened)
    assert {FILLED, CANCELLED} <= told.client_order_ids
    assert (told.is_complete, len(opened.calls())) == (True, CALLS[opened.handle.front.name])


def test_older_ones_are_left_out(opened: Opened) -> None:
    place(opened, FILLED)
    assert FILLED not in asked(opened, WITHIN).client_order_ids


@pytest.mark.parametrize(("venue", "most"), [("kraken", 50), ("coinbase", 100), ("binance", 100), ("bybit", 50)])
def test_where_there_are_more_than_one_page_that_is_told_and_nobody_turns_it(
    open_at: Opener, venue: str, most: int
) -> None:
    opened = open_at(venue, snapshot(position("AAA/USD", 1000))).ready()
    for number in range(most + 1):
        opened.handle.venue.place(sell(quantity=1, client=f"xp{number:016}"))
    opened.forget_calls()
    told = opened.broker.read_past_orders(utc_now() - WITHIN, ["AAA/USD"])
    assert (told.is_complete, len(told.client_order_ids), len(opened.calls())) == (False, most, 1)


@pytest.mark.parametrize("met", ["error_before", "html", "cut", "empty", "bare"])
def test_a_question_that_fails_is_no_answer(opened: Opened, met: str) -> None:
    for sort in ("reads", "look_ups"):
        opened.plan_faults(sort, met, met)
    with pytest.raises(AccountUnreadable, match="the past orders could not be read"):
        asked(opened)


def test_swaps_are_asked_for_in_each_coin_that_they_are_settled_in(open_at: Opener, account: Snapshot) -> None:
    opened = open_at("bybit", account, broker={"market_types": ["spot", "swap"]}).ready()
    opened.forget_calls()
    assert asked(opened) == PastOrders()
    assert len(opened.calls()) == 3
