"""What of an action may be sent now: the least of what was planned, is free, is not owed and is still wanted."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from exitplan.executor.apply.quantities import amount_step, find_position, sendable_quantity
from exitplan.ruleset.model.position_view import PositionView
from exitplan.ruleset.model.valuation import Price
from tests.builders import Amount, Given, market, position, snapshot, typed_plan_of

(UNWIND,) = typed_plan_of(snapshot(position())).actions


def sendable(
    quantity: Amount = 5, most: Amount | None = None, action: Given = None, listed: Given = None, **held: Given
) -> Decimal:
    """Ask what of an action on a position of 10 may be sent, at a price of 100 and whole steps."""
    wanted = replace(UNWIND, quantity=Decimal(quantity), **(action or {}))
    terms = {"step": 1, "min_amount": None, "min_notional": None, **(listed or {})}
    view = PositionView(position(**held), "AAA", market(**terms), Price(Decimal(100), Decimal(1), "ok"))
    return sendable_quantity(wanted, view, None if most is None else Decimal(most))


@pytest.mark.parametrize(
    ("given", "least"),
    [
        ({}, 5),
        ({"quantity": 20}, 10),
        ({"locked": 7}, 3),
        ({"locked": 12}, 0),
        ({"debt": 8}, 2),
        ({"debt": 8, "side": "short"}, 5),  # which is bought back with what is owed
        ({"most": 1}, 1),
        ({"most": 0}, 0),
        ({"quantity": "5.5"}, 5),
    ],
    ids=str,
)
def test_it_is_the_least_of_all_limits_on_the_step(given: dict[str, Given], least: int) -> None:
    assert sendable(**given) == least


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"listed": {"min_amount": 5}}, 5),
        ({"listed": {"min_amount": 6}}, 0),
        ({"listed": {"min_notional": 500}}, 5),
        ({"listed": {"min_notional": 501}}, 0),
        ({"listed": {"min_notional": 10}, "action": {"limit_price": Decimal(2)}}, 5),
        ({"listed": {"min_notional": 10}, "action": {"limit_price": Decimal(1)}}, 0),
        ({"listed": {"min_notional": 10}, "action": {"limit_price": Decimal(9), "trigger_price": Decimal(1)}}, 0),
        ({"listed": {"min_notional": 10}, "action": {"limit_price": Decimal(1), "trigger_price": Decimal(9)}}, 5),
    ],
    ids=str,
)
def test_what_the_venue_would_not_take_at_the_order_s_own_price_is_not_sent(given: dict[str, Given], sent: int) -> None:
    assert sendable(**given) == sent


def test_a_conversion_has_neither_steps_nor_minimums() -> None:
    conversion = {"kind": "convert_dust"}
    assert sendable("5.5", action=conversion, listed={"min_amount": 6}) == Decimal("5.5")
    assert sendable(action=conversion, locked=12) == 0


def test_what_is_gone_has_no_position_and_what_has_no_market_no_step() -> None:
    account = snapshot(position())
    assert (find_position(account, "AAA/USD"), find_position(account, "BBB/USD")) == (account.positions[0], None)
    assert (amount_step(account, "AAA/USD"), amount_step(account, "BBB/USD")) == (Decimal("0.001"), None)
