"""What a plan's own orders have taken from its positions since it was made."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from exitplan.executor.apply.judging import sold_already
from exitplan.executor.store.journal_values import planned_intents
from exitplan.ruleset.model.snapshot import OrderSide, Side
from exitplan.ruleset.planning.plan_types import Plan
from tests.builders import Amount, order, position, snapshot, typed_plan_of

PERP = "AAA/USD:USD"


def plan_with_cancel(*sides: Side, order_side: OrderSide = "sell", filled: Amount = 10) -> Plan:
    """A stale order, of which some was filled before the plan, and an unwind of each position on its symbol."""
    stale = order("old", PERP, order_side, 40, price=500, filled=filled, minutes=60)
    plan = typed_plan_of(snapshot(*(position(PERP, 100, side=side, entry=100) for side in sides), orders=[stale]))
    assert [action.kind for action in plan.actions] == ["cancel_order"] + ["unwind"] * len(sides)
    return plan


def sold(plan: Plan, *filled: Amount | None) -> dict[str, Decimal]:
    """Ask what was sold where the plan's actions, in their order, have filled so much."""
    intents = planned_intents(plan)
    for name, amount in zip(list(intents), filled, strict=False):
        intents[name] = replace(intents[name], filled=None if amount is None else Decimal(amount))
    return dict(sold_already(plan, intents))


@pytest.mark.parametrize(
    ("side", "order_side", "filled", "gone"),
    [
        ("long", "sell", 15, 5),
        ("long", "sell", 10, 0),  # as much as the plan knew
        ("long", "sell", 9, 0),  # less than it knew is nothing since
        ("long", "buy", 15, -5),
        ("short", "buy", 15, 5),
        ("short", "sell", 15, -5),
    ],
)
def test_an_order_that_was_cancelled_took_what_it_filled_since_the_plan(
    side: Side, order_side: OrderSide, filled: int, gone: int
) -> None:
    plan = plan_with_cancel(side, order_side=order_side)
    assert list(sold(plan, filled).values()) == [gone]


def test_what_it_took_and_what_an_exit_took_add_up() -> None:
    plan = plan_with_cancel("long")
    assert sold(plan, 15, 20) == {PERP: Decimal(25)}


def test_where_nothing_is_known_of_an_order_nothing_was_taken() -> None:
    plan = plan_with_cancel("long")
    assert (sold(plan, None, None), sold_already(plan, {})) == ({}, {})


def test_of_two_positions_on_its_symbol_nobody_knows_from_which_it_took() -> None:
    plan = plan_with_cancel("long", "short")
    assert sold(plan, 15, 20, 1) == {PERP: Decimal(20), f"{PERP}#short": Decimal(1)}


def test_an_order_on_a_symbol_that_is_not_held_took_nothing() -> None:
    assert sold(plan_with_cancel(), 15) == {}


def test_a_stop_takes_nothing_from_what_it_protects() -> None:
    plan = typed_plan_of(snapshot(position()), base="conservative")
    assert [action.kind for action in plan.actions] == ["attach_stop", "adopt"]
    assert sold(plan, 10, 0) == {}
