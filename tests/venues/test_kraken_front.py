"""The kraken front, asked by ccxt's own client."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import ccxt
import pytest

from exitplan.ruleset.model.values import time_text
from tests.builders import market, position, snapshot
from tests.venues.builders import bought
from tests.venues.clients import Client, connect
from tests.venues.conftest import Opener
from tests.venues.kraken_auth import new_credentials
from tests.venues.server import Handle
from tests.venues.wire import Credentials

Opened = tuple[Handle, Client]


def in_seconds(seconds: float) -> str:
    return time_text(datetime.now(UTC) + timedelta(seconds=seconds))


def test_markets_are_listed_under_krakens_names_with_steps_minimums_and_status(kraken: Opened) -> None:
    _, client = kraken
    bitcoin = client.market("BTC/USD")
    assert (bitcoin["id"], bitcoin["active"]) == ("XXBTZUSD", True)
    assert bitcoin["limits"]["amount"]["min"] == "0.0001"
    assert (client.market("DOGE/USD")["id"], client.market("SOL/USD")["id"]) == ("XDGUSD", "SOLUSD")
    assert client.market("FTT/USD")["active"] is False
    assert "LUNA/USD" not in client.markets


def test_time_status_and_plain_balances_are_told(kraken: Opened) -> None:
    handle, client = kraken
    assert abs(client.fetch_time() / 1000 - handle.venue.now().timestamp()) < 2
    assert client.fetch_status()["status"] == "ok"
    assert client.private_post_balance()["result"]["XXBT"] == "0.065"


def test_balances_tell_what_open_orders_hold_and_list_what_is_staked_apart(open_venue: Opener) -> None:
    _, client = open_venue("kraken", staked={"SOL.F": Decimal(3)})
    balance = client.fetch_balance()
    assert (balance["BTC"]["free"], balance["BTC"]["total"]) == ("0", "0.065")
    assert (balance["USD"]["free"], balance["USD"]["used"]) == ("6909.86", "540")
    assert (balance["SOL"]["total"], balance["SOL.F"]["total"]) == ("18", "3")
    assert balance["LUNA"]["total"] == "250"


def test_a_balance_that_was_sold_stays_listed_with_zero(kraken: Opened) -> None:
    _, client = kraken
    client.create_order("SOL/USD", "market", "sell", 18)
    assert client.fetch_balance()["SOL"]["total"] == "0"


def test_tickers_come_for_all_pairs_or_for_those_asked_for(kraken: Opened) -> None:
    handle, client = kraken
    assert len(client.fetch_tickers()) == 23
    assert client.fetch_tickers(["BTC/USD"])["BTC/USD"]["bid"] == "67990"
    handle.venue.tick("ETH/USD", status="unavailable")
    assert "ETH/USD" not in client.fetch_tickers()


def test_open_orders_come_in_one_list_with_limits_triggers_and_fills(kraken: Opened) -> None:
    _, client = kraken
    orders = {(order["symbol"], order["side"]): order for order in client.fetch_open_orders()}
    assert len(orders) == 7
    assert orders["XRP/USD", "sell"]["filled"] == "60.00000000"
    assert orders["BTC/USD", "sell"]["stopLossPrice"] == "61000"
    assert orders["UNI/USD", "sell"]["price"] == "5.4"


def test_an_order_is_answered_without_a_status_and_found_by_either_id(kraken: Opened) -> None:
    _, client = kraken
    placed = client.create_order("SOL/USD", "market", "sell", 1.5, None, {"clientOrderId": "abc123"})
    assert (placed["status"], placed["amount"]) == (None, "1.50000000")
    assert client.fetch_order(placed["id"])["status"] == "closed"
    (found,) = client.fetch_closed_orders(params={"clientOrderId": "abc123"})
    assert (found["id"], found["filled"], found["average"]) == (placed["id"], "1.50000000", "139.95")
    assert found["fee"] == {"cost": "0.209925", "rate": None, "currency": "USD"}


@pytest.mark.parametrize(
    ("order", "words", "error"),
    [
        (("SOL/USD", "market", "sell", 1000), "EOrder:Insufficient funds", ccxt.InsufficientFunds),
        (("SHIB/USD", "market", "sell", 1), "volume minimum not met", ccxt.InvalidOrder),
        (("XLM/USD", "limit", "sell", 1, 0.27), "EOrder:Cost minimum not met", ccxt.ExchangeError),
        (("FTT/USD", "limit", "sell", 1, 2), "cancel_only", ccxt.OnMaintenance),
        (("SOL/USD", "market", "sell", 1, None, {"stopLossPrice": 150}), "Invalid price", ccxt.InvalidOrder),
        (("SOL/USD", "market", "sell", 1, None, {"reduceOnly": True}), "ordertype", ccxt.ExchangeError),
        (("SOL/USD", "market", "sell", 1, None, {"clientOrderId": "x" * 19}), "cl_ord_id", ccxt.ExchangeError),
        (("SOL/USD", "market", "sell", 1, None, {"cost": 10}), "viqc", ccxt.InvalidOrder),
    ],
)
def test_orders_are_refused_in_krakens_words(
    kraken: Opened, order: tuple[object, ...], words: str, error: type
) -> None:
    with pytest.raises(error, match=words):
        kraken[1].create_order(*order)


def test_a_deadline_that_has_passed_or_is_too_far_is_refused(kraken: Opened) -> None:
    _, client = kraken
    client.create_order("SOL/USD", "market", "sell", 1, None, {"deadline": in_seconds(5)})
    with pytest.raises(ccxt.ExchangeError, match="Deadline elapsed"):
        client.create_order("SOL/USD", "market", "sell", 1, None, {"deadline": in_seconds(-1)})
    with pytest.raises(ccxt.ExchangeError, match="deadline"):
        client.create_order("SOL/USD", "market", "sell", 1, None, {"deadline": in_seconds(90)})


def test_a_client_id_is_unique_among_open_orders_only(kraken: Opened) -> None:
    _, client = kraken
    again = {"clientOrderId": "twice"}
    first = client.create_order("SOL/USD", "limit", "sell", 1, 150, again)
    with pytest.raises(ccxt.ExchangeError, match="Duplicate"):
        client.create_order("SOL/USD", "limit", "sell", 1, 150, again)
    client.cancel_order(first["id"])
    client.create_order("SOL/USD", "limit", "sell", 1, 150, again)
    assert [order["status"] for order in client.fetch_open_orders(params=again)] == ["open"]


def test_orders_are_cancelled_by_either_id_and_unknown_ones_refused(kraken: Opened) -> None:
    _, client = kraken
    first = client.create_order("SOL/USD", "limit", "sell", 1, 150)
    client.create_order("SOL/USD", "limit", "sell", 1, 151, {"clientOrderId": "mine"})
    client.cancel_order(first["id"])
    client.cancel_order("", params={"clientOrderId": "mine"})
    with pytest.raises(ccxt.OrderNotFound):
        client.cancel_order(first["id"])


def test_a_batch_of_cancels_is_answered_with_a_count_though_some_were_gone(kraken: Opened) -> None:
    _, client = kraken
    names = [order["id"] for order in client.fetch_open_orders()]
    (answer,) = client.cancel_orders([*names[:2], "OAAAAA-AAAAA-AAAAAA"])
    assert answer["info"]["result"] == {"count": 2}
    assert {order["id"] for order in client.fetch_open_orders()} == set(names[2:])


def test_closed_orders_and_trades_come_fifty_a_page_newest_first(kraken: Opened) -> None:
    _, client = kraken
    placed = [client.create_order("SOL/USD", "market", "sell", 0.01)["id"] for _ in range(60)]
    pages = [client.fetch_closed_orders(params={"ofs": ofs, "trades": True}) for ofs in (0, 50)]
    assert [order["id"] for page in pages for order in client.sort_by(page, "timestamp", True)] == placed[::-1]
    assert [len(client.fetch_my_trades(params={"ofs": ofs})) for ofs in (0, 50)] == [50, 10]
    assert client.private_post_tradeshistory()["result"]["count"] == 60


def test_trades_from_before_are_told_with_those_made_here(open_venue: Opener) -> None:
    _, client = open_venue("kraken", past=[bought("SOL/USD", 18, 100, days=30)])
    client.create_order("SOL/USD", "market", "sell", 1)
    trades = client.fetch_my_trades("SOL/USD")
    assert [(trade["side"], trade["price"], trade["amount"]) for trade in trades] == [
        ("buy", "100", "18"),
        ("sell", "139.95", "1"),
    ]


def test_closed_orders_since_a_time_leave_earlier_ones_out(kraken: Opened) -> None:
    handle, client = kraken
    client.create_order("SOL/USD", "market", "sell", 1)
    after = int(handle.venue.now().timestamp() * 1000) + 2_000
    assert client.fetch_closed_orders(since=after) == []
    assert len(client.fetch_closed_orders(since=after - 60_000)) == 1


def test_orders_are_asked_for_by_many_ids_and_unknown_ones_left_out(kraken: Opened) -> None:
    _, client = kraken
    names = [order["id"] for order in client.fetch_open_orders()]
    found = client.fetch_orders_by_ids([*names[:3], "OAAAAA-AAAAA-AAAAAA"])
    assert {order["id"] for order in found} == set(names[:3])
    with pytest.raises(ccxt.OrderNotFound):
        client.fetch_order("OAAAAA-AAAAA-AAAAAA")


def test_a_wrong_secret_and_a_wrong_key_are_refused(kraken: Opened) -> None:
    handle, client = kraken
    stranger = new_credentials()
    client.secret = stranger.secret
    with pytest.raises(ccxt.ExchangeError, match="EAPI:Invalid signature"):
        client.fetch_balance()
    client.apiKey = stranger.key
    with pytest.raises(ccxt.AuthenticationError, match="EAPI:Invalid key"):
        client.fetch_balance()
    assert len(handle.venue.calls("reads")) == 2


def test_a_nonce_that_does_not_rise_is_refused(kraken: Opened) -> None:
    _, client = kraken
    client.incrementing_nonce = lambda: 2_000_000_000_000
    client.fetch_balance()
    with pytest.raises(ccxt.InvalidNonce):
        client.fetch_balance()


def test_any_account_can_be_served_under_given_credentials(open_venue: Opener) -> None:
    held = (position("ABC/EUR", 5), position("ABC/USD", 2))
    account = snapshot(*held, markets={"ABC/EUR": market(10), "ABC/USD": market(11)})
    known = Credentials(new_credentials().key, new_credentials().secret)
    handle, _ = open_venue("kraken", account=account, credentials=known)
    client = connect(handle)
    assert handle.credentials == known
    assert client.fetch_balance()["ABC"]["total"] == "7"
    assert client.market("ABC/EUR")["id"] == "ABCEUR"
