"""Orders of exitplan that are over and that its journal does not know: a run is missing from it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from exitplan.brokers.protocol import PastOrders
from exitplan.executor.accept_balance import accept_balance
from exitplan.executor.accounts.account import Account
from exitplan.executor.apply.apply import check_plan
from exitplan.executor.apply.own_orders import REACH
from exitplan.executor.store.journal_file import open_journal
from exitplan.ruleset.errors import AccountUnreadable, OutcomeUnknown
from exitplan.ruleset.planning.plan import read_plan
from tests.builders import position
from tests.executor.conftest import Stage
from tests.executor.scene import Scene, legacy


def back_up(scene: Scene) -> Path:
    kept = scene.root / "backup"
    shutil.copytree(scene.folder.path, kept)
    return kept


def put_back(scene: Scene, kept: Path) -> None:
    shutil.rmtree(scene.folder.path)
    shutil.copytree(kept, scene.folder.path)


def sent_of(scene: Scene) -> set[str]:
    return {str(order.client_order_id) for order in scene.trouble.orders}


def test_a_whole_folder_that_was_put_back_is_noticed_by_the_orders_of_the_run_that_is_missing(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.apply()
    kept = back_up(scene)
    known = sent_of(scene)
    scene.clock.advance(3600)
    scene.apply()
    (missing,) = sent_of(scene) - known
    put_back(scene, kept)
    scene.clock.advance(3600)
    scene.verify()  # what else is remembered since says nothing of the run
    plan = scene.plan()
    with pytest.raises(OutcomeUnknown, match=f"does not know: past orders {missing}") as refusal:
        scene.apply(plan)
    assert (refusal.value.exit_code, "exitplan accept-balance" in str(refusal.value.hint)) == (9, True)
    with pytest.raises(OutcomeUnknown):
        check_plan(scene.open(), read_plan(plan))
    assert len(scene.trouble.orders) == 2


def test_once_a_person_has_looked_the_account_goes_on(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.apply()
    shutil.rmtree(scene.folder.path)
    scene.clock.advance(60)
    with pytest.raises(OutcomeUnknown, match="past orders"):
        scene.apply()
    assert len(scene.trouble.orders) == 1
    accept_balance(scene.open())
    assert (scene.apply().exit_code, len(scene.trouble.orders)) == (0, 2)


def test_orders_of_runs_that_are_known_say_nothing(on_stage: Stage) -> None:
    scene = on_stage(legacy(position("BBB/USD", 100), tracked=("BBB/USD",)))
    for _ in range(3):
        scene.clock.advance(600)
        assert scene.apply().exit_code == 0


def test_orders_from_before_the_newest_run_and_from_long_ago_are_not_asked_for(
    on_stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = on_stage(legacy())
    asked = []
    account = scene.open()

    def note(since: object, symbols: object) -> PastOrders:
        asked.append((since, symbols))
        return PastOrders()

    monkeypatch.setattr(type(account.broker), "read_past_orders", lambda _, since, symbols: note(since, symbols))
    begun = scene.clock.now + timedelta(seconds=1)
    scene.apply()
    scene.clock.advance(3600)
    scene.apply()
    scene.clock.advance(REACH.total_seconds() * 2)
    scene.apply()
    first, second, third = asked
    assert first == (begun - REACH, {"AAA/USD"})
    assert second == (begun + timedelta(milliseconds=1), {"AAA/USD"})  # what ended at that moment was its own
    assert third[0] == scene.clock.now - REACH


def test_a_question_that_fails_sends_nothing(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    plan = scene.plan()
    scene.trouble.past_orders_fail = True
    with pytest.raises(AccountUnreadable) as refusal:
        scene.apply(plan)
    assert (refusal.value.exit_code, scene.trouble.sent) == (1, [])
    with open_journal(scene.folder.journal) as journal:
        assert journal.plan_status(plan["plan_id"]) == "unknown"
    scene.trouble.past_orders_fail = False
    assert scene.apply(plan).exit_code == 0


def test_a_broker_without_such_a_list_is_not_asked(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.policy["account"]["options"] = {**scene.policy["account"].get("options", {}), "client_order_ids": "C"}
    account: Account = replace(scene.open())
    assert account.broker.capabilities.past_orders is None
    scene.trouble.past_orders_fail = True
    assert scene.apply().exit_code == 0
