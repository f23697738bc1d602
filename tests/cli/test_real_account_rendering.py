"""How a plan shows money, debts, waiting unwinds, parts of an exit, and what helps where nothing can be done."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import yaml
from msgspec.structs import replace

from exitplan.cli.rendering.checks import checks_table, next_step
from exitplan.cli.rendering.plan import plan_parts, summary_line
from exitplan.executor.apply.staleness import ensure_not_refused
from exitplan.ruleset.errors import RefusedByGuard
from exitplan.ruleset.model.snapshot import Cash, Snapshot
from exitplan.ruleset.planning.plan_types import CheckReport, Plan
from tests.builders import NOW, ago, market, order, position, record, snapshot, typed_plan_of, unwound
from tests.cli.test_rendering import demo, drawn

WIDTHS = pytest.mark.parametrize("width", [80, 120])


def flat(plan: Plan, width: int = 100) -> str:
    """Draw a plan without its line breaks and columns."""
    return " ".join(drawn(*plan_parts(plan), width=width).split())


def with_money(account: Snapshot, **held: str) -> Snapshot:
    cash = {currency: Cash(Decimal(amount), Decimal(0)) for currency, amount in held.items()}
    return replace(account, other_cash=cash, rates={"EUR": Decimal("1.08")})


# --- the head ---


@WIDTHS
def test_other_money_has_a_line_each_with_its_rate_or_without(width: int) -> None:
    text = drawn(*plan_parts(typed_plan_of(with_money(snapshot(), EUR="420", CHF="12"))), width=width)
    assert "Cash     420.00 EUR at 1.08 = 453.60 USD" in text
    assert "Cash     12.00 CHF, no rate into USD: it counts as nothing" in text


def test_managed_equity_is_shown_only_where_it_differs() -> None:
    account = snapshot(position("AAA/USD"), tracked=["AAA/USD"], cash=100)
    assert "Managed" not in flat(typed_plan_of(account))
    text = flat(typed_plan_of(account, protect=[{"symbol": "AAA/USD"}]))
    assert "Managed 100.00 USD, without what is protected or does not trade" in text


def test_a_debt_is_in_the_head_and_fails_a_check() -> None:
    owed = replace(position("AAA/USD", "5"), debt=Decimal(2))
    plan = typed_plan_of(snapshot(owed, tracked=["AAA/USD"], cash=10_000))
    text = flat(plan)
    assert "Debt 2 AAA" in text
    assert "subtracted from equity" in text
    assert "no debts no" in text
    assert next_step(plan.checks) == ("Next: repay what is owed, or buy it back.",)


# --- what waits, and what is not judged ---


def test_a_waiting_unwind_says_when_it_is_due_and_so_does_the_summary() -> None:
    waiting = unwound(1, "0.75", 10, "AAA/USD", last=ago(1))
    plan = typed_plan_of(snapshot(position("AAA/USD", "7.5")), waiting)
    text = flat(plan)
    assert "Waiting nothing to do before then ~ AAA/USD legacy next cycle due at" in text
    assert "Blocked" not in text
    due = next(blocked.until for blocked in plan.blocked)
    assert due is not None
    assert due > NOW
    assert str(summary_line(plan)) == f"Nothing to do before {due:%Y-%m-%d %H:%M} UTC."


def test_the_cap_waits_only_for_prices_that_could_not_be_asked_for() -> None:
    unasked = snapshot(position("AAA/USD"), markets={"AAA/USD": market(price_status="unavailable")})
    assert "the cap waits" in flat(typed_plan_of(unasked))
    contradicting = snapshot(position("AAA/USD"), markets={"AAA/USD": market(25, bid="0.0001", ask=26)})
    text = flat(typed_plan_of(contradicting))
    assert "the cap waits" not in text
    assert "protect: [{symbol: AAA/USD, reason: ...}]" in text


# --- parts and conversions ---


@WIDTHS
def test_the_orders_of_one_exit_are_one_line(width: int) -> None:
    listed = {"SOL/USD": replace(market(10), market_max_amount=Decimal(100))}
    account = snapshot(position("SOL/USD", "450"), markets=listed, tracked={"SOL/USD": record(entry=None)}, cash=9_000)
    plan = typed_plan_of(account)
    assert [action.id for action in plan.actions] == [f"a1.{part}" for part in range(1, 6)]
    lines = [line for line in drawn(*plan_parts(plan), width=width).splitlines() if "close" in line]
    assert lines[0].split()[:8] == ["-", "SOL/USD", "close", "450", "in", "5", "orders", "~"]
    assert "one may be" not in flat(plan)
    assert str(summary_line(plan)) == "Plan: 1 to close, ~ 4,500.00 USD to be sold."


def test_money_that_is_converted_has_a_section_of_its_own() -> None:
    account = with_money(snapshot(), EUR="420")
    account = replace(account, markets={**account.markets, "EUR/USD": market("1.08", step="0.01")})
    text = flat(typed_plan_of(account, cash={"convert": True}))
    assert "Cash to convert ~ 453.60 USD, into USD ~ EUR/USD sell 420 EUR ~ 453.60" in text
    assert "Plan: 1 of cash to convert." in text


# --- what helps ---


def test_what_is_blocked_for_good_names_the_line_to_write() -> None:
    plan = typed_plan_of(snapshot(position("1INCH/USD"), markets={"1INCH/USD": None}, cash=1))
    lines = drawn(*plan_parts(plan)).splitlines()
    (line,) = [line.strip() for line in lines if "protect:" in line]
    assert yaml.safe_load(line) == {"protect": [{"symbol": "1INCH/USD", "reason": "..."}]}


def test_tolerated_dust_needs_no_help() -> None:
    text = flat(typed_plan_of(snapshot(position("AAA/USD", "0.0001"), cash=10_000)))
    assert "tolerated" in text
    assert "protect:" not in text


def test_a_locked_balance_names_the_orders_that_hold_it() -> None:
    held = position("AAA/USD", "10", locked="10")
    stop = order("keep-1", "AAA/USD", "sell", "10", kind="stop", trigger="50", minutes=60)
    text = flat(typed_plan_of(snapshot(held, orders=[stop])))
    assert "the balance is held by order keep-1" in text
    assert "protect:" not in text


def test_a_staked_balance_is_held_by_the_venue() -> None:
    text = flat(typed_plan_of(snapshot(position("AAA/USD", "10", locked="10"))))
    assert "the balance is held by the venue (staked, lent or in earn)" in text
    assert "protect: [{symbol: AAA/USD, reason: ...}]" in text


def refusal(plan: Plan) -> RefusedByGuard:
    with pytest.raises(RefusedByGuard) as caught:
        ensure_not_refused(plan)
    return caught.value


def test_the_zombie_guard_names_protection_and_no_option_that_cannot_help() -> None:
    names = ("AAA/USD", "BBB/USD", "CCC/USD")
    plan = typed_plan_of(snapshot(*map(position, names), markets=dict.fromkeys(names)))
    refused = refusal(plan)
    assert "max_zombie_pct: 100 % is above 50 %" in str(refused)
    assert refused.hint is not None
    assert "protect: [{symbol: AAA/USD, reason: delisted}" in refused.hint
    assert "--exclude" not in refused.hint


def test_a_guard_that_narrowing_helps_against_says_so() -> None:
    plan = typed_plan_of(snapshot(position("AAA/USD", "0.05"), cash=10_000), guards={"max_actions": 0})
    assert "--exclude" in (refusal(plan).hint or "")


def test_a_share_just_above_its_limit_is_not_rounded_down_to_it() -> None:
    account = snapshot(position("AAA/USD", "50.001"), tracked={"AAA/USD": record(entry=None)}, cash=5_000)
    assert "max_run_pct: 50 % is above 50 %" not in str(refusal(typed_plan_of(account)))


# --- the checks ---


def report(**more: Any) -> CheckReport:
    return replace(typed_plan_of(snapshot()).checks, **more)


@pytest.mark.parametrize(
    ("more", "row"),
    [
        ({"implausible": ("AAA/USD",)}, "prices agree no AAA/USD"),
        ({"debts": ("EUR",)}, "no debts no EUR"),
        ({"unjudged_orders": ("o1",)}, "orders are judged no o1"),
        ({"balance_surprise": "9000 then, 0 now"}, "balance as left no 9000 then, 0 now"),
        ({"reopening_orders": ("o2",)}, "nothing reopens no o2"),
        ({"proceeds": ("BTC",)}, "paid in money no BTC"),
    ],
)
@WIDTHS
def test_further_checks_have_a_row_only_where_they_fail(more: dict[str, Any], row: str, width: int) -> None:
    assert row in " ".join(drawn(checks_table(report(**more)), width=width).split())
    assert row.partition(" no ")[0] not in drawn(checks_table(report()))


# --- nothing is cut ---


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_symbol_sign_or_number_is_ever_cut(width: int) -> None:
    plan = typed_plan_of(demo())
    words = set(drawn(*plan_parts(plan), width=width).split())
    wanted = {position.symbol for position in plan.positions}
    wanted |= {f"{action.quantity.normalize():,f}" for action in plan.actions if action.kind != "cancel_order"}
    assert wanted <= {word.strip(",[]{};") for word in words}
