"""The futures side of the binance front through ccxt's real client: two lists of orders, one-way and hedge mode."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import ccxt
import pytest

from exitplan.ruleset.model.snapshot import Snapshot
from tests.builders import market, order, position, snapshot
from tests.venues.clients import Client
from tests.venues.conftest import Opener
from tests.venues.server import Handle

SWAP = "SOL/USDT:USDT"
Opened = tuple[Handle, Client]


def account(*more: Any) -> Snapshot:
    """Return twelve contracts held long beside a coin, and a thousand in money."""
    priced = market(100, bid="99.9", ask="100.1", price_step="0.1", step="0.1", min_notional=5)
    held = (position(SWAP, 12, entry=90), *more, position("AAA/USDT", 5))
    resting = [order("o1", SWAP, "sell", 3, price=150, reduce_only=True)]
    return snapshot(*held, orders=resting, markets={SWAP: priced, "AAA/USDT": priced}, quote="USDT", cash=1000)


@pytest.fixture
def swaps(open_venue: Opener) -> Opened:
    return _opened(open_venue)


def _opened(open_venue: Opener, *more: Any) -> Opened:
    handle, client = open_venue("binance", account=account(*more))
    client.load_markets(reload=True)
    return handle, client


def send(client: Client, quantity: float, kind: str = "market", price: float | None = None, **more: Any) -> Any:
    return client.create_order(SWAP, kind, "sell", quantity, price, {"reduceOnly": True, **more})


def algo(client: Client, **named: Any) -> Any:
    return client.fapiPrivateGetAlgoOrder({"symbol": "SOLUSDT", **named})


def test_both_kinds_of_market_are_listed_under_one_name(swaps: Opened) -> None:
    _, client = swaps
    listed = client.market(SWAP)
    assert (listed["id"], listed["linear"], listed["contractSize"]) == ("SOLUSDT", True, "1")
    assert (listed["precision"]["amount"], listed["limits"]["cost"]["min"]) == ("0.1", "5")
    assert client.fetch_ticker(SWAP)["last"] == "100.00000000"
    assert client.fetch_bids_asks([SWAP])[SWAP]["bid"] == "99.90000000"
    assert client.fetch_funding_rate(SWAP)["markPrice"] == "100"


def test_each_wallet_has_its_half_and_what_is_traded_goes_into_its_own(swaps: Opened) -> None:
    _, client = swaps
    client.create_order("AAA/USDT", "market", "sell", 1)
    send(client, 2)
    spot = client.fetch_balance()["USDT"]["total"]
    (asset,) = client.fapiPrivateV3GetAccount()["assets"]
    assert Decimal(spot) == Decimal("599.8001")
    assert Decimal(asset["walletBalance"]) == Decimal(500) + 2 * (Decimal("99.9") - 90) - Decimal("0.1998")
    assert asset["unrealizedProfit"] == "100"


def test_positions_are_told_with_their_sign_or_with_their_side(open_venue: Opener) -> None:
    _, client = _opened(open_venue)
    (told,) = client.fapiPrivateV3GetPositionRisk()
    assert (told["positionSide"], told["positionAmt"], told["unRealizedProfit"]) == ("BOTH", "12", "120")
    _, client = _opened(open_venue, position(SWAP, 4, side="short", entry=110))
    both = {told["positionSide"]: told["positionAmt"] for told in client.fapiPrivateV3GetPositionRisk()}
    assert both == {"LONG": "12", "SHORT": "-4"}
    assert client.fapiPrivateGetPositionSideDual()["dualSidePosition"] is True


def test_a_market_order_is_answered_as_filled_and_found_by_either_id(swaps: Opened) -> None:
    _, client = swaps
    placed = send(client, 2, clientOrderId="abc")
    assert (placed["status"], placed["filled"], placed["average"]) == ("closed", "2", "99.9")
    assert client.fetch_order(placed["id"], SWAP)["clientOrderId"] == "abc"
    assert client.fetch_order(None, SWAP, {"clientOrderId": "abc"})["id"] == placed["id"]
    (trade,) = client.fetch_my_trades(SWAP)
    assert (trade["order"], trade["amount"], trade["fee"]["currency"]) == (placed["id"], "2", "USDT")


@pytest.mark.parametrize(("kind", "price"), [("market", None), ("limit", 79)])
def test_a_stop_waits_in_its_own_list_and_names_the_order_that_it_becomes(
    swaps: Opened, kind: str, price: float | None
) -> None:
    handle, client = swaps
    stop = send(client, 2, kind, price, stopLossPrice=80, clientOrderId="stop1")
    assert stop["status"] == "open"
    assert [one["id"] for one in client.fetch_open_orders(SWAP, params={"trigger": True})] == [stop["id"]]
    assert stop["id"] not in [one["id"] for one in client.fetch_open_orders(SWAP)]
    handle.venue.tick(SWAP, bid="79.5", ask=80, last="79.8")
    assert client.fetch_open_orders(SWAP, params={"trigger": True}) == []
    told = algo(client, clientAlgoId="stop1")
    assert told["algoStatus"] == "FINISHED"
    became = client.fetch_order(told["actualOrderId"], SWAP)
    assert (became["status"], became["filled"], became["type"]) == ("closed", "2", kind)
    assert became["id"] != stop["id"]
    assert [trade["order"] for trade in client.fetch_my_trades(SWAP)] == [became["id"]]


def test_a_stop_with_a_limit_that_is_not_met_rests_as_what_it_became(swaps: Opened) -> None:
    handle, client = swaps
    stop = send(client, 2, "limit", 80, stopLossPrice=80)
    handle.venue.tick(SWAP, bid=70, ask=71, last=70)
    told = algo(client, algoId=stop["id"])
    assert told["algoStatus"] == "TRIGGERED"
    assert told["actualOrderId"] in [one["id"] for one in client.fetch_open_orders(SWAP)]
    with pytest.raises(ccxt.OrderNotFound, match="-2011"):
        client.cancel_order(stop["id"], SWAP, {"trigger": True})
    client.cancel_order(told["actualOrderId"], SWAP)
    assert algo(client, algoId=stop["id"])["algoStatus"] == "FINISHED"
    assert client.fetch_order(told["actualOrderId"], SWAP)["status"] == "canceled"


def test_what_takes_profit_waits_above_the_price(swaps: Opened) -> None:
    handle, client = swaps
    send(client, 3, takeProfitPrice=120, clientOrderId="profit")
    handle.venue.tick(SWAP, bid=119, ask=120, last=119)
    assert algo(client, clientAlgoId="profit")["algoStatus"] == "NEW"
    handle.venue.tick(SWAP, bid=121, ask=122, last=121)
    told = algo(client, clientAlgoId="profit")
    assert (told["algoStatus"], told["actualPrice"]) == ("FINISHED", "121")


def test_what_trails_the_price_fires_once_it_has_come_back_by_its_rate(swaps: Opened) -> None:
    handle, client = swaps
    send(client, 1, trailingPercent=5, trailingTriggerPrice=110, clientOrderId="trail")
    seen = []
    for price in (94, 111, 120, 115, 114):
        handle.venue.tick(SWAP, bid=price, ask=price, last=price)
        seen.append(algo(client, clientAlgoId="trail")["algoStatus"])
    assert seen == ["NEW"] * 4 + ["FINISHED"]


def test_a_stop_that_closes_the_whole_position_sells_what_is_then_held(swaps: Opened) -> None:
    handle, client = swaps
    asked = {"symbol": "SOLUSDT", "side": "SELL", "algoType": "CONDITIONAL", "type": "STOP_MARKET"}
    placed = client.fapiPrivatePostAlgoOrder({**asked, "triggerPrice": "80", "closePosition": "true"})
    assert (placed["quantity"], placed["closePosition"]) == ("0", True)
    send(client, 2)
    handle.venue.tick(SWAP, bid=79, ask=80, last=79)
    became = algo(client, algoId=placed["algoId"])["actualOrderId"]
    assert client.fetch_order(became, SWAP)["filled"] == "10"


def test_a_stop_that_was_cancelled_becomes_nothing(swaps: Opened) -> None:
    handle, client = swaps
    stop = send(client, 2, stopLossPrice=80)
    client.cancel_order(stop["id"], SWAP, {"trigger": True})
    handle.venue.tick(SWAP, bid=70, ask=71, last=70)
    told = algo(client, algoId=stop["id"])
    assert (told["algoStatus"], told["actualOrderId"]) == ("CANCELED", "")


def test_in_hedge_mode_an_order_names_its_side_and_reduces_by_it(open_venue: Opener) -> None:
    handle, client = _opened(open_venue, position(SWAP, 4, side="short", entry=110))
    client.create_order(SWAP, "market", "buy", 1, None, {"hedged": True, "reduceOnly": True})
    send(client, 2, hedged=True)
    assert {held.side: held.quantity for held in handle.venue.snapshot().positions if held.symbol == SWAP} == {
        "long": Decimal(10),
        "short": Decimal(3),
    }


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ({"quantity": 20}, "-2022"),
        ({"quantity": 1, "stopLossPrice": 101}, "-2021"),
        ({"quantity": 1, "takeProfitPrice": 90}, "-2021"),
        ({"quantity": 1, "positionSide": "LONG"}, "-4061"),
        ({"quantity": 1, "clientOrderId": "x" * 37}, "-1100"),
        ({"quantity": 1, "foo": 1}, "-1104"),
        ({"quantity": 1, "timeInForce": "GTC"}, "-1106"),
    ],
)
def test_what_is_wrong_with_an_order_is_told_by_binances_code(swaps: Opened, sent: dict[str, Any], code: str) -> None:
    with pytest.raises(ccxt.ExchangeError, match=code):
        send(swaps[1], **sent)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"type": "STOP_MARKET"}, "-4120"),
        ({"quantity": "0.05"}, "-1111"),
        ({"symbol": "NOPE"}, "-1121"),
        ({"quantity": "0"}, "-4003"),
        ({"type": "LIMIT", "price": "100.05", "timeInForce": "GTC"}, "-4014"),
    ],
)
def test_what_no_client_would_send_is_refused_too(swaps: Opened, changed: dict[str, str], code: str) -> None:
    asked = {"symbol": "SOLUSDT", "side": "SELL", "type": "MARKET", "quantity": "1", "reduceOnly": "true"}
    with pytest.raises(ccxt.ExchangeError, match=code):
        swaps[1].fapiPrivatePostOrder({**asked, **changed})


def test_an_id_is_free_again_once_its_order_is_done_and_not_before_in_either_list(swaps: Opened) -> None:
    _, client = swaps
    send(client, 1, clientOrderId="same")
    send(client, 1, "limit", 150, clientOrderId="same")
    send(client, 1, stopLossPrice=80, clientOrderId="stop")
    again: list[dict[str, Any]] = [{"kind": "limit", "price": 151, "clientOrderId": "same"}]
    for more in (*again, {"stopLossPrice": 81, "clientOrderId": "stop"}):
        with pytest.raises(ccxt.ExchangeError, match="-4116"):
            send(client, 1, **more)


def test_weights_are_counted_apart_from_those_of_spot(swaps: Opened) -> None:
    _, client = swaps
    client.fetch_balance()
    spot = client.last_response_headers["x-mbx-used-weight-1m"]
    client.fetch_open_orders(SWAP)
    before = int(client.last_response_headers["x-mbx-used-weight-1m"])
    client.fapiPrivateGetOpenAlgoOrders()
    assert int(client.last_response_headers["x-mbx-used-weight-1m"]) - before == 40
    assert int(spot) > 0


def test_leverage_can_be_set_and_whoever_may_only_read_may_not(swaps: Opened) -> None:
    handle, client = swaps
    assert client.set_leverage(5, SWAP)["leverage"] == 5
    handle.venue.read_only = True
    with pytest.raises(ccxt.AuthenticationError, match="-2015"):
        client.set_leverage(5, SWAP)
