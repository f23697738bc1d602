"""What cannot be read is unknown: nothing is planned or sent on it, and nothing is CLEAN."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exitplan.executor.apply.events import Stop
from exitplan.executor.plan import read_snapshot
from exitplan.executor.store.history import account_status
from exitplan.ruleset.errors import AccountUnreadable, FileIsInvalid
from exitplan.ruleset.planning.checks import AccountState
from tests.builders import market, order, position, record, snapshot
from tests.executor.conftest import Stage
from tests.executor.scene import kinds, legacy, over_cap, resting, statuses, zombie
from tests.faults import Fault

TWO = (position("AAA/USD", 100), position("BBB/USD", 100))


def test_an_account_that_cannot_be_read_has_no_plan(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.trouble.reads.append(False)
    with pytest.raises(AccountUnreadable, match="503") as refusal:
        scene.plan()
    assert refusal.value.exit_code == 1


def test_an_account_that_cannot_be_read_gets_no_order_and_no_journalled_plan(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    plan = scene.plan()
    scene.trouble.reads.append(False)
    with pytest.raises(AccountUnreadable):
        scene.apply(plan)
    assert (scene.trouble.sent, account_status(scene.open()).document["open_plans"]) == ([], [])
    assert scene.apply(plan).exit_code == 0


def test_a_venue_that_answers_for_another_account_is_not_read(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    account = scene.open()
    scene.policy["account"]["id"] = "user123"
    other = scene.open()
    with pytest.raises(AccountUnreadable, match="the venue answers for account"):
        read_snapshot(replace(account, broker=other.broker))


def test_an_account_that_cannot_be_read_after_its_cancels_ends_with_one(on_stage: Stage) -> None:
    scene = on_stage(over_cap(orders=[resting()], locked=40), parameters={"max_positions": 2})
    plan = scene.plan()
    scene.trouble.reads.extend([True, False])
    result = scene.apply(plan)
    assert (result.exit_code, statuses(result), scene.trouble.orders) == (1, ["done", "skipped"], [])


def test_an_account_that_cannot_be_read_between_two_orders_ends_the_run_and_counts_nothing(on_stage: Stage) -> None:
    scene = on_stage(legacy(*(position(symbol, 100) for symbol in ("BBB/USD", "CCC/USD"))))
    scene.apply()
    scene.hold("AAA/USD", "50")  # the target of its next cycle is reached with no order
    scene.clock.advance(60)
    plan = scene.plan()
    scene.trouble.before.append(lambda: scene.clock.advance(31))
    scene.trouble.reads.extend([True, False])
    result = scene.apply(plan)
    assert (result.exit_code, result.stop, statuses(result)) == (1, Stop.ACCOUNT_UNREADABLE, ["done", "skipped"])
    assert (scene.held("CCC/USD"), scene.told("cycle_counted")) == ("75", [])


def test_an_order_that_was_refused_counts_for_more_than_an_account_that_cannot_be_read(on_stage: Stage) -> None:
    scene = on_stage(snapshot(*TWO))
    plan = scene.plan()
    scene.break_writes(Fault.REFUSED)
    scene.trouble.before.append(lambda: scene.clock.advance(31))
    scene.trouble.reads.extend([True, False])
    result = scene.apply(plan)
    assert (result.exit_code, statuses(result)) == (4, ["refused", "skipped"])


def test_a_price_that_cannot_be_read_at_apply_sends_nothing_for_its_position(on_stage: Stage) -> None:
    scene = on_stage(snapshot(*TWO))
    plan = scene.plan()
    scene.trouble.tampered = {"AAA/USD": "unavailable"}
    result = scene.apply(plan)
    assert (result.exit_code, statuses(result)) == (1, ["skipped", "done"])
    assert [sent.symbol for sent in scene.trouble.orders] == ["BBB/USD"]
    assert [(alert["alert_type"], alert["symbol"]) for alert in scene.alerts()] == [("PRICE_UNAVAILABLE", "AAA/USD")]


def test_a_rate_that_is_gone_is_a_price_that_cannot_be_read(on_stage: Stage) -> None:
    scene = on_stage(snapshot(position("AAA/EUR", 100), rates={"EUR": 1}))
    plan = scene.plan()
    scene._write({**scene.document(), "rates": {}})
    assert (scene.apply(plan).exit_code, scene.trouble.orders) == (1, [])


def test_without_a_price_the_orders_that_protect_a_position_stay(on_stage: Stage) -> None:
    scene = on_stage(over_cap(orders=[resting()], locked=40), parameters={"max_positions": 2})
    plan = scene.plan()
    scene.move_price("AAA/USD", None, "unavailable")
    result = scene.apply(plan)
    assert (result.exit_code, statuses(result), scene.trouble.sent) == (1, ["skipped", "skipped"], [])
    assert (len(scene.account().open_orders), scene.alert_kinds().count("PRICE_UNAVAILABLE")) == (1, 1)


def test_a_stale_order_is_cancelled_whatever_its_price_is(on_stage: Stage) -> None:
    scene = on_stage(legacy(orders=[order("old", "AAA/USD", "buy", 1, price=50, minutes=60)]))
    plan = scene.plan()
    scene.move_price("AAA/USD", None, "unavailable")
    result = scene.apply(plan)
    assert (result.exit_code, statuses(result)) == (1, ["done", "skipped"])


def test_a_price_that_goes_away_between_cancels_and_exits_stops_the_exit(on_stage: Stage) -> None:
    scene = on_stage(over_cap(orders=[resting()], locked=40), parameters={"max_positions": 2})
    scene.trouble.before.append(lambda: scene.move_price("AAA/USD", None, "unavailable"))
    result = scene.apply()
    assert (result.exit_code, statuses(result), scene.trouble.orders) == (1, ["done", "skipped"], [])


def test_a_deferred_position_is_left_and_the_account_is_unknown(on_stage: Stage) -> None:
    scene = on_stage(legacy(markets={"AAA/USD": market(100, price_status="unavailable")}))
    plan = scene.plan()
    assert (kinds(plan), plan["positions"][0]["category"]) == ([], "DEFERRED")
    assert (scene.apply(plan).exit_code, scene.says()) == (0, "UNKNOWN")


def test_a_protected_deferred_position_does_not_stand_in_the_way_of_clean(on_stage: Stage) -> None:
    protect = [{"symbol": "AAA/USD"}]
    account = legacy(markets={"AAA/USD": market(100, price_status="unavailable")})
    assert on_stage(account, protect=protect).verify().state == "CLEAN"


def test_verify_of_an_account_that_cannot_be_read_leaves_it_unknown(on_stage: Stage) -> None:
    scene = on_stage(zombie())
    scene.apply()
    assert scene.says() == "CLEAN"
    scene.trouble.reads.append(False)
    with pytest.raises(AccountUnreadable):
        scene.verify()
    assert scene.says() == "UNKNOWN"


def test_verify_of_a_deferred_position_says_unknown(on_stage: Stage) -> None:
    scene = on_stage(legacy(markets={"AAA/USD": market(100, price_status="unavailable")}))
    checks = scene.verify()
    assert (checks.state, checks.deferred, scene.says()) == ("UNKNOWN", ("AAA/USD",), "UNKNOWN")


def test_an_outage_of_all_prices_makes_no_zombies(on_stage: Stage) -> None:
    down = market(100, price_status="unavailable")
    account = snapshot(*TWO, markets={"AAA/USD": down, "BBB/USD": down}, tracked={"AAA/USD": record()})
    plan = on_stage(account).plan()
    assert {found["category"] for found in plan["positions"]} == {"DEFERRED"}


def test_a_tracker_broken_in_the_middle_of_a_run_does_not_hide_what_was_done(on_stage: Stage) -> None:
    scene = on_stage(zombie())
    scene.track(AAA=record(entry=None))
    scene.trouble.before.append(lambda: scene.folder.tracker.write_text("{"))
    plan = scene.plan()
    result = scene.apply(plan)
    assert (result.exit_code, statuses(result), scene.says()) == (9, ["done"], AccountState.UNKNOWN)
    scene.track(AAA=record(entry=None))
    assert (scene.apply(plan).exit_code, scene.tracked(), scene.says()) == (0, {}, "CLEAN")


def test_a_paper_account_that_is_gone_is_unreadable(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    (scene.root / "paper.json").unlink()
    with pytest.raises(AccountUnreadable, match="does not exist"):
        scene.plan()


def test_a_paper_account_that_is_broken_is_invalid(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    (scene.root / "paper.json").write_text("{")
    with pytest.raises(FileIsInvalid) as refusal:
        scene.plan()
    assert refusal.value.exit_code == 65
