"""Guards at their limits: what passes exactly there, and what is refused one step past it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from exitplan.ruleset.model.snapshot import Snapshot
from exitplan.ruleset.planning.guards import BalanceChange, Sale, Verdict, judge_change, judge_sales
from tests.builders import (
    Amount,
    Given,
    compiled,
    judged,
    market,
    order,
    plan_of,
    policy_document,
    position,
    price_missing,
    snapshot,
)


def verdict_on(*sales: Sale, **guards: Given) -> Verdict:
    """Ask the one guard that a policy sets about orders."""
    (verdict,) = judge_sales(compiled(policy_document(guards=guards)), sales)
    return verdict


def deferred_guard(held: int, deferred: int, **given: Given) -> dict[str, Any]:
    """Give the guard's verdict on an account of which some positions have no rate, with a limit of a quarter."""
    symbols = [f"{name}{name}/{'EUR' if at < deferred else 'USD'}" for at, name in enumerate("ABCDEFGHIJ"[:held])]
    plan = plan_of(snapshot(*map(position, symbols)), guards={"max_deferred_pct": Decimal("0.25")}, **given)
    (verdict,) = (guard for guard in plan["guards"] if guard["name"] == "max_deferred_pct")
    return dict(verdict)


@pytest.mark.parametrize(
    ("held", "deferred", "ok", "value"),
    [
        (4, 1, True, "0.25"),
        (4, 2, False, "0.5"),
        (8, 2, True, "0.25"),
        (8, 3, False, "0.375"),
        (2, 2, True, "1"),  # two positions are no outage yet
        (3, 1, False, "0.333334"),
        (0, 0, True, "0"),
    ],
)
def test_more_deferred_positions_than_the_policy_allows_refuse_the_plan(
    held: int, deferred: int, ok: bool, value: str
) -> None:
    verdict = deferred_guard(held, deferred)
    assert (verdict["ok"], verdict["value"]) == (ok, value)


def test_protected_positions_are_no_part_of_an_outage() -> None:
    protect = [{"symbol": symbol} for symbol in ("AA/EUR", "BB/EUR")]
    assert deferred_guard(6, 3, protect=protect)["ok"]
    assert not deferred_guard(6, 4, protect=protect)["ok"]


@pytest.mark.parametrize(
    ("bid", "ask", "value", "ok"),
    [
        ("99", "101", "0.02", True),
        ("98.9", "101", "0.021011", False),
        ("100", "100", "0", True),
        ("0.4", "0.404", "0.009951", True),
    ],
)
def test_the_spread_is_a_share_of_the_middle_rounded_up(bid: str, ask: str, value: str, ok: bool) -> None:
    verdict = verdict_on(Sale("AAA/USD", Decimal(1), market(bid=bid, ask=ask)), max_spread_pct=Decimal("0.02"))
    assert verdict.value is not None
    assert (verdict.value.normalize(), verdict.ok) == (Decimal(value).normalize(), ok)
    assert verdict.detail == (None if ok else "AAA/USD")


@pytest.mark.parametrize(
    ("bid", "ask"), [("0", "100"), ("-1", "100"), ("101", "100"), (None, "100"), ("100", None), (None, None)]
)
def test_a_market_without_quotes_that_make_sense_is_refused(bid: str | None, ask: str | None) -> None:
    verdict = verdict_on(Sale("AAA/USD", Decimal(1), market(bid=bid, ask=ask)), max_spread_pct=Decimal(1))
    assert (verdict.ok, verdict.value, verdict.detail) == (False, None, "AAA/USD has no bid and ask")


def test_what_has_no_market_has_no_spread() -> None:
    assert not verdict_on(Sale("AAA/USD", Decimal(1), None), max_spread_pct=Decimal(1)).ok


def test_of_several_orders_the_largest_and_the_widest_are_named() -> None:
    sales = [Sale(f"{name}/USD", Decimal(size), market(bid=100 - size, ask=100)) for name, size in [("A", 5), ("B", 7)]]
    for guard, limit in (("max_order_value", Decimal(6)), ("max_spread_pct", Decimal("0.06"))):
        assert verdict_on(*sales, **{guard: limit}).detail == "B/USD"
        assert verdict_on(*sales, **{guard: 2 * limit}).detail is None


def test_an_order_whose_value_nobody_can_tell_passes_no_limit() -> None:
    verdict = verdict_on(
        Sale("AAA/USD", Decimal(1), None), Sale("BBB/USD", None, None), max_order_value=Decimal(10) ** 9
    )
    assert (verdict.ok, verdict.value) == (False, None)
    assert verdict.detail == "BBB/USD has no value that is known"


