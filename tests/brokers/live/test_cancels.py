"""Cancels: in as few calls as the venue takes, each with an outcome of its own."""

from __future__ import annotations

import pytest

from exitplan.brokers.protocol import Done, OrderReport, Outcome, RefusalReason, Unknown
from exitplan.ruleset.model.snapshot import Snapshot
from tests.brokers.live.accounts import VENUES, Opened, named, priced, sell
from tests.brokers.live.conftest import Opener
from tests.builders import order, position, snapshot
from tests.venues.faults import Fault, fault

MISSING = {
    "kraken": "OAAAAA-AAAAA-AAAAAA",
    "coinbase": "1de12254-9367-5d8a-a070-000000000000",
    "bybit": "1000000000000000000",
    "binance": "999999999999999",
}


@pytest.fixture(params=VENUES)
def resting(request: pytest.FixtureRequest, open_at: Opener) -> Opened:
    """Open an account with four resting orders, the third of them filled in part."""
    orders = [order(f"o{number}", price=200 + number, filled="0.5" if number == 2 else 0) for number in range(4)]
    account = snapshot(position("AAA/USD", 10, locked="3.5"), orders=orders, markets={"AAA/USD": priced()})
    return open_at(request.param, account)


def order_ids(opened: Opened) -> list[str]:
    """Read the account, and give the ids of its orders by their prices."""
    read = opened.broker.read_account()
    opened.forget_calls()
    return [found.id for found in sorted(read.open_orders, key=lambda found: found.price or 0)]


def told(outcomes: tuple[Outcome, ...]) -> list[str]:
    """Return the status of each report, or the reason of each refusal."""
    return [
        found.report.status if isinstance(found, Done) else getattr(found, "reason", "unknown") for found in outcomes
    ]


def reported(outcome: Outcome) -> OrderReport:
    assert isinstance(outcome, Done), outcome
    return outcome.report


def in_one_call(opened: Opened) -> bool:
    """Check whether the venue cancels several orders in one call."""
    return opened.broker._dialect.traits.cancel_batch > 1


def missing(opened: Opened) -> str:
    return MISSING[opened.handle.front.name]


def test_orders_are_cancelled_in_as_few_calls_as_the_venue_takes_and_asked_about_in_as_many(resting: Opened) -> None:
    names = order_ids(resting)
    outcomes = resting.broker.cancel_orders([named(name) for name in names])
    assert told(outcomes) == ["cancelled"] * 4
    assert [reported(found).order_id for found in outcomes] == names
    assert reported(outcomes[2]).filled == reported(outcomes[2]).quantity / 2
    calls = 1 if in_one_call(resting) else 4
    asked = 4 if resting.handle.front.name == "bybit" else calls
    assert (len(resting.calls("writes")), len(resting.calls("look_ups"))) == (calls, asked)
    assert resting.broker.read_account().open_orders == ()


def test_the_account_is_read_beside_the_question_what_cancelled_orders_had_filled(resting: Opened) -> None:
    names = order_ids(resting)
    outcomes, account = resting.broker.cancel_and_read([named(name) for name in names])
    assert told(outcomes) == ["cancelled"] * 4
    assert reported(outcomes[2]).filled == reported(outcomes[2]).quantity / 2
    if resting.handle.front.name == "kraken":  # private calls go in turn, so that nothing is gained
        assert account is None
    else:
        assert account is not None
        assert not account.open_orders
        assert account.positions[0].locked == 0


def test_no_account_is_told_where_it_cannot_be_read_beside_cancels_or_one_is_refused(resting: Opened) -> None:
    first, second, *_ = order_ids(resting)
    outcomes, account = resting.broker.cancel_and_read([named(first), named(missing(resting))])
    assert (told(outcomes), account) == (["cancelled", RefusalReason.UNKNOWN_ORDER], None)
    resting.plan_faults("reads", *[fault("html")] * 20)
    outcomes, account = resting.broker.cancel_and_read([named(second)])
    assert (told(outcomes), account) == (["cancelled"], None)


def test_one_order_is_cancelled(resting: Opened) -> None:
    first, *_ = order_ids(resting)
    assert told(resting.broker.cancel_orders([named(first)])) == ["cancelled"]
    assert len(resting.broker.read_account().open_orders) == 3


def test_an_order_that_is_not_there_is_refused_and_the_others_are_cancelled(resting: Opened) -> None:
    first, second, *_ = order_ids(resting)
    outcomes = resting.broker.cancel_orders([named(first), named(missing(resting)), named(second)])
    assert told(outcomes) == ["cancelled", RefusalReason.UNKNOWN_ORDER, "cancelled"]


def test_a_single_order_that_is_not_there_is_refused_as_unknown(resting: Opened) -> None:
    order_ids(resting)
    outcomes = resting.broker.cancel_orders([named(missing(resting))])
    assert told(outcomes) == [RefusalReason.UNKNOWN_ORDER]


