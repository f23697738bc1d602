"""Dust too small to sell is converted at the venue's terms, once, and counts as closed."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from exitplan.brokers.protocol import ConvertRequest, Done, OrderReport
from exitplan.ruleset.errors import AccountUnreadable, OutcomeUnknown, PlanIsStale
from tests.builders import position, record, snapshot
from tests.executor.conftest import Stage
from tests.executor.scene import Scene, kinds, statuses
from tests.faults import Crash, Fault

CRUMB = position("AAA/USD", "0.0005")
"""Half of the smallest quantity that the market takes."""


def crumbs(on_stage: Stage, tier: str = "A", **options: object) -> Scene:
    account = snapshot(CRUMB, tracked={"AAA/USD": record()})
    return on_stage(account, dust={"convert": True}, options={"taker_fee": "0.02", "client_order_ids": tier, **options})


def requests(scene: Scene) -> list[ConvertRequest]:
    return [sent for sent in scene.trouble.sent if isinstance(sent, ConvertRequest)]


def test_dust_is_converted_and_closed_as_a_sale_closes(on_stage: Stage) -> None:
    scene = crumbs(on_stage)
    plan = scene.plan()
    result = scene.apply(plan)
    assert (kinds(plan), result.exit_code, statuses(result), scene.held()) == (["convert_dust"], 0, ["done"], "0")
    assert scene.state().metrics.total_positions_cleaned == 1
    assert (scene.tracked(), scene.says()) == ({}, "CLEAN")


@pytest.mark.parametrize(("allowed", "most"), [("0.5", "0.07"), ("0.05", "0.05")])
def test_a_conversion_may_cost_more_as_prices_move_and_never_more_than_allowed(
    on_stage: Stage, allowed: str, most: str
) -> None:
    dust = {"convert": True, "max_cost_pct": float(allowed)}
    scene = on_stage(snapshot(CRUMB), dust=dust, options={"taker_fee": "0.02"})
    scene.apply()
    (request,) = requests(scene)
    assert (request.quantity, request.max_cost_pct) == (Decimal("0.0005"), Decimal(most))


def test_a_conversion_that_has_become_too_dear_is_no_longer_wanted(on_stage: Stage) -> None:
    scene = crumbs(on_stage)
    plan = scene.plan()
    scene.policy["account"]["options"]["taker_fee"] = "0.06"
    with pytest.raises(PlanIsStale, match=r"no longer wanted: .* \(6 %\), and 5 % is allowed"):
        scene.apply(plan)
    assert (requests(scene), scene.held()) == ([], "0.0005")


def test_terms_are_asked_for_only_where_dust_is_to_be_converted(on_stage: Stage) -> None:
    scene = crumbs(on_stage)
    scene.apply()
    assert scene.trouble.calls == ["read", "conversions", "read", "conversions", "convert", "read"]


def test_a_venue_that_converts_nothing_is_not_asked(on_stage: Stage) -> None:
    scene = crumbs(on_stage, convert=False)
    assert (kinds(scene.plan()), scene.trouble.calls) == ([], ["read"])


def test_terms_that_cannot_be_read_are_no_plan(on_stage: Stage) -> None:
    scene = crumbs(on_stage)
    scene.trouble.reads.extend([True, False])
    with pytest.raises(AccountUnreadable):
        scene.plan()


@pytest.mark.parametrize("tier", ["A", "C"])
@pytest.mark.parametrize("fault", [Fault.LOST_BEFORE, Fault.LOST_AFTER, Fault.DELAYED], ids=lambda fault: fault.name)
def test_a_lost_answer_is_found_out_by_the_position(on_stage: Stage, fault: Fault, tier: str) -> None:
    scene = crumbs(on_stage, tier)
    scene.break_writes(fault)
    assert (scene.apply().exit_code, scene.held(), scene.state().metrics.total_positions_cleaned) == (0, "0", 1)
    assert "look up" not in scene.trouble.calls


@pytest.mark.parametrize("fault", [Fault.CRASH_BEFORE, Fault.CRASH_AFTER], ids=lambda fault: fault.name)
def test_a_death_around_a_conversion_converts_once(on_stage: Stage, fault: Fault) -> None:
    scene = crumbs(on_stage)
    plan = scene.plan()
    scene.break_writes(fault)
    with pytest.raises(Crash):
        scene.apply(plan)
    assert (scene.apply(plan).exit_code, scene.held(), scene.tracked()) == (0, "0", {})


def test_a_conversion_that_was_taken_and_not_done_yet_is_not_sent_again(
    on_stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = crumbs(on_stage)
    plan = scene.plan()
    report = OrderReport(
        order_id="q1",
        client_order_id=None,
        symbol="AAA/USD",
        side="sell",
        type="convert",
        status="open",
        quantity=CRUMB.quantity,
    )
    monkeypatch.setattr("exitplan.brokers.paper.broker.PaperBroker.convert_dust", lambda *_: Done(report))
    assert scene.apply(plan).exit_code == 9
    with pytest.raises(OutcomeUnknown, match="still under way"):
        scene.apply(plan)
    scene.hold("AAA/USD", None)
    assert (scene.apply(plan).exit_code, len(requests(scene))) == (0, 1)


def test_several_crumbs_are_converted_one_by_one_also_where_orders_go_in_groups(on_stage: Stage) -> None:
    scene = on_stage(
        snapshot(CRUMB, replace(CRUMB, symbol="BBB/USD")), dust={"convert": True}, options={"taker_fee": "0.02"}
    )
    scene.trouble.at_once = 5
    assert (statuses(scene.apply()), scene.trouble.groups, len(requests(scene))) == (["done"] * 2, [], 2)
