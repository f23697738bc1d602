"""A plan is applied: what is sent, in which order, and what a run comes to."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import orjson
import pytest
from msgspec.structs import replace

from exitplan.executor.store.saved_plan import load_plan
from exitplan.ruleset.errors import ExitplanError, FileIsInvalid, PlanIsAltered, PlanIsUsed, RefusedByGuard
from exitplan.ruleset.model.snapshot import Snapshot
from exitplan.ruleset.planning.plan import plan_sha256
from exitplan.ruleset.planning.planner import PlanScope
from tests.builders import ago, market, order, position, record, snapshot
from tests.executor.conftest import Stage
from tests.executor.scene import Scene, kinds, legacy, over_cap, resting, statuses, zombie
from tests.faults import Fault


def test_what_was_planned_is_what_the_venue_gets(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    plan = scene.plan()
    result = scene.apply(plan)
    (action,), (sent,) = plan["actions"], scene.trouble.orders
    assert (sent.symbol, sent.side, sent.type, sent.quantity) == ("AAA/USD", "sell", "market", Decimal(25))
    assert sent.client_order_id == action["client_order_id"]
    assert (result.exit_code, statuses(result), scene.held()) == (0, ["done"], "75")


def test_a_market_order_carries_no_price(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.apply()
    (sent,) = scene.trouble.orders
    assert (sent.price, sent.trigger_price, sent.reduce_only) == (None, None, False)


def test_a_plan_with_nothing_to_do_verifies_and_ends_with_zero(on_stage: Stage) -> None:
    scene = on_stage(snapshot(position(), tracked=["AAA/USD"]))
    result = scene.apply()
    assert (result.exit_code, result.outcomes, scene.says()) == (0, (), "CLEAN")


def test_cancels_go_before_exits_and_zombies_before_unwinds(on_stage: Stage) -> None:
    stale = order("old", "CCC/USD", "buy", 1, price=90, minutes=60)
    account = snapshot(
        position("AAA/USD", 100), position("ZZZ/USD", 90), orders=[stale], tracked={"ZZZ/USD": record(entry=None)}
    )
    scene = on_stage(account)
    plan = scene.plan()
    scene.apply(plan)
    assert kinds(plan) == ["cancel_order", "close", "unwind"]
    assert [sent.symbol for sent in scene.trouble.orders] == ["ZZZ/USD", "AAA/USD"]


def test_an_account_is_read_before_the_cancels_after_them_and_at_the_end(on_stage: Stage) -> None:
    stale = order("old", "CCC/USD", "buy", 1, price=90, minutes=60)
    scene = on_stage(legacy(position("BBB/USD", 1), orders=[stale]))
    plan = scene.plan()
    scene.trouble.calls.clear()
    scene.apply(plan)
    assert scene.trouble.calls == ["read", "cancel", "read", "place", "place", "read"]


def test_cancels_alone_need_no_reading_in_between(on_stage: Stage) -> None:
    scene = on_stage(snapshot(orders=[order("old", "CCC/USD", "buy", 1, price=90, minutes=60)]))
    plan = scene.plan()
    scene.trouble.calls.clear()
    scene.apply(plan)
    assert scene.trouble.calls == ["read", "cancel", "read"]


def with_an_order_in_the_way(on_stage: Stage, beside: Literal["before", "after"]) -> Scene:
    """One close behind an order of 40; beside its cancel the account is read, from before it was gone or after."""
    scene = on_stage(over_cap(orders=[resting()], locked=40), parameters={"max_positions": 2})
    scene.trouble.beside = beside
    return scene


def calls_of_applying(scene: Scene) -> list[str]:
    plan = scene.plan()
    scene.trouble.calls.clear()
    assert scene.apply(plan).exit_code == 0
    return scene.trouble.calls


def test_what_was_read_beside_the_cancels_need_not_be_read_again(on_stage: Stage) -> None:
    scene = with_an_order_in_the_way(on_stage, "after")
    assert calls_of_applying(scene) == ["read", "cancel", "read", "place", "read"]
    assert scene.held() == "0"


def test_an_account_that_was_read_before_an_order_was_gone_is_read_again(on_stage: Stage) -> None:
    scene = with_an_order_in_the_way(on_stage, "before")
    assert calls_of_applying(scene) == ["read", "read", "cancel", "read", "place", "read"]
    assert scene.held() == "0"


def test_an_account_that_was_read_while_a_cancelled_order_was_filled_is_read_again(on_stage: Stage) -> None:
    scene = with_an_order_in_the_way(on_stage, "before")
    scene.trouble.before.append(lambda: scene.touch("AAA/USD", "500"))
    plan = scene.plan()
    scene.trouble.calls.clear()
    scene.apply(plan)
    assert [call for call in scene.trouble.calls if call != "look up"] == [
        "read",
        "read",
        "cancel",
        "read",
        "place",
        "read",
    ]
    assert (scene.trouble.orders[0].quantity, scene.held()) == (Decimal(60), "0")


def test_an_order_that_had_filled_more_than_the_plan_knew_is_a_reason_to_read_again(on_stage: Stage) -> None:
    scene = with_an_order_in_the_way(on_stage, "after")

    def fill_a_quarter() -> None:
        document = scene.document()
        document["open_orders"][0]["filled"] = "10"
        entry = next(entry for entry in document["positions"] if entry["symbol"] == "AAA/USD")
        entry |= {"quantity": "90", "locked": "30"}
        scene._write(document)

    scene.trouble.before.append(fill_a_quarter)
    assert calls_of_applying(scene) == ["read", "cancel", "read", "read", "place", "read"]
    assert (scene.trouble.orders[0].quantity, scene.held()) == (Decimal(90), "0")


STALE = order("old", "CCC/USD", "buy", 1, price=90, minutes=60)


@pytest.mark.parametrize(
    ("account", "base", "reads"),
    [
        (legacy(orders=[STALE]), "default", 1),
        (legacy(position("ZZZ/USD", 50), orders=[STALE], tracked={"ZZZ/USD": record(entry=None)}), "default", 1),
        (legacy(orders=[STALE]), "conservative", 0),
    ],
    ids=["unwind", "close and unwind", "stop and adoption"],
)
def test_beside_the_cancels_the_account_is_read_where_only_sales_come_after_them(
    on_stage: Stage, account: Snapshot, base: str, reads: int
) -> None:
    scene = on_stage(account, base)
    scene.trouble.beside = "before"
    calls = calls_of_applying(scene)
    assert calls[: calls.index("cancel")].count("read") == 1 + reads


def test_an_order_that_is_still_told_beside_its_cancel_is_a_reason_to_read_again(on_stage: Stage) -> None:
    scene = on_stage(legacy(orders=[STALE]))
    scene.trouble.beside = "before"
    assert calls_of_applying(scene) == ["read", "read", "cancel", "read", "place", "read"]


@pytest.mark.parametrize("fault", [Fault.OPEN_FIRST, Fault.LOST_AFTER], ids=lambda fault: fault.name)
def test_a_cancel_that_is_not_told_as_done_is_a_reason_to_read_again(on_stage: Stage, fault: Fault) -> None:
    scene = on_stage(legacy(orders=[STALE]))
    scene.trouble.beside = "after"
    scene.break_writes(fault)
    calls = [call for call in calls_of_applying(scene) if call != "look up"]
    assert calls == ["read", "cancel", "read", "read", "place", "read"]


def test_where_one_of_two_cancels_is_refused_what_was_read_beside_them_is_read_again(on_stage: Stage) -> None:
    scene = on_stage(legacy(orders=[STALE, replace(STALE, id="older")]))
    scene.trouble.beside, scene.trouble.at_once = "after", 2
    scene.break_writes(Fault.REFUSED)
    plan = scene.plan()
    scene.trouble.calls.clear()
    scene.apply(plan)
    assert scene.trouble.calls == ["read", "cancel", "cancel", "read", "read", "place", "read"]


def test_of_several_cancels_one_by_one_the_account_is_read_beside_the_last(on_stage: Stage) -> None:
    scene = on_stage(legacy(orders=[STALE, replace(STALE, id="older")]))
    scene.trouble.beside = "after"
    assert calls_of_applying(scene) == ["read", "cancel", "cancel", "read", "place", "read"]


def test_beside_cancels_nothing_is_read_for_what_is_no_sale(on_stage: Stage) -> None:
    scene = on_stage(snapshot(orders=[order("old", "CCC/USD", "buy", 1, price=90, minutes=60)]))
    scene.trouble.beside = "after"
    assert calls_of_applying(scene) == ["read", "cancel", "read"]


def test_the_account_is_read_again_before_any_order(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    plan = scene.plan()
    scene.trouble.calls.clear()
    scene.apply(plan)
    assert scene.trouble.calls[:2] == ["read", "place"]


def test_a_failed_exit_never_stops_the_rest(on_stage: Stage) -> None:
    scene = on_stage(snapshot(position("AAA/USD", 100), position("BBB/USD", 100)))
    scene.break_writes(Fault.REFUSED)
    result = scene.apply()
    assert (result.exit_code, statuses(result)) == (4, ["refused", "done"])
    assert (scene.held("AAA/USD"), scene.held("BBB/USD")) == ("100", "75")


def test_a_refused_cancel_is_a_failed_action(on_stage: Stage) -> None:
    scene = on_stage(legacy(orders=[order("old", "AAA/USD", "sell", 1, minutes=60)]))
    scene.break_writes(Fault.REFUSED)
    result = scene.apply()
    assert (result.exit_code, statuses(result)) == (4, ["refused", "done"])


def test_a_plan_is_used_once(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    plan = scene.plan()
    scene.apply(plan)
    with pytest.raises(PlanIsUsed, match="applied before") as refusal:
        scene.apply(plan)
    assert (refusal.value.exit_code, scene.held()) == (6, "75")


def test_a_plan_whose_run_failed_is_used_too(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    plan = scene.plan()
    scene.break_writes(Fault.REFUSED)
    assert scene.apply(plan).exit_code == 4
    with pytest.raises(PlanIsUsed):
        scene.apply(plan)


def test_a_plan_that_a_guard_refused_is_never_applied(on_stage: Stage) -> None:
    scene = on_stage(legacy(), guards={"max_actions": 0})
    with pytest.raises(RefusedByGuard, match="max_actions") as refusal:
        scene.apply()
    assert (refusal.value.exit_code, scene.trouble.sent) == (5, [])


def test_a_plan_that_was_changed_is_refused(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    plan = scene.plan()
    plan["actions"][0]["quantity"] = "100"
    with pytest.raises(PlanIsAltered) as refusal:
        scene.apply(plan)
    assert (refusal.value.exit_code, scene.held()) == (6, "100")


def test_a_plan_file_comes_back_as_it_was_written(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    plan = scene.plan()
    file = scene.root / "plan.json"
    file.write_bytes(orjson.dumps(plan))
    assert load_plan(file).plan_id == plan["plan_id"]
    assert scene.apply(load_plan(file).document).exit_code == 0


def test_a_plan_file_that_was_edited_is_called_altered(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    file = scene.root / "plan.json"
    file.write_bytes(orjson.dumps(scene.plan()).replace(b'"25"', b'"26"'))
    with pytest.raises(PlanIsAltered):
        load_plan(file)


@pytest.mark.parametrize("content", ["", "[]", "{}", "no json", '{"plan_id": 1}', "\x00", '{"plan_id": "x"', "null"])
def test_a_file_that_is_no_plan_is_invalid(on_stage: Stage, content: str) -> None:
    file = on_stage(legacy()).root / "plan.json"
    file.write_text(content)
    with pytest.raises(ExitplanError) as refusal:
        load_plan(file)
    assert refusal.value.exit_code in {6, 65}


def test_a_plan_of_unknown_shape_is_invalid_even_where_its_hash_is_right(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    plan = scene.plan()
    del plan["expires_at"]
    plan["sha256"] = plan_sha256(plan)
    with pytest.raises(FileIsInvalid):
        scene.apply(plan)


def test_nothing_is_sold_beyond_what_is_held_to_the_last_digit(on_stage: Stage) -> None:
    much = "589552695333683.123456789012345678"
    priced = market("0.000000000001", step=None, min_amount=None, min_notional=None)
    untold = {"AAA/USD": record(entry=None)}
    scene = on_stage(snapshot(position("AAA/USD", much), markets={"AAA/USD": priced}, tracked=untold))
    plan = scene.plan()
    assert plan["actions"][0]["quantity"] == much
    assert statuses(scene.apply(plan))[0] == "done"
    assert scene.held() == "0"


def test_a_close_first_cancels_the_orders_in_its_way(on_stage: Stage) -> None:
    scene = on_stage(over_cap(orders=[resting()], locked=40), parameters={"max_positions": 2})
    plan = scene.plan()
    assert kinds(plan) == ["cancel_order", "close"]
    assert scene.apply(plan).exit_code == 0
    assert (scene.held(), scene.account().open_orders) == ("0", ())


def test_an_unwind_leaves_resting_orders_alone(on_stage: Stage) -> None:
    scene = on_stage(snapshot(position("AAA/USD", 100, locked=40), orders=[resting("40")]))
    scene.apply()
    assert (scene.held(), len(scene.account().open_orders)) == ("75", 1)


def test_a_derivative_is_closed_by_reduce_only_orders(on_stage: Stage) -> None:
    perpetual = position("AAA/USD:USD", 100, side="short", entry=100)
    scene = on_stage(snapshot(perpetual))
    scene.apply()
    (sent,) = scene.trouble.orders
    assert (sent.side, sent.reduce_only, sent.position_side) == ("buy", True, "short")
    assert scene.held("AAA/USD:USD", "short") == "75"
    assert list(scene.state().unwinds) == ["AAA/USD:USD#short"]


def test_long_and_short_of_one_symbol_are_two_positions(on_stage: Stage) -> None:
    both = (position("AAA/USD:USD", 100, entry=100), position("AAA/USD:USD", 40, side="short", entry=100))
    scene = on_stage(snapshot(*both))
    result = scene.apply()
    assert statuses(result) == ["done", "done"]
    assert (scene.held("AAA/USD:USD"), scene.held("AAA/USD:USD", "short")) == ("75", "30")


def test_a_partly_filled_close_is_done_and_finished_by_the_next_plan(on_stage: Stage) -> None:
    scene = on_stage(zombie())
    scene.break_writes(Fault.PARTIAL)
    result = scene.apply()
    assert (statuses(result), scene.held()) == (["done"], "50")
    assert "in part" in str(result.outcomes[0].to_document()["message"])
    assert (scene.apply().exit_code, scene.held()) == (0, "0")


def test_events_tell_the_run_from_start_to_end(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.apply()
    told = [event.kind for event in scene.events]
    assert told == ["run_started", "action_started", "action_done", "verified", "run_finished"]
    assert all(event.to_document()["at"].endswith("Z") for event in scene.events)


def test_the_result_says_what_became_of_each_action(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    document = scene.apply().to_document()
    (outcome,) = document["outcomes"]
    assert (outcome["status"], outcome["filled"], outcome["order_id"]) == ("done", "25", "paper-1")
    assert document["verification"]["state"] == "CLEANUP_IN_PROGRESS"


def test_a_plan_narrowed_to_one_symbol_touches_no_other(on_stage: Stage) -> None:
    scene = on_stage(snapshot(position("AAA/USD", 100), position("BBB/USD", 100)))
    scene.apply(scene.plan(PlanScope(targets=("BBB/USD",))))
    assert (scene.held("AAA/USD"), scene.held("BBB/USD")) == ("100", "75")


def test_phase_two_alone_cancels_and_sells_nothing(on_stage: Stage) -> None:
    scene = on_stage(legacy(orders=[order("old", "AAA/USD", "sell", 1, minutes=60)]))
    result = scene.apply(scene.plan(PlanScope(phase=2)))
    assert ([outcome.action.kind for outcome in result.outcomes], scene.held()) == (["cancel_order"], "100")


def test_a_protected_position_is_never_touched(on_stage: Stage) -> None:
    scene = on_stage(legacy(), protect=[{"symbol": "AAA/USD", "reason": "mine"}])
    result = scene.apply()
    assert (result.outcomes, scene.held(), scene.says()) == ((), "100", "CLEAN")


def test_stale_orders_on_a_protected_symbol_stay(on_stage: Stage) -> None:
    protect = [{"symbol": "AAA/USD", "until": "2027-01-01T00:00:00Z"}]
    scene = on_stage(legacy(orders=[order("old", "AAA/USD", "sell", 1, minutes=60)]), protect=protect)
    assert (scene.apply().outcomes, len(scene.account().open_orders)) == ((), 1)


def test_what_opened_long_ago_and_is_dust_is_swept(on_stage: Stage) -> None:
    dust = position("DDD/USD", "0.02", opened_at=ago(10_000))
    scene = on_stage(snapshot(dust, position("AAA/USD", 10), tracked=["AAA/USD"]))
    assert (scene.apply().exit_code, scene.held("DDD/USD"), scene.says()) == (0, "0", "CLEAN")