@pytest.mark.parametrize(
    ("then", "now", "ok", "detail"),
    [
        ("100", "150", True, None),
        ("100", "50", True, None),
        ("100", "150.01", False, "100 then, 150.01 now"),
        ("0.5", "1", False, "0.5 then, 1 now"),
        ("0", "100", True, None),  # there was nothing to compare with
    ],
)
def test_a_balance_may_move_by_its_limit_either_way(then: str, now: str, ok: bool, detail: str | None) -> None:
    verdict = judge_change(Decimal("0.5"), BalanceChange(Decimal(then), Decimal(now)))
    assert (verdict.ok, verdict.detail) == (ok, detail)


def test_an_account_that_was_emptied_is_always_refused() -> None:
    verdict = judge_change(Decimal(10) ** 9, BalanceChange(Decimal(0), Decimal(0), is_emptied=True))
    assert (verdict.ok, verdict.value) == (False, None)


def guard_of(account: Snapshot, name: str, limit: Amount, **given: Given) -> tuple[bool, Any]:
    """Plan under a limit; gives whether the guard passes, and the value it tells."""
    plan = plan_of(account, guards={name: Decimal(limit)}, **given)
    (verdict,) = (guard for guard in plan["guards"] if guard["name"] == name)
    return verdict["ok"], verdict["value"]


@pytest.mark.parametrize(("limit", "ok"), [("0.25", True), ("0.249999", False)])
def test_a_run_sells_the_share_of_managed_equity_that_it_may(limit: str, ok: bool) -> None:
    assert guard_of(snapshot(position(), cash=0), "max_run_pct", limit) == (ok, "0.25")
    assert guard_of(snapshot(position(), position("BBB/USD", 30), cash=0), "max_run_pct", limit) == (ok, "0.25")


def test_cancels_and_stops_are_no_part_of_what_a_run_sells() -> None:
    stale = [order(symbol="AAA/USD", minutes=600)]
    plan = (snapshot(position(), orders=stale, tracked=["AAA/USD"]), "max_run_pct", 0)
    assert guard_of(*plan) == (True, "0")


@pytest.mark.parametrize(("limit", "ok"), [(2, True), (1, False)])
def test_a_plan_has_as_many_actions_as_it_may(limit: int, ok: bool) -> None:
    assert guard_of(snapshot(position(), position("BBB/USD")), "max_actions", limit) == (ok, 2)


def test_an_empty_account_has_no_zombies() -> None:
    assert guard_of(snapshot(), "max_zombie_pct", 0) == (True, "0")


def test_a_share_beyond_all_digits_is_refused_and_told() -> None:
    verdict = judge_change(Decimal("0.5"), BalanceChange(Decimal("1e-130"), Decimal(1)))
    assert (verdict.ok, verdict.value is not None and verdict.value > 10**129) == (False, True)


@pytest.mark.parametrize(
    ("account", "verdict"),
    [
        (snapshot(cash=0), (True, "0")),
        (snapshot(position(), cash=0, debt=2000), (False, None)),
        (snapshot(position(), cash=0, debt=1000), (False, None)),
        (snapshot(position(), cash=0, debt="999.5"), (False, "500")),
    ],
    ids=["nothing", "less than nothing", "as much as is owed", "next to nothing"],
)
def test_of_an_account_that_is_worth_nothing_nothing_of_value_is_sold(
    account: Snapshot, verdict: tuple[bool, str | None]
) -> None:
    assert guard_of(account, "max_run_pct", 1) == verdict


@pytest.mark.parametrize(
    ("when", "listed", "wants"),
    [
        ({"market_known": False}, None, True),
        ({"market_active": False}, None, True),
        ({"sellable": False}, None, True),
        ({"market_active": False}, market(active=False), False),  # it is known to be a zombie
        ({"sellable": False}, market(active=False), False),
        ({"sellable": False}, market(None, active=False), False),
        ({"price_status": "missing"}, market(None), True),
        ({"price_missing_minutes": {"gte": 30}}, market(None), True),
        ({"price_status": {"ne": "ok"}}, None, True),
        ({"not": {"price_basis": "last"}}, market(None), True),
        ({"not": {"price_basis": "last"}}, market(None, bid=99, ask=101), False),
        ({"tracked": False}, market(None), False),
    ],
    ids=str,
)
def test_a_zombie_counts_where_a_market_or_a_price_might_have_told_otherwise(
    when: dict[str, Given], listed: Given, wants: bool
) -> None:
    account = snapshot(position(), markets={"AAA/USD": listed})
    for category, counted in (("ZOMBIE_LEGACY", wants), ("LEGACY_NON_COMPLIANT", False)):
        rules = [{"id": "gone", "category": category, "when": when}]
        plan = plan_of(account, price_missing(60), classification=rules, guards={"max_zombie_pct": Decimal(1)})
        (verdict,) = (guard for guard in plan["guards"] if guard["name"] == "max_zombie_pct")
        assert (judged(plan)[0], verdict["value"]) == (category, "1" if counted else "0")
