"""Closes: what they cancel, what they sell, what blocks them, and the order of actions."""

from __future__ import annotations

from decimal import Decimal

import pytest

from exitplan.ruleset.model.snapshot import Market
from tests.builders import (
    C,
    actions,
    blocked,
    failed,
    guards,
    judged,
    market,
    only_action,
    order,
    plan_of,
    position,
    record,
    snapshot,
)

NO_ENTRY = record(entry=None)
ZOMBIE = {"AAA/USD": NO_ENTRY}
"""Tracked without an entry price: a zombie whose value is known."""


def test_dust_is_closed() -> None:
    plan = plan_of(snapshot(position(quantity="0.0999")))
    assert actions(plan) == [("close", "AAA/USD", "0.099", "dust")]


@pytest.mark.parametrize(("price", "category"), [("0.1", "STRATEGY_ALIGNED"), ("0.0999999", C)])
def test_a_dollar_exactly_is_no_dust(price: str, category: str) -> None:
    account = snapshot(position(), tracked=["AAA/USD"], markets={"AAA/USD": market(price)}, cash=0)
    assert judged(plan_of(account))[0] == category


def test_a_close_sells_what_rounds_down_to_the_step() -> None:
    plan = plan_of(snapshot(position(quantity="1.23456"), tracked=ZOMBIE, markets={"AAA/USD": market(step="0.01")}))
    assert actions(plan) == [("close", "AAA/USD", "1.23", "zombie")]


def test_a_close_without_a_step_sells_every_digit() -> None:
    listed = market(step=None, min_amount=None, min_notional=None)
    plan = plan_of(snapshot(position(quantity="1.234567891234"), tracked=ZOMBIE, markets={"AAA/USD": listed}))
    assert actions(plan) == [("close", "AAA/USD", "1.234567891234", "zombie")]


def test_a_close_of_a_short_buys_and_cancels_what_buys_and_what_opens_it_again() -> None:
    held = position("X/USD:USD", "-5", side="short")
    resting = [order("o1", "X/USD:USD", "buy", 2), order("o2", "X/USD:USD", "sell", 3)]
    plan = plan_of(snapshot(held, orders=resting, tracked={"X/USD:USD": NO_ENTRY}))
    assert [(action["kind"], action["side"], action["quantity"]) for action in plan["actions"]] == [
        ("cancel_order", "buy", "2"),
        ("cancel_order", "sell", "3"),
        ("close", "buy", "5"),
    ]


def test_a_close_cancels_orders_of_every_kind_on_its_side() -> None:
    resting = [
        order("o1", kind="stop", price=None, trigger=80),
        order("o2", kind="stop_limit", trigger=80),
        order("o3"),
    ]
    plan = plan_of(snapshot(position(locked=3), orders=resting, tracked=ZOMBIE))
    assert actions(plan) == [
        ("cancel_order", "AAA/USD", "1", "zombie"),
        ("cancel_order", "AAA/USD", "1", "zombie"),
        ("cancel_order", "AAA/USD", "1", "zombie"),
        ("close", "AAA/USD", "10", "zombie"),
    ]


def test_orders_of_other_assets_stay_and_so_does_what_cannot_open() -> None:
    resting = [order("o1", "BBB/USD"), order("o2", side="buy", reduce_only=True)]
    plan = plan_of(snapshot(position(), orders=resting, tracked=ZOMBIE))
    assert actions(plan) == [("close", "AAA/USD", "10", "zombie")]


def test_an_order_both_stale_and_in_the_way_is_listed_once_under_the_order_rule() -> None:
    plan = plan_of(snapshot(position(locked=1), orders=[order(minutes=31)], tracked=ZOMBIE))
    assert actions(plan) == [
        ("cancel_order", "AAA/USD", "1", "stale-limit-order"),
        ("close", "AAA/USD", "10", "zombie"),
    ]


def test_of_a_cancel_the_quantity_is_what_remained_and_the_side_the_order_s() -> None:
    account = snapshot(orders=[order(side="buy", quantity="2.5", filled="0.75", minutes=31)])
    action = only_action(plan_of(account))
    assert (action["quantity"], action["side"], action["order_id"]) == ("1.75", "buy", "o1")


def test_what_is_locked_by_nothing_known_stays() -> None:
    plan = plan_of(snapshot(position(locked=4), tracked=ZOMBIE))
    assert actions(plan) == [("close", "AAA/USD", "6", "zombie")]


def test_a_cancel_never_frees_more_than_is_held() -> None:
    plan = plan_of(snapshot(position(locked=1), orders=[order(quantity=50)], tracked=ZOMBIE))
    assert actions(plan)[-1] == ("close", "AAA/USD", "10", "zombie")


def test_a_close_that_stays_locked_cancels_nothing() -> None:
    plan = plan_of(snapshot(position(locked=10), orders=[order(side="buy")], tracked=ZOMBIE))
    assert actions(plan) == []
    assert blocked(plan) == {"AAA/USD": ("locked", True)}


@pytest.mark.parametrize(
    ("listed", "locked", "reason"),
    [
        (None, 10, "no-market"),
        (market(None, active=False, min_amount=100), 10, "market-inactive"),
        (market(None, min_amount=100), 10, "below-minimum"),
        (market(None), 10, "locked"),
        (market(None, min_amount=8), 3, "locked"),
    ],
)
def test_the_first_reason_that_holds_is_named(listed: Market | None, locked: int, reason: str) -> None:
    plan = plan_of(snapshot(position(locked=locked), markets={"AAA/USD": listed}))
    assert actions(plan) == []
    assert blocked(plan) == {"AAA/USD": (reason, True)}
    assert plan["blocked"][0]["rule"] == "zombie"


