"""The coinbase front, asked by ccxt's own client."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import ccxt
import pytest

from tests.venues.builders import bought
from tests.venues.clients import Client, connect
from tests.venues.coinbase_auth import new_credentials
from tests.venues.conftest import Opener
from tests.venues.server import Handle

Opened = tuple[Handle, Client]


def named(client_id: str, **more: object) -> dict[str, object]:
    """Return an order an id as coinbase takes it; the unified parameter would be dropped silently."""
    return {"client_order_id": client_id, **more}


def test_loading_markets_takes_six_calls_and_lists_steps_and_minimums(coinbase: Opened) -> None:
    handle, _ = coinbase
    client = connect(handle)
    client.load_markets()
    assert len(handle.venue.calls()) == 6
    assert (client.market("BTC/USD")["id"], client.market("FTT/USD")["active"]) == ("BTC-USD", False)
    assert client.market("SHIB/USD")["limits"]["amount"]["min"] == "50000"
    assert "LUNA/USD" not in client.markets


def test_time_and_the_listing_for_keys_are_told(coinbase: Opened) -> None:
    handle, client = coinbase
    for method in ("v2PublicGetTime", "v3PublicGetBrokerageTime"):
        assert abs(client.fetch_time({"method": method}) / 1000 - handle.venue.now().timestamp()) < 2
    assert len(client.fetch_tickers(params={"usePrivate": True})) == 23


def test_accounts_come_in_pages_with_what_orders_hold(open_venue: Opener) -> None:
    handle, client = open_venue("coinbase", page_size=5)
    balance = client.fetch_balance()
    assert len(handle.venue.calls("reads")) == 5
    assert (balance["BTC"]["free"], balance["BTC"]["used"]) == ("0", "0.065")
    assert (balance["USD"]["free"], balance["USD"]["used"]) == ("6909.86", "540")
    assert balance["LUNA"]["total"] == "250"


def test_the_older_balances_count_what_is_held_and_staked_as_free(open_venue: Opener) -> None:
    _, client = open_venue("coinbase", staked={"SOL": Decimal(3)})
    assert client.fetch_balance()["SOL"]["free"] == "18"
    client.options["fetchBalance"] = "v2PrivateGetAccounts"
    balance = client.fetch_balance()
    assert (balance["SOL"]["free"], balance["BTC"]["free"]) == ("21", "0.065")


def test_prices_and_the_top_of_the_book_come_from_two_endpoints(coinbase: Opened) -> None:
    handle, client = coinbase
    ticker = client.fetch_tickers(["BTC/USD"])["BTC/USD"]
    assert (ticker["last"], ticker["bid"]) == ("68000", None)
    assert client.fetch_bids_asks(["BTC/USD", "ETH/USD"])["BTC/USD"]["bid"] == "67990"
    handle.venue.tick("ETH/USD", status="unavailable")
    assert set(client.fetch_bids_asks(["BTC/USD", "ETH/USD"])) == {"BTC/USD"}


def test_open_orders_come_a_page_at_a_time(open_venue: Opener) -> None:
    _, client = open_venue("coinbase", page_size=4)
    assert len(client.fetch_open_orders()) == 4
    orders = {(order["symbol"], order["side"]): order for order in client.fetch_open_orders(params={"paginate": True})}
    assert len(orders) == 7
    assert orders["XRP/USD", "sell"]["filled"] == "60"
    assert (orders["BTC/USD", "sell"]["triggerPrice"], orders["BTC/USD", "sell"]["price"]) == ("61000", "60390")


def test_an_order_is_answered_without_a_status_and_found_by_its_id(coinbase: Opened) -> None:
    _, client = coinbase
    placed = client.create_order("SOL/USD", "market", "sell", 1.5, None, named("abc123"))
    assert (placed["status"], placed["clientOrderId"]) == (None, "abc123")
    found = client.fetch_order(placed["id"])
    assert (found["status"], found["filled"], found["average"]) == ("closed", "1.5", "139.95")
    assert (found["clientOrderId"], found["fee"]["cost"]) == ("abc123", "0.209925")


def test_a_client_id_that_was_ever_used_answers_the_first_order(coinbase: Opened) -> None:
    _, client = coinbase
    first = client.create_order("SOL/USD", "market", "sell", 1, None, named("twice"))
    again = client.create_order("SOL/USD", "market", "sell", 1, None, named("twice"))
    assert again["id"] == first["id"]
    assert client.fetch_balance()["SOL"]["total"] == "17"


def test_orders_are_listed_by_status_product_and_time(coinbase: Opened) -> None:
    _, client = coinbase
    placed = client.create_order("SOL/USD", "market", "sell", 1, None, named("one"))
    (filled,) = client.fetch_closed_orders("SOL/USD")
    assert (filled["id"], len(client.fetch_orders())) == (placed["id"], 8)
    assert len(client.fetch_open_orders("BTC/USD")) == 2
    later = int((datetime.now(UTC) + timedelta(minutes=1)).timestamp() * 1000)
    assert client.fetch_orders(since=later) == []
    with pytest.raises(ccxt.BadRequest):
        client.fetch_orders(params={"order_status": ["OPEN", "FILLED"]})


def test_fills_come_in_pages_newest_first(open_venue: Opener) -> None:
    _, client = open_venue("coinbase", page_size=3)
    placed = [client.create_order("SOL/USD", "market", "sell", 0.01, None, named(f"n{n}"))["id"] for n in range(5)]
    first = client.v3_private_get_brokerage_orders_historical_fills()
    rest = client.v3_private_get_brokerage_orders_historical_fills({"cursor": first["cursor"]})
    assert [fill["order_id"] for fill in [*first["fills"], *rest["fills"]]] == placed[::-1]
    assert rest["cursor"] == ""
    assert len(client.fetch_my_trades("SOL/USD", params={"paginate": True})) == 5


@pytest.mark.parametrize(
    ("order", "words", "error"),
    [
        (("SOL/USD", "market", "sell", 1000), "PREVIEW_INSUFFICIENT_FUND", ccxt.InsufficientFunds),
        (("SHIB/USD", "market", "sell", 1), "BASE_SIZE_TOO_SMALL", ccxt.ExchangeError),
        (("XLM/USD", "limit", "sell", 1, 0.27), "QUOTE_SIZE_TOO_SMALL", ccxt.ExchangeError),
        (("FTT/USD", "limit", "sell", 1, 2), "ORDER_ENTRY_DISABLED", ccxt.ExchangeError),
        (("SOL/USD", "limit", "sell", 1, 140, {"stopLossPrice": 150}), "ABOVE_LAST_TRADE_PRICE", ccxt.InvalidOrder),
        (("SOL/USD", "limit", "sell", 1, 120, {"triggerPrice": 130}), "BELOW_LAST_TRADE_PRICE", ccxt.ExchangeError),
        (("SOL/USD", "market", "sell", 1, None, {"stopLossPrice": 130}), "only stop limit", ccxt.NotSupported),
    ],
)
def test_orders_are_refused_in_coinbases_words(
    coinbase: Opened, order: tuple[object, ...], words: str, error: type
) -> None:
    with pytest.raises(error, match=words):
        coinbase[1].create_order(*order)


def test_a_market_buy_is_given_what_to_spend_with_the_fee_in_it(coinbase: Opened) -> None:
    _, client = coinbase
    client.create_order("SOL/USD", "market", "buy", 1, None, named("buy", cost=280.1))
    assert client.fetch_balance()["SOL"]["total"] == "19.998"


def test_trades_from_before_are_told_with_those_made_here(open_venue: Opener) -> None:
    _, client = open_venue("coinbase", past=[bought("SOL/USD", 18, 100, days=30)])
    client.create_order("SOL/USD", "market", "sell", 1)
    trades = client.fetch_my_trades("SOL/USD")
    assert [(trade["side"], trade["price"]) for trade in trades] == [("buy", "100"), ("sell", "139.95")]
    assert len(client.fetch_my_trades("ETH/USD")) == 0


def test_a_stop_limit_rests_until_its_trigger_and_an_immediate_order_does_not(coinbase: Opened) -> None:
    handle, client = coinbase
    stop = client.create_order("SOL/USD", "limit", "sell", 1, 120, named("s", stopLossPrice=130))
    gone = client.create_order("ETH/USD", "limit", "sell", 0.1, 2600, named("i", timeInForce="IOC"))
    handle.venue.tick("SOL/USD", bid=129, ask=130, last=129)
    assert client.fetch_order(stop["id"])["status"] == "closed"
    assert client.fetch_order(gone["id"])["status"] == "canceled"


def test_each_cancel_of_a_batch_has_its_own_result_though_ccxt_raises_for_all(coinbase: Opened) -> None:
    _, client = coinbase
    names = [order["id"] for order in client.fetch_open_orders()]
    answer = client.v3_private_post_brokerage_orders_batch_cancel({"order_ids": [names[0], "nobody"]})
    assert [result["success"] for result in answer["results"]] == [True, False]
    assert answer["results"][1]["failure_reason"] == "UNKNOWN_CANCEL_ORDER"
    with pytest.raises(ccxt.BadRequest):
        client.cancel_orders([names[1], names[0]])
    assert {order["id"] for order in client.fetch_open_orders()} == set(names[2:])


def test_dust_is_converted_by_a_quote_and_its_commitment(coinbase: Opened) -> None:
    _, client = coinbase
    quote = client.fetch_convert_quote("ALGO", "USD", 1.7)
    assert (quote["fee"], quote["info"]["total"]["value"]) == ("0.000289", "0.288711")
    client.create_convert_trade(quote["id"], "ALGO", "USD", 1.7)
    client.create_convert_trade(quote["id"], "ALGO", "USD", 1.7)
    told = client.fetch_convert_trade(quote["id"], "ALGO", {"toCode": "USD"})
    assert told["info"]["status"] == "TRADE_STATUS_COMPLETED"
    balance = client.fetch_balance()
    assert (balance["ALGO"]["total"], balance["USD"]["free"]) == ("0", "6910.148711")


def test_what_cannot_be_converted_gets_no_quote(coinbase: Opened) -> None:
    _, client = coinbase
    for currency, amount in (("LUNA", 1), ("FTT", 1), ("ALGO", 2)):
        with pytest.raises(ccxt.ExchangeError):
            client.fetch_convert_quote(currency, "USD", amount)


def test_a_token_of_another_key_is_refused(coinbase: Opened) -> None:
    _, client = coinbase
    secret, client.secret = client.secret, new_credentials().secret
    with pytest.raises(ccxt.AuthenticationError, match="Unauthorized"):
        client.fetch_balance()
    client.secret, client.apiKey = secret, new_credentials().key
    with pytest.raises(ccxt.AuthenticationError, match="Unauthorized"):
        client.fetch_balance()


@pytest.mark.parametrize("off", [-130, 60])
def test_a_token_of_another_time_is_refused(coinbase: Opened, off: int) -> None:
    _, client = coinbase
    now = client.seconds()
    client.seconds = lambda: now + off
    with pytest.raises(ccxt.AuthenticationError, match="Unauthorized"):
        client.fetch_balance()


def test_a_token_for_another_request_is_refused(coinbase: Opened) -> None:
    _, client = coinbase
    made = client.create_auth_token
    client.create_auth_token = lambda seconds, method, url, *rest: made(
        seconds, method, url.replace("accounts", "orders"), *rest
    )
    with pytest.raises(ccxt.AuthenticationError, match="Unauthorized"):
        client.fetch_balance()


def test_an_order_nobody_knows_is_not_found(coinbase: Opened) -> None:
    with pytest.raises(ccxt.ExchangeError, match="was not found"):
        coinbase[1].fetch_order("nobody")
