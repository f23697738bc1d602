"""The journal for an auditor: every run with who made it, and every order with what became of it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest

from exitplan.executor.people import actor
from exitplan.executor.prune import prune
from exitplan.executor.restore import restore
from exitplan.executor.store.audit import audit_trail
from exitplan.executor.store.backup import back_up
from exitplan.ruleset.errors import FileIsInvalid
from tests.builders import NOW
from tests.executor.conftest import Stage
from tests.executor.older import to_version_seven
from tests.executor.scene import Scene, legacy, over_cap, resting
from tests.faults import Crash, Fault


def trail(scene: Scene, **parts: Any) -> list[dict[str, Any]]:
    return list(audit_trail(scene.store, **parts))


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
    to_version_seven(scene.folder.journal)
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


def test_whoever_has_no_name_is_told_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    assert actor({"EXITPLAN_USER": " a\x1bb "}) == "a?b"
    assert "@" in actor({})

    def nameless() -> str:
        raise OSError("no such user")

    monkeypatch.setattr("getpass.getuser", nameless)
    assert actor({}).startswith("uid-")


def with_a_vote(scene: Scene, plan: str, standing: str) -> None:
    """Let a person have voted on a plan, in the tables that approvals are kept in."""
    with closing(sqlite3.connect(scene.folder.journal)) as db, db:
        db.executescript(
            "CREATE TABLE IF NOT EXISTS requests (request_id, content, plan_id, document, reasons, people, asked_at,"
            " standing, changed_at, replaced_by, until);"
            "CREATE TABLE IF NOT EXISTS votes (number, request_id, vote, person, why, at, plan_id, prices);"
        )
        db.execute(
            "INSERT INTO requests (request_id, content, plan_id, document, reasons, people, asked_at, standing,"
            " changed_at, replaced_by, until) VALUES ('r1', 'c', ?, X'7b7d', X'5b5d', 1, ?, ?, ?, NULL, NULL)",
            (plan, "2026-02-18T22:00:00Z", standing, "2026-02-18T22:00:00Z"),
        )
        db.execute(
            "INSERT INTO votes VALUES (1, 'r1', 'approve', 'ana', 'looked', '2026-02-18T22:01:00Z', ?, X'7b7d')",
            (plan,),
        )


def test_who_approved_a_plan_stands_beside_it_until_it_is_pruned(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.apply()
    with_a_vote(scene, scene.plans[0]["plan_id"], "applied")
    for _ in range(2):
        scene.clock.advance(86_400)
        scene.apply()
    first, second, _ = trail(scene)
    told = {"vote": "approve", "person": "ana", "at": "2026-02-18T22:01:00Z", "why": "looked"}
    assert (first["approvals"], second["approvals"]) == ([told], [])
    prune(scene.store, NOW + timedelta(days=9), scene.clock())
    assert [run["run"] for run in trail(scene)] == [1, 3]


def test_what_waits_for_a_person_in_a_backup_waits_no_more(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.apply()
    with_a_vote(scene, "another", "waiting")
    back_up(scene.folder, scene.root / "copy")
    restore(scene.open(), scene.root / "copy")
    with closing(sqlite3.connect(scene.folder.journal)) as db:
        assert db.execute("SELECT standing FROM requests").fetchall() == [("withdrawn",)]
