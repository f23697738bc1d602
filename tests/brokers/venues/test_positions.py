"""Positions of contracts: the time each was opened, and the stops for a whole one, each kind at each venue.

Venues give a stop for a whole position the quantity 0, or none, and it covers all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from exitplan.ruleset.model.snapshot import OpenOrder, Snapshot
from tests.brokers.venues import bybit_replies as bybit
from tests.brokers.venues import gate_replies as gate
from tests.brokers.venues import kucoin_replies as kucoin
from tests.brokers.venues import okx_replies as okx
from tests.brokers.venues.recorded import MADE_UP_WORDS, Replies, at_venue

d = Decimal
NO_FUTURES = gate.refused("USER_NOT_FOUND", "please transfer funds first to create futures account")
Read = Callable[[], Snapshot]
KUCOIN = "GET api-futures.kucoin.com/api/v1"


def swaps(venue: str, replies: Replies, changed: Mapping[str, Any]) -> Snapshot:
    password = MADE_UP_WORDS if venue in {"okx", "kucoin"} else None
    with at_venue(venue, replies, password=password, market_types=("swap",)) as recorded:
        for pattern, reply in changed.items():
            recorded.answer(pattern, reply)
        return recorded.broker.read_account()


def the_stop(snapshot: Snapshot) -> OpenOrder:
    (stop,) = snapshot.open_orders
    return stop


def at_bybit(stop: Mapping[str, Any], *positions: Mapping[str, Any]) -> Snapshot:
    changed = {
        f"{bybit.OPEN}?settleCoin=USDT": bybit.listed(bybit.stop(9, **stop), category="linear"),
        f"{bybit.POSITIONS}?settleCoin=USDT": bybit.listed(*positions, category="linear"),
    }
    return swaps("bybit", bybit.SWAPS, changed)


def at_okx(stop: Mapping[str, Any], *positions: Mapping[str, Any]) -> Snapshot:
    waiting = okx.stop(9, **{"instId": "SOL-USDT-SWAP", "instType": "SWAP", "sz": "", "closeFraction": "1", **stop})
    changed = {
        okx.PENDING: okx.told(),
        okx.WAITING: okx.told(),
        f"{okx.WAITING}?ordType=conditional,oco": okx.told(waiting),
        okx.POSITIONS: okx.told(*positions),
    }
    return swaps("okx", okx.OKX, changed)


def at_gate(stop: Mapping[str, Any], *positions: Mapping[str, Any]) -> Snapshot:
    asked = ("accounts", "positions", "orders", "price_orders")
    changed = {
        **{f"GET /api/v4/futures/btc/{name}": NO_FUTURES for name in asked},
        "GET /api/v4/futures/usdt/tickers": [{"contract": "BTC_USDT", "last": "60100"}],
        "GET /api/v4/futures/btc/tickers": [{"contract": "BTC_USD", "last": "60100"}],
        "GET /api/v4/futures/usdt/accounts": {"currency": "USDT", "total": "520", "available": "400"},
        "GET /api/v4/futures/usdt/positions": list(positions),
        "GET /api/v4/futures/usdt/orders": [],
        "GET /api/v4/futures/usdt/price_orders": [gate_stop(**stop)],
    }
    return swaps("gate", gate.replies(), changed)


def gate_stop(**parts: Any) -> dict[str, Any]:
    """Return a stop at market that closes all of a position, as the venue lists it."""
    initial = {"contract": "BTC_USDT", "size": 0, "price": "0", "tif": "ioc", "text": "web", "iceberg": 0}
    initial |= {"is_close": True, "is_reduce_only": True, "auto_size": ""}
    return {
        "id": 9,
        "initial": {**initial, **parts.pop("initial", {})},
        "trigger": {"strategy_type": 0, "price_type": 0, "price": "62000", "rule": 1, "expiration": 86400},
        "trade_id": 0,
        "status": "open",
        "create_time": 1_767_312_000,
        "order_type": "",
        **parts,
    }


def at_kucoin(stop: Mapping[str, Any], *positions: Mapping[str, Any]) -> Snapshot:
    waiting = {
        "id": "f9",
        "symbol": "XBTUSDTM",
        "type": "market",
        "side": "buy",
        "price": None,
        "size": 1,
        "stop": "up",
        "stopPriceType": "TP",
        "stopPrice": "62000",
        "closeOrder": True,
        "reduceOnly": False,
        "isActive": True,
        "cancelExist": False,
        "status": "open",
        "filledSize": 0,
        "filledValue": "0",
        "createdAt": 1_767_312_000_000,
        **stop,
    }
    changed = {
        f"{KUCOIN}/account-overview": kucoin.ok({"currency": "USDT", "accountEquity": 520, "availableBalance": 400}),
        f"{KUCOIN}/orders": kucoin.page([]),
        f"{KUCOIN}/stopOrders": kucoin.page([waiting]),
        f"{KUCOIN}/positions": kucoin.ok(list(positions)),
    }
    return swaps("kucoin", kucoin.replies(), changed)


SL = {"tpslMode": "Full", "stopOrderType": "StopLoss", "reduceOnly": True, "closeOnTrigger": True}


@pytest.mark.parametrize(
    ("snapshot", "side", "quantity"),
    [
        (lambda: at_bybit({**SL, "qty": "0"}, bybit.position("4")), "sell", 4),
        # The quantity of a moment ago: the venue adjusts it to the position.
        (lambda: at_bybit({**SL, "qty": "3"}, bybit.position("4")), "sell", 4),
        (lambda: at_bybit({**SL, "stopOrderType": "TrailingStop", "qty": "0"}, bybit.position("4")), "sell", 4),
        # Not a stop of the position's, but a conditional order that closes all of it.
        (
            lambda: at_bybit({**SL, "stopOrderType": "Stop", "qty": "0", "leavesQty": "0"}, bybit.position("4")),
            "sell",
            4,
        ),
        (lambda: at_okx({"reduceOnly": "true"}, okx.position("4")), "sell", 4),
        (lambda: at_gate({}, gate.position(-7)), "buy", 7),
        (lambda: at_gate({}, gate.position(7)), "sell", 7),
        (lambda: at_gate({"order_type": "close-short-position"}, gate.position(-7)), "buy", 7),
        (lambda: at_kucoin({}, kucoin.position(quantity=-7)), "buy", 7),
        (lambda: at_kucoin({"size": None}, kucoin.position(quantity=-7)), "buy", 7),
    ],
)
def test_a_stop_for_the_whole_position_covers_all_of_it(snapshot: Read, side: str, quantity: int) -> None:
    stop = the_stop(snapshot())
    assert (stop.side, stop.quantity, stop.remaining, stop.reduce_only) == (side, d(quantity), d(quantity), True)
    assert stop.trigger_price is not None


@pytest.mark.parametrize(
    ("snapshot", "side", "of", "quantity"),
    [
        (
            lambda: at_bybit(
                {**SL, "qty": "0", "side": "Buy", "positionIdx": 2},
                bybit.position("4", positionIdx=1),
                bybit.position("3", positionIdx=2, side="Sell"),
            ),
            "buy",
            "short",
            3,
        ),
        (
            lambda: at_okx(
                {"posSide": "short", "side": "buy", "reduceOnly": ""},
                okx.position("4", posSide="long"),
                okx.position("3", posSide="short"),
            ),
            "buy",
            "short",
            3,
        ),
        (
            lambda: at_gate(
                {"initial": {"auto_size": "close_short", "is_close": False}},
                {**gate.position(5), "mode": "dual_long"},
                {**gate.position(-7), "mode": "dual_short"},
            ),
            "buy",
            "short",
            7,
        ),
    ],
)
def test_where_both_sides_are_held_it_covers_its_own(snapshot: Read, side: str, of: str, quantity: int) -> None:
    stop = the_stop(snapshot())
    assert (stop.side, stop.position_side, stop.quantity, stop.reduce_only) == (side, of, d(quantity), True)


@pytest.mark.parametrize(
    "snapshot", [lambda: at_bybit({**SL, "qty": "4"}), lambda: at_okx({"reduceOnly": "true"}), lambda: at_gate({})]
)
def test_without_a_position_it_covers_nothing(snapshot: Read) -> None:
    assert the_stop(snapshot()).quantity == 0


def test_a_stop_for_a_part_keeps_its_quantity() -> None:
    part = {**SL, "tpslMode": "Partial", "stopOrderType": "PartialStopLoss", "qty": "3", "leavesQty": "3"}
    assert the_stop(at_bybit(part, bybit.position("4"))).quantity == d(3)
    # An order that opens, with stops for all of what it will open.
    attached = {"orderStatus": "New", "orderType": "Limit", "price": "100", "stopOrderType": "", "triggerPrice": ""}
    resting = the_stop(at_bybit({**attached, "tpslMode": "Full", "stopLoss": "90", "qty": "3", "leavesQty": "3"}))
    assert (resting.quantity, resting.reduce_only) == (d(3), False)
    assert the_stop(at_gate({"initial": {"size": 3, "is_close": False}}, gate.position(-7))).quantity == d(3)
    assert the_stop(at_kucoin({"closeOrder": False, "size": 3}, kucoin.position(quantity=-7))).quantity == d(3)


# --- when a position was opened ---

OPENED = 1_767_200_000


@pytest.mark.parametrize("opened", [OPENED, 0, None])
@pytest.mark.parametrize(
    "read",
    [
        lambda at: at_bybit({}, bybit.position("4", openTime=at and at * 1000)),
        lambda at: at_okx({}, okx.position("4", cTime=str(at * 1000) if at else "")),
        lambda at: at_gate({}, {**gate.position(7), "open_time": at}),
        lambda at: at_kucoin({}, {**kucoin.position(), "openingTimestamp": at and at * 1000}),
    ],
)
def test_a_position_was_opened_when_this_one_was_not_the_first_ever_nor_at_its_last_change(
    read: Callable[[int | None], Snapshot], opened: int | None
) -> None:
    (held,) = read(opened).positions
    assert held.opened_at == (datetime.fromtimestamp(OPENED, UTC) if opened else None)
