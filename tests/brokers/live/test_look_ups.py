"""Finding an order, by the venue's id and by ours, open or closed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from exitplan.brokers.protocol import Done, Found, LookUp, NotFound, Unknown
from tests.brokers.live.accounts import VENUES, Opened, named, open_account, sell
from tests.brokers.live.conftest import Opener
from tests.brokers.live.test_cancels import MISSING
from tests.builders import position, snapshot
from tests.venues.faults import Fault, fault
from tests.venues.venue import utc_now

OURS = "xp0123456789abcdef"


def found(answer: LookUp) -> Any:
    assert isinstance(answer, Found), answer
    return answer.report


def place(opened: Opened, client: str = OURS, quantity: int = 2, price: int | None = None) -> str:
    """Place an order, one that rests where it has a price, and give the venue's id."""
    outcome = opened.place_one(sell(quantity=quantity, kind="limit" if price else "market", price=price, client=client))
    assert isinstance(outcome, Done)
    opened.forget_calls()
    return outcome.report.order_id


@pytest.mark.parametrize(("price", "status"), [(150, "open"), (None, "closed")])
def test_an_order_is_found_by_either_id(opened: Opened, price: int | None, status: str) -> None:
    name = place(opened, price=price)
    by_theirs = found(opened.broker.look_up_order(named(name)))
    by_ours = found(opened.broker.look_up_order(named(None, client_order_id=OURS, since=utc_now())))
    assert by_theirs == by_ours
    assert (by_ours.order_id, by_ours.client_order_id, by_ours.status) == (name, OURS, status)
    assert (by_ours.symbol, by_ours.side, by_ours.quantity) == ("AAA/USD", "sell", 2)


def test_an_order_whose_reply_was_lost_is_found_by_our_id_with_what_it_filled(opened: Opened) -> None:
    opened.plan_faults("writes", "lost_after")
    assert isinstance(opened.place_one(sell()), Unknown)
    report = found(opened.broker.look_up_order(named(None, client_order_id=OURS, since=utc_now())))
    assert (report.status, report.filled) == ("closed", 2)


def test_an_order_that_never_arrived_is_not_found(opened: Opened) -> None:
    opened.plan_faults("writes", "lost_before")
    opened.place_one(sell())
    assert opened.broker.look_up_order(named(None, client_order_id=OURS, since=utc_now())) == NotFound()


def test_an_id_that_the_venue_never_gave_is_not_found(opened: Opened) -> None:
    assert opened.broker.look_up_order(named(MISSING[opened.handle.front.name])) == NotFound()


@pytest.mark.parametrize(
    "met",
    [
        fault("lost_before"),
        fault("error_before"),
        fault("error_before", status=404),
        fault("error_before", status=524),
        fault("html"),
        fault("empty"),
        fault("cut"),
        fault("bare"),
        fault("rate_limited", seconds=0.05),
    ],
    ids=lambda met: f"{met.kind}-{met.status}",
)
@pytest.mark.parametrize("ours", [True, False])
def test_a_question_that_failed_is_unknown_and_never_not_found(opened: Opened, met: Fault, ours: bool) -> None:
    name = place(opened)
    opened.plan_faults("look_ups", met)
    reference = named(None, client_order_id=OURS) if ours else named(name)
    assert isinstance(opened.broker.look_up_order(reference), Unknown)
    assert len(opened.calls()) == 1


def test_wrong_keys_never_mean_not_found(opened: Opened) -> None:
    place(opened)
    opened.broker._exchange.apiKey = "somebody else's"
    assert isinstance(opened.broker.look_up_order(named(None, client_order_id=OURS)), Unknown)


def test_the_closed_orders_failing_after_the_open_ones_answered_is_unknown(kraken: Opened) -> None:
    place(kraken)
    kraken.plan_faults("look_ups", "none", "error_before")
    assert isinstance(kraken.broker.look_up_order(named(None, client_order_id=OURS)), Unknown)


def test_the_newest_of_two_orders_with_one_id_is_the_one_meant(kraken: Opened) -> None:
    place(kraken, quantity=1)
    kraken.handle.venue.clock = lambda: utc_now() + timedelta(seconds=2)
    newest = place(kraken, quantity=3)
    report = found(kraken.broker.look_up_order(named(None, client_order_id=OURS)))
    assert (report.order_id, report.quantity) == (newest, 3)


