"""Laws that hold whatever is placed, cancelled and traded: nothing is lost, nothing is spent twice."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Literal

from hypothesis import given
from hypothesis import strategies as st

from exitplan.brokers.paper.changes import RecordingEngine
from exitplan.brokers.paper.engine import MatchingEngine, Prices
from exitplan.brokers.paper.notes import notes_from_document, notes_to_document
from exitplan.brokers.paper.orders import Hold, PaperOrder, sum_exactly
from exitplan.brokers.protocol import ConvertRequest, OrderReference, OrderRequest
from exitplan.ruleset.model.snapshot import OrderSide
from exitplan.ruleset.model.snapshot_reading import snapshot_from_document
from exitplan.ruleset.model.snapshot_writing import snapshot_to_document
from tests.brokers.accounts import NOW, by_client_id, charging, d, snapshot

SYMBOL = "ETH/USD"


@dataclass(frozen=True)
class Step:
    """One thing that happens to the account; parts that a kind has no use for are ignored."""

    kind: Literal["market", "limit", "stop", "stop_limit", "cancel", "convert", "tick"]
    side: OrderSide
    quantity: Decimal
    price: Decimal
    reduce_only: bool
    client_order_id: str | None


STEPS = st.lists(
    st.builds(
        Step,
        kind=st.sampled_from(["market", "limit", "stop", "stop_limit", "cancel", "convert", "tick"]),
        side=st.sampled_from(["buy", "sell"]),
        quantity=st.decimals("0.001", "6", places=3),
        price=st.decimals("60", "140", places=2),
        reduce_only=st.booleans(),
        client_order_id=st.sampled_from([None, None, "a", "b"]),
    ),
    max_size=25,
)


def fresh() -> MatchingEngine:
    return MatchingEngine(snapshot(), None, charging())


def take(venue: MatchingEngine | RecordingEngine, number: int, step: Step) -> None:
    now = NOW + timedelta(seconds=number)
    if step.kind == "tick":
        venue.tick(SYMBOL, Prices(bid=step.price - 1, ask=step.price + 1, last=step.price), now)
    elif step.kind == "cancel":
        venue.cancel(OrderReference(symbol=SYMBOL, order_id=f"paper-{int(step.quantity) + 1}"), now)
    elif step.kind == "convert":
        venue.convert(_conversion(step), now)
    else:
        venue.place(_order(step), now)


def _conversion(step: Step) -> ConvertRequest:
    return ConvertRequest(client_order_id=step.client_order_id, symbol=SYMBOL, quantity=step.quantity)


def _order(step: Step) -> OrderRequest:
    return OrderRequest(
        client_order_id=step.client_order_id,
        symbol=SYMBOL,
        side=step.side,
        type=step.kind,  # type: ignore[arg-type]
        quantity=step.quantity,
        price=step.price if step.kind in {"limit", "stop_limit"} else None,
        trigger_price=step.price if step.kind in {"stop", "stop_limit"} else None,
        reduce_only=step.reduce_only,
    )


def ran(steps: list[Step]) -> MatchingEngine:
    venue = fresh()
    for number, step in enumerate(steps):
        take(venue, number, step)
    return venue


def orders(venue: MatchingEngine) -> list[PaperOrder]:
    return [*venue._open.values(), *venue._closed.values()]


def held(venue: MatchingEngine) -> Decimal:
    return sum_exactly(entry.quantity for entry in venue.snapshot(NOW).positions)


def restarted(venue: MatchingEngine) -> MatchingEngine:
    document = json.loads(json.dumps(snapshot_to_document(venue.snapshot(NOW))))
    notes = json.loads(json.dumps(notes_to_document(venue.notes())))
    return MatchingEngine(snapshot_from_document(document), notes_from_document(notes), charging())


@given(STEPS)
def test_money_changes_by_fills_alone(steps: list[Step]) -> None:
    venue = ran(steps)
    money = venue.snapshot(NOW).cash
    fills = [fill for order in orders(venue) for fill in order.fills]
    assert money.free + money.locked == 1000 + sum_exactly(fill.cash for fill in fills)
    assert all(fill.covered == 0 for fill in fills)


@given(STEPS)
def test_units_change_by_fills_alone(steps: list[Step]) -> None:
    venue = ran(steps)
    bought = sum_exactly(order.filled for order in orders(venue) if order.side == "buy")
    sold = sum_exactly(order.filled for order in orders(venue) if order.side == "sell")
    assert held(venue) == 5 + bought - sold


@given(STEPS)
def test_a_fill_moves_its_price_times_quantity_less_the_fee(steps: list[Step]) -> None:
    for order in orders(ran(steps)):
        for fill in order.fills:
            value = fill.price * fill.quantity
            assert fill.fee in {value * d("0.001"), value * d("0.002")}
            assert fill.cash == (value if order.side == "sell" else -value) - fill.fee


@given(STEPS)
def test_nothing_is_spent_twice(steps: list[Step]) -> None:
    venue = fresh()
    for number, step in enumerate(steps):
        take(venue, number, step)
        account = venue.snapshot(NOW)
        assert account.cash.free >= 0
        assert all(0 <= entry.locked <= entry.quantity for entry in account.positions)


@given(STEPS)
def test_what_is_locked_is_what_open_orders_hold(steps: list[Step]) -> None:
    venue = ran(steps)
    resting = venue._open.values()
    account = venue.snapshot(NOW)
    assert account.cash.locked == sum_exactly(order.hold.cash for order in resting)
    locked = sum_exactly(entry.locked for entry in account.positions)
    assert locked == sum_exactly(order.hold.quantity for order in resting)


@given(STEPS)
def test_an_open_order_holds_what_the_rest_of_it_needs(steps: list[Step]) -> None:
    for order in ran(steps)._open.values():
        price = order.price or order.trigger_price or d("0")
        cost = order.remaining * price * (1 + d("0.002"))
        assert order.hold == (Hold(quantity=order.remaining) if order.side == "sell" else Hold(cost))


@given(STEPS)
def test_no_order_fills_beyond_what_was_asked(steps: list[Step]) -> None:
    for order in orders(ran(steps)):
        assert order.filled <= order.quantity
        assert (order.remaining == 0) == (order.status == "closed")


@given(STEPS)
def test_no_fill_is_worse_than_the_limit(steps: list[Step]) -> None:
    for order in orders(ran(steps)):
        for fill in order.fills:
            if order.price is not None:
                assert fill.price <= order.price if order.side == "buy" else fill.price >= order.price


@given(STEPS)
def test_cancelling_everything_unlocks_everything(steps: list[Step]) -> None:
    venue = ran(steps)
    for order in list(venue._open.values()):
        venue.cancel(OrderReference(symbol=SYMBOL, order_id=order.id), NOW)
    account = venue.snapshot(NOW)
    assert account.cash.locked == 0
    assert all(entry.locked == 0 for entry in account.positions)


@given(STEPS)
def test_the_same_steps_give_the_same_account(steps: list[Step]) -> None:
    first, second = ran(steps), ran(steps)
    assert first.snapshot(NOW) == second.snapshot(NOW)
    assert first.notes() == second.notes()


@given(STEPS, STEPS)
def test_a_restart_from_its_file_changes_nothing(before: list[Step], after: list[Step]) -> None:
    venue = ran(before)
    again = restarted(venue)
    for number, step in enumerate(after):
        take(venue, number, step)
        take(again, number, step)
    for name in ("a", "b"):
        assert again.look_up(by_client_id(name)) == venue.look_up(by_client_id(name))
    assert again.closed_since(NOW) == venue.closed_since(NOW)
    assert again.snapshot(NOW) == venue.snapshot(NOW)
    assert again.notes() == venue.notes()
