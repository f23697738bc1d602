"""What a group bounds: an exit of the account's own policy goes as far as the group lets it, and never further."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pytest
from msgspec.structs import replace

from exitplan.ruleset.model.snapshot import Snapshot
from exitplan.ruleset.planning.actions import Action
from exitplan.ruleset.planning.group_orders import GroupOrder, GroupOrders
from exitplan.ruleset.planning.planner import draft_plan
from tests.builders import Amount, plan_input, position, record, snapshot

SLICE = snapshot(position())
CLOSE = snapshot(position(), tracked={"AAA/USD": record(entry=None)})


@pytest.mark.parametrize(
    ("account", "most", "sold"),
    [(CLOSE, 4, 4), (CLOSE, 20, 10), (SLICE, 1, 1), (SLICE, 4, "2.5")],
    ids=["a close", "more than is held", "a slice", "more than the slice"],
)
def test_an_exit_sells_what_the_group_lets_it(account: Snapshot, most: int, sold: Amount) -> None:
    (action,) = directed_by(GroupOrder("with its hedge", most=Decimal(most)), account)
    assert action.quantity == Decimal(sold)


@pytest.mark.parametrize(
    "order",
    [GroupOrder("with its hedge"), GroupOrder("with its hedge", rule="group.pair")],
    ids=["its own", "the group's"],
)
def test_what_the_group_says_of_an_exit_stands_in_its_reason_once(order: GroupOrder) -> None:
    (action,) = directed_by(order, CLOSE)
    assert action.because.count("with its hedge") == 1
    assert (action.because == "with its hedge") is (order.rule is not None)


def test_a_bound_without_a_reason_adds_none() -> None:
    (own,), (bound,) = directed_by(None, CLOSE), directed_by(GroupOrder("", most=Decimal(4)), CLOSE)
    assert bound.because == own.because


def directed_by(order: GroupOrder | None, account: Snapshot) -> Sequence[Action]:
    """Plan an account as a group says of its one position."""
    orders = {} if order is None else {"AAA/USD": order}
    return draft_plan(replace(plan_input(account), group=GroupOrders("desk", "", orders))).actions
