"""Venues that are spoken to in ccxt's unified calls alone, each in its own JSON: nothing left open is guessed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from exitplan.brokers.live.dialect import MarketType
from exitplan.brokers.venues import dialect_of
from exitplan.ruleset.errors import AccountUnreadable
from exitplan.ruleset.model.progress import Progress
from exitplan.ruleset.model.snapshot import Cash, Snapshot
from exitplan.ruleset.planning.checks import AccountState
from exitplan.ruleset.planning.planner import PlanInput, draft_plan
from tests.brokers.venues.recorded import MADE_UP_WORDS, NO_ANSWERS, Replies, Reply, at_venue
from tests.builders import policy_document, rulebook

d = Decimal
TIME = 1_771_452_000_000


# --- crypto.com: one wallet, one list of orders and one of positions for all kinds of markets ---


def at_cryptocom(*entries: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": 1, "method": "any", "code": 0, "result": {"data": list(entries)}}


def instrument(symbol: str, kind: str, base: str, quote: str) -> dict[str, Any]:
    contract = {} if kind == "CCY_PAIR" else {"underlying_symbol": f"{base}{quote}-INDEX", "contract_size": "1"}
    return {
        "symbol": symbol,
        "inst_type": kind,
        "display_name": symbol,
        "base_ccy": base,
        "quote_ccy": quote,
        "quote_decimals": 2,
        "quantity_decimals": 4,
        "price_tick_size": "0.01",
        "qty_tick_size": "0.0001",
        "max_leverage": "50",
        "tradable": True,
        "expiry_timestamp_ms": 1_798_156_800_000 if kind == "FUTURE" else 0,
        **contract,
    }


def cryptocom_order(name: str, symbol: str) -> dict[str, Any]:
    return {
        "order_id": name,
        "client_oid": f"client{name}",
        "order_type": "LIMIT",
        "time_in_force": "GOOD_TILL_CANCEL",
        "side": "SELL",
        "exec_inst": [],
        "quantity": "2",
        "limit_price": "200",
        "avg_price": "0",
        "trigger_price": "0",
        "cumulative_quantity": "0",
        "cumulative_value": "0",
        "cumulative_fee": "0",
        "status": "ACTIVE",
        "instrument_name": symbol,
        "fee_instrument_name": "USD",
        "create_time": TIME,
    }


def balance(name: str, quantity: str, reserved: str = "0") -> dict[str, str]:
    return {"instrument_name": name, "quantity": quantity, "reserved_qty": reserved, "collateral_weight": "0.9"}


def prices(symbol: str, last: str) -> dict[str, Any]:
    return {"i": symbol, **dict.fromkeys("hlabk", last), "v": "1", "vv": "1", "c": "0", "t": TIME}


SYMBOLS = ("SOL_USD", "SOLUSD-PERP", "SOLUSD-261225")
CRYPTOCOM = Replies(
    {
        "GET /exchange/v1/public/get-instruments": at_cryptocom(
            *(
                instrument(name, kind, "SOL", "USD")
                for name, kind in zip(SYMBOLS, ("CCY_PAIR", "PERPETUAL_SWAP", "FUTURE"), strict=True)
            )
        ),
        "GET /exchange/v1/public/get-tickers": at_cryptocom(*(prices(name, "150") for name in SYMBOLS)),
        "POST /exchange/v1/private/user-balance": at_cryptocom(
            {"position_balances": [balance("USD", "1000", "20"), balance("SOL", "5", "2")]}
        ),
        "POST /exchange/v1/private/get-open-orders": at_cryptocom(
            *(cryptocom_order(str(number), name) for number, name in enumerate(SYMBOLS, start=11))
        ),
        "POST /exchange/v1/private/get-positions": at_cryptocom(
            {"instrument_name": "SOLUSD-PERP", "quantity": "4", "cost": "600", "update_timestamp_ms": TIME},
            {"instrument_name": "SOLUSD-261225", "quantity": "-3", "cost": "450", "update_timestamp_ms": TIME},
        ),
    }
)


@pytest.mark.parametrize(
    ("kinds", "symbols", "orders"),
    [
        (("spot",), ["SOL/USD"], ["11"]),
        (("spot", "swap"), ["SOL/USD", "SOL/USD:USD"], ["11", "12"]),
        (("spot", "swap", "future"), ["SOL/USD", "SOL/USD:USD", "SOL/USD:USD-261225"], ["11", "12", "13"]),
    ],
)
def test_one_endpoint_for_all_kinds_of_markets_counts_everything_once(
    kinds: tuple[MarketType, ...], symbols: list[str], orders: list[str]
) -> None:
    with at_venue("cryptocom", CRYPTOCOM, quote="USD", market_types=kinds) as recorded:
        snapshot = recorded.broker.read_account()
        assert [position.symbol for position in snapshot.positions] == symbols
        assert [resting.id for resting in snapshot.open_orders] == orders
        assert snapshot.cash == Cash(d(980), d(20))
        assert (snapshot.positions[0].quantity, snapshot.positions[0].locked) == (d(5), d(2))
        assert snapshot.unread == ()


def test_when_a_position_was_opened_is_not_known_where_the_time_may_be_that_of_a_change() -> None:
    with at_venue("cryptocom", CRYPTOCOM, quote="USD", market_types=("swap",)) as recorded:
        held = {position.symbol: position for position in recorded.broker.read_account().positions}
        assert held["SOL/USD:USD"].opened_at is None
        # What is in the wallet of a swap account is collateral: it is held, and cannot be sold.
        assert (held["SOL/USD"].quantity, held["SOL/USD"].locked) == (d(5), d(5))


def test_an_order_in_a_market_that_is_not_listed_is_told_once() -> None:
    with at_venue("cryptocom", CRYPTOCOM, quote="USD", market_types=("spot", "swap")) as recorded:
        order = at_cryptocom(cryptocom_order("99", "NEW_USD"))
        recorded.answer("POST /exchange/v1/private/get-open-orders", order)
        assert [resting.id for resting in recorded.broker.read_account().open_orders] == ["99"]


# --- bitget and htx: stop orders in lists of their own ---


def at_bitget(data: Any) -> dict[str, Any]:
    return {"code": "00000", "msg": "success", "requestTime": TIME, "data": data}


BITGET = Replies(
    {
        "GET /api/v3/account/settings": Reply({"code": "40084", "msg": "you are in classic account mode"}, 400),
        "GET /api/v2/spot/public/coins": at_bitget([]),
        "GET /api/v2/margin/currencies": at_bitget([]),
        "GET /api/v2/spot/public/symbols": at_bitget(
            [
                {
                    "symbol": "SOLUSDT",
                    "baseCoin": "SOL",
                    "quoteCoin": "USDT",
                    "minTradeAmount": "0",
                    "maxTradeAmount": "10000000000",
                    "pricePrecision": "2",
                    "quantityPrecision": "4",
                    "quotePrecision": "6",
                    "status": "online",
                    "minTradeUSDT": "1",
                }
            ]
        ),
        "GET /api/v2/spot/market/tickers": at_bitget(
            [{"symbol": "SOLUSDT", "lastPr": "150", "bidPr": "150", "askPr": "150", "ts": str(TIME)}]
        ),
        "GET /api/v2/spot/account/assets": at_bitget(
            [{"coin": "USDT", "available": "1000", "frozen": "20", "locked": "0", "limitAvailable": "0"}]
        ),
        "GET /api/v2/spot/trade/unfilled-orders": at_bitget([]),
    }
)


def held_parts(currency: str, **parts: str) -> list[dict[str, str]]:
    return [{"currency": currency, "type": part, "balance": amount, "seq-num": "1"} for part, amount in parts.items()]


def at_htx(data: Any) -> dict[str, Any]:
    return {"status": "ok", "ts": TIME, "data": data}


def htx(*parts: dict[str, str]) -> Replies:
    listed = {
        "symbol": "solusdt",
        "base-currency": "sol",
        "quote-currency": "usdt",
        "price-precision": 2,
        "amount-precision": 4,
        "value-precision": 8,
        "symbol-partition": "main",
        "state": "online",
        "min-order-amt": 0.001,
        "min-order-value": 5,
        "api-trading": "enabled",
    }
    prices = {"symbol": "solusdt", "open": 150, "close": 150, "bid": 150, "ask": 150, "amount": 1, "vol": 1}
    account = {"id": 7, "type": "spot", "subtype": "", "state": "working"}
    return Replies(
        {
            "GET /v2/reference/currencies": {"code": 200, "data": []},
            "GET /v1/common/symbols": at_htx([listed]),
            "GET /market/tickers": at_htx([prices]),
            "GET /v1/account/accounts": at_htx([account]),
            "GET /v1/account/accounts/7/balance": at_htx(
                {**account, "list": [*held_parts("usdt", trade="1000", frozen="20"), *parts]}
            ),
            "GET /v1/order/openOrders": at_htx([]),
        }
    )


SPOT_ALONE: Mapping[str, Mapping[str, Any]] = {
    "bitget": {"fetchMarkets": {"types": ["spot"]}},
    "htx": {"fetchMarkets": {"types": {"spot": True, "linear": False, "inverse": False}}},
}


def spot_of(venue: str, replies: Replies) -> Any:
    password = MADE_UP_WORDS if venue == "bitget" else None
    return at_venue(venue, replies, password=password, options=SPOT_ALONE[venue])


def state_of(snapshot: Snapshot) -> tuple[AccountState, tuple[str, ...]]:
    draft = draft_plan(PlanInput(rulebook(policy_document()), snapshot, datetime.now(UTC), Progress()))
    return draft.checks.state, draft.checks.unread


@pytest.mark.parametrize(("venue", "replies"), [("bitget", BITGET), ("htx", htx())])
def test_an_account_whose_stop_orders_are_not_read_is_never_clean(venue: str, replies: Replies) -> None:
    with spot_of(venue, replies) as recorded:
        snapshot = recorded.broker.read_account()
        assert (snapshot.cash, snapshot.positions, snapshot.unread) == (Cash(d(1000), d(20)), (), ("stop orders",))
        assert state_of(snapshot) == (AccountState.UNKNOWN, ("stop orders",))
    assert any("stop orders" in limit.casefold() and venue in limit for limit in dialect_of(venue).traits.limits_known)


def test_what_htx_tells_of_a_balance_beside_the_free_and_the_frozen_part_is_held_or_owed() -> None:
    parts = held_parts("sol", trade="3", frozen="2", lock="0.5", bank="0.25", loan="-1", interest="-0.1", other="0")
    with spot_of("htx", htx(*parts, *held_parts("ht", lock="4"))) as recorded:
        held = {position.symbol: position for position in recorded.broker.read_account().positions}
        sol = held["SOL/USDT"]
        assert (sol.quantity, sol.locked, sol.debt) == (d("5.75"), d("2.75"), d("1.1"))
        assert (held["HT/USDT"].quantity, held["HT/USDT"].locked) == (d(4), d(4))


def test_a_part_of_a_balance_that_nobody_knows_makes_the_account_unreadable() -> None:
    with spot_of("htx", htx(*held_parts("sol", trade="3", margin="2"))) as recorded:
        with pytest.raises(AccountUnreadable) as refusal:
            recorded.broker.read_account()
        assert "'margin', which exitplan does not know" in str(refusal.value)


@pytest.mark.parametrize("reply", [*NO_ANSWERS, at_htx(None), at_htx({"list": None}), at_htx({"id": 7})])
def test_a_balance_without_its_parts_is_no_balance(reply: Any) -> None:
    with spot_of("htx", htx()) as recorded:
        assert "could not be read" in str(recorded.refuses_to_read("GET /v1/account/accounts/7/balance", reply))


def test_two_wallets_that_hold_the_same_are_two_where_each_has_a_question_of_its_own() -> None:
    both = {
        **dict(BITGET._known),
        "GET /api/v2/spot/account/assets": at_bitget([{"coin": "USDT", "available": "1000", "frozen": "0"}]),
        "GET /api/v2/mix/account/accounts": at_bitget(
            [{"marginCoin": "USDT", "available": "1000", "locked": "0", "accountEquity": "1000", "usdtEquity": "1000"}]
        ),
        "GET /api/v2/mix/order/orders-pending": at_bitget({"entrustedList": None, "endId": None}),
        "GET /api/v2/mix/position/all-position": at_bitget([]),
        "GET /api/v2/mix/market/tickers": at_bitget([]),
    }
    with at_venue(
        "bitget", Replies(both), password=MADE_UP_WORDS, options=SPOT_ALONE["bitget"], market_types=("spot", "swap")
    ) as recorded:
        assert recorded.broker.read_account().cash == Cash(d(2000))


# --- mexc: open orders of one market at a time ---


def test_a_venue_that_tells_open_orders_of_one_market_at_a_time_is_refused_by_that_reason() -> None:
    listed = {
        "symbol": "SOLUSDT",
        "status": "1",
        "baseAsset": "SOL",
        "quoteAsset": "USDT",
        "isSpotTradingAllowed": True,
        "permissions": ["SPOT"],
        "baseAssetPrecision": 2,
        "quoteAssetPrecision": 4,
        "baseSizePrecision": "0.01",
        "filters": [],
    }
    replies = {
        "GET /api/v3/exchangeInfo": {"symbols": [listed]},
        "GET /api/v1/contract/detail": {"success": True, "code": 0, "data": []},
        "GET /api/v3/account": {"balances": [{"asset": "USDT", "free": "1000", "locked": "20"}]},
        "GET /api/v3/ticker/24hr": [{"symbol": "SOLUSDT", "lastPrice": "150", "bidPrice": "150", "askPrice": "150"}],
    }
    with at_venue("mexc", Replies(replies)) as recorded:
        with pytest.raises(AccountUnreadable, match="mexc tells open orders of one market at a time") as refusal:
            recorded.broker.read_account()
        assert recorded.tells(str(refusal.value)) == []
