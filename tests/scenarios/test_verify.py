"""Phase 4: the four checks and the state they come to, now and after the plan."""

from __future__ import annotations

from typing import Any

import pytest

from exitplan.ruleset.planning.plan import Document
from tests.builders import market, order, plan_of, position, record, snapshot, unwound

SYMBOLS = ("AAA/USD", "BBB/USD", "CCC/USD")


def state(plan: Document, when: str = "checks") -> str:
    found: str = plan[when]["state"]
    return found


def failing(plan: Document, when: str = "checks") -> list[str]:
    return [name for name, check in plan[when]["checks"].items() if not check["pass"]]


def test_an_empty_account_is_clean() -> None:
    assert state(plan_of(snapshot())) == "CLEAN"


def test_aligned_positions_within_the_cap_are_clean() -> None:
    assert state(plan_of(snapshot(*map(position, SYMBOLS), tracked=SYMBOLS), max_positions=3)) == "CLEAN"


def test_one_above_the_cap_is_not() -> None:
    plan = plan_of(snapshot(*map(position, SYMBOLS), tracked=SYMBOLS), max_positions=2)
    assert state(plan) == "NEEDS_CLEANUP"
    assert "position_count" in failing(plan)
    assert state(plan, "forecast") == "CLEAN"


def test_a_zombie_is_not() -> None:
    plan = plan_of(snapshot(position(), tracked={"AAA/USD": record(entry=None)}))
    assert (state(plan), failing(plan)) == ("NEEDS_CLEANUP", ["zombie_positions"])
    assert state(plan, "forecast") == "CLEAN"


def test_a_zombie_whose_price_is_missing_for_a_moment_stays_one() -> None:
    plan = plan_of(snapshot(position(), tracked=["AAA/USD"], markets={"AAA/USD": market(None)}))
    assert (state(plan), state(plan, "forecast")) == ("NEEDS_CLEANUP", "NEEDS_CLEANUP")


def test_sellable_dust_is_not() -> None:
    plan = plan_of(snapshot(position(quantity="0.05")))
    assert failing(plan) == ["zombie_positions", "registered_positions"]
    assert state(plan, "forecast") == "CLEAN"


def test_untradeable_dust_is_tolerated_and_listed() -> None:
    plan = plan_of(snapshot(position(quantity="0.0005")))
    assert state(plan) == "CLEAN"
    assert plan["checks"]["checks"]["zombie_positions"]["tolerated_dust"] == ["AAA/USD"]


def test_unless_the_policy_does_not() -> None:
    plan = plan_of(snapshot(position(quantity="0.0005")), clean={"tolerate_untradeable_dust": False})
    assert (state(plan), state(plan, "forecast")) == ("NEEDS_CLEANUP", "NEEDS_CLEANUP")


def test_an_unsellable_zombie_other_than_dust_is_not_tolerated() -> None:
    plan = plan_of(snapshot(position(), tracked=["AAA/USD"], markets={"AAA/USD": None}))
    assert state(plan) == state(plan, "forecast") == "NEEDS_CLEANUP"


def test_a_position_that_is_not_registered_is_not_clean() -> None:
    plan = plan_of(snapshot(position()))
    assert (state(plan), failing(plan)) == ("NEEDS_CLEANUP", ["registered_positions"])


def test_a_stale_order_is_not() -> None:
    plan = plan_of(snapshot(orders=[order(minutes=31)]))
    assert (state(plan), failing(plan)) == ("NEEDS_CLEANUP", ["stale_orders"])
    assert state(plan, "forecast") == "CLEAN"


def test_fresh_orders_are_clean() -> None:
    assert state(plan_of(snapshot(orders=[order()]))) == "CLEAN"


def test_an_unwind_under_way_alone_is_a_cleanup_in_progress() -> None:
    plan = plan_of(snapshot(position(quantity="7.5")), unwound(1, "0.75", 10))
    assert state(plan) == "CLEANUP_IN_PROGRESS"


def test_the_forecast_of_a_first_slice_is_a_cleanup_in_progress() -> None:
    assert state(plan_of(snapshot(position())), "forecast") == "CLEANUP_IN_PROGRESS"


def test_the_forecast_of_the_last_slice_is_clean() -> None:
    assert state(plan_of(snapshot(position(quantity=4)), unwound(3, "0.421875", 10)), "forecast") == "CLEAN"


@pytest.mark.parametrize(
    "more",
    [{"orders": [order("old", "ZZZ/USD", minutes=31)]}, {"markets": {"BBB/USD": market(None)}}, {"tracked": []}],
)
def test_any_other_failure_beside_an_unwind_needs_cleanup(more: dict[str, Any]) -> None:
    account = snapshot(position(quantity="7.5"), position("BBB/USD"), **{"tracked": ["BBB/USD"], **more})
    assert state(plan_of(account, unwound(1, "0.75", 10))) == "NEEDS_CLEANUP"


def test_too_many_only_for_unwinds_under_way_is_in_progress() -> None:
    account = snapshot(position(quantity="7.5"), position("BBB/USD"), tracked=["BBB/USD"])
    assert state(plan_of(account, unwound(1, "0.75", 10), max_positions=1)) == "CLEANUP_IN_PROGRESS"
    assert state(plan_of(account, unwound(1, "0.75", 10), max_positions=0)) == "NEEDS_CLEANUP"


def test_what_could_not_be_read_is_unknown_and_never_clean() -> None:
    down = {"AAA/USD": market(100, price_status="unavailable")}
    plan = plan_of(snapshot(position(), tracked=["AAA/USD"], markets=down))
    assert state(plan) == state(plan, "forecast") == "UNKNOWN"
    assert plan["checks"]["deferred"] == ["AAA/USD"]


def test_unknown_goes_before_every_other_failure() -> None:
    down = {"AAA/USD": market(100, price_status="unavailable"), "BBB/USD": None}
    plan = plan_of(snapshot(position(), position("BBB/USD"), orders=[order(minutes=31)], markets=down))
    assert state(plan) == "UNKNOWN"


def test_protected_positions_are_not_held_against_clean() -> None:
    markets = {"AAA/USD": market(100, price_status="unavailable"), "BBB/USD": None}
    account = snapshot(*map(position, SYMBOLS), markets=markets, orders=[order(minutes=31)])
    plan = plan_of(account, protect=[{"symbol": symbol} for symbol in SYMBOLS], max_positions=0)
    assert state(plan) == state(plan, "forecast") == "CLEAN"
    assert plan["checks"]["checks"]["position_count"]["current"] == 0


def test_a_blocked_close_stays_in_the_forecast() -> None:
    plan = plan_of(snapshot(position(locked=10), markets={"AAA/USD": market(None)}))
    assert failing(plan, "forecast") == ["zombie_positions", "registered_positions"]


def test_a_close_of_what_is_free_only_leaves_the_rest_in_the_forecast() -> None:
    plan = plan_of(snapshot(position(locked=4), markets={"AAA/USD": market(None)}))
    assert state(plan, "forecast") == "NEEDS_CLEANUP"


def test_a_tracked_position_of_somebody_else_under_unwind_is_in_progress() -> None:
    account = snapshot(position(quantity="7.5"), tracked={"AAA/USD": record("manual")})
    assert state(plan_of(account, unwound(1, "0.75", 10))) == "CLEANUP_IN_PROGRESS"
