"""Replies of status 200 and of the right form from which a part is missing: they are no answer."""

from __future__ import annotations

from typing import Any

import pytest

from exitplan.brokers.protocol import Unknown
from exitplan.ruleset.errors import AccountUnreadable
from tests.brokers.live.accounts import Opened, named
from tests.builders import position
from tests.venues import coinbase as coinbase_front
from tests.venues import kraken as kraken_front
from tests.venues.wire import Sort


def answer(patch: pytest.MonkeyPatch, front: Any, sort: Sort, name: str, reply: Any) -> None:
    """Let a venue answer one of its addresses by this alone."""
    (where,) = [path for path in front._ENDPOINTS if path.endswith(name)]
    patch.setitem(front._ENDPOINTS, where, (sort, lambda *_: reply))


def test_open_orders_that_kraken_leaves_out_are_not_none(kraken: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, kraken_front, Sort.READ, "/OpenOrders", {})
    with pytest.raises(AccountUnreadable, match="it holds no open"):
        kraken.broker.read_account()
    assert isinstance(kraken.broker.look_up_order(named(None, client_order_id="xp1")), Unknown)


def test_closed_orders_that_kraken_leaves_out_never_mean_that_an_order_never_arrived(
    kraken: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(monkeypatch, kraken_front, Sort.LOOK_UP, "/ClosedOrders", {"count": 0})
    assert isinstance(kraken.broker.look_up_order(named(None, client_order_id="xp1")), Unknown)


def test_trades_that_kraken_leaves_out_are_no_history(kraken: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, kraken_front, Sort.READ, "/TradesHistory", {})
    with pytest.raises(AccountUnreadable):
        kraken.broker.read_cost_basis([position()])


@pytest.mark.parametrize("missing", ["type", "available_balance", "hold"])
def test_an_asset_at_coinbase_that_is_told_in_part_does_not_vanish(
    coinbase: Opened, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    amount = {"value": "10", "currency": "AAA"}
    entry = {"type": "ACCOUNT_TYPE_CRYPTO", "currency": "AAA", "available_balance": amount, "hold": amount}
    half = {name: told for name, told in entry.items() if name != missing}
    answer(
        monkeypatch,
        coinbase_front,
        Sort.READ,
        "/brokerage/accounts",
        {"accounts": [half], "has_next": False, "size": 1},
    )
    with pytest.raises(AccountUnreadable, match="not told whole"):
        coinbase.broker.read_account()


def test_a_page_of_orders_without_a_way_to_the_next_is_no_list(
    coinbase: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(monkeypatch, coinbase_front, Sort.READ, "/historical/batch", {"orders": [], "has_next": True, "cursor": ""})
    with pytest.raises(AccountUnreadable, match="no way to them"):
        coinbase.broker.read_account()
    assert isinstance(coinbase.broker.look_up_order(named(None, client_order_id="xp1")), Unknown)


def test_an_account_of_an_unknown_kind_at_coinbase_makes_it_unreadable(
    coinbase: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    amount = {"value": "10", "currency": "AAA"}
    entry = {"type": "ACCOUNT_TYPE_MARGIN", "currency": "AAA", "available_balance": amount, "hold": amount}
    answer(monkeypatch, coinbase_front, Sort.READ, "/brokerage/accounts", {"accounts": [entry], "has_next": False})
    with pytest.raises(AccountUnreadable, match="accounts of the kind ACCOUNT_TYPE_MARGIN"):
        coinbase.broker.read_account()
