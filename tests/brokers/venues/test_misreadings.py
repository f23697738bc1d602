"""What venues say of debts, money, sides, times, prices and maximums, each kind of misreading at each venue."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitplan.brokers.live.parsing import balance_of, open_order_of, ticker_of, time_of
from exitplan.brokers.protocol import OrderRequest, RefusalReason, Refused
from exitplan.ruleset.model.snapshot import Cash, Position, Snapshot
from tests.brokers.venues import alpaca_replies as alpaca
from tests.brokers.venues import binance_replies as binance
from tests.brokers.venues import bybit_replies as bybit
from tests.brokers.venues import gate_replies as gate
from tests.brokers.venues import kucoin_replies as kucoin
from tests.brokers.venues import okx_replies as okx
from tests.brokers.venues.recorded import MADE_UP_WORDS, Recorded, Replies, Reply, at_venue

d = Decimal


def read(venue: str, replies: Replies, changed: Mapping[str, Any], **more: Any) -> Snapshot:
    """Read an account of which some replies are others."""
    password = MADE_UP_WORDS if venue in {"okx", "kucoin"} else None
    with at_venue(venue, replies, password=password, **more) as recorded:
        for pattern, reply in changed.items():
            recorded.answer(pattern, reply)
        return recorded.broker.read_account()


def held(snapshot: Snapshot, symbol: str) -> Position:
    (position,) = [position for position in snapshot.positions if position.symbol == symbol]
    return position


# --- debts ---


def bybit_wallet(*coins: Mapping[str, str], kind: str = "UNIFIED") -> dict[str, Any]:
    return {bybit.WALLET: bybit.told({"list": [{"accountType": kind, "coin": list(coins)}]})}


@pytest.mark.parametrize(
    ("coin", "quantity", "debt"),
    [
        (bybit.coin("SOL", "-2", borrowAmount="2", accruedInterest="0.1"), 0, "2.1"),
        (bybit.coin("SOL", "-2", borrowAmount="2", spotBorrow="0", accruedInterest="0.1"), 0, "2.1"),
        (bybit.coin("SOL", "5", borrowAmount="3", spotBorrow="3"), 5, "3"),
        (bybit.coin("SOL", "5", borrowAmount="3"), 5, "3"),
        # Both kinds: 3 were borrowed and sold, and contracts lost 2 more.
        (bybit.coin("SOL", "-2", borrowAmount="5", spotBorrow="3", accruedInterest="0.1"), 0, "5.1"),
        # A loss of an open position is the position's.
        (bybit.coin("SOL", "5", borrowAmount="4", spotBorrow="3"), 5, "3"),
        (bybit.coin("SOL", "5"), 5, "0"),
    ],
)
def test_what_is_owed_at_bybit_counts_once(coin: dict[str, str], quantity: int, debt: str) -> None:
    found = held(read("bybit", bybit.BYBIT, bybit_wallet(coin, bybit.coin("USDT", "10"))), "SOL/USDT")
    assert (found.quantity, found.debt) == (d(quantity), d(debt))


def okx_balance(*details: Mapping[str, str]) -> dict[str, Any]:
    return {okx.BALANCE: okx.told({"uTime": "1", "details": list(details)})}


@pytest.mark.parametrize(
    ("entry", "quantity", "debt"),
    [
        ({"cashBal": "-2", "availBal": "0", "frozenBal": "0", "liab": "2", "interest": "0.1"}, 0, "2.1"),
        ({"cashBal": "-2", "availBal": "0", "frozenBal": "0", "liab": "", "interest": ""}, 0, "2"),
        ({"cashBal": "5", "availBal": "4", "frozenBal": "1", "liab": "3", "interest": "0.2"}, 5, "3.2"),
        ({"cashBal": "5", "availBal": "4", "frozenBal": "1"}, 5, "0"),
    ],
)
def test_what_is_owed_at_okx_is_seen_and_counts_once(entry: dict[str, str], quantity: int, debt: str) -> None:
    found = held(read("okx", okx.OKX, okx_balance({"ccy": "SOL", **entry})), "SOL/USDT")
    assert (found.quantity, found.debt) == (d(quantity), d(debt))


def test_money_that_is_owed_is_a_debt_of_the_cash() -> None:
    owed = {"ccy": "USDT", "cashBal": "-300", "availBal": "0", "frozenBal": "0", "liab": "300", "interest": "1"}
    assert read("okx", okx.OKX, okx_balance(owed)).cash == Cash(debt=d(301))
    wallet = bybit_wallet(bybit.coin("USDT", "-300", borrowAmount="300"))
    assert read("bybit", bybit.BYBIT, wallet).cash == Cash(debt=d(300))


@pytest.mark.parametrize(
    ("entry", "quantity", "debt"),
    [
        ({"available": "5", "freeze": "0", "borrowed": "3"}, 5, "3"),
        ({"available": "-3", "freeze": "0", "borrowed": "0", "negative_liab": "3", "total_liab": "3.1"}, 0, "3.1"),
        ({"available": "-3", "freeze": "0", "borrowed": "5", "negative_liab": "3", "total_liab": "8"}, 0, "8"),
        ({"available": "-3", "freeze": "0", "borrowed": "5", "negative_liab": "", "total_liab": ""}, 0, "8"),
        ({"available": "5", "freeze": "1", "borrowed": "0"}, 6, "0"),
    ],
)
def test_what_is_owed_in_a_unified_account_at_gate_counts_once(entry: dict[str, str], quantity: int, debt: str) -> None:
    found = held(read("gate", gate.replies(), unified_at_gate(entry)), "SOL/USDT")
    assert (found.quantity, found.debt) == (d(quantity), d(debt))


def unified_at_gate(entry: Mapping[str, str], **more: Any) -> dict[str, Any]:
    return {
        "GET /api/v4/account/detail": {"user_id": 7, "key": {"mode": 2}},
        "GET /api/v4/unified/accounts": {"user_id": 7, "balances": {"SOL": entry}, **more},
    }


def test_cash_below_zero_is_a_debt_at_alpaca() -> None:
    account = {"currency": "USD", "cash": "-250", "equity": "250", "position_market_value": "500"}
    assert read("alpaca", alpaca.replies(), {"GET /v2/account": account}, quote="USD").cash == Cash(debt=d(250))


def test_a_wallet_of_futures_below_zero_is_a_debt_at_binance() -> None:
    reply = deepcopy(binance.FUTURES.reply_to(_asked("/fapi/v3/account")).document)
    reply["assets"][0] |= {
        "walletBalance": "-40",
        "marginBalance": "-40",
        "availableBalance": "0",
        "initialMargin": "0",
    }
    changed = {binance.FUTURES_ACCOUNT: reply}
    assert read("binance", binance.FUTURES, changed, market_types=("swap",)).cash == Cash(debt=d(40))


def _asked(path: str) -> Any:
    from tests.brokers.venues.recorded import Sent  # noqa: PLC0415 - only here

    return Sent("GET", "", path, {}, {}, "")


@given(
    free=st.decimals(-1000, 1000, places=2),
    used=st.decimals(0, 1000, places=2),
    debt=st.decimals(0, 1000, places=2),
)
def test_a_debt_never_makes_a_balance_worth_more(free: Decimal, used: Decimal, debt: Decimal) -> None:
    with_debt, without = (
        balance_of("X", {"free": str(free), "used": str(used), **more}) for more in ({"debt": str(debt)}, {})
    )
    assert with_debt.total - with_debt.debt <= without.total - without.debt
    assert with_debt.total >= 0
    if free + used >= 0:
        assert with_debt.total - with_debt.debt == free + used - debt


# --- kinds of accounts that nobody understands here ---


@pytest.mark.parametrize(
    ("venue", "replies", "pattern", "reply", "name"),
    [
        ("binance", binance.SPOT, binance.ACCOUNT, {"accountType": "MARGIN", "balances": []}, "MARGIN"),
        (
            "bybit",
            bybit.BYBIT,
            bybit.WALLET,
            bybit.told({"list": [{"accountType": "CONTRACT", "coin": []}]}),
            "CONTRACT",
        ),
        (
            "kucoin",
            kucoin.replies(),
            "GET /api/v1/accounts",
            kucoin.ok([kucoin.account("SOL", "1", "0", "cross")]),
            "cross",
        ),
        (
            "okx",
            okx.OKX,
            okx.BALANCE,
            okx.told({"details": [{"ccy": "SOL", "availBal": "5", "frozenBal": "", "isoLiab": "2"}]}),
            "isolated margin",
        ),
    ],
)
def test_an_account_of_an_unknown_kind_is_unreadable_by_its_name(
    venue: str, replies: Replies, pattern: str, reply: Any, name: str
) -> None:
    password = MADE_UP_WORDS if venue in {"okx", "kucoin"} else None
    with at_venue(venue, replies, password=password) as recorded:
        assert name in str(recorded.refuses_to_read(pattern, reply))


# --- money that is only ever a quote ---


def binance_with_lira(last: str | None) -> dict[str, Any]:
    listed = [binance.spot_market("SOL"), binance.spot_market("USDT", "TRY"), binance.spot_market("BTC", "TRY")]
    listed.append(binance.spot_market("BTC"))
    tickers = [
        binance.ticker("SOLUSDT", "150"),
        binance.ticker("BTCUSDT", "60000"),
        binance.ticker("BTCTRY", "2520000"),
    ]
    balances = [{"asset": name, "free": free, "locked": "0"} for name, free in [("USDT", "100"), ("TRY", "420000")]]
    return {
        "GET /api/v3/exchangeInfo": {"symbols": listed},
        "GET /api/v3/ticker/24hr": tickers + ([] if last is None else [binance.ticker("USDTTRY", last)]),
        binance.ACCOUNT: {"updateTime": 1, "balances": balances},
        binance.ORDERS: [],
    }


@pytest.mark.parametrize(("last", "rate"), [("40", "0.025"), ("0", "0.02380952380952380952380952381")])
def test_lira_at_binance_is_money_at_the_inverse_rate_or_over_another_coin(last: str, rate: str) -> None:
    snapshot = read("binance", binance.SPOT, binance_with_lira(last))
    assert snapshot.positions == ()
    assert snapshot.other_cash == {"TRY": Cash(d(420000))}
    assert snapshot.rates == {"TRY": d(rate)}
    assert set(snapshot.markets) == {"USDT/TRY"}


def test_money_is_kept_as_money_though_it_has_a_market_of_its_own() -> None:
    euro = [binance.spot_market("SOL"), binance.spot_market("EUR")]
    snapshot = read(
        "binance",
        binance.SPOT,
        {
            "GET /api/v3/exchangeInfo": {"symbols": euro},
            "GET /api/v3/ticker/24hr": [binance.ticker("SOLUSDT", "150"), binance.ticker("EURUSDT", "1.1")],
            binance.ACCOUNT: {"updateTime": 1, "balances": [{"asset": "EUR", "free": "500", "locked": "20"}]},
            binance.ORDERS: [],
        },
    )
    assert (snapshot.positions, snapshot.other_cash) == ((), {"EUR": Cash(d(500), d(20))})
    assert (snapshot.rates, snapshot.markets["EUR/USDT"].bid) == ({"EUR": d("1.1")}, d("1.1"))


# --- which market ---


def test_a_market_of_another_quote_is_the_first_kept_one_that_leads_to_ours() -> None:
    listed = [binance.spot_market("XYZ", quote) for quote in ("BTC", "EUR", "DEAD")]
    snapshot = read(
        "binance",
        binance.SPOT,
        {
            "GET /api/v3/exchangeInfo": {"symbols": [*listed, binance.spot_market("BTC"), binance.spot_market("EUR")]},
            "GET /api/v3/ticker/24hr": [
                *(binance.ticker(f"XYZ{quote}", "1") for quote in ("BTC", "EUR", "DEAD")),
                *(binance.ticker(f"{base}USDT", "2") for base in ("BTC", "EUR")),
            ],
            binance.ACCOUNT: {"updateTime": 1, "balances": [{"asset": "XYZ", "free": "5", "locked": "0"}]},
            binance.ORDERS: [],
        },
    )
    assert [position.symbol for position in snapshot.positions] == ["XYZ/EUR"]
    assert snapshot.rates == {"EUR": d(2)}


def test_a_suspended_market_is_listed_and_does_not_trade() -> None:
    changed = {
        "GET /api/v3/exchangeInfo": {"symbols": [binance.spot_market("SOL", status="BREAK")]},
        binance.ORDERS: [],
    }
    changed[binance.ACCOUNT] = {"updateTime": 1, "balances": [{"asset": "SOL", "free": "5", "locked": "0"}]}
    snapshot = read("binance", binance.SPOT, changed)
    assert snapshot.markets["SOL/USDT"].active is False
    assert snapshot.markets["SOL/USDT"].last == 150


# --- sides and times of orders ---


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        ({"posSide": "short"}, "short"),
        ({"posSide": "net"}, None),
        ({"positionSide": "LONG"}, "long"),
        ({"positionSide": "BOTH"}, None),
        ({"positionIdx": 2}, "short"),
        ({"positionIdx": 1}, "long"),
        ({"positionIdx": 0}, None),
        ({}, None),
    ],
)
def test_the_side_of_an_order_is_read_in_every_venues_words(info: dict[str, Any], expected: str | None) -> None:
    order = {"id": "1", "symbol": "SOL/USDT:USDT", "side": "sell", "amount": "1", "info": info}
    assert open_order_of(order).position_side == expected
    assert open_order_of({**order, "symbol": "SOL/USDT"}).position_side is None


def _of_okx() -> Snapshot:
    resting = okx.order(9, instId="SOL-USDT-SWAP", instType="SWAP", posSide="short", side="sell")
    sides = [okx.position("4", posSide="long"), okx.position("3", posSide="short")]
    changed = {okx.PENDING: okx.told(resting), okx.WAITING: okx.told(), okx.POSITIONS: okx.told(*sides)}
    return read("okx", okx.OKX, changed, market_types=("swap",))


def _of_bybit() -> Snapshot:
    sides = [bybit.position("4", positionIdx=1), bybit.position("3", positionIdx=2, side="Sell")]
    changed = {
        f"{bybit.OPEN}?settleCoin=USDT": bybit.listed(bybit.order(9, positionIdx=2), category="linear"),
        f"{bybit.POSITIONS}?settleCoin=USDT": bybit.listed(*sides, category="linear"),
    }
    return read("bybit", bybit.SWAPS, changed, market_types=("swap",))


def _of_binance() -> Snapshot:
    resting = {**binance.order(9), "positionSide": "SHORT", "cumQuote": "0", "reduceOnly": False, "avgPrice": "0"}
    changed = {
        "GET /fapi/v1/openOrders": [resting],
        "GET /fapi/v1/openAlgoOrders": [],
        "GET /fapi/v3/positionRisk": [binance.position("4", "LONG"), binance.position("-3", "SHORT")],
    }
    return read("binance", binance.FUTURES, changed, market_types=("swap",))


@pytest.mark.parametrize("account", [_of_okx, _of_bybit, _of_binance])
def test_where_both_sides_are_held_a_sell_that_adds_to_the_short_belongs_to_it(account: Callable[[], Snapshot]) -> None:
    snapshot = account()
    assert {(held.side, held.quantity) for held in snapshot.positions} == {("long", d(4)), ("short", d(3))}
    assert [(resting.side, resting.position_side, resting.reduce_only) for resting in snapshot.open_orders] == [
        ("sell", "short", False)
    ]


@pytest.mark.parametrize("mode", ["dual_long", "dual_short"])
@pytest.mark.parametrize(
    ("size", "closes", "expected"), [(5, False, "long"), (-5, True, "long"), (-5, False, "short"), (5, True, "short")]
)
def test_in_dual_mode_at_gate_the_side_follows_from_direction_and_reduce_only(
    mode: str, size: int, closes: bool, expected: str
) -> None:
    resting = {
        "id": 9,
        "contract": "BTC_USDT",
        "size": size,
        "left": size,
        "price": "60000",
        "is_reduce_only": closes,
        "status": "open",
        "create_time": 1_767_312_000,
    }
    nothing = gate.refused("USER_NOT_FOUND", "please transfer funds first to create futures account")
    futures = {
        f"GET /api/v4/futures/btc/{name}": nothing for name in ("accounts", "positions", "orders", "price_orders")
    }
    changed = {
        **futures,
        "GET /api/v4/futures/usdt/tickers": [{"contract": "BTC_USDT", "last": "60100"}],
        "GET /api/v4/futures/btc/tickers": [{"contract": "BTC_USD", "last": "60100"}],
        "GET /api/v4/futures/usdt/accounts": {"currency": "USDT", "total": "520", "available": "400"},
        "GET /api/v4/futures/usdt/positions": [{**gate.position(7), "mode": mode}],
        "GET /api/v4/futures/usdt/price_orders": [],
        "GET /api/v4/futures/usdt/orders": [resting],
    }
    snapshot = read("gate", gate.replies(), changed, market_types=("swap",))
    assert snapshot.open_orders[0].position_side == expected
    assert snapshot.positions[0].side == mode.removeprefix("dual_")


def test_an_order_that_closes_the_position_only_reduces() -> None:
    order = {"id": "1", "symbol": "SOL/USDT:USDT", "side": "sell", "amount": "1", "info": {"closePosition": True}}
    assert open_order_of(order).reduce_only is True
    assert open_order_of({**order, "info": {"closePosition": "false"}}).reduce_only is False


@pytest.mark.parametrize("told", [None, "", 0, "0", -62135596800000, 1_771_452_000])
def test_a_time_that_is_not_told_is_none_and_never_1970(told: Any) -> None:
    assert time_of(told) is None
    order = {"id": "1", "symbol": "SOL/USDT", "side": "sell", "amount": "1", "timestamp": told}
    assert open_order_of(order).created_at is None


# --- prices ---


@pytest.mark.parametrize("names", [("bidPx", "askPx"), ("bid1Price", "ask1Price"), ("highest_bid", "lowest_ask")])
def test_a_side_of_the_book_that_is_left_blank_is_empty_and_null_is_not_told(names: tuple[str, str]) -> None:
    blank = ticker_of({"bid": None, "ask": None, "last": "5", "info": dict.fromkeys(names, "")})
    assert (blank.bid, blank.ask) == (d(0), d(0))
    null = ticker_of({"bid": None, "ask": None, "last": "5", "info": dict.fromkeys(names)})
    assert (null.bid, null.ask) == (None, None)


EMPTY_TICKERS = {
    "binance": ({"symbol": "SOLUSDT"}, binance.ticker("SOLUSDT", "0")),
    "bybit": ({"symbol": "SOLUSDT"}, bybit.ticker("SOLUSDT", "0")),
    "okx": ({"instType": "SPOT", "instId": "SOL-USDT"}, okx.ticker("SOL-USDT", "0")),
    "gate": ({"currency_pair": "SOL_USDT"}, gate.ticker("SOL_USDT", "0", "0", "0")),
    "kucoin": ({"symbol": "SOL-USDT"}, kucoin.ticker("SOL-USDT", "0", "0", "0")),
}


def as_list(*entries: Any) -> list[Any]:
    return list(entries)


ASK: dict[str, tuple[str, Any, Replies]] = {
    "binance": ("GET /api/v3/ticker/24hr", as_list, binance.SPOT),
    "bybit": ("GET /v5/market/tickers", bybit.listed, bybit.BYBIT),
    "okx": ("GET /api/v5/market/tickers", okx.told, okx.OKX),
    "gate": ("GET /api/v4/spot/tickers", as_list, gate.replies()),
    "kucoin": (
        "GET /api/v1/market/allTickers",
        lambda *found: kucoin.ok({"time": 1, "ticker": list(found)}),
        kucoin.replies(),
    ),
}
SINGLE = {
    "bybit": "GET /v5/market/tickers?symbol=SOLUSDT",
    "okx": "GET /api/v5/market/ticker",
    "gate": "GET /api/v4/spot/tickers?currency_pair=SOL_USDT",
    "kucoin": "GET /api/v1/market/stats",
    "binance": "GET /api/v3/ticker/24hr?symbol=SOLUSDT",
}


@pytest.mark.parametrize("venue", sorted(EMPTY_TICKERS))
def test_a_ticker_that_says_nothing_is_unanswered_and_one_of_zeros_is_missing(venue: str) -> None:
    silent, zeros = EMPTY_TICKERS[venue]
    pattern, shape, replies = ASK[venue]
    for entry, expected in ((silent, "unavailable"), (zeros, None)):
        snapshot = read(venue, replies, {pattern: shape(entry), SINGLE[venue]: Reply("", 503)})
        market = snapshot.markets["SOL/USDT"]
        assert (market.price_status, market.last or None) == (expected, None)


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (Reply("", 503), ("unavailable", None)),
        (Reply({"code": -1121, "msg": "Invalid symbol."}, 400), (None, None)),
        (binance.ticker("SOLUSDT", "150"), (None, d(150))),
    ],
)
def test_a_suspended_market_that_is_missing_among_the_tickers_is_asked_for_by_itself(
    reply: Any, expected: tuple[str | None, Decimal | None]
) -> None:
    changed = {
        "GET /api/v3/exchangeInfo": {
            "symbols": [binance.spot_market("SOL", status="BREAK"), binance.spot_market("BTC")]
        },
        "GET /api/v3/ticker/24hr": [binance.ticker("BTCUSDT", "60000")],
        SINGLE["binance"]: reply,
        binance.ORDERS: [],
    }
    market = read("binance", binance.SPOT, changed).markets["SOL/USDT"]
    assert (market.price_status, market.last or None) == expected
    assert market.active is False


# --- maximums ---


def test_the_maximums_of_binance_are_read_and_zero_is_none() -> None:
    listed = binance.spot_market("SOL")
    at_market = {"filterType": "MARKET_LOT_SIZE", "minQty": "0", "maxQty": "100", "stepSize": "0"}
    for most, expected in (("100", d(100)), ("0", None)):
        symbols = [{**listed, "filters": [*listed["filters"], {**at_market, "maxQty": most}]}]
        market = read("binance", binance.SPOT, {"GET /api/v3/exchangeInfo": {"symbols": symbols}}).markets["SOL/USDT"]
        assert (market.max_amount, market.max_notional, market.market_max_amount) == (d(9000), d(9000000), expected)


def test_the_maximums_of_bybit_are_those_of_limit_and_of_market_orders() -> None:
    listed = bybit.spot_market("SOL")
    listed["lotSizeFilter"] |= {"maxLimitOrderQty": "700", "maxMarketOrderQty": "300"}
    market = read("bybit", bybit.BYBIT, {"GET /v5/market/instruments-info": bybit.listed(listed)}).markets["SOL/USDT"]
    assert (market.max_amount, market.market_max_amount, market.max_notional) == (d(700), d(300), d(4000000))


def test_the_maximums_of_okx_are_in_coins_for_limits_and_in_dollars_at_market() -> None:
    listed = {**okx.spot_market("SOL"), "maxLmtSz": "9000", "maxMktSz": "1000000", "maxLmtAmt": "20000000"}
    changed = {"GET /api/v5/public/instruments": okx.told(listed)}
    market = read("okx", okx.OKX, changed).markets["SOL/USDT"]
    assert (market.max_amount, market.market_max_amount, market.max_notional) == (d(9000), None, d(1000000))


def test_the_maximums_of_kucoin_gate_and_alpaca() -> None:
    pair = {**kucoin.pair("SOL", "0.01", "0.001"), "baseMaxSize": "10000", "quoteMaxSize": "99999"}
    market = read("kucoin", kucoin.replies(), {"GET /api/v2/symbols": kucoin.ok([pair])}).markets["SOL/USDT"]
    assert (market.max_amount, market.max_notional) == (d(10000), d(99999))
    pair = {**gate.pair("SOL", 2, 3), "max_base_amount": "500", "max_quote_amount": "60000"}
    market = read("gate", gate.replies(), {"GET /api/v4/spot/currency_pairs": [pair]}).markets["SOL/USDT"]
    assert (market.max_amount, market.max_notional) == (d(500), d(60000))
    assert read("alpaca", alpaca.replies(), {}, quote="USD").markets["SOL/USD"].max_notional == 200_000


# --- too little of it ---


SELL = OrderRequest(client_order_id="xp0001", symbol="SOL/USDT", side="sell", type="market", quantity=d("1.5"))
TOO_LITTLE = [
    (
        "binance",
        binance.SPOT,
        "POST /api/v3/order",
        Reply({"code": -2010, "msg": "Account has insufficient balance for requested action."}, 400),
    ),
    ("bybit", bybit.BYBIT, bybit.CREATE, bybit.refused(170131, "Balance insufficient.")),
    ("okx", okx.OKX, f"POST {okx.ORDER}", okx.refused("51008", "Insufficient USDT balance in account")),
    ("okx", okx.OKX, f"POST {okx.ORDER}", okx.refused("51119", "Insufficient balance")),
    ("okx", okx.OKX, f"POST {okx.ORDER}", okx.refused("51131", "Insufficient balance")),
    ("gate", gate.replies(), "POST /api/v4/spot/orders", gate.refused("BALANCE_NOT_ENOUGH", "Not enough balance")),
    ("kucoin", kucoin.replies(), "POST /api/v1/hf/orders", kucoin.refused("200004", "Balance insufficient!")),
]


@pytest.mark.parametrize(("venue", "replies", "pattern", "reply"), TOO_LITTLE)
def test_a_balance_that_does_not_suffice_is_told_as_that(
    venue: str, replies: Replies, pattern: str, reply: Any
) -> None:
    password = MADE_UP_WORDS if venue in {"okx", "kucoin"} else None
    with at_venue(venue, replies, password=password) as recorded:
        outcome = _placed(recorded, pattern, reply, SELL)
    assert isinstance(outcome, Refused), outcome
    assert outcome.reason is RefusalReason.INSUFFICIENT_BALANCE


def test_a_balance_that_does_not_suffice_is_told_as_that_at_alpaca() -> None:
    request = OrderRequest(client_order_id="xp1", symbol="SOL/USD", side="sell", type="market", quantity=d("1.5"))
    with at_venue("alpaca", alpaca.replies(), quote="USD") as recorded:
        reply = alpaca.refused(40310000, "insufficient balance for SOL (requested: 1.5, available: 1.4)", 403)
        outcome = _placed(recorded, "POST /v2/orders", reply, request)
    assert isinstance(outcome, Refused), outcome
    assert outcome.reason is RefusalReason.INSUFFICIENT_BALANCE


def _placed(recorded: Recorded, pattern: str, reply: Any, request: OrderRequest) -> Any:
    recorded.broker.read_account()
    recorded.answer(pattern, reply)
    return recorded.broker.place_orders([request])[0]


# --- buying by what is spent ---


def test_a_market_buy_at_gate_says_what_it_spends() -> None:
    request = OrderRequest(client_order_id="xp1", symbol="SOL/USDT", side="buy", type="market", quantity=d("0.5"))
    with at_venue("gate", gate.replies()) as recorded:
        recorded.broker.read_account()
        recorded.answer("POST /api/v4/spot/orders", gate.order("7", side="buy", **gate.FILLED))
        recorded.broker.place_orders([request])
        form = recorded.only("POST /api/v4/spot/orders").form
    assert (form["side"], form["type"], d(form["amount"])) == ("buy", "market", d("70.05"))
