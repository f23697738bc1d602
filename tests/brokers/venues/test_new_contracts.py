"""A contract newer than the listings that are kept: they are read anew, once, and the account stays readable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from exitplan.brokers.live.client import Pace
from exitplan.brokers.live.dialect import MarketType
from exitplan.ruleset.errors import AccountUnreadable
from tests.brokers.venues import binance_replies as binance
from tests.brokers.venues import bybit_replies as bybit
from tests.brokers.venues import gate_replies as gate
from tests.brokers.venues import kucoin_replies as kucoin
from tests.brokers.venues import okx_replies as okx
from tests.brokers.venues.recorded import MADE_UP_WORDS, Recorded, Replies, Sent, at_venue

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
NEW = "NEW/USDT:USDT"
FAST = Pace(1e6, 1e6)


@dataclass(frozen=True, slots=True)
class Venue:
    """A venue whose account trades in a contract that was listed a moment ago."""

    name: str
    replies: Replies
    listing: str
    """What is asked once for listings."""
    listed: Mapping[str, Any]
    position: Mapping[str, Any]
    order: Mapping[str, Any]


def known(replies: Replies, **more: Any) -> Replies:
    return Replies({**dict(replies._known), **more})


def bybit_markets(sent: Sent) -> dict[str, Any]:
    if sent.query["category"] == "spot" or "status" in sent.query:
        return bybit.listed(category=sent.query["category"])
    added = {**bybit.SWAP_MARKET, "symbol": "NEWUSDT", "baseCoin": "NEW"}
    return bybit.listed(bybit.SWAP_MARKET, added, category="linear")


def bybit_tickers(_: Sent) -> dict[str, Any]:
    two = [bybit.ticker(name, "151", openInterestValue="1") for name in ("SOLUSDT", "NEWUSDT")]
    return bybit.listed(*two, category="linear")


FUTURES = "GET api-futures.kucoin.com/api/v1"
KUCOIN = known(
    kucoin.replies(),
    **{
        f"{FUTURES}/account-overview": kucoin.ok({"currency": "USDT", "accountEquity": 5, "availableBalance": 4}),
        f"{FUTURES}/orders": kucoin.page([]),
        f"{FUTURES}/stopOrders": kucoin.page([]),
        f"{FUTURES}/positions": kucoin.ok([kucoin.position()]),
        f"{FUTURES}/ticker": kucoin.ok({"symbol": "NEWUSDTM", "price": "151", "bestBidPrice": "151"}),
    },
)
GATE = known(
    gate.replies(),
    **{
        "GET /api/v4/futures/usdt/tickers": [
            {"contract": "BTC_USDT", "last": "60100"},
            {"contract": "NEW_USDT", "last": "151"},
        ],
        "GET /api/v4/futures/btc/tickers": [{"contract": "BTC_USD", "last": "60100"}],
        "GET /api/v4/futures/usdt/accounts": {"currency": "USDT", "total": "520", "available": "400"},
        "GET /api/v4/futures/btc/accounts": {"currency": "BTC", "total": "0", "available": "0"},
        "GET /api/v4/futures/usdt/positions": [gate.position()],
        "GET /api/v4/futures/btc/positions": [],
        **{
            f"GET /api/v4/futures/{settle}/{kind}": []
            for settle in ("usdt", "btc")
            for kind in ("orders", "price_orders")
        },
    },
)
VENUES = [
    Venue(
        "binance",
        known(
            binance.FUTURES,
            **{"GET /fapi/v1/ticker/24hr": [binance.ticker(name, "151") for name in ("SOLUSDT", "NEWUSDT")]},
        ),
        "GET /fapi/v1/exchangeInfo",
        {
            "GET /fapi/v1/exchangeInfo": {
                "symbols": [
                    binance.SWAP_MARKET,
                    {**binance.SWAP_MARKET, "symbol": "NEWUSDT", "pair": "NEWUSDT", "baseAsset": "NEW"},
                ]
            }
        },
        {"GET /fapi/v3/positionRisk": [{**binance.position("4"), "symbol": "NEWUSDT"}]},
        {
            "GET /fapi/v1/openOrders": [
                {**binance.order(31), "symbol": "NEWUSDT", "positionSide": "BOTH", "cumQuote": "0"}
            ]
        },
    ),
    Venue(
        "bybit",
        known(bybit.SWAPS, **{"GET /v5/market/tickers": bybit_tickers}),
        "GET /v5/market/instruments-info?category=linear",
        {"GET /v5/market/instruments-info": bybit_markets},
        {f"{bybit.POSITIONS}?settleCoin=USDT": bybit.listed(bybit.position("4", symbol="NEWUSDT"), category="linear")},
        {f"{bybit.OPEN}?settleCoin=USDT": bybit.listed(bybit.order(31, symbol="NEWUSDT"), category="linear")},
    ),
    Venue(
        "kucoin",
        KUCOIN,
        "GET /api/v2/symbols",
        {
            f"{FUTURES}/contracts/active": kucoin.ok(
                [kucoin.contract("XBTUSDTM", "XBT", "0.001"), kucoin.contract("NEWUSDTM", "NEW", "0.001")]
            )
        },
        {f"{FUTURES}/positions": kucoin.ok([kucoin.position("NEWUSDTM", 4)])},
        {
            f"{FUTURES}/orders": kucoin.page(
                [
                    {
                        "id": "f1",
                        "symbol": "NEWUSDTM",
                        "type": "limit",
                        "side": "sell",
                        "price": "70000",
                        "size": 3,
                        "isActive": True,
                        "filledSize": 0,
                    }
                ]
            )
        },
    ),
    Venue(
        "okx",
        known(
            okx.OKX,
            **{
                "GET /api/v5/market/tickers": okx.told(
                    *(okx.ticker(f"{base}-USDT-SWAP", "151", "SWAP") for base in ("SOL", "NEW"))
                ),
                okx.PENDING: okx.told(),
            },
        ),
        "GET /api/v5/public/instruments",
        {
            "GET /api/v5/public/instruments": okx.told(
                okx.SWAP_MARKET, {**okx.SWAP_MARKET, "instId": "NEW-USDT-SWAP", "uly": "NEW-USDT"}
            )
        },
        {okx.POSITIONS: okx.told(okx.position("4", instId="NEW-USDT-SWAP"))},
        {okx.PENDING: okx.told(okx.order(31, instId="NEW-USDT-SWAP", instType="SWAP"))},
    ),
    Venue(
        "gate",
        GATE,
        "GET /api/v4/futures/usdt/contracts",
        {"GET /api/v4/futures/usdt/contracts": [gate.contract("BTC_USDT", "0.0001"), gate.contract("NEW_USDT", "1")]},
        {"GET /api/v4/futures/usdt/positions": [{**gate.position(4), "contract": "NEW_USDT"}]},
        {
            "GET /api/v4/futures/usdt/orders": [
                {
                    "id": 70,
                    "contract": "NEW_USDT",
                    "size": -3,
                    "left": -3,
                    "price": "70",
                    "status": "open",
                    "tif": "gtc",
                    "text": "web",
                }
            ]
        },
    ),
]


def account(venue: Venue, now: list[datetime]) -> Any:
    kinds: tuple[MarketType, ...] = ("spot", "swap") if venue.name in {"kucoin", "gate"} else ("swap",)
    password = MADE_UP_WORDS if venue.name in {"okx", "kucoin"} else None
    return at_venue(venue.name, venue.replies, market_types=kinds, password=password, clock=lambda: now[0], pace=FAST)


def opens_a_position(recorded: Recorded, venue: Venue, *parts: Mapping[str, Any]) -> None:
    for part in parts:
        for pattern, reply in part.items():
            recorded.answer(pattern, reply)


@pytest.mark.parametrize("venue", VENUES, ids=lambda venue: venue.name)
@pytest.mark.parametrize("part", ["position", "order"])
def test_listings_are_read_anew_once_for_a_contract_that_they_lack(venue: Venue, part: str) -> None:
    now = [NOON]
    with account(venue, now) as recorded:
        recorded.broker.read_account()
        once = len(recorded.all(venue.listing))
        opens_a_position(recorded, venue, venue.listed, getattr(venue, part))
        now[0] += timedelta(minutes=15)
        recorded.forget()
        snapshot = recorded.broker.read_account()
        told = snapshot.positions if part == "position" else snapshot.open_orders
        assert NEW in {one.symbol for one in told}
        assert snapshot.markets[NEW].mark() != (None, None)
        assert len(recorded.all(venue.listing)) == once
        recorded.broker.read_account()
        assert len(recorded.all(venue.listing)) == once


@pytest.mark.parametrize("venue", VENUES, ids=lambda venue: venue.name)
def test_a_contract_that_no_listing_has_is_looked_for_once_a_minute(venue: Venue) -> None:
    now = [NOON]
    with account(venue, now) as recorded:
        recorded.broker.read_account()
        once = len(recorded.all(venue.listing))
        opens_a_position(recorded, venue, venue.position)
        recorded.forget()
        for seconds in (0, 61, 1, 1):
            now[0] += timedelta(seconds=seconds)
            with pytest.raises(AccountUnreadable):
                recorded.broker.read_account()
        assert len(recorded.all(venue.listing)) == once
