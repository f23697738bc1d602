"""The bybit front, asked by ccxt's own client, and by exitplan."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from unittest import mock

import ccxt
import pytest

from exitplan.brokers.live.broker import LiveBroker
from exitplan.brokers.live.listings import forget_listings
from exitplan.brokers.protocol import (
    ConvertRequest,
    Done,
    Found,
    NotFound,
    OrderReference,
    OrderRequest,
    RefusalReason,
    Refused,
    Unknown,
)
from exitplan.ruleset.errors import CredentialsRefused
from exitplan.ruleset.model.snapshot import Cash, Snapshot
from tests.brokers.live.accounts import open_account, priced
from tests.builders import ago, order, position, snapshot
from tests.venues.builders import bought
from tests.venues.bybit_auth import new_credentials
from tests.venues.clients import Client
from tests.venues.conftest import MovedClock, Opener
from tests.venues.faults import fault
from tests.venues.server import Handle
from tests.venues.wire import Credentials

Opened = tuple[Handle, Client]
SWAP, COIN, OWED = "HDG/USDT:USDT", "AAA/USDT", "BBB/USDT"
CLOSE = OrderRequest(
    client_order_id="xp0001",
    symbol=SWAP,
    side="sell",
    type="market",
    quantity=Decimal(40),
    reduce_only=True,
    position_side="long",
)


def hedged() -> Snapshot:
    """Return an account with a swap on both sides, a coin in an order, one that is owed in part, and borrowed money."""
    held = (
        position(COIN, 10, locked=3),
        position(OWED, 5, debt=2),
        position(SWAP, 100, entry=90, opened_at=ago(600)),
        position(SWAP, 60, side="short", entry=110, opened_at=ago(60)),
    )
    rests = [order("o1", COIN, quantity=3, price=200)]
    markets = {symbol: priced(max_amount=50_000, market_max_amount=20_000) for symbol in (COIN, OWED, SWAP)}
    return snapshot(*held, orders=rests, markets=markets, quote="USDT", debt=500)


@pytest.fixture
def unified(open_venue: Opener) -> Opened:
    """Serve that account, with markets of its own."""
    handle, client = open_venue("bybit", account=hedged())
    client.load_markets(True)
    return handle, client


@pytest.fixture
def broker(unified: Opened, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> LiveBroker:
    """Open it as exitplan does, and read it."""
    monkeypatch.setenv("EXITPLAN_CACHE_DIR", str(tmp_path))
    forget_listings()
    opened = open_account(unified[0], quote="USDT", market_types=["spot", "swap"])
    opened.read_account()
    return opened


# --- what anyone may ask ---


def test_markets_are_listed_with_steps_minimums_maximums_and_status(unified: Opened) -> None:
    _, client = unified
    coin, swap = client.market(COIN), client.market(SWAP)
    assert (coin["id"], coin["active"], coin["precision"]["amount"]) == ("AAAUSDT", True, "0.001")
    assert coin["info"]["lotSizeFilter"]["maxMarketOrderQty"] == "20000"
    assert (swap["id"], swap["type"], swap["contractSize"]) == ("HDGUSDT", "swap", "1")
    assert (swap["limits"]["amount"]["max"], swap["info"]["lotSizeFilter"]["maxMktOrderQty"]) == ("50000", "20000")


def test_a_market_that_does_not_trade_is_told_as_closed(bybit: Opened) -> None:
    assert bybit[1].market("FTT/USD")["active"] is False


def test_tickers_come_by_category_or_for_one_symbol(bybit: Opened) -> None:
    handle, client = bybit
    assert len(client.fetch_tickers(params={"type": "spot"})) == 23
    assert client.fetch_ticker("BTC/USD")["bid"] == "67990"
    handle.venue.tick("ETH/USD", status="unavailable")
    assert "ETH/USD" not in client.fetch_tickers(params={"type": "spot"})


def test_the_venue_tells_its_time(bybit: Opened) -> None:
    handle, client = bybit
    assert abs(client.fetch_time() / 1000 - handle.venue.now().timestamp()) < 2


# --- the account ---


def coins(client: Client) -> dict[str, dict[str, Any]]:
    (account,) = client.private_get_v5_account_wallet_balance({"accountType": "UNIFIED"})["result"]["list"]
    assert account["accountType"] == "UNIFIED"
    return {entry["coin"]: entry for entry in account["coin"]}


def test_the_wallet_holds_what_is_borrowed_and_tells_what_is_locked_owed_and_bound(unified: Opened) -> None:
    handle, client = unified
    handle.front.interest["BBB"] = Decimal("0.5")  # type: ignore[attr-defined] # bybit's own
    told = coins(client)
    assert (told["AAA"]["walletBalance"], told["AAA"]["locked"]) == ("10", "3")
    owed = [told["BBB"][name] for name in ("walletBalance", "spotBorrow", "borrowAmount", "accruedInterest", "equity")]
    assert owed == ["5", "1.5", "1.5", "0.5", "3.5"]
    assert (told["USDT"]["spotBorrow"], told["USDT"]["totalPositionIM"]) == ("500", "1600")


def test_other_accounts_than_the_unified_one_are_not_told(unified: Opened) -> None:
    with pytest.raises(ccxt.BadRequest, match="UNIFIED"):
        unified[1].private_get_v5_account_wallet_balance({"accountType": "SPOT"})


def test_both_positions_of_a_symbol_are_told_apart_and_an_empty_one_by_its_symbol_only(unified: Opened) -> None:
    handle, client = unified
    ask = client.private_get_v5_position_list
    first, second = ask({"category": "linear", "settleCoin": "USDT"})["result"]["list"]
    assert [(one["positionIdx"], one["side"], one["size"], one["avgPrice"]) for one in (first, second)] == [
        (1, "Buy", "100", "90"),
        (2, "Sell", "60", "110"),
    ]
    assert int(first["createdTime"]) < int(first["openTime"]) == int(ago(600).timestamp() * 1000)
    client.create_order(SWAP, "market", "buy", 60, None, {"positionIdx": 2, "reduceOnly": True})
    assert len(ask({"category": "linear", "settleCoin": "USDT"})["result"]["list"]) == 1
    assert [one["size"] for one in ask({"category": "linear", "symbol": "HDGUSDT"})["result"]["list"]] == ["100", "0"]
    assert [entry.side for entry in handle.venue.snapshot().positions if entry.symbol == SWAP] == ["long"]


def test_orders_of_contracts_want_a_symbol_or_a_coin_they_are_settled_in(unified: Opened) -> None:
    with pytest.raises(ccxt.BadRequest, match="settleCoin"):
        unified[1].private_get_v5_order_realtime({"category": "linear"})


def test_open_orders_come_fifty_a_page_and_the_last_page_has_a_cursor_too(open_venue: Opener) -> None:
    held = position("AAA/USD", 100, locked=70)
    orders = [order(f"o{number}", "AAA/USD", quantity=1, price=200, minutes=number) for number in range(70)]
    _, client = open_venue("bybit", account=snapshot(held, orders=orders))
    pages, cursor = [], ""
    for _ in range(3):
        more = {"cursor": cursor} if cursor else {}
        result = client.private_get_v5_order_realtime({"category": "spot", "limit": 50, **more})["result"]
        pages.append([entry["orderId"] for entry in result["list"]])
        cursor = result["nextPageCursor"]
    assert ([len(page) for page in pages], cursor) == ([50, 20, 0], "")
    assert len({name for page in pages for name in page}) == 70


def test_executions_are_told_a_week_at_a_time_newest_first(open_venue: Opener) -> None:
    _, client = open_venue("bybit", past=[bought("SOL/USD", 18, 100, days=10)])
    client.create_order("SOL/USD", "market", "sell", 1)
    (sale,) = client.fetch_my_trades("SOL/USD")
    assert (sale["side"], sale["price"], sale["amount"], sale["fee"]["currency"]) == ("sell", "139.95", "1", "USD")
    until = client.milliseconds() - 7 * 86_400_000
    (purchase,) = client.fetch_my_trades("SOL/USD", params={"until": until})
    assert (purchase["side"], purchase["amount"]) == ("buy", "18")
    with pytest.raises(ccxt.BadRequest, match="7 days"):
        client.fetch_my_trades("SOL/USD", until - 86_400_000, None, {"until": until + 7 * 86_400_000})


# --- orders ---


def test_an_order_is_only_acknowledged_and_found_filled_by_either_id(bybit: Opened) -> None:
    _, client = bybit
    placed = client.create_order("SOL/USD", "market", "sell", 1.5, None, {"clientOrderId": "abc-123_x"})
    assert placed["info"] == {"orderId": placed["id"], "orderLinkId": "abc-123_x"}
    assert client.fetch_order(placed["id"], "SOL/USD")["status"] == "closed"
    asked = {"category": "spot", "orderLinkId": "abc-123_x"}
    (found,) = client.private_get_v5_order_realtime(asked)["result"]["list"]
    told = [found[name] for name in ("orderStatus", "cumExecQty", "avgPrice", "cumFeeDetail")]
    assert told == ["Filled", "1.5", "139.95", {"USD": "0.209925"}]


def test_an_order_that_ended_is_not_in_the_list_of_resting_ones_and_late_in_the_history(open_venue: Opener) -> None:
    clock = MovedClock()
    handle, client = open_venue("bybit", clock=clock)
    placed = client.create_order("SOL/USD", "market", "sell", 1)
    asked = {"category": "spot", "orderId": placed["id"]}
    assert placed["id"] not in {entry["id"] for entry in client.fetch_open_orders("SOL/USD")}
    assert client.private_get_v5_order_history(asked)["result"]["list"] == []
    clock.ahead = timedelta(seconds=4)
    handle.front.restarted_at = clock()  # type: ignore[attr-defined] # bybit's own
    assert client.private_get_v5_order_realtime(asked)["result"]["list"] == []
    assert [entry["orderId"] for entry in client.private_get_v5_order_history(asked)["result"]["list"]] == [
        placed["id"]
    ]


def test_stops_rest_untriggered_until_their_price_is_reached(unified: Opened) -> None:
    handle, client = unified
    spot = client.create_order(COIN, "market", "sell", 1, None, {"stopLossPrice": 95})
    swap = client.create_order(SWAP, "market", "sell", 1, None, {"stopLossPrice": 95, "positionIdx": 1})
    first, second = client.fetch_order(spot["id"], COIN), client.fetch_order(swap["id"], SWAP)
    assert (first["info"]["orderStatus"], first["info"]["stopOrderType"]) == ("Untriggered", "tpslOrder")
    assert [second["info"][name] for name in ("stopOrderType", "triggerDirection", "reduceOnly")] == ["Stop", 2, True]
    handle.venue.tick(SWAP, bid=94, ask=95, last=94)
    assert client.fetch_order(swap["id"], SWAP)["status"] == "closed"
    with pytest.raises(ccxt.OrderNotFound):
        client.cancel_order(spot["id"], COIN)
    client.cancel_order(spot["id"], COIN, {"orderFilter": "tpslOrder"})
    assert client.fetch_order(spot["id"], COIN)["info"]["orderStatus"] == "Deactivated"


def test_an_order_that_is_immediate_or_cancelled_does_not_rest(bybit: Opened) -> None:
    _, client = bybit
    placed = client.create_order("SOL/USD", "limit", "sell", 1, 150, {"timeInForce": "IOC"})
    assert client.fetch_order(placed["id"], "SOL/USD")["status"] == "canceled"


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (("SOL/USD", "market", "sell", 1000), 170131),
        (("SHIB/USD", "market", "sell", 1), 170136),
        (("XLM/USD", "limit", "sell", 1, 0.27), 170140),
        (("FTT/USD", "limit", "sell", 1, 2), 170151),
        (("SOL/USD", "market", "sell", 1, None, {"clientOrderId": "x" * 37}), 10001),
        (("SOL/USD", "market", "sell", 1, None, {"cost": 10}), 170130),
        (("SOL/USD", "market", "sell", 1, None, {"stopLossPrice": 120, "orderFilter": "StopOrder"}), 170201),
    ],
)
def test_orders_of_the_spot_market_are_refused_in_bybits_form(
    bybit: Opened, asked: tuple[object, ...], code: int
) -> None:
    with pytest.raises(ccxt.ExchangeError, match=f'"retCode": {code}'):
        bybit[1].create_order(*asked)


@pytest.mark.parametrize(
    ("side", "quantity", "more", "code"),
    [
        ("sell", 10, {"reduceOnly": True}, 10001),  # of which position?
        ("sell", 200, {"reduceOnly": True, "positionIdx": 1}, 110017),
        ("buy", 10, {"reduceOnly": True, "positionIdx": 1}, 110017),
        ("buy", 1000, {"positionIdx": 1}, 110007),
        ("sell", 10, {"stopLossPrice": 150, "positionIdx": 1}, 110093),
        ("buy", 10, {"stopLossPrice": 50, "positionIdx": 2}, 110092),
    ],
)
def test_orders_of_contracts_are_refused_in_bybits_form(
    unified: Opened, side: str, quantity: int, more: dict[str, Any], code: int
) -> None:
    with pytest.raises(ccxt.ExchangeError, match=f'"retCode": {code}'):
        unified[1].create_order(SWAP, "market", side, quantity, None, more)


def test_an_id_is_unique_for_good(unified: Opened) -> None:
    _, client = unified
    again = {"clientOrderId": "twice"}
    client.create_order(COIN, "market", "sell", 1, None, again)
    with pytest.raises(ccxt.ExchangeError, match="170141"):
        client.create_order(COIN, "market", "sell", 1, None, again)
    with pytest.raises(ccxt.ExchangeError, match="110072"):
        client.create_order(SWAP, "market", "sell", 1, None, {**again, "positionIdx": 1, "reduceOnly": True})


def test_orders_are_cancelled_by_either_id_and_ended_ones_are_unknown(bybit: Opened) -> None:
    _, client = bybit
    first = client.create_order("SOL/USD", "limit", "sell", 1, 150)
    client.create_order("SOL/USD", "limit", "sell", 1, 151, {"clientOrderId": "mine"})
    client.cancel_order(first["id"], "SOL/USD")
    client.private_post_v5_order_cancel({"category": "spot", "symbol": "SOLUSD", "orderLinkId": "mine"})
    with pytest.raises(ccxt.OrderNotFound):
        client.cancel_order(first["id"], "SOL/USD")


def test_a_batch_of_cancels_tells_what_became_of_each_beside_the_result(bybit: Opened) -> None:
    _, client = bybit
    names = [client.create_order("SOL/USD", "limit", "sell", 1, price)["id"] for price in (150, 151)]
    asked = [{"symbol": "SOLUSD", "orderId": name} for name in (*names, "1000000000000000000")]
    reply = client.private_post_v5_order_cancel_batch({"category": "spot", "request": asked})
    assert [entry["orderId"] for entry in reply["result"]["list"]] == [entry["orderId"] for entry in asked]
    assert [entry["code"] for entry in reply["retExtInfo"]["list"]] == [0, 0, 170213]
    with pytest.raises(ccxt.BadRequest):
        client.private_post_v5_order_cancel_batch({"category": "spot", "request": asked * 4})


# --- who may ask, and how often ---


def test_wrong_keys_wrong_secrets_and_late_or_early_requests_are_refused(open_venue: Opener) -> None:
    clock = MovedClock()
    handle, client = open_venue("bybit")
    handle.front.gate.clock = clock  # type: ignore[attr-defined] # bybit's own
    secret = client.secret
    client.secret = new_credentials().secret
    with pytest.raises(ccxt.AuthenticationError, match='"retCode": 10004'):
        client.fetch_balance()
    client.secret, client.apiKey = secret, "stranger"
    with pytest.raises(ccxt.AuthenticationError, match='"retCode": 10003'):
        client.fetch_balance()
    client.apiKey = handle.credentials.key
    for seconds in (6, -2):
        clock.ahead = timedelta(seconds=seconds)
        with pytest.raises(ccxt.InvalidNonce, match='"retCode": 10002'):
            client.fetch_balance()
    clock.ahead = timedelta(seconds=4)
    assert client.fetch_balance()["SOL"]["total"] == "18"


def test_every_reply_tells_the_limits_of_its_endpoint_and_too_many_are_refused(bybit: Opened) -> None:
    handle, client = bybit
    still = handle.venue.now()
    handle.front.gate.clock = lambda: still  # type: ignore[attr-defined] # bybit's own
    handle.front.gate.is_strict = True  # type: ignore[attr-defined] # as above
    client.milliseconds = lambda: int(still.timestamp() * 1000)
    told = []
    for _ in range(20):
        client.create_order("SOL/USD", "market", "sell", "0.01")
        told.append(tuple(client.last_response_headers[f"X-Bapi-Limit{name}"] for name in ("", "-Status")))
    assert (told[0], told[-1]) == (("20", "19"), ("20", "0"))
    with pytest.raises(ccxt.RateLimitExceeded, match='"retCode": 10006'):
        client.create_order("SOL/USD", "market", "sell", "0.01")
    assert len(handle.venue.executions()) == 20


# --- exitplan itself ---


def test_exitplan_reads_the_unified_account_with_its_debts_and_both_sides_of_a_swap(
    unified: Opened, broker: LiveBroker
) -> None:
    unified[0].front.interest["BBB"] = Decimal("0.5")  # type: ignore[attr-defined] # bybit's own
    account = broker.read_account()
    assert account.cash == Cash(Decimal(8400), Decimal(1600), Decimal(500))
    held: Any = {
        entry.key: (entry.quantity, entry.locked, entry.debt, entry.entry_price) for entry in account.positions
    }
    assert held == {
        COIN: (10, 3, 0, None),
        OWED: (5, 0, 2, None),
        SWAP: (100, 0, 0, 90),
        f"{SWAP}#short": (60, 0, 0, 110),
    }
    listed: Any = account.markets[SWAP]
    assert (listed.max_amount, listed.market_max_amount) == (50_000, 20_000)


@pytest.mark.usefixtures("broker")
def test_exitplan_tells_nothing_of_the_key_though_a_refusal_of_the_signature_does(unified: Opened) -> None:
    handle, _ = unified
    known = Credentials(handle.credentials.key, new_credentials().secret)
    with pytest.raises(CredentialsRefused, match="error sign!") as refusal:
        open_account(handle, credentials=known, quote="USDT").read_account()
    assert known.key not in str(refusal.value)


def test_exitplan_closes_a_long_and_a_short_of_one_symbol_each_by_itself(unified: Opened, broker: LiveBroker) -> None:
    handle, _ = unified
    back = replace(CLOSE, client_order_id="xp0002", side="buy", quantity=Decimal(60), position_side="short")
    outcomes = broker.place_orders([CLOSE, back])
    assert [outcome.report.filled for outcome in outcomes if isinstance(outcome, Done)] == [40, 60]
    sent = {call.params["orderLinkId"]: call.params for call in handle.venue.calls("writes")}
    assert [(sent[name]["positionIdx"], sent[name]["reduceOnly"]) for name in ("xp0001", "xp0002")] == [
        (1, True),
        (2, True),
    ]
    assert [(one.key, str(one.quantity)) for one in broker.read_account().positions[2:]] == [(SWAP, "60")]


def test_exitplan_sells_no_more_of_a_swap_than_is_held(broker: LiveBroker) -> None:
    (outcome,) = broker.place_orders([replace(CLOSE, quantity=Decimal(101))])
    assert isinstance(outcome, Refused)
    assert outcome.reason is RefusalReason.REDUCE_ONLY


def test_exitplan_takes_what_was_submitted_for_processing_for_unknown_and_finds_it(
    unified: Opened, broker: LiveBroker
) -> None:
    words = "170035 Submitted to the system for processing!"
    unified[0].venue.faults.plan("writes", fault("unclear", words=words))
    (outcome,) = broker.place_orders([CLOSE])
    assert isinstance(outcome, Unknown)
    found = broker.look_up_order(OrderReference(symbol=SWAP, client_order_id="xp0001"))
    assert isinstance(found, Found)
    assert (found.report.status, str(found.report.filled)) == ("closed", "40")


def test_exitplan_finds_an_order_of_before_a_restart_in_the_history(unified: Opened, broker: LiveBroker) -> None:
    handle, _ = unified
    broker.place_orders([CLOSE])
    front: Any = handle.front
    front.restarted_at = handle.venue.now() + timedelta(seconds=1)
    named = OrderReference(symbol=SWAP, client_order_id="xp0001")
    assert isinstance(broker.look_up_order(named), NotFound)
    handle.venue.clock = MovedClock(timedelta(seconds=4))
    assert isinstance(broker.look_up_order(named), Found)


def test_exitplan_cancels_orders_and_stops_of_both_kinds_of_markets(unified: Opened, broker: LiveBroker) -> None:
    _, client = unified
    client.create_order(COIN, "market", "sell", 1, None, {"stopLossPrice": 95})
    client.create_order(SWAP, "market", "sell", 1, None, {"stopLossPrice": 95, "positionIdx": 1})
    client.create_order(SWAP, "limit", "sell", 1, 120, {"positionIdx": 1, "reduceOnly": True})
    orders = broker.read_account().open_orders
    references = [OrderReference(symbol=one.symbol, order_id=one.id) for one in orders]
    outcomes = broker.cancel_orders([*references, OrderReference(symbol=COIN, order_id="1000000000000000000")])
    assert [type(outcome) for outcome in outcomes] == [Done] * 4 + [Refused]
    assert broker.read_account().open_orders == ()


def test_exitplan_reads_every_page_of_orders_of_both_kinds_of_markets(open_venue: Opener, tmp_path: Any) -> None:
    held = (position(COIN, 100, locked=70), position(SWAP, 100, locked=60, entry=90))
    spot = [order(f"s{number}", COIN, quantity=1, price=200) for number in range(70)]
    swap = [order(f"c{number}", SWAP, quantity=1, price=200, reduce_only=True) for number in range(60)]
    account = snapshot(*held, orders=[*spot, *swap], quote="USDT")
    handle, _ = open_venue("bybit", account=account)
    with mock.patch.dict("os.environ", {"EXITPLAN_CACHE_DIR": str(tmp_path)}):
        forget_listings()
        read = open_account(handle, quote="USDT", market_types=["spot", "swap"]).read_account()
    assert Counter(one.symbol for one in read.open_orders) == {COIN: 70, SWAP: 60}
    assert {(one.reduce_only, one.position_side) for one in read.open_orders if one.symbol == SWAP} == {(True, "long")}


def test_exitplan_takes_too_many_requests_for_a_refusal_to_try_again_after(unified: Opened, broker: LiveBroker) -> None:
    handle, _ = unified
    handle.venue.faults.plan("writes", fault("refused", words="10006 Too many visits. Exceeded the API Rate Limit."))
    (outcome,) = broker.place_orders([CLOSE])
    assert isinstance(outcome, Refused)
    assert (outcome.reason, outcome.retry_after) == (RefusalReason.RATE_LIMITED, 2)
    assert handle.venue.executions() == []


def test_exitplan_converts_dust_and_asks_what_became_of_it(broker: LiveBroker) -> None:
    request = ConvertRequest(client_order_id="xp0001", symbol=COIN, quantity=Decimal(7))
    assert broker.read_conversions([position(COIN, 7)])[COIN].cost_pct == Decimal("0.001")
    taken = broker.convert_dust(replace(request, max_cost_pct=Decimal("0.002")))
    assert isinstance(taken, Done)
    assert (taken.report.status, str(taken.report.filled)) == ("open", "0")
    found = broker.look_up_order(OrderReference(symbol=COIN, order_id=taken.report.order_id))
    assert isinstance(found, Found)
    assert (found.report.status, str(found.report.filled)) == ("closed", "7")
    assert isinstance(broker.convert_dust(replace(request, max_cost_pct=Decimal("0.0005"))), Refused)