def test_an_order_that_was_filled_meanwhile_is_refused_and_not_told_as_cancelled(resting: Opened) -> None:
    first, second, *_ = order_ids(resting)
    resting.handle.venue.tick("AAA/USD", bid=200, ask="200.2", last=200)
    outcomes = resting.broker.cancel_orders([named(first), named(second)])
    refused, cancelled = told(outcomes)
    assert refused in {RefusalReason.UNKNOWN_ORDER, RefusalReason.ORDER_CLOSED}
    assert cancelled == "cancelled"
    assert told(resting.broker.cancel_orders([named(first)])) == [RefusalReason.UNKNOWN_ORDER]


def test_a_group_of_orders_that_are_all_gone_is_refused_one_by_one(resting: Opened) -> None:
    names = [named(name) for name in order_ids(resting)]
    resting.broker.cancel_orders(names)
    again = resting.broker.cancel_orders(names)
    assert all(found == "cancelled" or found is RefusalReason.UNKNOWN_ORDER for found in told(again))


@pytest.mark.parametrize(
    "met",
    [
        fault(kind)
        for kind in ("lost_before", "lost_after", "error_before", "error_after", "html", "empty", "cut", "bare")
    ],
    ids=lambda met: str(met.kind),
)
@pytest.mark.parametrize("count", [1, 3])
def test_cancels_without_a_clear_answer_are_unknown_each_and_sent_once(resting: Opened, met: Fault, count: int) -> None:
    names = order_ids(resting)[:count]
    resting.plan_faults("writes", met)
    outcomes = resting.broker.cancel_orders([named(name) for name in names])
    sent = 1 if in_one_call(resting) else count
    assert [type(found) for found in outcomes].count(Unknown) == (count if sent == 1 else 1)
    assert len(resting.calls("writes")) == sent


def test_too_many_requests_refuse_all_that_goes_in_one_call(resting: Opened) -> None:
    names = order_ids(resting)
    resting.plan_faults("writes", fault("rate_limited", seconds=0.05))
    refused = 4 if in_one_call(resting) else 1
    answers = told(resting.broker.cancel_orders([named(name) for name in names]))
    assert sorted(answers) == sorted([RefusalReason.RATE_LIMITED] * refused + ["cancelled"] * (4 - refused))


def test_cancelled_orders_stay_told_as_open_where_the_question_about_them_fails(resting: Opened) -> None:
    names = order_ids(resting)
    resting.plan_faults("look_ups", "error_before")
    outcomes = resting.broker.cancel_orders([named(name) for name in names])
    assert told(outcomes) == ["open"] * 4
    assert [reported(found).order_id for found in outcomes] == names


def test_a_batch_at_kraken_of_which_nobody_can_tell_what_was_cancelled_is_unknown(
    open_at: Opener, account: Snapshot
) -> None:
    opened = open_at("kraken", account)
    (name,) = order_ids(opened)
    opened.plan_faults("look_ups", "error_before")
    outcomes = opened.broker.cancel_orders([named(name), named(missing(opened))])
    assert [type(found) for found in outcomes] == [Unknown, Unknown]


def test_a_hundred_and_twenty_orders_take_three_calls_at_kraken_and_two_at_coinbase(open_at: Opener) -> None:
    orders = [order(f"o{number}", quantity="0.02", price=200 + number) for number in range(120)]
    account = snapshot(position("AAA/USD", 10, locked="2.4"), orders=orders, markets={"AAA/USD": priced()})
    for venue, calls in (("kraken", 3), ("coinbase", 2)):
        opened = open_at(venue, account)
        outcomes = opened.broker.cancel_orders([named(name) for name in order_ids(opened)])
        assert told(outcomes) == ["cancelled"] * 120
        assert len(opened.calls("writes")) == calls


def test_an_order_that_was_just_placed_is_cancelled_before_the_account_is_read_again(opened: Opened) -> None:
    placed = reported(opened.place_one(sell(kind="limit", price=150)))
    assert told(opened.broker.cancel_orders([named(placed.order_id)])) == ["cancelled"]


def test_an_order_without_the_venues_id_cannot_be_cancelled_and_nothing_is_sent(resting: Opened) -> None:
    order_ids(resting)
    outcomes = resting.broker.cancel_orders([named(None, client_order_id="xp1"), named(None, client_order_id="xp2")])
    assert told(outcomes) == [RefusalReason.UNSUPPORTED] * 2
    assert resting.calls() == []


def test_a_connection_that_breaks_is_not_taken_for_the_answer_before_it(kraken: Opened) -> None:
    (name,) = order_ids(kraken)
    assert told(kraken.broker.cancel_orders([named(missing(kraken))])) == [RefusalReason.UNKNOWN_ORDER]
    kraken.plan_faults("writes", "lost_before")
    assert told(kraken.broker.cancel_orders([named(name)])) == ["unknown"]


def test_a_cancel_that_lingers_is_told_as_open_until_it_is_done(kraken: Opened) -> None:
    (name,) = order_ids(kraken)
    kraken.plan_faults("writes", fault("lingers", seconds=30))
    assert told(kraken.broker.cancel_orders([named(name)])) == ["open"]