def test_blocked_dust_is_not_escalated() -> None:
    plan = plan_of(snapshot(position(quantity="0.001"), markets={"AAA/USD": market(active=False)}))
    assert blocked(plan) == {"AAA/USD": ("market-inactive", False)}
    assert plan["blocked"][0]["rule"] == "dust"


def test_escalation_is_about_the_exit_and_not_the_category() -> None:
    # Called a zombie for its quantity, but its exit is that of dust.
    plan = plan_of(snapshot(position(quantity="0.05", locked=1)))
    assert judged(plan) == (C, "zombie.api-mismatch")
    assert blocked(plan) == {"AAA/USD": ("locked", False)}


def test_a_blocked_unwind_is_not_escalated() -> None:
    plan = plan_of(snapshot(position(), markets={"AAA/USD": market(active=False)}))
    assert blocked(plan) == {"AAA/USD": ("market-inactive", False)}


def test_a_zombie_that_failed_once_is_not_tried_again() -> None:
    plan = plan_of(snapshot(position(), tracked=ZOMBIE), failed(AAA=1))
    assert actions(plan) == []
    assert blocked(plan) == {"AAA/USD": ("attempts-exhausted", True)}


def test_other_exits_are_tried_in_every_plan() -> None:
    plan = plan_of(snapshot(position()), failed(AAA=7))
    assert actions(plan) == [("unwind", "AAA/USD", "2.5", "legacy")]


def test_attempts_are_the_policy_s() -> None:
    exits = [{"id": "zombie", "when": {"category": "ZOMBIE_LEGACY"}, "action": "close", "attempts": 3}]
    account = snapshot(position(), tracked=ZOMBIE)
    assert actions(plan_of(account, failed(AAA=2), exits=exits))
    assert not actions(plan_of(account, failed(AAA=3), exits=exits))


@pytest.mark.parametrize(("quantity", "reason"), [("-5", ("owed", True)), ("0", ("below-minimum", False))])
def test_a_balance_below_zero_is_owed_and_nothing_at_all_is_dust(quantity: str, reason: tuple[str, bool]) -> None:
    plan = plan_of(snapshot(position(quantity=quantity)))
    assert judged(plan) == (C, "zombie.api-mismatch")
    assert blocked(plan) == {"AAA/USD": reason}


def test_actions_come_cancels_first_then_zombie_dust_over_cap_unwind() -> None:
    held = [
        position("A/USD", 100), position("B/USD", 11), position("C/USD", "0.1"), position("D/USD"), position("E/USD"),
        position("F/USD", "0.1"),
    ]  # fmt: skip
    resting = [order("o2", "Z/USD", minutes=31), order("o1", "Z/USD", minutes=31), order("o9", "F/USD")]
    plan = plan_of(snapshot(*held, orders=resting, tracked={"D/USD": NO_ENTRY, "E/USD": NO_ENTRY}), max_positions=1)
    assert [(found["kind"], found["symbol"], found["order_id"]) for found in plan["actions"]] == [
        ("cancel_order", "F/USD", "o9"),
        ("cancel_order", "Z/USD", "o1"),
        ("cancel_order", "Z/USD", "o2"),
        ("close", "D/USD", None),
        ("close", "E/USD", None),
        ("close", "C/USD", None),
        ("close", "F/USD", None),
        ("close", "B/USD", None),
        ("unwind", "A/USD", None),
    ]


def test_only_one_exit_runs_for_each_position() -> None:
    plan = plan_of(snapshot(position(quantity="0.001"), tracked={"AAA/USD": record(entry=None)}))
    assert actions(plan) == []
    assert list(blocked(plan)) == ["AAA/USD"]


@pytest.mark.parametrize(("limit", "ok"), [(2, True), (1, False), (0, False)])
def test_max_actions_counts_cancels_too(limit: int, ok: bool) -> None:
    account = snapshot(position(), orders=[order(minutes=31)], tracked=ZOMBIE)
    plan = plan_of(account, guards={"max_actions": limit})
    assert guards(plan)["max_actions"] is ok
    assert len(plan["actions"]) == 2


@pytest.mark.parametrize(("limit", "ok"), [("0.25", True), ("0.249999", False)])
def test_max_run_is_the_share_of_equity_and_its_limit_is_allowed(limit: str, ok: bool) -> None:
    plan = plan_of(snapshot(position(), cash=0), guards={"max_run_pct": Decimal(limit)})
    assert guards(plan)["max_run_pct"] is ok


def test_cancels_are_not_sold_and_do_not_count_for_max_run() -> None:
    account = snapshot(orders=[order(quantity=1000, price=1000, minutes=31)], cash=1)
    assert guards(plan_of(account))["max_run_pct"] is True


def test_an_exit_that_an_invariant_rules_out_is_blocked_and_wants_a_person() -> None:
    plan = plan_of(snapshot(position()), never=[{"when": {"tracked": False}, "do": "unwind"}])
    (found,) = plan["blocked"]
    assert (plan["actions"], found["reason"], found["escalate"]) == ([], "invariant", True)
    assert found["because"].startswith("legacy would unwind it, and the policy says: never unwind where ")
