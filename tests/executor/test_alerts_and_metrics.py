"""What whoever watches the accounts is told, and what is counted."""

from __future__ import annotations

from decimal import Decimal

import pytest

from exitplan.executor.store.alert_kinds import ALERT_KINDS, AlertKind
from exitplan.executor.store.alerts import raise_alert
from exitplan.ruleset.errors import EngineDisagreement
from tests.builders import NOW, order, position, record, snapshot
from tests.executor.conftest import Stage
from tests.executor.scene import legacy, over_cap, resting, zombie
from tests.faults import Fault

AS_PUBLISHED = {
    "timestamp": "2026-02-18T22:00:01Z",
    "alert_type": "POSITION_CAP_VIOLATION",
    "severity": "CRITICAL",
    "user_id": "platform",
    "current_count": 3,
    "max_positions": 2,
    "excess_count": 1,
}


def test_a_cap_that_is_exceeded_is_told_with_its_figures(on_stage: Stage) -> None:
    scene = on_stage(over_cap(), parameters={"max_positions": 2})
    scene.apply()
    assert scene.alerts() == [AS_PUBLISHED]


def test_a_cap_that_is_kept_raises_nothing(on_stage: Stage) -> None:
    scene = on_stage(over_cap(), parameters={"max_positions": 3})
    scene.apply()
    assert scene.alerts() == []


def test_planning_raises_no_alert(on_stage: Stage) -> None:
    scene = on_stage(over_cap(), parameters={"max_positions": 2})
    scene.plan()
    assert not scene.folder.path.exists()


def test_a_refused_exit_is_told_with_the_words_of_the_venue(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.break_writes(Fault.REFUSED)
    scene.apply()
    (alert,) = scene.alerts()
    assert (alert["alert_type"], alert["severity"], alert["rule"]) == ("EXIT_FAILED", "WARNING", "legacy")
    assert alert["reason"] == "other: not today"


def test_alerts_reach_the_listener_as_they_are_written(on_stage: Stage) -> None:
    scene = on_stage(over_cap(), parameters={"max_positions": 2})
    scene.apply()
    assert scene.told("alert") == scene.alerts()


def test_the_alerts_of_many_runs_stand_one_to_a_line(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.break_writes(*[Fault.REFUSED] * 5)
    for _ in range(5):
        scene.apply()
    assert scene.alert_kinds() == ["EXIT_FAILED"] * 5


@pytest.mark.parametrize("kind", ALERT_KINDS.values(), ids=lambda kind: kind.name)
def test_every_kind_of_alert_passes_its_schema(on_stage: Stage, kind: AlertKind) -> None:
    scene = on_stage(legacy())
    figures = {figure.name: "AAA/USD" for figure in kind.figures}
    raise_alert(scene.folder.alerts, kind.name, "user123", NOW, figures)
    (alert,) = scene.alerts()
    assert (alert["severity"], alert["user_id"]) == (kind.severity, "user123")


def test_an_alert_of_a_kind_that_is_not_registered_is_not_lost(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    assert raise_alert(scene.folder.alerts, "OF_TOMORROW", "platform", NOW, {})["severity"] == "WARNING"
    assert b"OF_TOMORROW" in scene.folder.alerts.read_bytes()


_FAILED = {"symbol": "AAA/USD", "rule": "legacy", "kind": "close", "reason": 'first\nsecond "quoted" \u2028'}


def test_a_line_break_in_the_words_of_a_venue_makes_no_second_line(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    raise_alert(scene.folder.alerts, "EXIT_FAILED", "platform", NOW, _FAILED)
    assert len(scene.alerts()) == 1


def test_an_engine_that_cannot_be_trusted_is_told_with_what_reproduces_it(
    on_stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = on_stage(legacy())

    def disagree(*_: object) -> None:
        raise EngineDisagreement("the engine lost a fact", reproducer='{"facts": []}')

    monkeypatch.setattr("exitplan.executor.plan.draft_plan", disagree)
    with pytest.raises(EngineDisagreement) as refusal:
        scene.plan()
    (alert,) = scene.alerts()
    assert (refusal.value.exit_code, alert["alert_type"]) == (1, "ENGINE_DISAGREEMENT")
    assert (scene.folder.reproducers / alert["reproducer"]).read_text() == '{"facts": []}'


def test_an_engine_that_fails_at_the_verification_leaves_the_account_unknown(
    on_stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = on_stage(zombie())
    plan = scene.plan()

    def disagree(*_: object) -> None:
        raise EngineDisagreement("the engine lost a fact")

    monkeypatch.setattr("exitplan.executor.verify.draft_plan", disagree)
    assert (scene.apply(plan).exit_code, scene.says(), scene.held()) == (9, "UNKNOWN", "0")


def test_metrics_count_what_was_closed_by_kind(on_stage: Stage) -> None:
    positions = (position("AAA/USD", 100), position("DST/USD", "0.5"), position("ZOM/USD", 100))
    scene = on_stage(snapshot(*positions, tracked={"ZOM/USD": record(entry=None)}))
    scene.until_quiet()
    metrics = scene.state().metrics
    assert (metrics.total_positions_cleaned, metrics.zombie_positions_closed) == (3, 2)
    assert (metrics.legacy_positions_unwound, metrics.stale_orders_cancelled) == (1, 0)


def test_metrics_count_stale_orders_and_the_capital_they_held(on_stage: Stage) -> None:
    stale = [order(f"o{number}", "AAA/USD", "buy", 2, price=50, minutes=60) for number in range(3)]
    scene = on_stage(snapshot(position(), orders=stale, tracked=["AAA/USD"]))
    scene.apply()
    metrics = scene.state().metrics
    assert (metrics.stale_orders_cancelled, metrics.capital_freed_usd) == (3, Decimal(300))


def test_an_order_cancelled_for_an_exit_is_not_a_stale_one(on_stage: Stage) -> None:
    scene = on_stage(over_cap(orders=[resting()], locked=40), parameters={"max_positions": 2})
    scene.apply()
    assert scene.state().metrics.stale_orders_cancelled == 0


def test_what_was_refused_is_not_counted(on_stage: Stage) -> None:
    scene = on_stage(zombie())
    scene.break_writes(Fault.REFUSED)
    scene.apply()
    assert scene.state().metrics.total_positions_cleaned == 0


def test_a_position_is_counted_once_however_many_orders_it_took(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.break_writes(Fault.PARTIAL, Fault.LOST_AFTER, Fault.PARTIAL)
    scene.until_quiet()
    assert (scene.held(), scene.state().metrics.total_positions_cleaned) == ("0", 1)
