"""Guards that look at single orders, at plan and again at apply; and exits with a collar."""

from __future__ import annotations

from decimal import Decimal

import pytest

from exitplan.ruleset.errors import RefusedByGuard
from tests.executor.conftest import Stage
from tests.executor.scene import Scene, legacy, statuses
from tests.faults import Fault


def verdicts(scene: Scene) -> dict[str, tuple[bool, str | None]]:
    return {guard["name"]: (guard["ok"], guard.get("detail")) for guard in scene.plan()["guards"]}


def test_guards_that_a_policy_does_not_set_are_not_asked(on_stage: Stage) -> None:
    always = ["max_actions", "max_run_pct", "max_zombie_pct", "max_equity_change_pct"]
    assert list(verdicts(on_stage(legacy()))) == always


def test_an_order_worth_exactly_the_limit_passes(on_stage: Stage) -> None:
    assert verdicts(on_stage(legacy(), guards={"max_order_value": 2500}))["max_order_value"] == (True, None)


def test_a_larger_order_is_refused_and_named(on_stage: Stage) -> None:
    found = verdicts(on_stage(legacy(), guards={"max_order_value": 2499}))
    assert found["max_order_value"] == (False, "AAA/USD")


def test_an_order_that_grew_too_valuable_since_the_plan_is_refused_at_apply(on_stage: Stage) -> None:
    scene = on_stage(legacy(), guards={"max_order_value": 2550})
    plan = scene.plan()
    scene.move_price("AAA/USD", "103")
    with pytest.raises(RefusedByGuard, match=r"max_order_value: AAA/USD, 2575, the limit is 2550"):
        scene.apply(plan)
    assert scene.trouble.orders == []


def test_an_order_is_judged_by_what_is_left_to_sell_of_it(on_stage: Stage) -> None:
    scene = on_stage(legacy(), guards={"max_order_value": 2500})
    plan = scene.plan()
    scene.hold("AAA/USD", "99.2")
    scene.move_price("AAA/USD", "100.5")  # 25 are worth more than the limit, the 24.8 that are left are not
    assert (scene.apply(plan).exit_code, [sent.quantity for sent in scene.trouble.orders]) == (0, [Decimal("24.8")])


def test_an_order_whose_spread_is_gone_at_apply_is_refused(on_stage: Stage) -> None:
    scene = on_stage(legacy(), guards={"max_spread_pct": 0.02})
    scene.list_market("AAA/USD", bid="100", ask="100")
    plan = scene.plan()
    scene.list_market("AAA/USD", bid=None, ask=None)
    with pytest.raises(RefusedByGuard, match=r"AAA/USD has no bid and ask, unknown, the limit is 0\.02"):
        scene.apply(plan)
    assert scene.trouble.orders == []


def test_a_single_order_is_judged_again_also_where_the_plan_was_begun(on_stage: Stage) -> None:
    scene = on_stage(legacy(), guards={"max_order_value": 2550})
    plan = scene.plan()
    scene.apply(plan, stop_after=0)
    scene.move_price("AAA/USD", "103")
    with pytest.raises(RefusedByGuard, match="max_order_value"):
        scene.apply(plan)
    assert scene.trouble.orders == []


def test_a_wide_spread_is_refused(on_stage: Stage) -> None:
    scene = on_stage(legacy(), guards={"max_spread_pct": 0.02})
    scene.list_market("AAA/USD", bid="98", ask="102")
    assert verdicts(scene)["max_spread_pct"] == (False, "AAA/USD")


def test_a_spread_of_exactly_the_limit_passes(on_stage: Stage) -> None:
    scene = on_stage(legacy(), guards={"max_spread_pct": 0.02})
    scene.list_market("AAA/USD", bid="99", ask="101")
    assert verdicts(scene)["max_spread_pct"] == (True, None)


def test_a_market_without_bid_and_ask_has_no_spread_to_judge_and_is_refused(on_stage: Stage) -> None:
    scene = on_stage(legacy(), guards={"max_spread_pct": 0.02})
    scene.list_market("AAA/USD", bid=None, ask=None)
    assert verdicts(scene)["max_spread_pct"] == (False, "AAA/USD has no bid and ask")


@pytest.mark.parametrize(("bid", "ask"), [("100.001", "100"), ("-1", "100")])
def test_quotes_that_are_crossed_or_not_positive_are_no_spread(on_stage: Stage, bid: str, ask: str) -> None:
    scene = on_stage(legacy(), guards={"max_spread_pct": 1})
    scene.list_market("AAA/USD", bid=bid, ask=ask)
    assert verdicts(scene)["max_spread_pct"] == (False, "AAA/USD has no bid and ask")


def test_a_bid_that_meets_the_ask_is_a_spread_of_nothing(on_stage: Stage) -> None:
    scene = on_stage(legacy(), guards={"max_spread_pct": 0})
    scene.list_market("AAA/USD", bid="100", ask="100")
    assert verdicts(scene)["max_spread_pct"] == (True, None)


def test_a_collared_exit_is_a_limit_order_through_the_mark(on_stage: Stage) -> None:
    scene = on_stage(legacy(), guards={"price_collar_pct": 0.02})
    result = scene.apply()
    (sent,) = scene.trouble.orders
    assert (sent.type, str(sent.price), statuses(result), scene.held()) == ("limit", "98", ["done"], "75")


def test_what_a_collared_exit_does_not_fill_at_once_is_cancelled(on_stage: Stage) -> None:
    scene = on_stage(legacy(), guards={"price_collar_pct": 0.02}, options={"depth": "10"})
    result = scene.apply()
    assert (statuses(result), scene.held(), scene.account().open_orders) == (["done"], "90", ())
    assert scene.state().unwinds["AAA/USD"].cycle == 0  # the slice is finished by the next run


def test_a_collared_exit_in_a_market_that_fell_through_it_sells_nothing_and_rests_nowhere(on_stage: Stage) -> None:
    scene = on_stage(legacy(), guards={"price_collar_pct": 0.02})
    scene.trouble.before.append(lambda: scene.move_price("AAA/USD", "90"))
    result = scene.apply()
    assert (result.exit_code, statuses(result), scene.held()) == (4, ["refused"], "100")
    assert scene.account().open_orders == ()


def test_a_collar_that_rounds_to_zero_is_a_limit_of_one_step_and_no_order_at_the_market(on_stage: Stage) -> None:
    scene = on_stage(legacy(), guards={"price_collar_pct": 0.02})
    scene.list_market("AAA/USD", last="0.01", price_step="0.01")
    result = scene.apply()
    (sent,) = scene.trouble.orders
    assert (sent.type, str(sent.price), statuses(result)) == ("limit", "0.01", ["done"])


def test_an_outage_of_prices_refuses_the_plan(on_stage: Stage) -> None:
    scene = on_stage(legacy(), guards={"max_deferred_pct": 0})
    scene.move_price("AAA/USD", None, "unavailable")
    assert verdicts(scene)["max_deferred_pct"][0]  # one of one position is no outage yet


def test_a_rate_limited_order_waits_and_is_sent_again(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.break_writes(Fault.RATE_LIMITED)
    result = scene.apply()
    assert (result.exit_code, len(scene.trouble.orders), scene.held()) == (0, 2, "75")
    assert 3.0 in scene.clock.slept
