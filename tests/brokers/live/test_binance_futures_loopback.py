"""USD-M futures at Binance on loopback: the real client and our dialect, with stops in a list of their own."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from exitplan.brokers.protocol import Done, Found, NotFound, OrderReference, RefusalReason, Refused, Unknown
from exitplan.ruleset.errors import AccountUnreadable
from exitplan.ruleset.model.snapshot import Snapshot
from tests.brokers.live.accounts import Opened, named, priced, sell
from tests.brokers.live.conftest import Opener
from tests.builders import order, position, snapshot
from tests.venues.faults import fault

SWAP = "SOL/USDT:USDT"
OURS = "xp0123456789abcdef"
IN_FUTURES = {"quote": "USDT", "market_types": ["spot", "swap"]}


def account(*more: Any) -> Snapshot:
    held = (position(SWAP, 12, entry=90), *more, position("AAA/USDT", 5))
    resting = [order("o1", SWAP, "sell", 3, price=150, reduce_only=True, position_side="long" if more else None)]
    markets = {SWAP: priced(), "AAA/USDT": priced()}
    return snapshot(*held, orders=resting, markets=markets, quote="USDT", cash=1000)


@pytest.fixture
def swaps(open_at: Opener) -> Opened:
    return open_at("binance", account(), broker=IN_FUTURES).ready()


@pytest.fixture
def hedged(open_at: Opener) -> Opened:
    return open_at("binance", account(position(SWAP, 4, side="short", entry=110)), broker=IN_FUTURES).ready()


def close(quantity: int = 2, kind: str = "market", **more: Any) -> Any:
    return sell(SWAP, quantity, kind, reduce_only=True, position_side="long", **more)


def by_our_id(opened: Opened) -> Any:
    return opened.broker.look_up_order(OrderReference(symbol=SWAP, client_order_id=OURS))


def reported(answer: Any) -> Any:
    assert isinstance(answer, Done | Found), answer
    return answer.report


def held(opened: Opened) -> dict[tuple[str, str], Decimal]:
    return {(one.symbol, one.side): one.quantity for one in opened.handle.venue.snapshot().positions}


def test_both_wallets_and_both_sides_are_read(hedged: Opened) -> None:
    read = hedged.broker.read_account()
    told: Any = {(one.symbol, one.side): (one.quantity, one.entry_price) for one in read.positions}
    assert told == {
        (SWAP, "long"): (12, 90),
        (SWAP, "short"): (4, 110),
        ("AAA/USDT", "long"): (5, None),
    }
    assert read.cash.free + read.cash.locked == 1000
    (resting,) = read.open_orders
    assert (resting.symbol, resting.side, resting.position_side) == (SWAP, "sell", "long")


def test_a_close_reduces_the_side_that_it_names_and_tells_its_fills(hedged: Opened) -> None:
    report = reported(hedged.place_one(close()))
    assert (report.status, report.filled, report.average_price) == ("closed", 2, Decimal("99.9"))
    assert held(hedged) == {(SWAP, "long"): 10, (SWAP, "short"): 4, ("AAA/USDT", "long"): 5}


def test_more_than_is_held_is_refused_as_no_reduction(swaps: Opened) -> None:
    outcome = swaps.place_one(close(20))
    assert isinstance(outcome, Refused)
    assert outcome.reason is RefusalReason.REDUCE_ONLY


@pytest.mark.parametrize(("kind", "price"), [("stop", None), ("stop_limit", 79)])
def test_a_stop_waits_in_its_list_and_once_triggered_is_told_with_what_it_filled(
    swaps: Opened, kind: str, price: int | None
) -> None:
    placed = reported(swaps.place_one(close(2, kind, trigger=80, price=price)))
    assert placed.status == "open"
    assert {one.id for one in swaps.broker.read_account().open_orders} > {placed.order_id}
    swaps.handle.venue.tick(SWAP, bid="79.5", ask=80, last="79.8")
    for answer in (by_our_id(swaps), swaps.broker.look_up_order(named(placed.order_id, SWAP))):
        told = reported(answer)
        assert (told.order_id, told.client_order_id, told.status, told.filled) == (placed.order_id, OURS, "closed", 2)
        assert told.average_price == Decimal("79.5")
    assert placed.order_id not in {one.id for one in swaps.broker.read_account().open_orders}


def test_orders_are_cancelled_in_whichever_list_they_are(swaps: Opened) -> None:
    placed = reported(swaps.place_one(close(2, "stop", trigger=80)))
    read = swaps.broker.read_account().open_orders
    assert len(read) == 2
    outcomes = swaps.broker.cancel_orders([named(one.id, SWAP) for one in read])
    assert [type(outcome) for outcome in outcomes] == [Done, Done]
    assert swaps.broker.read_account().open_orders == ()
    assert reported(swaps.broker.look_up_order(named(placed.order_id, SWAP))).status == "cancelled"


def test_a_stop_that_would_fire_at_once_is_refused(swaps: Opened) -> None:
    outcome = swaps.place_one(close(2, "stop", trigger=101))
    assert isinstance(outcome, Refused)
    assert outcome.reason is RefusalReason.TRIGGER_SIDE


@pytest.mark.parametrize("kind", ["market", "stop"])
@pytest.mark.parametrize("trouble", ["lost_after", "error_after", "html", "empty", "cut", "bare"])
def test_an_order_whose_reply_is_lost_is_unknown_and_then_found(swaps: Opened, kind: str, trouble: str) -> None:
    swaps.plan_faults("writes", trouble)
    trigger = 80 if kind == "stop" else None
    assert isinstance(swaps.place_one(close(2, kind, trigger=trigger)), Unknown)
    assert reported(by_our_id(swaps)).status == ("open" if kind == "stop" else "closed")


def test_an_order_that_never_arrived_is_in_neither_list(swaps: Opened) -> None:
    swaps.plan_faults("writes", "lost_before")
    assert isinstance(swaps.place_one(close(2, "stop", trigger=80)), Unknown)
    assert isinstance(by_our_id(swaps), NotFound)


@pytest.mark.parametrize("where", ["openAlgoOrders", "fapi/v1/openOrders", "positionRisk", "fapi/v3/account"])
@pytest.mark.parametrize("trouble", ["html", "bare", "error_before"])
def test_without_any_one_of_its_lists_an_account_is_not_read(swaps: Opened, where: str, trouble: str) -> None:
    swaps.plan_faults("reads", fault(trouble, where=where))
    with pytest.raises(AccountUnreadable):
        swaps.broker.read_account()


def test_a_close_that_is_only_checked_reduces_nothing(swaps: Opened) -> None:
    before = held(swaps)
    answers = swaps.broker.rehearse_orders([close(2), close(20)])
    assert (answers[0], type(answers[1]), held(swaps)) == (None, Refused, before)
