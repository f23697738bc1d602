"""The whole of it over a store: plan, apply, die, go on, verify, look back; every order once."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from msgspec.structs import replace

from exitplan.executor.accept_balance import accept_balance
from exitplan.executor.accounts.account import load_account_file
from exitplan.executor.apply.apply import check_plan
from exitplan.executor.apply.manual_resolution import resolve_by_hand, unresolved_orders
from exitplan.executor.approvals.book import requests_of
from exitplan.executor.approvals.deciding import all_requests, approve
from exitplan.executor.escalation.ladder import incidents_in
from exitplan.executor.gate import DEFAULT_MAX_AGE, GateAnswer, trading_gate
from exitplan.executor.report import report_account
from exitplan.executor.store.audit import audit_trail
from exitplan.executor.store.history import account_status, past_runs, retry
from exitplan.executor.watching.rounds import Round, round_of
from exitplan.ruleset.errors import AccountIsHalted, AccountIsLocked, FileIsInvalid, OutcomeUnknown, PlanIsUsed
from exitplan.ruleset.planning.checks import AccountState
from exitplan.ruleset.planning.plan import read_plan
from tests.builders import position, snapshot
from tests.executor.scene import Scene, legacy, statuses, zombie
from tests.executor.store.conformance.conftest import Ground, Stage
from tests.faults import SILENT, Crash, Fault

DAY = timedelta(days=1)


def gate(scene: Scene) -> GateAnswer:
    account = scene.open()
    policy = account.loaded.policy.sha256
    return trading_gate(scene.store, DEFAULT_MAX_AGE, scene.clock(), policy, account.identity)


def one_round(scene: Scene) -> Round:
    scene.clock.advance(1)
    return round_of(scene.open(), lambda: False, scene.clock.sleep)


def known_as(scene: Scene) -> AccountState | None:
    return scene.store.read_state().account_state


def test_a_plan_is_applied_once_and_leaves_its_traces(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    plan = scene.plan()
    assert check_plan(scene.open(), read_plan(plan)).done == 0
    assert statuses(scene.apply(plan)) == ["done"]
    with pytest.raises(PlanIsUsed):
        scene.apply(plan)
    assert (scene.held(), len(scene.trouble.orders)) == ("75", 1)
    (run,) = past_runs(scene.open())
    assert (run["run"], run["exit_code"], run["done"], run["under_way"]) == (1, 0, 1, False)
    (entry,) = audit_trail(scene.store)
    assert [order["filled"] for order in entry["orders"]] == ["25"]
    assert account_status(scene.open()).state.unwinds["AAA/USD"].cycle == 1
    report = report_account(scene.open(), scene.clock() - DAY)
    assert (report.runs, report.total.proceeds) == (1, Decimal(2500))


@pytest.mark.parametrize("fault", [Fault.CRASH_BEFORE, Fault.CRASH_AFTER])
def test_whoever_dies_around_an_order_neither_loses_nor_doubles_it(on_stage: Stage, fault: Fault) -> None:
    scene = on_stage(legacy())
    scene.break_writes(fault)
    plan = scene.plan()
    with pytest.raises(Crash):
        scene.apply(plan)
    assert account_status(scene.open()).open_plans == (plan["plan_id"],)
    assert not gate(scene).open
    scene.clock.advance(60)
    assert statuses(scene.apply(plan)) == ["done"]
    assert (scene.held(), account_status(scene.open()).open_plans) == ("75", ())


def test_the_gate_opens_for_what_was_verified_and_closes_for_all_that_is_against_it(on_stage: Stage) -> None:
    scene = on_stage(snapshot())
    assert not gate(scene).open
    scene.verify()
    assert gate(scene).open
    scene.store.halt("stop", scene.clock())
    assert not gate(scene).open
    scene.store.resume()
    with scene.store.lease(scene.clock()):
        assert "in use by process" in gate(scene).reason
        assert scene.verify().state is AccountState.CLEAN  # and it cannot be remembered
    assert "could not be remembered" in gate(scene).reason
    scene.verify()
    assert gate(scene).open
    scene.clock.advance(2 * 3600)
    assert "older than" in gate(scene).reason


def test_a_halt_and_a_holder_keep_everything_from_being_sent(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    plan = scene.plan()
    scene.store.halt("stop", scene.clock())
    with pytest.raises(AccountIsHalted):
        scene.apply(plan)
    scene.store.resume()
    with scene.store.lease(scene.clock()), pytest.raises(AccountIsLocked):
        scene.apply(plan)
    assert scene.trouble.orders == []


def test_whoever_was_taken_over_between_journal_and_network_sends_nothing(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    account, plan = scene.open(), read_plan(scene.plan())
    with account.store.trading_lease(account.identity, scene.clock()), account.store.open_journal() as hung:
        hung.claim()
        run = hung.begin_run(plan, {"unwind_progress": {}}, scene.clock())
        sent = [
            replace(intent, quantity=Decimal(25), held_before=Decimal(100))
            for intent in hung.intents(plan.plan_id).values()
        ]
        hung.begin_sending(sent, run, scene.clock())
        scene.store.break_lease(account.identity)
        scene.clock.advance(60)
        assert statuses(scene.apply(scene.plans[0])) == ["done"]
        with pytest.raises(FileIsInvalid):
            account.store.ensure_leased(hung)
    assert scene.held() == "75"


def test_a_round_asks_people_and_carries_out_what_they_approve(on_stage: Stage, ground: Ground) -> None:
    scene = on_stage(legacy(), approval={"mode": "manual"})
    assert one_round(scene).kind == "waits"
    assert one_round(scene).kind == "waits"
    (request,) = requests_of(scene.store)
    found, unread = all_requests({"desk": load_account_file(scene.root / "account.yaml")}, ground.store_of)
    assert (unread, [one.request for one in found]) == ([], [request])
    approve(found[0], "ann", scene.clock())
    done = one_round(scene)
    assert (done.kind, scene.held()) == ("applied", "75")
    kinds = [alert["alert_type"] for alert in ground.alerts(scene.store)]
    assert [kind for kind in kinds if "PLAN" in kind or "APPROVAL" in kind] == ["APPROVAL_WAITING", "PLAN_APPROVED"]
    (run,) = past_runs(scene.open())
    assert [one["person"] for one in run["approved_by"]] == ["ann"]


def test_a_quiet_round_is_a_verification(on_stage: Stage) -> None:
    scene = on_stage(snapshot())
    assert (one_round(scene).kind, known_as(scene)) == ("quiet", AccountState.CLEAN)
    assert gate(scene).open
    reading = scene.store.last_reading()
    assert reading is None or reading.positions == ()


def test_an_incident_is_opened_and_a_retry_clears_what_it_is_about(on_stage: Stage) -> None:
    ladder = {"id": "zombie", "on": "zombie_exit_failed", "steps": [{"channels": ["desk"]}]}
    scene = on_stage(zombie(), escalation=[ladder], approval={"mode": "auto", "max_value": 10**9})
    scene.break_writes(Fault.REFUSED)
    one_round(scene)
    assert [one.kind for one in incidents_in(scene.store)] == ["zombie_exit_failed"]
    assert retry(scene.open(), "AAA/USD") == "AAA/USD"
    assert one_round(scene).kind == "applied"
    assert (scene.held(), incidents_in(scene.store)) == ("0", ())


def test_a_balance_is_accepted_by_a_person(on_stage: Stage, ground: Ground) -> None:
    scene = on_stage(snapshot(position("BBB/USD", 3), tracked=("BBB/USD",)))
    balance = accept_balance(scene.open())
    assert scene.store.read_state().last_balance == balance
    assert [alert["alert_type"] for alert in ground.alerts(scene.store)] == ["BALANCE_ACCEPTED"]


def test_an_order_that_nobody_can_settle_stops_the_account_until_a_person_does(on_stage: Stage, ground: Ground) -> None:
    scene = on_stage(legacy())
    scene.break_writes(Fault.LOST_AFTER)
    scene.trouble.look_ups.extend([SILENT] * 8)
    assert scene.apply().exit_code == 9
    assert "OUTCOME_UNKNOWN" in [alert["alert_type"] for alert in ground.alerts(scene.store)]
    with pytest.raises(OutcomeUnknown):
        scene.apply(scene.plans[0])
    (name,) = unresolved_orders(scene.open())
    resolve_by_hand(scene.open(), name, Decimal(25))
    assert unresolved_orders(scene.open()) == {}
    assert (scene.apply(scene.plans[0]).exit_code, scene.held(), len(scene.trouble.orders)) == (0, "75", 1)
