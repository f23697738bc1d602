"""Orders that a venue checks without placing them."""

from __future__ import annotations

from typing import Any

import pytest

from exitplan.brokers.protocol import OrderRequest, RefusalReason, Refused, Unknown
from exitplan.brokers.rehearsal import NotChecked, Rehearsed
from exitplan.brokers.retrying import RetryingBroker
from exitplan.brokers.venues import KNOWN, dialect_of
from exitplan.ruleset.model.snapshot import Snapshot
from tests.brokers.live.accounts import Opened, priced, sell
from tests.brokers.live.conftest import Opener
from tests.builders import position, snapshot
from tests.venues.faults import fault

SPOT = ("binance", "coinbase", "kraken")
"""Where orders of the spot market are checked, and a copy of the venue is on loopback."""
SWAP = "SOL/USDT:USDT"
ORDER = "/v5/order/create"


@pytest.fixture(params=SPOT)
def asked(request: pytest.FixtureRequest, open_at: Opener, account: Snapshot) -> Opened:
    return open_at(request.param, account).ready()


@pytest.fixture
def bybit(open_at: Opener) -> Opened:
    held = snapshot(position(SWAP, 12, entry=90), markets={SWAP: priced()}, quote="USDT", cash=1000)
    return open_at("bybit", held, broker={"quote": "USDT", "market_types": ["spot", "swap"]}).ready()


def close(quantity: int = 2, kind: str = "market", **more: Any) -> OrderRequest:
    return sell(SWAP, quantity, kind, reduce_only=True, position_side="long", **more)


def rehearsed(opened: Opened, request: OrderRequest) -> Rehearsed:
    (answer,) = RetryingBroker(opened.broker, lambda _: None).rehearse_orders([request])
    return answer


def test_an_order_that_the_venue_would_take_is_asked_for_once_and_changes_nothing(asked: Opened) -> None:
    before = asked.broker.read_account()
    asked.forget_calls()
    assert rehearsed(asked, sell(quantity=2)) is None
    (call,) = asked.calls()
    assert "xp0123456789abcdef" not in call.params.values()
    after = asked.broker.read_account()
    assert (after.positions, after.open_orders, after.cash) == (before.positions, before.open_orders, before.cash)


def test_what_the_venue_would_refuse_is_told(asked: Opened) -> None:
    assert isinstance(rehearsed(asked, sell(quantity=8)), Refused)  # of ten, three are locked


def test_what_is_off_the_steps_is_refused_without_asking(asked: Opened) -> None:
    assert isinstance(rehearsed(asked, sell(quantity=2, kind="limit", price="99.95")), Refused)
    assert asked.calls() == []


def test_of_an_answer_that_was_lost_nothing_is_known(asked: Opened) -> None:
    for sort in ("writes", "look_ups"):
        asked.plan_faults(sort, fault("lost_after"))
    assert isinstance(rehearsed(asked, sell(quantity=2)), Refused | Unknown)


@pytest.mark.parametrize("kind", ["market", "limit", "stop_limit"])
def test_the_order_that_is_checked_is_the_one_that_would_be_sent(asked: Opened, kind: str) -> None:
    prices: dict[str, Any] = {"limit": {"price": 101}, "stop_limit": {"price": 89, "trigger": 90}}
    request = sell(kind=kind, **prices.get(kind, {}))
    assert rehearsed(asked, request) is None
    asked.place(request)
    checked, placed = asked.calls()[0].params, asked.calls()[1].params
    apart = {name for name in checked.keys() | placed.keys() if checked.get(name) != placed.get(name)}
    ids = {"newClientOrderId", "client_order_id", "cl_ord_id"}
    assert apart <= {*ids, "nonce", "deadline", "timestamp", "signature", "validate"}


def test_a_market_in_which_the_venue_checks_nothing_is_not_asked(open_at: Opener, account: Snapshot) -> None:
    opened = open_at("bybit", account).ready()
    assert isinstance(rehearsed(opened, sell(quantity=2)), NotChecked)
    assert opened.calls() == []


def test_contracts_are_checked_at_bybit_and_nothing_is_placed(bybit: Opened) -> None:
    before = bybit.handle.venue.snapshot()
    assert rehearsed(bybit, close(2)) is None
    assert bybit.paths() == ["info", "pre-check"]
    assert bybit.handle.venue.every_order() == []
    assert bybit.handle.venue.snapshot().positions == before.positions


def test_a_close_of_more_than_is_held_is_refused_at_bybit(bybit: Opened) -> None:
    answer = rehearsed(bybit, close(20))
    assert isinstance(answer, Refused)
    assert answer.reason is RefusalReason.REDUCE_ONLY


def test_a_margin_mode_without_checks_is_no_refusal_at_bybit(bybit: Opened) -> None:
    front: Any = bybit.handle.front
    front.margin_mode = "ISOLATED_MARGIN"
    answer = rehearsed(bybit, close(2))
    assert isinstance(answer, NotChecked)
    assert "ISOLATED_MARGIN" in answer.why
    assert bybit.paths() == ["info"]


def test_an_order_that_waits_for_a_trigger_is_not_checked_at_bybit(bybit: Opened) -> None:
    assert isinstance(rehearsed(bybit, close(2, "stop", trigger=80)), NotChecked)
    assert bybit.calls() == []


@pytest.mark.parametrize("venue", SPOT)
def test_what_would_place_an_order_is_not_sent_where_one_is_only_to_be_checked(
    venue: str, open_at: Opener, account: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = open_at(venue, account).ready()
    monkeypatch.setattr(type(dialect_of(venue)), "rehearse", lambda dialect, *order: dialect.create(*order))
    answer = rehearsed(opened, sell(quantity=2))
    assert isinstance(answer, Unknown)
    assert "would do more than check an order" in answer.message
    assert opened.calls() == []


def test_after_a_check_orders_are_sent_as_before(asked: Opened) -> None:
    rehearsed(asked, sell(quantity=2))
    asked.place(sell(quantity=2))
    assert asked.handle.venue.snapshot().positions[0].quantity == 8


def test_where_each_venue_checks_orders() -> None:
    told = {name: dialect_of(name).traits.rehearses for name in KNOWN}
    everywhere = dict.fromkeys(("binance", "okx", "kucoin"), ("spot", "swap", "future"))
    spot = dict.fromkeys(("coinbase", "kraken"), ("spot",))
    assert told == {**everywhere, **spot, "bybit": ("swap", "future"), "gate": (), "alpaca": ()}
