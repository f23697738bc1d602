"""The binance front, asked by ccxt's own client."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import ccxt
import pytest

from exitplan.brokers.paper.options import PaperOptions
from tests.builders import market, position, snapshot
from tests.venues.binance_auth import new_credentials
from tests.venues.binance_filters import MOST_STOPS
from tests.venues.builders import bought
from tests.venues.clients import Client
from tests.venues.conftest import Opener
from tests.venues.server import Handle

Opened = tuple[Handle, Client]


def named(client_id: str, **more: object) -> dict[str, object]:
    return {"newClientOrderId": client_id, **more}


def bracket(client: Client, **more: object) -> Any:
    """Send two sells of 4 SOL of which one cancels the other: at 200, and below 120."""
    legs = {"aboveType": "LIMIT_MAKER", "abovePrice": 200, "belowType": "STOP_LOSS", "belowStopPrice": 120}
    return client.private_post_orderlist_oco({"symbol": "SOLUSD", "side": "SELL", "quantity": 4, **legs, **more})


def sol(client: Client) -> tuple[str, str]:
    """Return what is free of SOL and what orders hold."""
    balances = client.private_get_account()["balances"]
    (found,) = [entry for entry in balances if entry["asset"] == "SOL"]
    return found["free"], found["locked"]


# --- listings and prices ---


def test_markets_are_listed_with_the_filters_of_their_symbols(binance: Opened) -> None:
    _, client = binance
    bitcoin = client.market("BTC/USD")
    assert (bitcoin["id"], bitcoin["active"], client.market("FTT/USD")["active"]) == ("BTCUSD", True, False)
    assert (bitcoin["limits"]["amount"]["min"], bitcoin["limits"]["cost"]["min"]) == ("0.00010000", "1.00000000")
    assert (bitcoin["precision"]["price"], bitcoin["precision"]["amount"]) == ("0.01000000", "0.00000001")
    filters = client.public_get_exchangeinfo()["symbols"][0]["filters"]
    assert {entry["filterType"] for entry in filters} >= {"LOT_SIZE", "NOTIONAL", "PERCENT_PRICE_BY_SIDE"}
    assert "LUNA/USD" not in client.markets


def test_prices_come_for_one_symbol_for_some_or_for_all(binance: Opened) -> None:
    handle, client = binance
    assert client.fetch_ticker("BTC/USD")["last"] == "68000.00000000"
    assert set(client.fetch_tickers(["BTC/USD", "SOL/USD"])) == {"BTC/USD", "SOL/USD"}
    assert client.fetch_bids_asks()["BTC/USD"]["bid"] == "67990.00000000"
    handle.venue.tick("ETH/USD", status="unavailable")
    assert "ETH/USD" not in client.fetch_tickers()
    assert abs(client.fetch_time() / 1000 - handle.venue.now().timestamp()) < 2


# --- the account ---


def test_balances_tell_what_orders_hold_and_earn_names_beside_them(open_venue: Opener) -> None:
    _, client = open_venue("binance", staked={"LDBTC": Decimal("0.4")})
    balance = client.fetch_balance()
    assert (balance["BTC"]["free"], balance["BTC"]["used"]) == ("0.00000000", "0.06500000")
    assert (balance["USD"]["free"], balance["USD"]["used"]) == ("6909.86000000", "540.00000000")
    assert (balance["LDBTC"]["free"], balance["LUNA"]["total"]) == ("0.40000000", "250")


def test_a_balance_that_was_sold_stays_listed_with_zero_unless_zeros_are_left_out(binance: Opened) -> None:
    _, client = binance
    client.create_order("SOL/USD", "market", "sell", 18)
    assert sol(client) == ("0.00000000", "0.00000000")
    told = client.private_get_account({"omitZeroBalances": "true"})["balances"]
    assert "SOL" not in {entry["asset"] for entry in told}


def test_open_orders_come_in_one_list_with_limits_triggers_and_fills(binance: Opened) -> None:
    _, client = binance
    orders = {(order["symbol"], order["side"]): order for order in client.fetch_open_orders()}
    assert len(orders) == 7
    assert (orders["XRP/USD", "sell"]["filled"], orders["XRP/USD", "sell"]["info"]["status"]) == (
        "60.00000000",
        "PARTIALLY_FILLED",
    )
    assert orders["BTC/USD", "sell"]["triggerPrice"] == "61000.00000000"
    stop = orders["UNI/USD", "sell"]["info"]
    assert (stop["type"], stop["price"], stop["isWorking"]) == ("STOP_LOSS_LIMIT", "5.40000000", False)
    assert len(client.fetch_open_orders("SOL/USD")) == 1


# --- orders ---


def test_a_market_order_is_answered_with_its_fills_and_found_by_either_id(binance: Opened) -> None:
    _, client = binance
    placed = client.create_order("SOL/USD", "market", "sell", 1.5, None, named("abc123"))
    assert (placed["status"], placed["filled"], placed["average"]) == ("closed", "1.50000000", "139.95")
    assert placed["fee"] == {"currency": "USD", "cost": "0.20992500"}
    assert client.fetch_order(placed["id"], "SOL/USD")["clientOrderId"] == "abc123"
    found = client.fetch_order(None, "SOL/USD", {"clientOrderId": "abc123"})
    assert (found["id"], found["status"]) == (placed["id"], "closed")


def test_the_fee_comes_out_of_the_venues_coin_while_there_is_enough_of_it(open_venue: Opener) -> None:
    account = snapshot(
        position("AAA/USD", 10),
        position("BNB/USD", "0.001"),
        markets={"AAA/USD": market(100), "BNB/USD": market(500)},
    )
    _, client = open_venue("binance", account=account, options=PaperOptions(spread=Decimal(0)))
    client.load_markets(reload=True)
    for _ in range(6):
        client.create_order("AAA/USD", "market", "sell", 1)
    fees = [trade["fee"] for trade in client.fetch_my_trades("AAA/USD")]
    assert [fee["currency"] for fee in fees] == ["BNB"] * 5 + ["USD"]
    assert (fees[0]["cost"], fees[-1]["cost"]) == ("0.00020000", "0.10000000")


def test_what_its_own_rules_end_is_expired_and_what_a_person_ends_is_cancelled(open_venue: Opener) -> None:
    _, client = open_venue("binance", options=PaperOptions(depth=Decimal(2)))
    partly = client.create_order("SOL/USD", "market", "sell", 5)
    gone = client.create_order("SOL/USD", "limit", "sell", 1, 150, {"timeInForce": "IOC"})
    rests = client.create_order("SOL/USD", "limit", "sell", 1, 150)
    client.cancel_order(rests["id"], "SOL/USD")
    words = [client.fetch_order(order["id"], "SOL/USD")["info"]["status"] for order in (partly, gone, rests)]
    assert words == ["EXPIRED", "EXPIRED", "CANCELED"]
    assert partly["filled"] == "2.00000000"


def test_a_stop_does_not_work_before_its_trigger(binance: Opened) -> None:
    _, client = binance
    stop = client.create_order("SOL/USD", "market", "sell", 1, None, {"stopLossPrice": 130})
    limit = client.create_order("ETH/USD", "limit", "sell", 0.1, 2390, {"stopLossPrice": 2400})
    assert (stop["info"]["type"], limit["info"]["type"]) == ("STOP_LOSS", "STOP_LOSS_LIMIT")
    assert (stop["info"]["workingTime"], stop["triggerPrice"]) == (-1, "130.00000000")


def test_a_strategy_stands_beside_the_orders_own_number(binance: Opened) -> None:
    _, client = binance
    strategy = {"strategyId": 7, "strategyType": 1_000_000}
    placed = client.create_order("SOL/USD", "limit", "sell", 1, 150, strategy)["info"]
    (found,) = [order["info"] for order in client.fetch_open_orders("SOL/USD") if order["side"] == "sell"]
    assert (found["strategyId"], found["orderId"]) == (7, placed["orderId"])
    assert found["orderId"] != 7


def test_an_order_that_names_its_worth_is_sized_by_the_price(binance: Opened) -> None:
    _, client = binance
    client.create_order("SOL/USD", "market", "buy", 1, None, {"cost": "280.10"})
    client.create_order("SOL/USD", "market", "sell", 1, "140")  # a price makes it one, as ccxt has it
    assert client.fetch_balance()["SOL"]["total"] == "19"
    assert [trade["amount"] for trade in client.fetch_my_trades("SOL/USD")] == ["2.00000000", "1.00000000"]


@pytest.mark.parametrize(
    ("order", "words", "error"),
    [
        (("SOL/USD", "market", "sell", 1000), "insufficient balance", ccxt.InsufficientFunds),
        (("SHIB/USD", "market", "sell", 1), "Filter failure: LOT_SIZE", ccxt.InvalidOrder),
        (("XLM/USD", "limit", "sell", 1, 0.27), "Filter failure: NOTIONAL", ccxt.BadRequest),
        (("SOL/USD", "limit", "sell", 1, 701), "Filter failure: PERCENT_PRICE_BY_SIDE", ccxt.InvalidOrder),
        (("SOL/USD", "limit", "sell", 1, 27), "Filter failure: PERCENT_PRICE_BY_SIDE", ccxt.InvalidOrder),
        (("FTT/USD", "limit", "sell", 1, 2), "Market is closed", ccxt.MarketClosed),
        (("SOL/USD", "market", "sell", 1, None, {"stopLossPrice": 150}), "trigger immediately", ccxt.InvalidOrder),
        (("SOL/USD", "limit", "sell", 1, 130, {"postOnly": True}), "match and take", ccxt.OrderImmediatelyFillable),
        (("SOL/USD", "market", "sell", 1, None, named("x" * 37)), "Illegal characters", ccxt.BadRequest),
        (("SOL/USD", "market", "sell", 1, None, {"reduceOnly": True}), "Not all sent parameters", ccxt.BadRequest),
        (("SOL/USD", "limit", "sell", 1, 150, {"timeInForce": "FOK"}), "Invalid timeInForce", ccxt.BadRequest),
        (("SOL/USD", "market", "sell", 1, None, {"strategyType": 1}), "strategyType", ccxt.ExchangeError),
    ],
)
def test_orders_are_refused_with_binances_codes_and_words(
    binance: Opened, order: tuple[Any, ...], words: str, error: type
) -> None:
    with pytest.raises(error, match=words):
        binance[1].create_order(*order)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"quantity": "0.0101"}, "LOT_SIZE"),
        ({"quantity": "0.123456789"}, "-1111"),
        ({"price": "150.001"}, "PRICE_FILTER"),
        ({"price": None}, "-1102"),
        ({"timeInForce": None}, "-1102"),
        ({"type": "MARKET"}, "-1106"),
        ({"type": "TAKE_PROFIT"}, "-1116"),
        ({"side": "SHORT"}, "-1117"),
        ({"symbol": "SOLEUR"}, "-1121"),
    ],
)
def test_what_ccxt_would_not_send_is_refused_as_well(binance: Opened, changed: dict[str, Any], code: str) -> None:
    order = {"symbol": "SOLUSD", "side": "SELL", "type": "LIMIT", "timeInForce": "GTC", "quantity": 1, "price": 150}
    asked = {name: value for name, value in {**order, **changed}.items() if value is not None}
    with pytest.raises(ccxt.BaseError, match=code):
        binance[1].private_post_order(asked)


def test_so_many_stops_may_wait_in_a_symbol_and_no_more(binance: Opened) -> None:
    _, client = binance
    for number in range(MOST_STOPS):
        client.create_order("SOL/USD", "market", "sell", 1, None, {"stopLossPrice": 130 - number})
    with pytest.raises(ccxt.BadRequest, match="MAX_NUM_ALGO_ORDERS"):
        client.create_order("SOL/USD", "market", "sell", 1, None, {"stopLossPrice": 100})
    client.create_order("ETH/USD", "market", "sell", 0.1, None, {"stopLossPrice": 2000})


def test_an_order_above_the_maximum_of_market_orders_is_refused(open_venue: Opener) -> None:
    markets = {"AAA/USD": market(100, max_amount=Decimal(50), market_max_amount=Decimal(20))}
    _, client = open_venue("binance", account=snapshot(position("AAA/USD", 90), markets=markets))
    client.load_markets(reload=True)
    assert client.market("AAA/USD")["limits"]["market"]["max"] == "20.00000000"
    client.create_order("AAA/USD", "limit", "sell", 21, 110)
    with pytest.raises(ccxt.InvalidOrder, match="MARKET_LOT_SIZE"):
        client.create_order("AAA/USD", "market", "sell", 21)
    with pytest.raises(ccxt.InvalidOrder, match="failure: LOT_SIZE"):
        client.create_order("AAA/USD", "limit", "sell", 51, 110)


def test_a_client_id_is_unique_among_open_orders_only(binance: Opened) -> None:
    _, client = binance
    first = client.create_order("SOL/USD", "limit", "sell", 1, 150, named("twice"))
    with pytest.raises(ccxt.InvalidOrder, match="Duplicate order sent"):
        client.create_order("ETH/USD", "limit", "sell", 0.1, 2600, named("twice"))
    client.cancel_order(first["id"], "SOL/USD")
    again = client.create_order("SOL/USD", "limit", "sell", 1, 150, named("twice"))
    found = client.fetch_order(None, "SOL/USD", {"clientOrderId": "twice"})
    assert (found["id"], found["status"]) == (again["id"], "open")


def test_orders_are_cancelled_by_either_id_and_unknown_ones_refused(binance: Opened) -> None:
    _, client = binance
    first = client.create_order("SOL/USD", "limit", "sell", 1, 150)
    client.create_order("SOL/USD", "limit", "sell", 1, 151, named("mine"))
    cancelled = client.cancel_order(first["id"], "SOL/USD")
    assert (cancelled["status"], cancelled["info"]["origClientOrderId"]) == ("canceled", first["clientOrderId"])
    client.cancel_order("", "SOL/USD", {"clientOrderId": "mine"})
    with pytest.raises(ccxt.OrderNotFound, match="Unknown order sent"):
        client.cancel_order(first["id"], "SOL/USD")
    with pytest.raises(ccxt.OrderNotFound, match="does not exist"):
        client.fetch_order(first["id"], "ETH/USD")


# --- order lists ---


def test_two_orders_of_a_list_hold_once_what_one_of_them_needs(binance: Opened) -> None:
    _, client = binance
    placed = bracket(client)
    assert sol(client) == ("14.00000000", "4.00000000")
    legs = [order["info"] for order in client.fetch_open_orders("SOL/USD") if order["side"] == "sell"]
    assert {(leg["type"], leg["orderListId"]) for leg in legs} == {
        ("LIMIT_MAKER", placed["orderListId"]),
        ("STOP_LOSS", placed["orderListId"]),
    }
    assert client.private_get_openorderlist()[0]["listOrderStatus"] == "EXECUTING"


@pytest.mark.parametrize("leg", [0, 1])
def test_cancelling_one_of_a_list_cancels_the_other_and_tells_of_both(binance: Opened, leg: int) -> None:
    _, client = binance
    orders = [order["orderId"] for order in bracket(client)["orders"]]
    told = client.private_delete_order({"symbol": "SOLUSD", "orderId": orders[leg]})
    assert ([report["status"] for report in told["orderReports"]], sol(client)[1]) == (["CANCELED"] * 2, "0.00000000")
    assert {client.fetch_order(name, "SOL/USD")["status"] for name in orders} == {"canceled"}
    with pytest.raises(ccxt.OrderNotFound):
        client.cancel_order(orders[1 - leg], "SOL/USD")
    assert client.private_get_openorderlist() == []


def test_a_list_is_cancelled_and_asked_for_as_a_whole(binance: Opened) -> None:
    _, client = binance
    name = bracket(client, listClientOrderId="pair")["orderListId"]
    assert client.private_get_orderlist({"origClientOrderId": "pair"})["orderListId"] == name
    client.private_delete_orderlist({"symbol": "SOLUSD", "orderListId": name})
    assert client.private_get_orderlist({"orderListId": name})["listStatusType"] == "ALL_DONE"
    assert sol(client) == ("18.00000000", "0.00000000")


def test_the_limit_of_a_list_that_fills_expires_the_stop(binance: Opened) -> None:
    handle, client = binance
    limit, stop = (order["orderId"] for order in bracket(client)["orders"])
    handle.venue.tick("SOL/USD", bid=201, ask=202, last=201)
    told = [client.fetch_order(name, "SOL/USD")["info"] for name in (limit, stop)]
    assert [order["status"] for order in told] == ["FILLED", "EXPIRED"]
    assert sol(client) == ("14.00000000", "0.00000000")


def test_the_stop_of_a_list_that_fires_expires_the_limit_and_keeps_its_number(binance: Opened) -> None:
    handle, client = binance
    limit, stop = (order["orderId"] for order in bracket(client, belowClientOrderId="guard")["orders"])
    handle.venue.tick("SOL/USD", bid=119, ask=120, last=119)
    told = [client.fetch_order(name, "SOL/USD")["info"] for name in (limit, stop)]
    assert [(order["status"], order["executedQty"]) for order in told] == [
        ("EXPIRED", "0.00000000"),
        ("FILLED", "4.00000000"),
    ]
    assert told[1]["clientOrderId"] == "guard"
    (trade,) = client.fetch_my_trades("SOL/USD")[-1:]
    assert (trade["order"], trade["price"]) == (str(stop), "119.00000000")
    assert len(client.fetch_orders("SOL/USD")) == 3


def test_a_list_around_another_price_is_refused(binance: Opened) -> None:
    with pytest.raises(ccxt.InvalidOrder, match="relationship of the prices"):
        bracket(binance[1], belowStopPrice=150)
    assert sol(binance[1]) == ("18.00000000", "0.00000000")


# --- trades ---


def test_trades_are_told_oldest_first_the_latest_or_those_from_a_time_on(open_venue: Opener) -> None:
    handle, client = open_venue("binance", past=[bought("SOL/USD", 18, 100, days=30)], page_size=3)
    for _ in range(4):
        client.create_order("SOL/USD", "market", "sell", 1)
    assert [trade["side"] for trade in client.fetch_my_trades("SOL/USD")] == ["sell"] * 3
    month_ago = int((datetime.now(UTC) - timedelta(days=31)).timestamp() * 1000)
    early = client.private_get_mytrades({"symbol": "SOLUSD", "startTime": month_ago})
    assert [trade["isBuyer"] for trade in early] == [True, False, False]
    assert client.fetch_my_trades("ETH/USD") == []
    now = int(handle.venue.now().timestamp() * 1000)
    with pytest.raises(ccxt.ExchangeError, match="More than 24 hours"):
        client.private_get_mytrades({"symbol": "SOLUSD", "startTime": month_ago, "endTime": now})


# --- conversions ---


def test_dust_is_converted_by_an_offer_and_told_as_done_when_it_is_asked_for(binance: Opened) -> None:
    _, client = binance
    offer = client.fetch_convert_quote("ALGO", "USD", "1.7")
    assert offer["info"]["toAmount"] == "0.288711"
    taken = client.create_convert_trade(offer["id"], "ALGO", "USD")
    assert taken["info"]["orderStatus"] == "PROCESS"
    told = client.fetch_convert_trade(taken["id"], "ALGO")
    assert (told["info"]["orderStatus"], told["toAmount"]) == ("SUCCESS", "0.288711")
    assert (client.fetch_balance()["ALGO"]["total"], client.fetch_balance()["USD"]["free"]) == ("0", "6910.14871100")
    with pytest.raises(ccxt.ExchangeError, match="expired"):
        client.create_convert_trade(offer["id"], "ALGO", "USD")


def test_an_offer_for_more_than_is_there_has_no_number_and_what_has_no_market_none_at_all(binance: Opened) -> None:
    _, client = binance
    assert client.fetch_convert_quote("ALGO", "USD", 2)["id"] is None
    with pytest.raises(ccxt.ExchangeError, match="not supported"):
        client.fetch_convert_quote("LUNA", "USD", 1)


# --- who is let in, and how often ---


def test_a_wrong_key_and_a_wrong_secret_are_refused(binance: Opened) -> None:
    handle, client = binance
    stranger = new_credentials()
    client.secret = stranger.secret
    with pytest.raises(ccxt.AuthenticationError, match="-1022"):
        client.fetch_balance()
    client.apiKey = stranger.key
    with pytest.raises(ccxt.AuthenticationError, match="-2015"):
        client.fetch_balance()
    client.apiKey = "short"
    with pytest.raises(ccxt.AuthenticationError, match="-2014"):
        client.fetch_balance()
    assert len(handle.venue.calls("reads")) == 3


@pytest.mark.parametrize(("off", "words"), [(-10_500, "outside of the recvWindow"), (1_500, "ahead of the server")])
def test_a_request_of_another_time_is_refused(binance: Opened, off: int, words: str) -> None:
    _, client = binance
    client.nonce = lambda: client.milliseconds() + off
    with pytest.raises(ccxt.InvalidNonce, match=words):
        client.fetch_balance()


def test_a_request_is_valid_for_as_long_as_it_says_and_a_minute_at_most(binance: Opened) -> None:
    _, client = binance
    client.nonce = lambda: client.milliseconds() - 11_000
    assert client.fetch_balance({"recvWindow": 12_000})["USD"]["total"] == "7449.86"
    with pytest.raises(ccxt.ExchangeError, match="-1131"):
        client.fetch_balance({"recvWindow": 60_001})


def test_every_reply_tells_the_weight_that_was_used_and_beyond_the_limit_nothing_is_answered(binance: Opened) -> None:
    handle, client = binance
    client.fetch_balance()
    client.fetch_open_orders()
    assert client.last_response_headers["x-mbx-used-weight-1m"] == "100"
    handle.front.weights.limit = 110  # type: ignore[attr-defined] # binance's own
    with pytest.raises(ccxt.DDoSProtection, match="-1003"):
        client.fetch_balance()
    assert 1 <= int(client.last_response_headers["Retry-After"]) <= 60


def test_whoever_goes_on_beyond_the_limit_is_banned_for_two_minutes(binance: Opened) -> None:
    handle, client = binance
    handle.front.weights.limit = 0  # type: ignore[attr-defined] # as above
    statuses = []
    for _ in range(7):
        with pytest.raises(ccxt.DDoSProtection) as raised:
            client.fetch_balance()
        statuses.append(str(raised.value).split()[1])
    assert statuses == ["429"] * 5 + ["418"] * 2
    assert 60 < int(client.last_response_headers["Retry-After"]) <= 120
