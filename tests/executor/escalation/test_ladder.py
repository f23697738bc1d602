"""What goes wrong for too long is told step by step, over restarts, until a person takes it or it is over."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from exitplan.executor.escalation.climbing import Ack
from exitplan.executor.escalation.incidents import open_incidents
from exitplan.executor.escalation.ladder import incidents_in, tend
from exitplan.executor.escalation.troubles import find_sightings
from exitplan.executor.operation import Operation, operate
from exitplan.executor.store import alerts
from exitplan.executor.store.alerts import write_alert
from exitplan.executor.store.history import retry
from exitplan.ruleset.errors import AccountUnreadable
from tests.executor.conftest import Stage
from tests.executor.scene import Scene, legacy, zombie
from tests.faults import Crash, Fault

STEPS: list[dict[str, Any]] = [
    {"channels": ["desk"]},
    {"after": "30m", "channels": ["phone"], "severity": "CRITICAL"},
    {"after": "2h", "channels": ["boss"], "repeat": "1h"},
]


def ladder(on: str, **after: int) -> dict[str, Any]:
    return {"id": on.partition("_")[0], "on": on, "steps": STEPS, **({"after": after} if after else {})}


def tended(scene: Scene, minutes: float = 0) -> tuple[str, ...]:
    """Tend the account after so many minutes; gives the ids of what is told then."""
    before = len(scene.alerts())
    scene.clock.advance(minutes * 60)
    tend(scene.open(), scene.clock())
    return tuple(alert["alert_id"].rpartition(".")[2] for alert in scene.alerts()[before:])


def run(scene: Scene) -> None:
    scene.clock.advance(1)
    operate(scene.open(), Operation(), sleep=scene.clock.sleep)


def failed_zombie(on_stage: Stage, **more: Any) -> Scene:
    scene = on_stage(zombie(), escalation=[ladder("zombie_exit_failed")], **more)
    scene.break_writes(Fault.REFUSED)
    run(scene)
    return scene


def told(scene: Scene) -> list[tuple[str, list[str]]]:
    return [(alert["alert_type"], alert["channels"]) for alert in scene.alerts() if "alert_id" in alert]


def acknowledge(scene: Scene, until: timedelta | None = None, *, is_undone: bool = False) -> None:
    (incident,) = incidents_in(scene.store)
    now = scene.clock()
    ack = Ack(0, "alice", now, "on it", None if until is None else now + until, is_undone)
    with open_incidents(scene.store) as file:
        file.acknowledge(incident.id, ack)


def test_a_failed_zombie_exit_climbs_its_ladder_to_the_end(on_stage: Stage) -> None:
    scene = failed_zombie(on_stage)
    (first,) = [alert for alert in scene.alerts() if alert["alert_type"] == "ESCALATION"]
    assert (first["step"], first["symbol"], first["about"]) == ("1 of 3", "AAA/USD", "zombie_exit_failed")
    assert (first["channels"], first["severity"]) == (["desk"], "WARNING")
    steps = [tended(scene, minutes) for minutes in (29, 1, 119, 1, 59, 1, 60)]
    assert steps == [(), ("2",), (), ("3",), (), ("1",), ("2",)]
    assert scene.alerts()[-1]["alert_id"].endswith(".3.2")


def test_a_clock_that_jumps_forward_climbs_one_step_at_a_time(on_stage: Stage) -> None:
    scene = failed_zombie(on_stage)
    assert [tended(scene, minutes) for minutes in (60 * 24 * 365, 0, 29, 1)] == [("2",), (), (), ()]


def test_a_clock_that_jumps_back_tells_nothing_anew_and_stops_no_ladder(on_stage: Stage) -> None:
    scene = failed_zombie(on_stage)
    assert [tended(scene, minutes) for minutes in (-60 * 24 * 365, 0, 29, 1)] == [(), (), (), ("2",)]


def test_what_is_solved_by_itself_is_told_once_to_those_who_were_told_of_it(on_stage: Stage) -> None:
    scene = failed_zombie(on_stage)
    tended(scene, 30)
    scene.hold("AAA/USD", None)
    run(scene)
    assert told(scene)[-1] == ("ESCALATION_ENDED", ["desk", "phone"])
    assert (tended(scene, 600), incidents_in(scene.store)) == ((), ())
    (ended,) = incidents_in(scene.store, ended=True)
    assert (ended.subject, ended.ended_how) == ("AAA/USD", "its cause is gone")


def test_a_retry_ends_the_incident_at_the_next_tending(on_stage: Stage) -> None:
    scene = failed_zombie(on_stage)
    retry(scene.open(), "AAA/USD")
    assert tended(scene) == ("end",)


def test_a_new_failure_is_a_new_incident(on_stage: Stage) -> None:
    scene = failed_zombie(on_stage)
    retry(scene.open(), "AAA/USD")
    tended(scene)
    scene.break_writes(Fault.REFUSED)
    run(scene)
    (old,), (new,) = incidents_in(scene.store, ended=True), incidents_in(scene.store)
    assert old.id != new.id


def test_an_acknowledgement_silences_until_its_end_and_the_ladder_goes_on(on_stage: Stage) -> None:
    scene = failed_zombie(on_stage)
    acknowledge(scene, timedelta(hours=4))
    assert [tended(scene, minutes) for minutes in (60, 179, 1, 0)] == [(), (), ("2",), ()]


def test_an_acknowledgement_without_end_silences_until_it_is_over(on_stage: Stage) -> None:
    scene = failed_zombie(on_stage)
    acknowledge(scene)
    assert tended(scene, 60 * 24 * 7) == ()
    retry(scene.open(), "AAA/USD")
    assert tended(scene) == ("end",)


def test_an_acknowledgement_that_is_taken_back_lets_the_ladder_go_on(on_stage: Stage) -> None:
    scene = failed_zombie(on_stage)
    acknowledge(scene)
    tended(scene, 60)
    acknowledge(scene, is_undone=True)
    assert [tended(scene), tended(scene)] == [("2",), ()]


def test_the_last_step_is_told_once_more_where_an_acknowledgement_runs_out(on_stage: Stage) -> None:
    scene = on_stage(zombie(), escalation=[{**ladder("zombie_exit_failed"), "steps": STEPS[:1]}])
    scene.break_writes(Fault.REFUSED)
    run(scene)
    acknowledge(scene, timedelta(hours=1))
    assert [tended(scene, minutes) for minutes in (59, 1, 600)] == [(), ("1",), ()]


def test_an_acknowledgement_does_not_fence_a_run_at_work(on_stage: Stage) -> None:
    scene = failed_zombie(on_stage)
    retry(scene.open(), "AAA/USD")
    scene.trouble.before.append(lambda: acknowledge(scene))
    assert scene.apply().exit_code == 0


@pytest.mark.parametrize("is_raised", [False, True])
def test_whoever_is_killed_between_journal_and_alert_neither_loses_nor_doubles_a_step(
    on_stage: Stage, monkeypatch: pytest.MonkeyPatch, is_raised: bool
) -> None:
    scene = failed_zombie(on_stage)

    def die(*given: Any) -> None:
        if is_raised:
            write_alert(*given)
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(alerts, "write_alert", die)
        with pytest.raises(Crash):
            tended(scene, 30)
    tended(scene, 0)
    assert {alert["alert_id"][-2:] for alert in scene.alerts() if "alert_id" in alert} == {".1", ".2"}
    assert (tended(scene, 0), incidents_in(scene.store)[0].step) == ((), 2)


def test_an_account_that_stays_unclean_is_escalated_and_two_incidents_go_side_by_side(on_stage: Stage) -> None:
    ladders = [ladder("zombie_exit_failed"), ladder("not_clean", hours=2)]
    scene = on_stage(zombie(), escalation=ladders)
    scene.break_writes(Fault.REFUSED)
    run(scene)
    assert [tended(scene, minutes) for minutes in (119, 1)] == [("2",), ("1",)]
    assert [incident.kind for incident in incidents_in(scene.store)] == ["zombie_exit_failed", "not_clean"]
    retry(scene.open(), "AAA/USD")
    run(scene)
    assert scene.says() == "CLEAN"
    assert told(scene)[-2:] == [("ESCALATION_ENDED", ["desk", "phone"]), ("ESCALATION_ENDED", ["desk"])]


def test_an_account_that_cannot_be_read_is_not_clean(on_stage: Stage) -> None:
    scene = on_stage(legacy(), escalation=[ladder("not_clean", minutes=10)])
    for _ in range(2):
        scene.trouble.reads.extend([False] * 20)
        scene.clock.advance(600)
        with pytest.raises(AccountUnreadable):
            scene.verify()
    assert [alert["reason"] for alert in scene.alerts()] == ["UNKNOWN"]


def test_an_order_that_nobody_can_settle_is_escalated_until_a_person_resolves_it(on_stage: Stage) -> None:
    scene = on_stage(zombie(), escalation=[ladder("order_unknown")])
    scene.break_writes(Fault.LOST_AFTER)
    scene.trouble.look_ups.extend([RuntimeError()] * 500)
    scene.apply()
    assert tended(scene, 5) == ("1",)
    (alert,) = [alert for alert in scene.alerts() if alert["alert_type"] == "ESCALATION"]
    assert (alert["order"], alert["reason"]) == (scene.trouble.orders[0].client_order_id, "close AAA/USD 100")
    scene.trouble.look_ups.clear()
    run(scene)
    assert told(scene)[-1][0] == "ESCALATION_ENDED"


def test_an_order_that_a_run_has_under_way_is_no_trouble_and_ends_none(on_stage: Stage) -> None:
    scene = on_stage(zombie(), escalation=[ladder("order_unknown", minutes=0)])
    found: list[object] = []
    scene.trouble.before.append(lambda: found.append(find_sightings(scene.open())["order_unknown"]))
    scene.apply()
    assert (found, find_sightings(scene.open())["order_unknown"]) == ([None], [])


def test_an_unwind_that_does_not_move_is_escalated_and_a_cycle_ends_it(on_stage: Stage) -> None:
    scene = on_stage(
        legacy(), escalation=[ladder("unwind_stalled", cycles=3)], parameters={"unwind_interval_minutes": 60}
    )
    scene.apply()
    assert [tended(scene, minutes) for minutes in (179, 1)] == [(), ("1",)]
    run(scene)
    assert told(scene)[-1] == ("ESCALATION_ENDED", ["desk"])


def test_a_ladder_that_is_taken_out_of_the_policy_ends_its_incidents(on_stage: Stage) -> None:
    scene = failed_zombie(on_stage)
    del scene.policy["escalation"]
    assert tended(scene) == ("end",)
    assert incidents_in(scene.store, ended=True)[0].ended_how == "the policy no longer has this ladder"


def test_without_a_ladder_or_a_journal_nothing_is_told(on_stage: Stage) -> None:
    scene = on_stage(zombie())
    assert (tend(scene.open(), scene.clock()), scene.folder.journal.exists()) == ((), False)
    scene.break_writes(Fault.REFUSED)
    run(scene)
    assert (tended(scene, 600), scene.alert_kinds()) == ((), ["EXIT_FAILED"])


def test_what_breaks_in_tending_ends_no_run(on_stage: Stage) -> None:
    scene = failed_zombie(on_stage)
    scene.folder.journal.write_bytes(b"this is no journal" * 100)
    assert tend(scene.open(), scene.clock()) == ()
