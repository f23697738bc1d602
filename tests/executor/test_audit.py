"""The journal for an auditor: every run with who made it, and every order with what became of it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest

from exitplan.executor.people import actor
from exitplan.executor.store.audit import audit_trail
from exitplan.ruleset.errors import FileIsInvalid
from tests.builders import NOW
from tests.executor.conftest import Stage
from tests.executor.scene import Scene, legacy, over_cap, resting
from tests.faults import Crash, Fault


def trail(scene: Scene, **parts: Any) -> list[dict[str, Any]]:
    return list(audit_trail("platform", scene.folder.journal, **parts))


def test_a_run_says_who_made_it_by_which_plan_and_policy(on_stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXITPLAN_USER", "ana")
    scene = on_stage(legacy())
    scene.apply()
    (run,) = trail(scene)
    plan = scene.plans[0]
    assert (run["run"], run["actor"], run["exit_code"]) == (1, "ana", 0)
    assert (run["plan"]["plan_id"], run["policy"]) == (plan["plan_id"], plan["policy"])
    (order,) = run["orders"]
    action = plan["actions"][0]
    assert (order["client_order_id"], order["asked"], order["filled"]) == (action["client_order_id"], "25", "25")
    assert (order["average_price"], order["planned_price"], order["outcome"]) == ("100", "100", "done")


def test_orders_stand_under_the_run_that_sent_them(on_stage: Stage) -> None:
    scene = on_stage(over_cap(locked=40, orders=(resting(),)), parameters={"max_positions": 2})
    scene.break_writes(Fault.NONE, Fault.CRASH_AFTER)
    with pytest.raises(Crash):
        scene.apply()
    scene.clock.advance(60)
    scene.apply(scene.plans[0])
    first, second = trail(scene)
    assert [order["kind"] for order in first["orders"]] == ["cancel_order", "close"]
    assert (first["ended_at"], second["orders"]) == (None, [])
    with closing(sqlite3.connect(scene.folder.journal)) as db, db:
        db.execute("UPDATE attempts SET run = NULL")  # as earlier versions left them
    assert [len(run["orders"]) for run in trail(scene)] == [2, 0]


def test_only_what_was_asked_for_is_told_and_a_broken_plan_is_damage(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    assert trail(scene) == []
    scene.apply()
    scene.clock.advance(3600)
    scene.apply()
    assert [run["run"] for run in trail(scene, since=NOW + timedelta(minutes=30))] == [2]
    with closing(sqlite3.connect(scene.folder.journal)) as db, db:
        db.execute("UPDATE plans SET document = x'7b'")
    with pytest.raises(FileIsInvalid, match="damaged"):
        trail(scene)


def test_whoever_has_no_name_is_told_as_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    assert actor({"EXITPLAN_USER": " a\x1bb "}) == "a?b"
    assert "@" in actor({})

    def nameless() -> str:
        raise OSError("no such user")

    monkeypatch.setattr("getpass.getuser", nameless)
    assert actor({}).startswith("unknown@")
