"""Time and guards are asked again before every group and every order that is sent again."""

from __future__ import annotations

from decimal import Decimal

import pytest

from exitplan.executor.apply.events import Stop
from exitplan.ruleset.errors import PlanIsUsed
from tests.builders import position, record, snapshot
from tests.executor.conftest import Stage
from tests.executor.scene import Scene, over_cap, resting, statuses, zombie
from tests.faults import Fault

MINUTES = 15 * 60


def two(on_stage: Stage, **changes: object) -> Scene:
    account = snapshot(position("AAA/USD", 100), position("BBB/USD", 100))
    return on_stage(account, **changes)


def test_nothing_is_sent_once_the_plan_has_expired(on_stage: Stage) -> None:
    scene = two(on_stage)
    plan = scene.plan()
    scene.trouble.before.append(lambda: scene.clock.advance(MINUTES))
    result = scene.apply(plan)
    assert (result.exit_code, result.stop, statuses(result)) == (6, Stop.EXPIRED, ["done", "skipped"])
    assert [sent.symbol for sent in scene.trouble.orders] == ["AAA/USD"]
    with pytest.raises(PlanIsUsed):
        scene.apply(plan)


def test_what_was_done_before_it_expired_counts(on_stage: Stage) -> None:
    scene = two(on_stage)
    plan = scene.plan()
    scene.trouble.before.append(lambda: scene.clock.advance(MINUTES))
    scene.apply(plan)
    assert set(scene.state().unwinds) == {"AAA/USD"}
    scene.apply()
    assert (scene.held("AAA/USD"), scene.held("BBB/USD")) == ("56.25", "75")


def test_an_order_that_never_arrived_is_not_sent_again_after_the_plan_expired(on_stage: Stage) -> None:
    scene = on_stage(zombie())
    plan = scene.plan()
    scene.break_writes(Fault.RATE_LIMITED)
    scene.trouble.before.append(lambda: scene.clock.advance(MINUTES - 2))
    result = scene.apply(plan)
    assert (result.exit_code, statuses(result), len(scene.trouble.orders)) == (6, ["skipped"], 1)


def test_an_order_that_never_arrived_is_not_sent_again_at_a_price_that_moved_too_far(on_stage: Stage) -> None:
    scene = on_stage(zombie())
    plan = scene.plan()
    scene.break_writes(Fault.LOST_BEFORE)
    scene.trouble.before.append(lambda: scene.move_price("AAA/USD", "90"))
    result = scene.apply(plan)
    assert (statuses(result), len(scene.trouble.orders), scene.held()) == (["skipped"], 1, "100")
    assert "the price was 100 and is 90" in str(result.outcomes[0].reason)


def test_a_price_that_moves_while_orders_are_cancelled_stops_the_exit(on_stage: Stage) -> None:
    scene = on_stage(over_cap(orders=[resting()], locked=40), parameters={"max_positions": 2})
    plan = scene.plan()
    scene.trouble.before.append(lambda: scene.move_price("AAA/USD", "94"))
    assert statuses(scene.apply(plan)) == ["done", "skipped"]
    assert scene.trouble.orders == []


def test_a_guard_that_would_refuse_an_order_now_stops_the_run_and_leaves_the_plan_open(on_stage: Stage) -> None:
    guards = {"max_spread_pct": 0.02}
    scene = on_stage(over_cap(orders=[resting()], locked=40), parameters={"max_positions": 2}, guards=guards)
    for symbol in ("AAA/USD", "BBB/USD", "CCC/USD"):
        scene.list_market(symbol, bid="99.9", ask="100.1")
    plan = scene.plan()
    scene.trouble.before.append(lambda: scene.list_market("AAA/USD", bid="97", ask="103"))
    result = scene.apply(plan)
    assert (result.exit_code, result.stop, scene.trouble.orders) == (5, Stop.GUARD_REFUSES, [])
    scene.list_market("AAA/USD", bid="99.9", ask="100.1")
    assert (scene.apply(plan).exit_code, scene.held()) == (0, "0")


def test_the_value_of_an_order_is_judged_at_the_price_of_now(on_stage: Stage) -> None:
    scene = on_stage(
        snapshot(position("AAA/USD", 100, locked=40), orders=[resting()], tracked={"AAA/USD": record(entry=None)}),
        guards={"max_order_value": 10_200},
    )
    plan = scene.plan()
    scene.trouble.before.append(lambda: scene.move_price("AAA/USD", "104"))
    result = scene.apply(plan)
    assert (result.exit_code, result.stop) == (5, Stop.GUARD_REFUSES)
    assert (scene.trouble.orders, scene.account().positions[0].quantity) == ([], Decimal(100))


@pytest.mark.parametrize(("seconds", "sent"), [(30, ["AAA/USD", "BBB/USD"]), (31, ["AAA/USD"])])
def test_a_price_that_fell_while_another_order_was_under_way_is_read_before_the_next(
    on_stage: Stage, seconds: int, sent: list[str]
) -> None:
    scene = two(on_stage)
    plan = scene.plan()

    def wait() -> None:
        scene.clock.advance(seconds)
        scene.move_price("BBB/USD", "1")

    scene.trouble.before.append(wait)
    scene.apply(plan)
    assert [order.symbol for order in scene.trouble.orders] == sent


def test_what_was_not_cancelled_is_no_reason_to_trust_an_old_price(on_stage: Stage) -> None:
    scene = on_stage(over_cap(orders=[resting()], locked=40), parameters={"max_positions": 2})
    plan = scene.plan()
    scene.break_writes(Fault.REFUSED)

    def wait() -> None:
        scene.clock.advance(60)
        scene.move_price("AAA/USD", "1")

    scene.trouble.before.append(wait)
    scene.apply(plan)
    assert scene.trouble.orders == []
