"""Orders that are sent without a question, and the question what earlier ones have filled, which goes beside others."""

from __future__ import annotations

import pytest

from exitplan.brokers.protocol import Done, Found, LookUp, NotFound, OrderReference, OrderReport, Outcome, Refused
from exitplan.brokers.venues import dialect_of
from tests.brokers.live.accounts import VENUES, Opened, holding, sell
from tests.brokers.live.conftest import Opener
from tests.venues.faults import fault

ASKED_BESIDE = [venue for venue in VENUES if dialect_of(venue).at_once > 1]


@pytest.fixture(params=ASKED_BESIDE)
def opened(request: pytest.FixtureRequest, open_at: Opener) -> Opened:
    return open_at(request.param, holding("AAA/USD", "BBB/USD")).ready()


def taken(outcomes: tuple[Outcome, ...]) -> list[OrderReference]:
    """Return how to ask for orders that were accepted."""
    assert all(isinstance(outcome, Done) for outcome in outcomes), outcomes
    reports = [outcome.report for outcome in outcomes if isinstance(outcome, Done)]
    return [OrderReference(symbol=report.symbol, order_id=report.order_id) for report in reports]


def reported(answer: LookUp) -> OrderReport:
    assert isinstance(answer, Found), answer
    return answer.report


def test_a_venue_whose_private_calls_may_overtake_each_other_can_be_asked(open_at: Opener) -> None:
    can = {venue: open_at(venue, holding("AAA/USD")).broker.capabilities.asks_beside for venue in VENUES}
    assert can == {venue: venue in ASKED_BESIDE for venue in VENUES}


def test_orders_are_sent_and_nothing_is_asked_about_them(opened: Opened) -> None:
    outcomes, answers = opened.broker.place_and_ask([sell("AAA/USD"), sell("BBB/USD", client="xpfedcba9876543210")], [])
    assert (len(taken(outcomes)), answers) == (2, ())
    assert (len(opened.calls("writes")), opened.calls("look_ups")) == (2, [])


def test_what_they_filled_is_asked_beside_the_next(opened: Opened) -> None:
    first, _ = opened.broker.place_and_ask([sell("AAA/USD")], [])
    opened.forget_calls()
    opened.answer_none_before(2)
    second, (answer,) = opened.broker.place_and_ask([sell("BBB/USD", client="xpfedcba9876543210")], taken(first))
    assert (reported(answer).status, reported(answer).symbol) == ("closed", "AAA/USD")
    assert reported(answer).filled == reported(answer).quantity > 0
    assert len(taken(second)) == 1
    _, (answer,) = opened.broker.place_and_ask([], taken(second))
    assert (reported(answer).status, reported(answer).symbol) == ("closed", "BBB/USD")


def test_what_the_venue_does_not_tell_is_not_found(opened: Opened) -> None:
    first, _ = opened.broker.place_and_ask([sell("AAA/USD")], [])
    opened.plan_faults("look_ups", *[fault("html")] * 20)
    assert opened.broker.place_and_ask([], taken(first)) == ((), (NotFound(),))


def test_an_order_that_is_refused_has_nothing_to_do_with_the_question(opened: Opened) -> None:
    first, _ = opened.broker.place_and_ask([sell("AAA/USD")], [])
    (refused,), (answer,) = opened.broker.place_and_ask([sell("BBB/USD", "0")], taken(first))
    assert isinstance(refused, Refused)
    assert reported(answer).order_id == taken(first)[0].order_id
