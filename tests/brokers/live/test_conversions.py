"""Conversions of dust: asked for at a price, taken once, told for what they are."""

from __future__ import annotations

from decimal import Decimal

import pytest

from exitplan.brokers.protocol import (
    ConvertRequest,
    Done,
    Found,
    OrderReference,
    Outcome,
    RefusalReason,
    Refused,
    Unknown,
)
from exitplan.ruleset.errors import AccountUnreadable
from exitplan.ruleset.model.snapshot import Conversion
from tests.brokers.live.accounts import Opened, holding
from tests.brokers.live.conftest import Opener
from tests.builders import market, position, snapshot
from tests.venues.faults import fault


def dust(quantity: int = 5, most: str | None = None, symbol: str = "BBB/USD") -> ConvertRequest:
    most_cost = None if most is None else Decimal(most)
    return ConvertRequest(client_order_id="xp1", symbol=symbol, quantity=Decimal(quantity), max_cost_pct=most_cost)


def reason(outcome: Outcome) -> RefusalReason:
    assert isinstance(outcome, Refused), outcome
    return outcome.reason


def test_the_terms_of_a_conversion_are_its_fee_and_what_of_the_position_is_free(coinbase: Opened) -> None:
    terms = coinbase.broker.read_conversions(coinbase.broker.read_account().positions)
    assert terms == {
        "AAA/USD": Conversion(Decimal("0.001"), Decimal(7), Decimal(7)),
        "BBB/USD": Conversion(Decimal("0.001"), Decimal(5), Decimal(5)),
    }


def test_a_balance_is_converted_into_cash(coinbase: Opened) -> None:
    outcome = coinbase.broker.convert_dust(dust(most="0.001"))
    assert isinstance(outcome, Done)
    assert (outcome.report.status, outcome.report.type) == ("closed", "convert")
    assert outcome.report.filled == 5
    after = coinbase.broker.read_account()
    assert [position.symbol for position in after.positions] == ["AAA/USD"]
    assert after.cash.free == Decimal("10499.5")


def test_what_became_of_a_conversion_is_asked_by_its_id(coinbase: Opened) -> None:
    taken = coinbase.broker.convert_dust(dust())
    assert isinstance(taken, Done)
    coinbase.forget_calls()
    found = coinbase.broker.look_up_order(OrderReference(symbol="BBB/USD", order_id=taken.report.order_id))
    assert isinstance(found, Found)
    assert found.report == taken.report
    assert [call.path.rpartition("/")[2] for call in coinbase.calls()] == [taken.report.order_id]


def test_a_conversion_that_is_too_dear_is_refused_and_nothing_is_taken(coinbase: Opened) -> None:
    outcome = coinbase.broker.convert_dust(dust(most="0.0009"))
    assert reason(outcome) is RefusalReason.OTHER
    assert isinstance(outcome, Refused)
    assert outcome.message == "converting would cost 0.001 of its value by now"
    assert coinbase.calls("writes") == []


def test_what_the_venue_does_not_convert_is_left_out_and_refused(coinbase: Opened) -> None:
    coinbase.plan_faults("reads", fault("refused", where="/quote"))
    read = coinbase.broker.read_conversions([position("BBB/USD", 5)])
    assert read == {}
    assert reason(coinbase.broker.convert_dust(dust(quantity=500))) is RefusalReason.OTHER
    assert coinbase.calls("writes") == []


def test_a_position_without_a_price_or_all_of_it_locked_is_left_out_without_a_question(open_at: Opener) -> None:
    account = snapshot(position("AAA/USD"), position("GONE/USD"), markets={"AAA/USD": market(None), "GONE/USD": None})
    opened = open_at("coinbase", account).ready()
    asked = [*opened.broker.read_account().positions, position("AAA/USD", 3, locked=3)]
    opened.forget_calls()
    assert opened.broker.read_conversions(asked) == {}
    assert opened.calls() == []


def test_the_value_of_what_trades_against_another_quote_is_taken_at_its_rate(open_at: Opener) -> None:
    account = holding("XYZ/BTC", markets={"XYZ/BTC": market("0.001"), "BTC/USD": market(50_000)})
    broker = open_at("coinbase", account).ready().broker
    assert broker._value("XYZ/BTC", Decimal(2)) == 100
    assert broker._value("XYZ/EUR", Decimal(2)) is None


@pytest.mark.parametrize("kind", ["lost_before", "error_before", "html", "empty", "cut", "bare"])
def test_terms_that_cannot_be_asked_for_are_unreadable_and_nothing_is_converted(coinbase: Opened, kind: str) -> None:
    coinbase.plan_faults("reads", fault(kind), fault(kind))
    with pytest.raises(AccountUnreadable, match="the conversion of BBB/USD could not be read"):
        coinbase.broker.read_conversions([position("BBB/USD", 5)])
    assert reason(coinbase.broker.convert_dust(dust())).is_passing
    assert coinbase.calls("writes") == []


@pytest.mark.parametrize("kind", ["lost_before", "lost_after", "error_after", "html", "empty", "cut", "bare"])
def test_a_conversion_without_a_clear_answer_is_unknown_and_taken_once(coinbase: Opened, kind: str) -> None:
    coinbase.plan_faults("writes", fault(kind))
    assert isinstance(coinbase.broker.convert_dust(dust()), Unknown)
    assert len(coinbase.calls("writes")) == 1


def test_too_many_requests_refuse_a_conversion(coinbase: Opened) -> None:
    coinbase.plan_faults("reads", fault("rate_limited", seconds=0.05))
    outcome = coinbase.broker.convert_dust(dust())
    assert reason(outcome) is RefusalReason.RATE_LIMITED
    assert isinstance(outcome, Refused)
    assert outcome.retry_after == 0.05


def test_kraken_converts_nothing_and_is_not_asked(kraken: Opened) -> None:
    assert kraken.broker.read_conversions([position("BBB/USD", 5)]) == {}
    assert kraken.broker.capabilities.convert is False
    assert reason(kraken.broker.convert_dust(dust())) is RefusalReason.UNSUPPORTED
    assert kraken.calls() == []
