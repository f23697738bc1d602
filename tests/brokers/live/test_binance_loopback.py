"""What only Binance has: pairs of orders, earn names, a coin for fees, weights, and offers that cannot be taken."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from exitplan.brokers.paper.options import PaperOptions
from exitplan.brokers.protocol import ConvertRequest, Done, Found, OrderReference, RefusalReason, Refused, Unknown
from exitplan.brokers.venues.binance import _fee_of_sales
from exitplan.ruleset.model.snapshot import Snapshot
from tests.brokers.live.accounts import Opened, named, priced, sell
from tests.brokers.live.conftest import Opener
from tests.builders import market, position, snapshot
from tests.venues.faults import fault


@pytest.fixture
def binance(open_at: Opener) -> Opened:
    """Open ten of AAA, a coin that pays fees, and one that is in Simple Earn as well."""
    account = snapshot(
        position("AAA/USD", 10),
        position("BNB/USD", 1),
        position("BTC/USD", "0.1"),
        markets={"AAA/USD": priced(), "BNB/USD": market(500), "BTC/USD": market(60_000), "LDO/USD": market(2)},
    )
    return open_at("binance", account, staked={"LDBTC": Decimal("0.4"), "LDO": Decimal(7)}).ready()


def send_pair(opened: Opened) -> Snapshot:
    """Let somebody send two sells of 4 AAA of which one cancels the other, and read the account."""
    legs = {"aboveType": "LIMIT_MAKER", "abovePrice": 200, "belowType": "STOP_LOSS", "belowStopPrice": 80}
    opened.broker._exchange.private_post_orderlist_oco({"symbol": "AAAUSD", "side": "SELL", "quantity": 4, **legs})
    return opened.broker.read_account()


def held(read: Snapshot) -> dict[str, tuple[Any, Any]]:
    return {found.symbol: (found.quantity, found.locked) for found in read.positions}


def reported(answer: Any) -> Any:
    assert isinstance(answer, Done | Found), answer
    return answer.report


def refused(outcome: Any) -> RefusalReason:
    assert isinstance(outcome, Refused), outcome
    return outcome.reason


def test_what_is_in_simple_earn_is_locked_and_a_coin_whose_name_begins_so_is_itself(binance: Opened) -> None:
    read = held(binance.broker.read_account())
    assert read["BTC/USD"] == (Decimal("0.5"), Decimal("0.4"))
    assert read["LDO/USD"] == (7, 0)
    assert "LDBTC/USD" not in read


def test_two_orders_of_which_one_cancels_the_other_lock_once(binance: Opened) -> None:
    read = send_pair(binance)
    assert held(read)["AAA/USD"] == (10, 4)
    assert {(found.type, found.price, found.trigger_price) for found in read.open_orders} == {
        ("limit", 200, None),
        ("stop", None, 80),
    }


def test_cancelling_both_of_a_pair_finds_the_second_gone_and_frees_what_they_held(binance: Opened) -> None:
    first, second = (found.id for found in send_pair(binance).open_orders)
    one, other = binance.broker.cancel_orders([named(first)]) + binance.broker.cancel_orders([named(second)])
    assert reported(one).status == "cancelled"
    assert refused(other) is RefusalReason.UNKNOWN_ORDER
    assert reported(binance.broker.look_up_order(named(second))).status == "cancelled"
    assert held(binance.broker.read_account())["AAA/USD"] == (10, 0)


@pytest.mark.parametrize(("kind", "price"), [("stop", None), ("stop_limit", 89)])
def test_stops_rest_with_their_trigger_and_are_found_by_our_id(binance: Opened, kind: str, price: int | None) -> None:
    placed = binance.place_one(sell(kind=kind, trigger=90, price=price))
    assert (reported(placed).status, reported(placed).trigger_price) == ("open", 90)
    found = reported(binance.broker.look_up_order(named(None, client_order_id=sell().client_order_id)))
    assert (found.order_id, found.trigger_price) == (reported(placed).order_id, 90)
    assert held(binance.broker.read_account())["AAA/USD"] == (10, 2)


def test_the_fee_is_told_in_the_coin_that_paid_it(binance: Opened) -> None:
    outcome = binance.place_one(sell())
    assert (reported(outcome).fee, reported(outcome).fee_currency) == (Decimal("0.0003996"), "BNB")
    assert held(binance.broker.read_account())["BNB/USD"] == (Decimal("0.9996004"), 0)


def test_a_price_far_from_the_market_is_refused_by_the_venues_filter(binance: Opened) -> None:
    refused(binance.place_one(sell(kind="limit", price=900)))
    assert len(binance.calls("writes")) == 1
    assert held(binance.broker.read_account())["AAA/USD"] == (10, 0)


def test_an_order_that_a_proxy_sends_twice_is_executed_twice_and_the_venue_does_not_say_so(binance: Opened) -> None:
    binance.plan_faults("writes", "redelivered")
    assert isinstance(binance.place_one(sell()), Done)
    assert held(binance.broker.read_account())["AAA/USD"] == (6, 0)


def test_an_order_that_comes_after_its_window_is_refused_there_and_unknown_here(binance: Opened) -> None:
    words = "-1021 Timestamp for this request is outside of the recvWindow."
    binance.plan_faults("writes", fault("refused", words=words))
    assert isinstance(binance.place_one(sell()), Unknown)


def test_weights_are_counted_as_the_venue_counts_them_so_that_the_limit_is_not_met(binance: Opened) -> None:
    weights: Any = binance.handle.front
    weights.weights.used = 5_840
    binance.broker.look_up_order(named("1"))
    bucket = binance.broker._exchange.bucket
    assert bucket.ready_in(16) == 0  # a list of all open orders weighs 80 of the venue's, 16 of ccxt's units
    binance.broker.look_up_order(named("1"))
    weights.weights.used = 5_940
    binance.broker.look_up_order(named("1"))
    assert bucket.ready_in(16) > 0
    assert bucket.ready_in(1) == 0


def test_a_conversion_is_taken_and_done_once_the_venue_says_so(binance: Opened) -> None:
    outcome = binance.broker.convert_dust(dust("0.001"))
    taken = reported(outcome)
    assert (taken.status, taken.filled) == ("open", 0)
    found = reported(binance.broker.look_up_order(OrderReference(symbol="BTC/USD", order_id=taken.order_id)))
    assert (found.status, found.filled) == ("closed", Decimal("0.001"))
    assert held(binance.broker.read_account())["BTC/USD"][0] == Decimal("0.499")


def test_an_offer_for_more_than_is_there_has_no_id_and_is_not_taken(binance: Opened) -> None:
    assert refused(binance.broker.convert_dust(dust("0.2"))) is RefusalReason.OTHER
    assert binance.broker.read_conversions([position("BTC/USD", "0.2")]) == {}
    assert binance.calls("writes") == []


def dust(quantity: str) -> ConvertRequest:
    return ConvertRequest(client_order_id="xp1", symbol="BTC/USD", quantity=Decimal(quantity))


def test_the_fee_of_the_account_comes_with_its_balances(open_at: Opener) -> None:
    opened = open_at(
        "binance", snapshot(position(), cash=5), options=PaperOptions(taker_fee=Decimal("0.00075"))
    ).ready()
    assert opened.broker.read_account().markets["AAA/USD"].taker_fee == Decimal("0.00075")


@pytest.mark.parametrize("rates", [None, {}, {"taker": "much"}, {"taker": "1.5"}, {"taker": "-0.1"}, []])
def test_a_fee_that_is_not_told_or_cannot_be_is_not_known_and_the_account_is_read(rates: Any) -> None:
    assert _fee_of_sales({"commissionRates": rates}) is None


def test_what_the_seller_pays_besides_is_in_the_fee() -> None:
    assert _fee_of_sales({"commissionRates": {"taker": "0.001", "seller": "0.002"}}) == Decimal("0.003")