def test_an_open_order_is_newer_than_a_closed_one_with_the_same_id(kraken: Opened) -> None:
    place(kraken, quantity=1)
    newest = place(kraken, price=150)
    assert found(kraken.broker.look_up_order(named(None, client_order_id=OURS))).order_id == newest


def test_an_order_on_a_later_page_is_found_at_coinbase(open_at: Opener) -> None:
    opened = open_at("coinbase", snapshot(position()), page_size=2).ready()
    first = place(opened, "first", quantity=1)
    for number in range(6):
        place(opened, f"later{number}", quantity=1)
    report = found(opened.broker.look_up_order(named(None, client_order_id="first", since=utc_now())))
    assert report.order_id == first
    assert len(opened.calls("look_ups")) == 4


def test_an_order_behind_fifty_others_is_found_at_kraken_in_two_calls(open_at: Opener) -> None:
    opened = open_at("kraken", snapshot(position(quantity=100)), page_size=2).ready()
    first = place(opened, "first", quantity=1)
    for number in range(5):
        place(opened, f"later{number}", quantity=1)
    assert found(opened.broker.look_up_order(named(None, client_order_id="first"))).order_id == first
    assert len(opened.calls("look_ups")) == 2


@pytest.mark.parametrize("venue", VENUES)
def test_another_process_finds_an_order_without_having_read_the_account(open_at: Opener, venue: str) -> None:
    opened = open_at(venue, snapshot(position())).ready()
    name = place(opened, price=150)
    other = open_account(opened.handle)
    assert found(other.look_up_order(named(name))).status == "open"
    assert found(other.look_up_order(named(None, client_order_id=OURS, since=utc_now()))).order_id == name


def test_an_order_that_a_page_of_the_pages_does_not_tell_is_not_called_missing(open_at: Opener) -> None:
    opened = open_at("coinbase", snapshot(position()), page_size=1).ready()
    place(opened, quantity=1)
    place(opened, "another", quantity=1)
    opened.plan_faults("look_ups", "none", "cut")
    assert isinstance(opened.broker.look_up_order(named(None, client_order_id=OURS, since=utc_now())), Unknown)


def test_several_orders_are_looked_up_in_a_call_or_two_where_there_is_a_list_of_them(opened: Opened) -> None:
    names = {
        f"xp{number:016d}": place(opened, f"xp{number:016d}", 1, 150 if number % 2 else None) for number in range(6)
    }
    asked = [*names, "xp9999999999999999"]
    opened.forget_calls()
    answers = opened.broker.look_up_orders(
        [named(None, client_order_id=name, since=utc_now() - timedelta(seconds=5)) for name in asked]
    )
    assert [found(answer).order_id for answer in answers[:-1]] == list(names.values())
    assert {found(answer).status for answer in answers[:-1]} == {"open", "closed"}
    assert answers[-1] == NotFound()
    assert len(opened.calls()) <= {"binance": 7, "bybit": 8}.get(opened.handle.front.name, 2)


@pytest.mark.parametrize("venue", VENUES)
def test_several_orders_are_found_behind_many_others(open_at: Opener, venue: str) -> None:
    opened = open_at(venue, snapshot(position("AAA/USD", 100)), page_size=3).ready()
    names = [place(opened, f"xp{number:016d}", 1) for number in range(8)]
    references = [
        named(None, client_order_id=f"xp{number:016d}", since=utc_now() - timedelta(seconds=5)) for number in (0, 7)
    ]
    assert [found(answer).order_id for answer in opened.broker.look_up_orders(references)] == [names[0], names[7]]


def test_where_the_list_cannot_be_read_none_of_them_is_known(opened: Opened) -> None:
    place(opened)
    since = utc_now() - timedelta(seconds=5)
    for sort in ("reads", "look_ups"):
        opened.plan_faults(sort, *["error_before"] * 3)
    references = [named(None, client_order_id=name, since=since) for name in (OURS, "xp9999999999999999")]
    assert all(isinstance(answer, Unknown) for answer in opened.broker.look_up_orders(references))
