"""A plan's actions on the account as it is now: whether they may go, what is done, and what its orders have taken."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from exitplan.executor.apply.judging import Judged, judge_plan, sold_already
from exitplan.executor.store.journal_values import Status, planned_intents
from exitplan.ruleset.errors import PlanIsStale, RefusedByGuard
from exitplan.ruleset.model.facts import Observation
from exitplan.ruleset.model.progress import Balance, Progress
from exitplan.ruleset.model.snapshot import OrderSide, Side, Snapshot
from exitplan.ruleset.planning.plan_types import Plan
from tests.builders import (
    NOW,
    Amount,
    market,
    order,
    policy_document,
    position,
    record,
    rulebook,
    snapshot,
    typed_plan_of,
)
from tests.executor.scene import WIDE

PERP = "AAA/USD:USD"


def judged(account: Snapshot, now: Snapshot, balance: Balance | None = None, **guards: float) -> Judged:
    """Judge the plan of an account on what the account has become."""
    limits = {**WIDE, **guards}
    plan = typed_plan_of(account, guards=limits)
    book, progress = rulebook(policy_document(guards=limits)), Progress(last_balance=balance)
    return judge_plan(plan, book, Observation.of(now, book.policy, progress, NOW), progress, {})


def priced(*prices: Amount) -> Snapshot:
    """Legacy positions of 100, each at its price."""
    symbols = [f"{letter * 3}/USD" for letter, _ in zip("ABC", prices, strict=False)]
    listed = {symbol: market(price) for symbol, price in zip(symbols, prices, strict=True)}
    return snapshot(*(position(symbol, 100) for symbol in symbols), markets=listed)


def test_what_the_plan_was_made_for_is_allowed() -> None:
    found = judged(priced(100), priced(100))
    found.ensure_allowed(is_begun=False)
    found.ensure_something_is_left()
    assert (found.done, found.refused_orders) == (0, [])


@pytest.mark.parametrize("is_begun", [False, True])
def test_a_balance_that_is_a_surprise_is_not_allowed(is_begun: bool) -> None:
    before = Balance(NOW, {"USD": Decimal(10_000)}, Decimal(10_000))
    found = judged(priced(100), priced(100), before)
    with pytest.raises(RefusedByGuard, match="is not what the last run left: 10000 then, 20000 now"):
        found.ensure_allowed(is_begun=is_begun)


def test_a_guard_on_the_whole_plan_counts_unless_the_plan_was_begun() -> None:
    found = judged(priced(100), priced(104), max_run_pct=0.126)  # 12.5 % of the account then, 12.7 % now
    found.ensure_allowed(is_begun=True)
    with pytest.raises(RefusedByGuard, match=r"max_run_pct: .*, 0\.127.*, the limit is 0\.126"):
        found.ensure_allowed(is_begun=False)


@pytest.mark.parametrize("is_begun", [False, True])
def test_a_guard_on_single_orders_counts_also_where_the_plan_was_begun(is_begun: bool) -> None:
    found = judged(priced(100, 10), priced(103, 10), max_order_value=2550)
    assert [(one.name, one.detail) for one in found.refused_orders] == [("max_order_value", "AAA/USD")]
    with pytest.raises(RefusedByGuard, match="max_order_value: AAA/USD, 2575, the limit is 2550"):
        found.ensure_allowed(is_begun=is_begun)


def test_a_guard_whose_value_is_not_known_says_so() -> None:
    quoted = snapshot(position(quantity=100), markets={"AAA/USD": market(100, bid=100, ask=100)})
    found = judged(quoted, priced(100), max_spread_pct=0.02)
    with pytest.raises(
        RefusedByGuard, match=r"max_spread_pct: AAA/USD has no bid and ask, unknown, the limit is 0\.02"
    ):
        found.ensure_allowed(is_begun=True)


def test_what_is_done_is_counted_and_what_is_stale_keeps_nothing_else_from_going() -> None:
    found = judged(priced(100, 100, 100), snapshot(position("BBB/USD", 50), position("CCC/USD", 100)))
    assert [str(one.standing) for one in found.judgements.values()] == ["done already", "stale", "wanted"]
    assert found.done == 1
    found.ensure_something_is_left()


def test_where_all_that_is_not_done_is_stale_nothing_is_left() -> None:
    found = judged(priced(100, 100), snapshot(position("BBB/USD", 50)))
    assert found.done == 1
    with pytest.raises(PlanIsStale, match=r"made for:\n  BBB/USD: stale: the quantity was 100 and is 50$"):
        found.ensure_something_is_left()


def test_what_is_no_longer_wanted_is_stale_too() -> None:
    found = judged(priced(100), snapshot(position(quantity=100), tracked=["AAA/USD"]))
    with pytest.raises(PlanIsStale, match="AAA/USD: no longer wanted: the tracker has registered it since"):
        found.ensure_something_is_left()


def test_where_all_is_done_already_nothing_is_stale() -> None:
    judged(priced(100), snapshot()).ensure_something_is_left()


def test_an_order_that_belongs_to_no_position_is_allowed_too() -> None:
    account = snapshot(position(quantity=100), orders=[order("old", "CCC/USD", "buy", 1, price=90, minutes=60)])
    judged(account, account).ensure_allowed(is_begun=False)


@pytest.mark.parametrize(("status", "standing"), [("planned", "wanted"), ("refused", "stale")])
def test_what_an_order_holds_counts_as_free_as_long_as_the_plan_may_cancel_it(status: Status, standing: str) -> None:
    zombie = {"AAA/USD": record(entry=None)}
    locked = position(quantity=100, locked=100)
    account = snapshot(locked, orders=[order(quantity=100, price=500)], tracked=zombie)
    plan = typed_plan_of(account, guards=WIDE)
    cancel, close = plan.actions
    intents = planned_intents(plan)
    intents[cancel.id] = replace(intents[cancel.id], status=status)
    book = rulebook(policy_document(guards=WIDE))
    seen = Observation.of(account, book.policy, Progress(), NOW)
    assert judge_plan(plan, book, seen, Progress(), intents).judgements[close.id].standing == standing


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
