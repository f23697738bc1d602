"""A plan is applied only to the account that it was made for."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from decimal import Decimal

import pytest

from exitplan.executor.apply.apply import apply_plan, check_plan
from exitplan.executor.apply.staleness import ensure_applicable
from exitplan.executor.signing.approval import SignatureRule
from exitplan.executor.signing.sshsig import PublicKey
from exitplan.ruleset.errors import (
    AccountIsHalted,
    PlanIsAltered,
    PlanIsExpired,
    PlanIsStale,
    PlanIsUnsigned,
    PlanIsUnusable,
    PlanIsUsed,
    RefusedByGuard,
)
from exitplan.ruleset.planning.plan import plan_sha256, read_plan
from tests.builders import order, position, record, snapshot
from tests.executor.conftest import Stage
from tests.executor.scene import LEGACY, Scene, kinds, legacy, stage, statuses, zombie


def refused(scene: Scene, plan: dict[str, object], match: str) -> None:
    """Assert that a plan is stale, also for a dry run, and that nothing was sent."""
    for act in (check_plan, apply_plan):
        with pytest.raises(PlanIsUnusable, match=match) as refusal:
            act(scene.open(), read_plan(plan))
        assert refusal.value.exit_code == 6
    assert scene.trouble.sent == []


def test_a_plan_expires_at_its_last_moment(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    plan = scene.plan()
    scene.clock.advance(15 * 60)
    refused(scene, plan, "expired")


def test_a_plan_holds_until_just_before_it_expires(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    plan = scene.plan()
    scene.clock.advance(15 * 60 - 0.001)
    assert scene.apply(plan).exit_code == 0


def test_a_plan_may_be_a_minute_ahead_of_a_clock_that_differs(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    plan = scene.plan()
    scene.clock.advance(-60)
    assert scene.apply(plan).exit_code == 0


def test_a_plan_that_is_further_ahead_is_yet_to_be_made(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    plan = scene.plan()
    scene.clock.advance(-60.001)
    refused(scene, plan, "yet to come")


def test_a_plan_for_another_account_is_refused(on_stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = stage(tmp_path_factory.mktemp("other"), legacy(), account_id="user123")
    refused(on_stage(legacy()), other.plan(), "for account user123")


def test_a_plan_by_another_policy_is_refused(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    plan = scene.plan()
    scene.policy["parameters"] = {"max_positions": 7}
    refused(scene, plan, "the policy is not the one")


def test_a_part_of_a_groups_plan_goes_with_that_group_alone(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    alone = scene.plan()
    part = {**alone, "group": {"name": "desk", "sha256": "1" * 64}}
    part["sha256"] = plan_sha256(part)
    ensure_applicable(scene.open(), read_plan(part), of_group="1" * 64)
    ensure_applicable(scene.open(), read_plan(alone), of_group="1" * 64)
    for other in (None, "2" * 64):
        with pytest.raises(PlanIsStale, match="part of one of the group desk, and does not stand alone"):
            ensure_applicable(scene.open(), read_plan(part), of_group=other)


def test_a_plan_that_another_health_model_scored_is_stale(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scored = {**scene.plan(), "health": {"model": "calm", "sha256": "0123456789abcdef" * 4}}
    scored["sha256"] = plan_sha256(scored)
    with pytest.raises(PlanIsStale, match=r"\(calm, 0123456789ab; now none\)"):
        ensure_applicable(scene.open(), read_plan(scored))


def test_a_plan_that_was_refused_stays_refused_although_its_guard_would_let_it_pass_now(on_stage: Stage) -> None:
    scene = on_stage(legacy(), guards={"max_order_value": 2550})
    scene.move_price("AAA/USD", "103")
    plan = scene.plan()
    scene.move_price("AAA/USD", "100")
    with pytest.raises(RefusedByGuard, match="the plan is refused by max_order_value"):
        scene.apply(plan)
    assert scene.trouble.orders == []


@pytest.mark.parametrize("quantity", ["101", "99", "100.001"])
def test_a_quantity_may_move_by_one_percent(on_stage: Stage, quantity: str) -> None:
    scene = on_stage(legacy())
    plan = scene.plan()
    scene.hold("AAA/USD", quantity)
    assert scene.apply(plan).exit_code == 0
    assert [sent.quantity for sent in scene.trouble.orders] == [min(Decimal(25), Decimal(quantity) / 4)]


@pytest.mark.parametrize("quantity", ["101.001", "98.999", "200", "1"])
def test_a_quantity_that_moved_further_makes_a_plan_stale(on_stage: Stage, quantity: str) -> None:
    scene = on_stage(legacy())
    plan = scene.plan()
    scene.hold("AAA/USD", quantity)
    refused(scene, plan, f"the quantity was 100 and is {quantity}")


@pytest.mark.parametrize("price", ["105", "95", "100.01"])
def test_a_price_may_move_up_to_the_limit(on_stage: Stage, price: str) -> None:
    scene = on_stage(legacy())
    plan = scene.plan()
    scene.move_price("AAA/USD", price)
    assert scene.apply(plan).exit_code == 0


@pytest.mark.parametrize("price", ["105.000001", "94.999999", "1000"])
def test_a_price_that_moved_beyond_the_limit_makes_a_plan_stale(on_stage: Stage, price: str) -> None:
    scene = on_stage(legacy())
    plan = scene.plan()
    scene.move_price("AAA/USD", price)
    refused(scene, plan, f"the price was 100 and is {price}, a move above 5 %")


def test_a_price_that_is_gone_makes_a_plan_stale(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    plan = scene.plan()
    scene.move_price("AAA/USD", None)
    refused(scene, plan, "the price was 100 and is not there")


def test_a_price_that_has_come_back_makes_a_plan_stale(on_stage: Stage) -> None:
    scene = on_stage(zombie())
    scene.verify()
    scene.move_price("AAA/USD", None)
    scene.plan()
    scene.clock.advance(30 * 60)
    plan = scene.plan()
    scene.move_price("AAA/USD", "3")
    refused(scene, plan, "the price was not there and is 3")


def test_a_position_registered_by_the_tracker_since_makes_a_plan_stale(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    plan = scene.plan()
    scene.track(AAA=record())
    refused(scene, plan, "the tracker has registered it since")


def test_a_position_taken_over_by_another_source_makes_a_plan_stale(on_stage: Stage) -> None:
    scene = on_stage(snapshot(LEGACY, tracked={"AAA/USD": record("manual")}))
    plan = scene.plan()
    scene.track(AAA=record("nija_strategy"))
    refused(scene, plan, "no longer wanted: the tracker has another record of it since")


def test_a_plan_says_of_everything_what_moved(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    plan = scene.plan()
    scene.hold("AAA/USD", "50")
    scene.move_price("AAA/USD", "1")
    with pytest.raises(PlanIsStale, match="AAA/USD: stale: the quantity"):
        scene.apply(plan)


def test_of_two_plans_for_one_moment_only_the_first_is_applied(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    first, second = scene.plan(), scene.plan()
    assert scene.apply(first).exit_code == 0
    with pytest.raises(PlanIsStale):
        scene.apply(second)
    assert scene.held() == "75"


def test_a_position_that_is_gone_is_done_already(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    plan = scene.plan()
    scene.hold("AAA/USD", None)
    result = scene.apply(plan)
    assert (result.exit_code, statuses(result), scene.trouble.sent) == (0, ["skipped"], [])
    assert scene.told("action_skipped")[0]["message"] == "the position is gone: done already"


def test_an_order_that_is_gone_is_done_already(on_stage: Stage) -> None:
    scene = on_stage(legacy(orders=[order("old", "CCC/USD", "buy", 1, price=90, minutes=60)]))
    plan = scene.plan()
    document = scene.document()
    document["open_orders"] = []
    scene._write(document)
    result = scene.apply(plan)
    assert (kinds(plan), statuses(result)) == (["cancel_order", "unwind"], ["skipped", "done"])
    assert result.exit_code == 0


def test_what_is_stale_is_left_out_and_the_rest_is_done(on_stage: Stage) -> None:
    scene = on_stage(legacy(position("BBB/USD", 100)))
    plan = scene.plan()
    scene.hold("AAA/USD", "50")
    result = scene.apply(plan)
    assert (result.exit_code, statuses(result)) == (0, ["skipped", "done"])
    assert (scene.held("AAA/USD"), scene.held("BBB/USD")) == ("50", "75")
    assert scene.told("action_skipped")[0]["message"] == "stale: the quantity was 100 and is 50"


def test_a_dry_run_counts_what_is_done_already(on_stage: Stage) -> None:
    scene = on_stage(legacy(position("BBB/USD", 100), position("CCC/USD", 100)))
    plan = scene.plan()
    scene.hold("BBB/USD", None)
    assert (len(plan["actions"]), check_plan(scene.open(), read_plan(plan)).done) == (3, 1)


def test_a_dry_run_of_a_used_plan_says_that_it_is_used(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    plan = scene.plan()
    scene.apply(plan)
    with pytest.raises(PlanIsUsed):
        check_plan(scene.open(), read_plan(plan))


def test_a_dry_run_changes_nothing(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    plan = scene.plan()
    check_plan(scene.open(), read_plan(plan))
    assert (scene.trouble.sent, scene.folder.path.exists(), scene.held()) == ([], False, "100")


def test_a_dry_run_of_a_plan_that_was_begun_judges_what_is_left_of_it(on_stage: Stage) -> None:
    scene = on_stage(legacy(position("BBB/USD", 100)))
    plan = scene.plan()
    scene.apply(plan, stop_after=1)
    found = check_plan(scene.open(), read_plan(plan))
    assert [str(one.standing) for one in found.judgements.values()] == ["wanted"]
    assert len(scene.trouble.orders) == 1


def test_a_dry_run_of_a_plan_that_another_one_has_overtaken_says_so(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    first, second = scene.plan(), scene.plan()
    scene.apply(first)
    with pytest.raises(PlanIsStale, match="how far the exits of AAA/USD have come"):
        check_plan(scene.open(), read_plan(second))


def test_a_dry_run_says_that_the_account_is_halted(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    plan = scene.plan()
    scene.folder.root.mkdir(parents=True, exist_ok=True)
    (scene.folder.root / "HALT").touch()
    with pytest.raises(AccountIsHalted):
        check_plan(scene.open(), read_plan(plan))


def test_another_plan_under_the_id_of_one_that_was_begun_is_refused(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    plan = scene.plan()
    assert scene.apply(plan, stop_after=0).exit_code == 8
    other = deepcopy(plan)
    other["actions"][0]["quantity"] = "24"
    other["sha256"] = plan_sha256(other)
    for act in (check_plan, apply_plan):
        with pytest.raises(PlanIsAltered, match="not the one that was begun under its id"):
            act(scene.open(), read_plan(other))
    assert (scene.trouble.orders, scene.apply(plan).exit_code) == ([], 0)


def test_an_account_whose_plans_have_to_be_signed_takes_none_without(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    plan, account = read_plan(scene.plan()), scene.open()
    rule = SignatureRule((PublicKey(bytes(32)),), 1, scene.root / "account.yaml")
    account = replace(account, signature_rule=rule)
    for act in (check_plan, apply_plan):
        for signatures in (None, ""):
            with pytest.raises(PlanIsUnsigned):
                act(account, plan, signatures=signatures)
    assert scene.trouble.orders == []


def test_a_used_plan_is_called_used_although_it_has_expired_too(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    plan = scene.plan()
    scene.apply(plan)
    scene.clock.advance(3600)
    with pytest.raises(PlanIsUsed):
        scene.apply(plan)


def test_a_stale_plan_that_was_open_is_ended(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    plan = scene.plan()
    assert scene.apply(plan, stop_after=0).exit_code == 8
    scene.clock.advance(3600)
    with pytest.raises(PlanIsExpired):
        scene.apply(plan)
    with pytest.raises(PlanIsUsed):
        scene.apply(plan)
