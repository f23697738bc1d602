"""Dust too small to sell: when it is converted, and what keeps it from being."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from exitplan.ruleset.model.snapshot import Conversion, Position, Snapshot
from exitplan.ruleset.model.snapshot_writing import snapshot_to_document
from exitplan.ruleset.planning.plan import Document
from tests.builders import (
    Given,
    actions,
    blocked,
    failed,
    guards,
    market,
    only_action,
    order,
    plan_of,
    position,
    price_missing,
    record,
    snapshot,
)

CRUMB = position(quantity="0.0005")
"""Half of the smallest quantity that the market takes, worth 0.05."""
ON = {"convert": True}


def offered(*held: Position, cost: str = "0.02", least: str | None = None, most: str | None = None) -> Snapshot:
    """Make an account whose venue converts what it holds."""
    account = snapshot(*(held or [CRUMB]))
    limits = [None if limit is None else Decimal(limit) for limit in (least, most)]
    terms = {found.symbol: Conversion(Decimal(cost), *limits) for found in account.positions}
    return replace(account, conversions=terms)


def converting(account: Snapshot, **given: Given) -> Document:
    return plan_of(account, given.pop("progress", None), dust={**ON, **given.pop("dust", {})}, **given)


def because(plan: Document) -> str:
    (found,) = plan["blocked"]
    return str(found["because"]).partition("; ")[2]


def state(plan: Document, when: str) -> str:
    return str(plan[when]["state"])


def test_dust_too_small_to_sell_is_converted() -> None:
    plan = converting(offered())
    assert actions(plan) == [("convert_dust", "AAA/USD", "0.0005", "dust")]
    assert plan["blocked"] == []


def test_a_conversion_names_its_terms_and_what_must_still_be_so() -> None:
    action = only_action(converting(offered()))
    assert action["expects"] == {
        "position_quantity": "0.0005",
        "mark_price": "100",
        "conversion_cost_pct": "0.02",
    }
    assert (action["phase"], action["side"], action["est_value"]) == (3, "sell", "0.05")
    assert action["because"].endswith("; too small to sell; the venue converts it for ~ 0.001 USD (2 %)")


def test_without_the_policy_s_leave_nothing_is_converted() -> None:
    plan = plan_of(offered())
    assert plan["actions"] == []
    assert "converted" not in plan["blocked"][0]["because"]


def test_dust_that_can_be_sold_is_sold() -> None:
    assert actions(converting(offered(position(quantity="0.05")))) == [("close", "AAA/USD", "0.05", "dust")]


def test_what_is_free_is_converted_to_the_last_digit() -> None:
    listed = {"AAA/USD": market(step="0.001", min_amount="0.001")}
    account = replace(offered(position(quantity="0.00098765", locked="0.0001")), markets=listed)
    assert only_action(converting(account))["quantity"] == "0.00088765"


@pytest.mark.parametrize(
    ("terms", "why"),
    [
        ({"cost": "0.0501"}, "not converted: it costs ~ 0.0026 USD (5.01 %), and 5 % is allowed"),
        ({"least": "0.00051"}, "not converted: 0.0005 is below the venue's least, 0.00051"),
        ({"most": "0.00049"}, "not converted: 0.0005 is above the venue's most, 0.00049"),
    ],
)
def test_what_the_terms_forbid_stays_blocked_and_says_why(terms: dict[str, Any], why: str) -> None:
    plan = converting(offered(**terms))
    assert blocked(plan) == {"AAA/USD": ("below-minimum", False)}
    assert because(plan) == why


@pytest.mark.parametrize("terms", [{"cost": "0.05"}, {"cost": "-0.01"}, {"least": "0.0005", "most": "0.0005"}])
def test_limits_are_included(terms: dict[str, Any]) -> None:
    assert [found["kind"] for found in converting(offered(**terms))["actions"]] == ["convert_dust"]


def test_the_policy_says_what_a_conversion_may_cost() -> None:
    plan = converting(offered(cost="0.3"), dust={"max_cost_pct": Decimal("0.5")})
    assert actions(plan) == [("convert_dust", "AAA/USD", "0.0005", "dust")]
    assert converting(offered(), dust={"max_cost_pct": 0})["actions"] == []


def test_without_terms_dust_stays_blocked() -> None:
    assert because(converting(snapshot(CRUMB))) == "not converted: the venue offers none"


def test_what_is_locked_is_not_converted() -> None:
    account = offered(position(quantity="0.0005", locked="0.0005"))
    assert because(converting(account)) == "not converted: nothing of it is free"


def test_without_a_price_nobody_can_tell_the_cost() -> None:
    exits = [{"id": "dust", "when": {"category": "ZOMBIE_LEGACY"}, "action": "close"}]
    account = replace(offered(), markets={"AAA/USD": market(None)})
    plan = converting(account, progress=price_missing(30), exits=exits)
    assert because(plan).startswith("not converted: without a price")


@pytest.mark.parametrize("rule", [{"id": "zombie", "action": "close"}, {"id": "dust", "action": "unwind"}])
def test_only_dust_that_is_to_be_closed_is_converted(rule: dict[str, Any]) -> None:
    plan = converting(offered(), exits=[{**rule, "when": {"category": "ZOMBIE_LEGACY"}}])
    assert plan["actions"] == []
    assert "converted" not in plan["blocked"][0]["because"]


@pytest.mark.parametrize(("listed", "reason"), [(None, "no-market"), (market(active=False), "market-inactive")])
def test_what_does_not_trade_is_not_converted(listed: Given, reason: str) -> None:
    exits = [{"id": "dust", "when": {"tracked": False}, "action": "close"}]
    markets = {} if listed is None else {"AAA/USD": listed}
    plan = converting(replace(offered(), markets=markets), exits=exits)
    assert blocked(plan) == {"AAA/USD": (reason, False)}


def test_derivatives_are_not_converted() -> None:
    plan = converting(offered(position("X/USD:USD", "0.0005")))
    assert because(plan) == "not converted: the venue offers none"


def test_protected_dust_is_not_converted() -> None:
    plan = converting(offered(), protect=[{"symbol": "AAA/USD"}])
    assert plan["actions"] == plan["blocked"] == []


def test_a_conversion_that_used_up_its_attempts_is_not_tried_again() -> None:
    exits = [{"id": "dust", "when": "dust", "action": "close", "attempts": 2}]
    plan = converting(offered(), progress=failed(AAA=2), exits=exits)
    assert blocked(plan) == {"AAA/USD": ("attempts-exhausted", False)}
    assert converting(offered(), progress=failed(AAA=1), exits=exits)["actions"]


def test_conversions_come_after_unwinds_and_before_stops() -> None:
    exits = [
        {"id": "stop", "when": {"symbol": "CCC/USD"}, "action": "attach_stop", "stop_pct": Decimal("0.1")},
        {"id": "dust", "when": "dust", "action": "close"},
        {"id": "legacy", "when": {"tracked": False}, "action": "unwind"},
    ]
    account = offered(CRUMB, position("BBB/USD"), position("CCC/USD"))
    assert [found["kind"] for found in converting(account, exits=exits)["actions"]] == [
        "unwind",
        "convert_dust",
        "attach_stop",
    ]


def test_a_converted_position_counts_as_closed() -> None:
    plan = converting(offered(), clean={"tolerate_untradeable_dust": False})
    assert (state(plan, "checks"), state(plan, "forecast")) == ("NEEDS_CLEANUP", "CLEAN")


def test_only_dust_that_is_blocked_is_tolerated_and_what_can_be_converted_is_not() -> None:
    plan = converting(offered())
    assert (state(plan, "checks"), state(plan, "forecast")) == ("NEEDS_CLEANUP", "CLEAN")
    assert plan["forecast"]["checks"]["zombie_positions"]["tolerated_dust"] == []


def test_dust_that_stays_locked_in_part_is_not_closed() -> None:
    account = offered(position(quantity="0.0005", locked="0.0004"))
    account = replace(account, markets={"AAA/USD": market(step="0.0001", min_amount="0.001")})
    plan = converting(account, clean={"tolerate_untradeable_dust": False})
    assert only_action(plan)["quantity"] == "0.0001"
    assert state(plan, "forecast") == "NEEDS_CLEANUP"


def test_the_cap_does_not_count_what_is_converted() -> None:
    held = [CRUMB, position("BBB/USD"), position("CCC/USD")]
    account = replace(offered(*held), tracker={found.symbol: record() for found in held})
    plan = converting(account, max_positions=2, cap={"count_untradeable": True})
    assert [found["kind"] for found in plan["actions"]] == ["convert_dust"]
    for checks in (plan["checks"], plan["forecast"]):
        assert checks["checks"]["position_count"]["current"] == 2
    assert len(plan_of(account, max_positions=2, cap={"count_untradeable": True})["actions"]) == 1


def test_conversions_are_no_sales_to_the_guards() -> None:
    plan = converting(offered(), guards={"max_run_pct": 0, "max_order_value": 0})
    assert set(guards(plan).values()) == {True}
    assert (plan["summary"]["est_value"], plan["summary"]["actions"]) == ("0", {"convert_dust": 1})


def test_but_they_are_actions_to_them() -> None:
    assert guards(converting(offered(), guards={"max_actions": 0}))["max_actions"] is False


def test_resting_orders_are_left_where_dust_is_converted() -> None:
    account = replace(offered(), open_orders=(order(quantity="0.0001"),))
    assert [found["kind"] for found in converting(account)["actions"]] == ["convert_dust"]


def test_an_account_without_conversions_is_written_as_before() -> None:
    assert "conversions" not in snapshot_to_document(snapshot(CRUMB))
    assert snapshot_to_document(offered(most="3"))["conversions"] == {
        "AAA/USD": {"cost_pct": "0.02", "min_quantity": None, "max_quantity": "3"}
    }
