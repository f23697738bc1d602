"""What of an action may be sent now: the least of what was planned, is free, is not owed and is still wanted."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from exitplan.executor.apply.quantities import a_little_less, amount_step, at_most, sendable_quantity
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


@pytest.mark.parametrize(("most", "bounded"), [(None, 5), (4, 4), (6, 5)])
def test_a_bound_makes_a_quantity_less_and_never_more(most: int | None, bounded: int) -> None:
    assert at_most(Decimal(5), None if most is None else Decimal(most)) == bounded


@pytest.mark.parametrize(
    ("free", "step", "sent"),
    [
        (100, 1, 99),  # free, says the account, and the venue does not think so
        ("99.5", "0.1", "99.5"),
        (99, 1, 99),
        ("98.9", "0.1", 0),  # more than a hundredth less is another exit
        (100, 3, 99),
        (100, 100, 0),
        (100, 30, 0),  # the next step below is too far away
        (150, None, 99),
    ],
)
def test_what_the_venue_had_too_little_for_becomes_a_hundredth_less_at_most(
    free: Amount, step: Amount | None, sent: Amount
) -> None:
    assert a_little_less(Decimal(100), Decimal(free), None if step is None else Decimal(step)) == Decimal(sent)


def test_what_has_no_market_has_no_step() -> None:
    account = snapshot(position())
    assert (amount_step(account, "AAA/USD"), amount_step(account, "BBB/USD")) == (Decimal("0.001"), None)
