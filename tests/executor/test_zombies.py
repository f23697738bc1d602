"""Zombies are tried once, then a person is told, once."""

from __future__ import annotations

import pytest

from exitplan.executor.store.history import account_status, retry
from exitplan.ruleset.errors import AccountIsLocked
from tests.builders import position, snapshot
from tests.executor.conftest import Stage
from tests.executor.scene import kinds, statuses, zombie
from tests.faults import Fault


def test_a_zombie_is_closed_whole(on_stage: Stage) -> None:
    scene = on_stage(zombie())
    assert (scene.apply().exit_code, scene.held(), scene.says()) == (0, "0", "CLEAN")


def test_a_zombie_that_cannot_be_closed_is_tried_once(on_stage: Stage) -> None:
    scene = on_stage(zombie())
    scene.break_writes(Fault.REFUSED)
    assert scene.apply().exit_code == 4
    assert [scene.apply().exit_code for _ in range(3)] == [0, 0, 0]
    assert (len(scene.trouble.orders), scene.says()) == (1, "NEEDS_CLEANUP")


def test_its_failure_is_critical_and_its_escalation_is_told_once(on_stage: Stage) -> None:
    scene = on_stage(zombie())
    scene.break_writes(Fault.REFUSED)
    for _ in range(4):
        scene.apply()
    told = [(alert["alert_type"], alert["severity"]) for alert in scene.alerts()]
    assert told == [("EXIT_FAILED", "CRITICAL"), ("ZOMBIE_ESCALATED", "CRITICAL")]
    assert scene.alerts()[1]["reason"] == "attempts-exhausted"


def test_retry_clears_the_escalation_and_it_is_tried_again(on_stage: Stage) -> None:
    scene = on_stage(zombie())
    scene.break_writes(Fault.REFUSED)
    scene.apply()
    scene.apply()
    assert retry(scene.open(), "aaa-usd")
    assert account_status(scene.open()).document["escalated"] == {}
    assert (scene.apply().exit_code, scene.held()) == (0, "0")


def test_retry_of_what_never_failed_says_so(on_stage: Stage) -> None:
    scene = on_stage(zombie())
    assert not retry(scene.open(), "AAA/USD")


def test_a_failure_after_a_retry_is_escalated_again(on_stage: Stage) -> None:
    scene = on_stage(zombie())
    scene.break_writes(Fault.REFUSED, Fault.REFUSED)
    scene.apply()
    scene.apply()
    retry(scene.open(), "AAA/USD")
    scene.apply()
    scene.apply()
    assert scene.alert_kinds() == ["EXIT_FAILED", "ZOMBIE_ESCALATED"] * 2


def test_retry_waits_for_nobody_who_is_at_work(on_stage: Stage) -> None:
    scene = on_stage(zombie())
    refusals = []

    def interrupt() -> None:
        with pytest.raises(AccountIsLocked) as refusal:
            retry(scene.open(), "AAA/USD")
        refusals.append(refusal.value.exit_code)

    scene.trouble.before.append(interrupt)
    scene.apply()
    assert refusals == [7]


def test_a_zombie_of_no_market_is_escalated_and_never_sent(on_stage: Stage) -> None:
    scene = on_stage(snapshot(position("AAA/USD", 100), markets={"AAA/USD": None}))
    plan = scene.plan()
    assert (kinds(plan), scene.apply(plan).exit_code) == ([], 0)
    scene.apply()
    (alert,) = scene.alerts()
    assert (alert["symbol"], alert["reason"], alert["user_id"]) == ("AAA/USD", "no-market", "platform")
    assert list(scene.state().escalated) == ["AAA/USD"]


def test_a_zombie_without_a_price_is_tried_once_on_a_market_that_trades(on_stage: Stage) -> None:
    scene = on_stage(zombie())
    scene.verify()
    scene.move_price("AAA/USD", None)
    assert scene.plan()["blocked"][0]["reason"] == "no-price-yet"
    scene.clock.advance(30 * 60)
    plan = scene.plan()
    assert plan["actions"][0]["est_value"] is None
    assert statuses(scene.apply(plan)) == ["refused"]
    assert scene.state().failed_exits == {"AAA/USD": 1}


def test_dust_that_the_venue_will_not_take_is_not_escalated(on_stage: Stage) -> None:
    scene = on_stage(snapshot(position("AAA/USD", "0.0001"), position("BBB/USD", 10), tracked=["BBB/USD"]))
    result = scene.apply()
    assert result.checks is not None
    assert (scene.alerts(), scene.says(), result.checks.tolerated) == ([], "CLEAN", ("AAA/USD",))


def test_an_escalation_is_forgotten_with_the_zombie(on_stage: Stage) -> None:
    scene = on_stage(zombie())
    scene.break_writes(Fault.REFUSED)
    scene.apply()
    scene.apply()
    retry(scene.open(), "AAA/USD")
    scene.apply()
    assert (scene.state().escalated, scene.state().failed_exits) == ({}, {})
    assert scene.state().metrics.zombie_positions_closed == 1


def test_a_zombie_filled_in_part_may_be_finished(on_stage: Stage) -> None:
    scene = on_stage(zombie())
    scene.break_writes(Fault.PARTIAL)
    scene.apply()
    assert (scene.apply().exit_code, scene.held()) == (0, "0")
    assert scene.state().metrics.total_positions_cleaned == 1


def test_an_outage_is_not_a_try(on_stage: Stage) -> None:
    scene = on_stage(zombie())
    plan = scene.plan()
    scene.move_price("AAA/USD", None, "unavailable")
    assert scene.apply(plan).exit_code == 1
    assert scene.state().failed_exits == {}
    scene.move_price("AAA/USD", "100")
    assert (scene.apply().exit_code, scene.held()) == (0, "0")
