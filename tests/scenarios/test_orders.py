"""Phase 2: stale orders."""

from __future__ import annotations

from typing import Any

import pytest

from exitplan.ruleset.model.snapshot import OpenOrder, OrderSide
from exitplan.ruleset.planning.plan import Document
from tests.builders import Given, Node, actions, ago, market, number, only_action, order, plan_of, position, snapshot


def cancelled(*orders: OpenOrder, **given: Given) -> list[str]:
    return [found["order_id"] for found in plan_of(snapshot(orders=orders), **given)["actions"]]


def asked(resting: OpenOrder, condition: dict[str, Any], **account: Given) -> bool:
    """Tell whether an order rule with this condition takes the order."""
    rules = [{"id": "rule", "when": condition, "action": "cancel"}]
    return bool(plan_of(snapshot(orders=[resting], **account), orders=rules)["actions"])


@pytest.mark.parametrize(("minutes", "stale"), [(29, False), (30, False), (30 + 1 / 60, True), (31, True), (-5, False)])
def test_a_limit_order_older_than_thirty_minutes_is_stale(minutes: float, stale: bool) -> None:
    assert bool(cancelled(order(minutes=minutes))) is stale


def test_an_order_of_unknown_age_is_not_stale() -> None:
    assert cancelled(order(minutes=None)) == []


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_the_side_makes_no_difference(side: OrderSide) -> None:
    assert cancelled(order(side=side, minutes=31)) == ["o1"]


@pytest.mark.parametrize(
    ("kind", "price", "trigger", "type_"),
    [
        ("limit", 100, None, "limit"),
        ("limit", 100, "0", "limit"),
        ("limit", 100, 90, "stop_limit"),
        ("market", None, 90, "stop"),
        ("limit", None, 90, "stop"),
        ("stop", None, 90, "stop"),
        ("stop_limit", 100, 90, "stop_limit"),
        ("market", None, None, "market"),
    ],
)
def test_anything_with_a_trigger_price_is_a_stop(kind: str, price: int, trigger: Node, type_: str) -> None:
    resting = order(kind=kind, price=price, trigger=trigger, minutes=31)
    assert asked(resting, {"type": type_})
    rules = {"limit": ["stale-limit-order"], "stop": ["orphan-stop"], "stop_limit": ["orphan-stop"]}
    assert [action["rule"] for action in plan_of(snapshot(orders=[resting]))["actions"]] == rules.get(type_, [])


def test_the_value_of_an_order_is_what_remains_times_its_price() -> None:
    resting = order(quantity=5, filled=2, price="33.3333333")
    assert asked(resting, {"value_usd": {"gte": number("99.999999"), "lt": 100}})
    assert asked(order(price=None), {"value_usd": {"exists": False}})


def test_the_value_of_an_order_in_another_currency_needs_its_rate() -> None:
    resting = order(symbol="AAA/EUR", quantity=1, price=100)
    assert asked(resting, {"value_usd": 108}, rates={"EUR": "1.08"})
    assert asked(resting, {"value_usd": {"exists": False}})


@pytest.mark.parametrize(
    ("client", "ours"),
    [
        ("xp0123456789abcdef", True),
        ("xp0123456789abcdeF", False),
        ("xp0123456789abcde", False),
        ("bot-1", False),
        (None, False),
    ],
)
def test_our_own_orders_are_known_by_their_id(client: str | None, ours: bool) -> None:
    assert asked(order(client=client), {"ours": ours})


def test_reduce_only_is_a_fact() -> None:
    assert asked(order(reduce_only=True), {"reduce_only": True})
    assert asked(order(), {"reduce_only": False})


def test_an_order_for_a_symbol_that_is_not_listed_is_cancelled_all_the_same() -> None:
    account = snapshot(orders=[order(symbol="GONE/USD", minutes=31)], markets={"GONE/USD": None})
    assert actions(plan_of(account)) == [("cancel_order", "GONE/USD", "1", "stale-limit-order")]


def test_the_first_order_rule_decides() -> None:
    rules = [{"id": name, "when": {"type": "limit"}, "action": "cancel"} for name in ("first", "second")]
    assert only_action(plan_of(snapshot(orders=[order()]), orders=rules))["rule"] == "first"


def protecting(resting: OpenOrder) -> Document:
    return plan_of(snapshot(position(), orders=[resting]), protect=[{"symbol": "AAA/USD"}])


def test_stale_orders_on_a_protected_symbol_are_left_and_reported() -> None:
    plan = protecting(order(minutes=31))
    assert plan["actions"] == []
    assert [(found["order_id"], found["reason"]) for found in plan["left_orders"]] == [("o1", "protected")]
    assert plan["checks"]["checks"]["stale_orders"]["pass"] is True


def test_fresh_orders_on_a_protected_symbol_are_not_reported() -> None:
    assert protecting(order())["left_orders"] == []


@pytest.mark.parametrize(("until", "protects"), [(ago(-0.01), True), (ago(0), False), (ago(1), False)])
def test_protection_ends_at_the_moment_it_names(until: Node, protects: bool) -> None:
    entry = {"symbol": "AAA-USD", "until": until.isoformat()}
    plan = plan_of(snapshot(position()), protect=[entry])
    assert plan["positions"][0]["facts"]["protected"] is protects
    assert bool(plan["actions"]) is not protects


def test_a_symbol_protected_twice_is_protected_while_one_entry_holds() -> None:
    entries = [{"symbol": "AAA/USD"}, {"symbol": "AAA/USD", "until": ago(1).isoformat()}]
    assert plan_of(snapshot(position()), protect=entries)["actions"] == []


def test_a_protected_symbol_is_protected_on_both_sides() -> None:
    held = [position("X/USD:USD"), position("X/USD:USD", side="short")]
    assert plan_of(snapshot(*held), protect=[{"symbol": "X/USD:USD"}])["actions"] == []


def test_a_protected_zombie_is_shown_with_its_category_and_not_blocked() -> None:
    account = snapshot(position(), markets={"AAA/USD": market(active=False, price_status="missing")})
    plan = plan_of(account, protect=[{"symbol": "AAA/USD", "reason": "mine"}])
    assert plan["positions"][0]["category"] == "ZOMBIE_LEGACY"
    assert plan["actions"] == plan["blocked"] == []
    assert plan["checks"]["state"] == plan["forecast"]["state"] == "CLEAN"
