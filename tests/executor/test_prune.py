"""Old runs leave the journal; what is still needed of them stays, and so does that they were."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from exitplan.executor.prune import Pruned, prune
from exitplan.executor.report import report_account
from exitplan.executor.restore import restore
from exitplan.executor.store.backup import back_up
from exitplan.executor.store.history import past_runs
from exitplan.executor.store.journal_file import open_journal
from exitplan.executor.store.lease import account_lease
from exitplan.ruleset.errors import AccountIsLocked, PlanIsUnusable
from tests.builders import NOW
from tests.executor.conftest import Stage
from tests.executor.scene import Scene, legacy, over_cap

DAY = timedelta(days=1)


def cut(scene: Scene, before: datetime, **parts: Any) -> Pruned:
    return prune(scene.store, before, scene.clock(), **parts)


def runs_of(scene: Scene) -> list[int]:
    return [run["run"] for run in past_runs(scene.open())]


def unwound(stage: Stage, runs: int = 4) -> Scene:
    """An account with a run a day, which is not CLEAN before the last."""
    scene = stage(legacy())
    for _ in range(runs):
        scene.apply()
        scene.clock.advance(DAY.total_seconds())
    return scene


def test_old_runs_go_and_the_unwind_goes_on(on_stage: Stage) -> None:
    scene = unwound(on_stage, 3)
    pruned = cut(scene, NOW + 1.5 * DAY)
    assert (pruned.plans, pruned.runs, pruned.orders) == (1, 1, 1)
    assert runs_of(scene) == [3, 1]  # the account was not CLEAN since the first
    assert scene.state().unwinds["AAA/USD"].cycle == 3
    assert scene.apply().exit_code == 0
    assert runs_of(scene)[0] == 4


def test_what_is_gone_is_not_unknown_and_is_not_done_again(on_stage: Stage) -> None:
    scene = unwound(on_stage)
    names = [str(order.client_order_id) for order in scene.trouble.orders]
    cut(scene, NOW + 2.5 * DAY)
    with open_journal(scene.folder.journal) as journal:
        assert journal.unknown_orders([*names, "xp0000000000000000"]) == ["xp0000000000000000"]
        assert journal.plan_status(scene.plans[1]["plan_id"]) == "ended"
    with pytest.raises(PlanIsUnusable):
        scene.apply(scene.plans[1])


def test_the_report_of_the_kept_time_says_the_same(on_stage: Stage) -> None:
    scene = unwound(on_stage)
    since = NOW + 2.5 * DAY
    before = report_account(scene.open(), since)
    cut(scene, since)
    after = report_account(scene.open(), since)
    assert (after.outcomes, after.clean, after.runs) == (before.outcomes, before.clean, before.runs)


def test_a_dry_run_changes_nothing_and_what_goes_is_exported_first(on_stage: Stage) -> None:
    scene = unwound(on_stage)
    exported: list[int] = []

    def write(entries: Any) -> None:
        exported.extend(entry["run"] for entry in entries)

    told = cut(scene, NOW + 2.5 * DAY, dry_run=True, export=write)
    assert (told.runs, exported, runs_of(scene)) == (2, [2, 3], [4, 3, 2, 1])
    assert cut(scene, NOW - DAY) == Pruned(NOW - DAY)


def test_open_plans_and_the_newest_run_stay(on_stage: Stage) -> None:
    scene = on_stage(over_cap(), parameters={"max_positions": 2})
    assert cut(scene, NOW) == Pruned(NOW)
    scene.apply(stop_after=0)
    scene.clock.advance(9 * DAY.total_seconds())
    assert cut(scene, scene.clock()).plans == 0
    with account_lease(scene.folder.lock, "platform", scene.clock()), pytest.raises(AccountIsLocked):
        cut(scene, scene.clock())


def test_an_older_backup_that_is_put_back_knows_the_orders_that_were_pruned_since(on_stage: Stage) -> None:
    scene = unwound(on_stage, 1)
    back_up(scene.folder, scene.root / "copy")
    for _ in range(3):
        scene.apply()
        scene.clock.advance(DAY.total_seconds())
    cut(scene, NOW + 2.5 * DAY)
    sent = restore(scene.open(), scene.root / "copy", accept_orders=True).sent_since
    assert [order.outcome.partition(",")[0] for order in sent] == [
        *("closed at the venue", "accepted by a person", "accepted by a person"),
    ]
    with open_journal(scene.folder.journal) as journal:
        assert journal.unknown_orders([str(order.client_order_id) for order in scene.trouble.orders]) == []
