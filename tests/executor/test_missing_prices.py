"""No price is no reason to hurry: since when it is missing is noted, and a zombie is tried once, later."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from exitplan.executor.plan import plan_account
from exitplan.ruleset.errors import AccountUnreadable, RefusedByGuard
from exitplan.ruleset.model.progress import MissingPrice
from tests.builders import NOW
from tests.executor.conftest import Stage
from tests.executor.scene import Scene, kinds, statuses, zombie

AAA = "AAA/USD"


def since(scene: Scene) -> float | None:
    """Minutes after the start at which the price went missing, as the state has it; None where it is there."""
    entry = scene.state().price_missing.get(AAA)
    return None if entry is None else (entry.since - NOW) / timedelta(minutes=1)


def blind(on_stage: Stage, **changes: object) -> Scene:
    """A zombie whose price of 100 was seen, and is missing from minute 10 on."""
    scene = on_stage(zombie(), **changes)
    scene.verify()
    scene.move_price(AAA, None)
    at(scene, 10)
    return scene


def at(scene: Scene, minute: float) -> Scene:
    scene.clock.now = NOW + timedelta(minutes=minute)
    return scene


def reason(scene: Scene) -> str | None:
    blocked = scene.plan()["blocked"]
    return blocked[0]["reason"] if blocked else None


def test_a_plan_notes_since_when_a_price_is_missing_and_the_last_one_seen(on_stage: Stage) -> None:
    scene = blind(on_stage)
    plan_account(scene.open())
    assert scene.state().price_missing == {AAA: MissingPrice(NOW + timedelta(minutes=10), Decimal(100))}


def test_a_verification_notes_it_too(on_stage: Stage) -> None:
    scene = blind(on_stage)
    scene.verify()
    assert since(scene) == 10


def test_a_run_notes_it_too(on_stage: Stage) -> None:
    scene = on_stage(zombie())
    scene.plan()
    scene.move_price(AAA, None)
    with pytest.raises(Exception, match="the price was 100"):
        scene.apply(scene.plans[-1])
    scene.apply()
    assert since(scene) is not None


def test_later_readings_leave_the_first_moment(on_stage: Stage) -> None:
    scene = blind(on_stage)
    for minute in (10, 15, 20):
        at(scene, minute).verify()
    assert since(scene) == 10


def test_a_failed_question_in_between_changes_nothing(on_stage: Stage) -> None:
    scene = blind(on_stage)
    scene.verify()
    scene.trouble.tampered = {AAA: "unavailable"}
    at(scene, 20).verify()
    assert since(scene) == 10
    scene.trouble.tampered = {}
    at(scene, 30).verify()
    assert since(scene) == 10


def test_an_account_that_cannot_be_read_changes_nothing(on_stage: Stage) -> None:
    scene = blind(on_stage)
    scene.verify()
    scene.trouble.reads.append(False)
    with pytest.raises(AccountUnreadable):
        at(scene, 20).verify()
    assert since(scene) == 10


def test_a_price_ends_it_and_the_next_time_counts_anew(on_stage: Stage) -> None:
    scene = blind(on_stage)
    scene.verify()
    scene.move_price(AAA, "98")
    at(scene, 20).verify()
    assert since(scene) is None
    scene.move_price(AAA, None)
    at(scene, 30).verify()
    assert scene.state().price_missing[AAA] == MissingPrice(NOW + timedelta(minutes=30), Decimal(98))


@pytest.mark.parametrize(("minute", "why"), [(10, "no-price-yet"), (39.9, "no-price-yet"), (40, None)])
def test_it_is_tried_after_the_minutes_and_not_before(on_stage: Stage, minute: float, why: str | None) -> None:
    scene = blind(on_stage)
    scene.verify()
    scene.clock.now = NOW + timedelta(minutes=minute, seconds=-1)  # making a plan takes a second
    assert reason(scene) == why


def test_waiting_for_a_price_raises_no_alert(on_stage: Stage) -> None:
    scene = blind(on_stage)
    assert scene.apply().exit_code == 0
    assert (scene.trouble.orders, scene.alerts()) == ([], [])


def test_a_blind_exit_is_tried_once_ever(on_stage: Stage) -> None:
    scene = blind(on_stage)
    scene.verify()
    plan = at(scene, 41).plan()
    assert (kinds(plan), plan["actions"][0]["est_value"]) == (["close"], None)
    assert statuses(scene.apply(plan)) == ["refused"]  # the paper venue has no price to fill it at
    at(scene, 60)
    assert reason(scene) == "attempts-exhausted"
    scene.apply()
    assert len(scene.trouble.orders) == 1


@pytest.mark.parametrize(
    ("guards", "name"), [({"max_run_pct": 0.4}, "max_run_pct"), ({"max_order_value": 500}, "max_order_value")]
)
def test_the_guards_count_the_last_price_seen(on_stage: Stage, guards: dict[str, object], name: str) -> None:
    scene = blind(on_stage, guards=guards)
    scene.verify()
    plan = at(scene, 41).plan()
    (guard,) = [found for found in plan["guards"] if not found["ok"]]
    assert guard["name"] == name
    with pytest.raises(RefusedByGuard):
        scene.apply(plan)


def test_the_price_missing_in_memory_survives_a_run_of_something_else(on_stage: Stage) -> None:
    scene = blind(on_stage)
    scene.verify()
    at(scene, 20).apply()
    assert since(scene) == 10
