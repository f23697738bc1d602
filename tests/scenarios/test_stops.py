"""Option A of rule 3: a stop instead of an unwind, and adoption by the tracker."""

from __future__ import annotations

from typing import Any

import pytest

from exitplan.ruleset.model.snapshot import Side
from exitplan.ruleset.planning.plan import Document
from tests.builders import Amount, Given, actions, blocked, market, order, over_cap, plan_of, position, record, snapshot


def conserved(*positions: Given, **account: Given) -> Document:
    return plan_of(snapshot(*(positions or (position(),)), **account), base="conservative")


def stop_of(plan: Document) -> dict[str, Any]:
    (stop,) = (found for found in plan["actions"] if found["kind"] == "attach_stop")
    return dict(stop)


def test_a_legacy_position_gets_a_stop_and_is_adopted() -> None:
    plan = conserved()
    assert actions(plan) == [("attach_stop", "AAA/USD", "10", "legacy"), ("adopt", "AAA/USD", "10", "legacy")]
    assert (stop_of(plan)["side"], stop_of(plan)["trigger_price"]) == ("sell", "90")


@pytest.mark.parametrize(("side", "trigger"), [("long", "89.9"), ("short", "110.1")])
def test_the_trigger_is_rounded_away_from_the_mark(side: Side, trigger: str) -> None:
    listed = market("100", price_step="0.1")
    mark = market("99.95" if side == "long" else "100.05", price_step="0.1")
    plan = conserved(position("X/USD:USD", side=side), markets={"X/USD:USD": mark})
    assert stop_of(plan)["trigger_price"] == trigger
    assert listed.price_step == mark.price_step


def test_an_adopted_position_with_its_stop_is_left_alone() -> None:
    resting = [order(kind="stop", quantity=10, price=None, trigger=90, minutes=9999)]
    plan = conserved(position(locked=10), orders=resting, tracked={"AAA/USD": record("adopted")})
    assert plan["actions"] == plan["blocked"] == []
    assert plan["checks"]["state"] == "CLEAN"


def test_an_untracked_position_with_a_stop_is_only_adopted() -> None:
    resting = [order(kind="stop_limit", quantity=10, price=89, trigger=90)]
    assert actions(conserved(position(locked=10), orders=resting)) == [("adopt", "AAA/USD", "10", "legacy")]


def test_a_stop_on_the_other_side_protects_nothing() -> None:
    resting = [order(kind="stop", side="buy", price=None, trigger=110)]
    assert stop_of(conserved(orders=resting))["quantity"] == "10"


def test_a_limit_order_is_no_stop() -> None:
    assert stop_of(conserved(position(locked=4), orders=[order(quantity=4)]))["quantity"] == "6"


def test_a_trigger_price_of_zero_is_none() -> None:
    resting = [order(kind="limit", quantity=4, trigger=0)]
    assert stop_of(conserved(position(locked=4), orders=resting))["quantity"] == "6"


@pytest.mark.parametrize(("locked", "reason"), [(10, "locked"), ("9.999", "locked"), (0, None)])
def test_a_balance_that_stays_locked_gets_no_stop(locked: Amount, reason: str | None) -> None:
    assert blocked(conserved(position(locked=locked))).get("AAA/USD", (None,))[0] == reason


def test_what_a_stop_sells_later_is_not_sold_by_this_plan() -> None:
    plan = plan_of(snapshot(position(), cash=0), base="conservative")
    assert all(found["ok"] for found in plan["guards"])
    assert plan["summary"]["est_value"] == "0"


def test_the_forecast_knows_who_is_adopted() -> None:
    plan = conserved()
    assert plan["checks"]["state"] == "NEEDS_CLEANUP"
    assert plan["forecast"]["state"] == "CLEAN"


def test_the_cap_of_the_conservative_policy_spares_what_a_strategy_manages() -> None:
    account = snapshot(position(), position("BBB/USD", 1), tracked=["BBB/USD"])
    assert over_cap(plan_of(account, base="conservative", max_positions=0)) == ["AAA/USD"]


def test_stops_come_before_adoptions() -> None:
    plan = conserved(position("BBB/USD"), position())
    assert [found[:2] for found in actions(plan)] == [
        ("attach_stop", "AAA/USD"),
        ("attach_stop", "BBB/USD"),
        ("adopt", "AAA/USD"),
        ("adopt", "BBB/USD"),
    ]
