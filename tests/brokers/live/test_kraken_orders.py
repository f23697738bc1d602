"""Resting orders at Kraken in the venue's own form: what trails, offsets, volumes in quote; and margin positions."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from exitplan.ruleset.errors import AccountUnreadable
from exitplan.ruleset.model.snapshot import OpenOrder
from tests.brokers.live.accounts import Opened, open_account
from tests.brokers.live.test_half_answers import answer
from tests.venues import kraken as kraken_front
from tests.venues.wire import Sort

d = Decimal


def told(kind: str, price: str, price2: str = "0", **changed: Any) -> dict[str, Any]:
    """Return an order to sell ten AAA as kraken tells it."""
    description = {
        "pair": "AAAUSD",
        "type": "sell",
        "ordertype": kind,
        "price": price,
        "price2": price2,
        "leverage": "none",
        "order": f"sell 10.00000000 AAAUSD @ {kind} {price}",
        "close": "",
    }
    return {
        "refid": None,
        "userref": 0,
        "status": "open",
        "opentm": 1706893367.4656649,
        "starttm": 0,
        "expiretm": 0,
        "descr": description,
        "vol": "10.00000000",
        "vol_exec": "0.00000000",
        "cost": "0.00000000",
        "fee": "0.00000000",
        "price": "0.00000000",
        "stopprice": "0.00000000",
        "limitprice": "0.00000000",
        "misc": "",
        "oflags": "fciq",
        **changed,
    }


def read(kraken: Opened, monkeypatch: pytest.MonkeyPatch, order: dict[str, Any]) -> OpenOrder:
    answer(monkeypatch, kraken_front, Sort.READ, "/OpenOrders", {"open": {"OXVPSU-Q726F-L3SDEP": order}})
    (resting,) = kraken.broker.read_account().open_orders
    return resting


@pytest.mark.parametrize(
    ("order", "word", "price", "trigger"),
    [
        (told("limit", "70.5"), "limit", "70.5", None),
        (told("iceberg", "70.5"), "limit", "70.5", None),
        (told("market", "0"), "market", None, None),
        (told("stop-loss", "65", stopprice="65"), "stop", None, "65"),
        (told("stop-loss", "-5.0000%", stopprice="65"), "stop", None, "65"),
        (told("take-profit", "150"), "stop", None, "150"),
        (told("stop-loss-limit", "65", "64"), "stop_limit", "64", "65"),
        (told("stop-loss-limit", "65", "-0.5", limitprice="64.5"), "stop_limit", "64.5", "65"),
        (told("take-profit-limit", "150", "149"), "stop_limit", "149", "150"),
        # Of what trails both are offsets, and limitprice is the best price so far.
        (told("trailing-stop", "+50.0000%", stopprice="46.8", limitprice="93.6"), "stop", None, "46.8"),
        (told("trailing-stop", "+1.0000%", stopprice="99", limitprice="100"), "stop", None, "99"),
        (told("trailing-stop", "500.0", stopprice="99", limitprice="599"), "stop", None, "99"),
        (told("trailing-stop-limit", "+500.0", "-10.0", stopprice="99", limitprice="599"), "stop_limit", None, "99"),
        (told("trailing-stop-limit", "+1.0000%", "+0.0000"), "stop_limit", None, None),
    ],
)
def test_an_offset_is_no_price_and_what_trails_no_plain_order(
    kraken: Opened,
    monkeypatch: pytest.MonkeyPatch,
    order: dict[str, Any],
    word: str,
    price: str | None,
    trigger: str | None,
) -> None:
    resting = read(kraken, monkeypatch, order)
    assert (resting.type, resting.quantity) == (word, d(10))
    assert resting.price == (None if price is None else d(price))
    assert resting.trigger_price == (None if trigger is None else d(trigger))


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ({"userref": 0}, None),
        ({"userref": None}, None),
        ({"userref": 0, "cl_ord_id": "xp0123456789abcdef"}, "xp0123456789abcdef"),
        ({"userref": 7}, "7"),
    ],
)
def test_a_reference_of_zero_is_no_client_id(
    kraken: Opened, monkeypatch: pytest.MonkeyPatch, names: dict[str, Any], expected: str | None
) -> None:
    assert read(kraken, monkeypatch, told("limit", "70.5", **names)).client_order_id == expected


def test_a_volume_in_quote_is_no_quantity(kraken: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    order = told("market", "0", oflags="fciq,viqc", vol="60.00000000", vol_exec="0.40000000", cost="40")
    resting = read(kraken, monkeypatch, order)
    assert (resting.quantity, resting.filled) == (d("0.4"), d("0.4"))


def test_an_order_of_an_unknown_kind_is_not_dropped_but_named(kraken: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AccountUnreadable, match="of the kind settle-position"):
        read(kraken, monkeypatch, told("settle-position", "0"))


def test_an_account_with_margin_positions_is_not_read_by_half(kraken: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    position = {"ordertxid": "OQCLML-BW3P3-BUCMWZ", "pair": "AAAUSD", "type": "buy", "vol": "10.0", "margin": "200.0"}
    answer(monkeypatch, kraken_front, Sort.READ, "/OpenPositions", {"TKH2SE-M7IF5-CFI7LT": position})
    with pytest.raises(AccountUnreadable, match="1 margin positions"):
        kraken.broker.read_account()


@pytest.mark.parametrize("kind", ["swap", "future"])
def test_markets_that_are_not_read_at_kraken_are_named(kraken: Opened, kind: str) -> None:
    with pytest.raises(AccountUnreadable, match=f"no markets of the type {kind}"):
        open_account(kraken.handle, market_types=["spot", kind]).read_account()
