"""A round of one account: what is within the policy's limits is done, what is beyond them waits for people."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from msgspec import structs

from exitplan.executor.accounts.account import load_account_file
from exitplan.executor.apply.apply import apply_plan
from exitplan.executor.approvals.book import open_book, requests_of
from exitplan.executor.approvals.content import content_of, have_moved, prices_of
from exitplan.executor.approvals.deciding import Found, approve, reject
from exitplan.executor.approvals.request import VOTE_STANDS, Request
from exitplan.executor.escalation.ladder import tend
from exitplan.executor.plan import Planned
from exitplan.executor.signing.approval import SignatureRule
from exitplan.executor.store.halt import halt
from exitplan.executor.store.history import past_runs
from exitplan.executor.store.journal import Journal
from exitplan.executor.store.journal_file import open_journal
from exitplan.executor.store.lease import account_lease
from exitplan.executor.watching.rounds import Round, round_of
from exitplan.ruleset.errors import NotWaiting, PlanIsStale, PlanIsUnsigned
from exitplan.ruleset.planning.checks import AccountState
from tests.builders import position, record, snapshot, typed_plan_of
from tests.executor.conftest import Stage
from tests.executor.crashes import Points
from tests.executor.scene import Scene, zombie
from tests.faults import Crash, Fault

AUTO = {"approval": {"mode": "auto"}}


def go(scene: Scene, minutes: float = 5, *, stop_after: int | None = None) -> Round:
    """Do a round, some minutes after the last one."""
    scene.clock.advance(minutes * 60)
    asked = iter(range(10**6))
    stopped = (lambda: False) if stop_after is None else (lambda: next(asked) >= stop_after)
    return round_of(scene.open(), stopped, scene.clock.sleep)


def found(scene: Scene) -> Found:
    """The newest request, as a person looks at it."""
    scene.open()
    (*_, newest) = requests_of(scene.store)
    return Found(newest, load_account_file(scene.root / "account.yaml"), scene.store)


def say_yes(scene: Scene, person: str = "alice") -> Request:
    return approve(found(scene), person, scene.clock()).request


def standings(scene: Scene) -> list[str]:
    return [request.standing for request in requests_of(scene.store)]


# --- without asking ---


def test_a_plan_within_the_limits_is_applied_at_once(on_stage: Stage) -> None:
    scene = on_stage(zombie(), **AUTO)
    assert go(scene).kind == "applied"
    assert scene.held() == "0"
    assert go(scene).kind == "quiet"
    assert standings(scene) == []


def test_a_plan_beyond_the_limits_waits_as_a_whole(on_stage: Stage) -> None:
    scene = on_stage(zombie(), approval={"mode": "auto", "max_value": 9_999})
    done = go(scene)
    assert (done.kind, done.exit_code) == ("waits", 2)
    assert done.request is not None
    assert done.request.reasons == ("its value 10000 is above max_value 9999",)
    assert scene.held() == "100"


def test_a_quiet_round_is_a_verification(on_stage: Stage) -> None:
    scene = on_stage(snapshot(), **AUTO)
    assert go(scene).state == scene.says()
    assert len(past_runs(scene.open())) == 0


def test_a_run_that_died_after_its_last_order_is_ended_by_the_next_round(on_stage: Stage) -> None:
    scene = on_stage(zombie(), **AUTO)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Journal, "end_run", _die)
        with pytest.raises(Crash):
            go(scene)
    assert (scene.held(), _open_plans(scene)) == ("0", 1)
    assert go(scene).state is AccountState.CLEAN
    assert _open_plans(scene) == 0  # which would keep the gate closed
    assert go(scene).kind == "quiet"


def _die(*_: object, **__: object) -> None:
    raise Crash


def _open_plans(scene: Scene) -> int:
    with open_journal(scene.folder.journal) as journal:
        return len(journal.open_plan_ids())


def test_a_plan_that_does_nothing_is_written_only_for_whoever_asks(on_stage: Stage) -> None:
    done = go(on_stage(snapshot(position(), tracked=["AAA/USD"])))
    assert isinstance(done.planned, Planned)
    assert (done.kind, "plan" in vars(done.planned)) == ("quiet", False)
    assert done.plan is done.planned.plan is not None


def test_a_halt_holds(on_stage: Stage) -> None:
    scene = on_stage(zombie(), **AUTO)
    halt(scene.folder.path, "wait", scene.clock())
    assert go(scene).kind == "halted"
    assert scene.held() == "100"


def test_where_somebody_is_at_work_nothing_is_asked(on_stage: Stage) -> None:
    scene = on_stage(zombie())
    with account_lease(scene.folder.lock, "platform", scene.clock()):
        assert go(scene).kind == "locked"
    assert go(scene).kind == "waits"


def test_a_guard_that_refuses_is_a_failure(on_stage: Stage) -> None:
    scene = on_stage(zombie(), guards={"max_actions": 0}, **AUTO)
    done = go(scene)
    assert (done.kind, done.exit_code) == ("failed", 5)


def test_a_round_that_was_cut_off_while_it_read_sends_nothing(on_stage: Stage) -> None:
    scene = on_stage(zombie(), **AUTO)
    assert go(scene, stop_after=0).kind == "stopped"
    assert scene.held() == "100"
    assert standings(scene) == []


# --- asking ---


def test_what_waits_is_asked_once_and_keeps_its_id_and_time(on_stage: Stage) -> None:
    scene = on_stage(zombie())
    first, second = go(scene), go(scene)
    assert first.request is not None
    assert second.request is not None
    assert (first.request.id, first.request.asked_at) == (second.request.id, second.request.asked_at)
    assert first.request.plan_id != second.request.plan_id
    assert scene.alert_kinds() == ["APPROVAL_WAITING"]


def test_a_plan_of_something_else_supersedes_the_one_that_waits(on_stage: Stage) -> None:
    scene = on_stage(zombie())
    first = go(scene).request
    scene.hold("AAA/USD", "90")
    second = go(scene)
    assert first is not None
    assert second.replaced == first.id
    assert standings(scene) == ["superseded", "waiting"]
    with pytest.raises(NotWaiting, match="superseded"), open_book(scene.store) as book:
        book.approve(first.id, "alice", scene.clock(), Decimal("0.05"))


def test_what_is_wanted_no_more_waits_no_more(on_stage: Stage) -> None:
    scene = on_stage(zombie())
    go(scene)
    scene.track(AAA=record())
    assert go(scene).kind == "quiet"
    assert standings(scene) == ["withdrawn"]


def test_which_exit_comes_first_is_no_part_of_the_question() -> None:
    plan = typed_plan_of(snapshot(position("AAA/USD", "0.03"), position("BBB/USD", "0.02")))
    turned = structs.replace(plan, actions=plan.actions[::-1])
    assert len(plan.actions) == 2
    assert content_of(turned) == content_of(plan)
    assert content_of(structs.replace(plan, actions=plan.actions[:1])) != content_of(plan)
    assert not have_moved(prices_of(plan), prices_of(turned), Decimal(0))
    assert have_moved(prices_of(plan), {}, Decimal(1))


# --- deciding ---


def test_an_approved_plan_is_carried_out_in_the_next_round_and_history_says_by_whom(on_stage: Stage) -> None:
    scene = on_stage(zombie())
    go(scene)
    say_yes(scene)
    assert scene.held() == "100"
    assert go(scene).kind == "applied"
    assert scene.held() == "0"
    assert standings(scene) == ["applied"]
    (run,) = past_runs(scene.open())
    assert [vote["person"] for vote in run["approved_by"]] == ["alice"]
    assert scene.alert_kinds() == ["APPROVAL_WAITING", "PLAN_APPROVED"]


def test_an_approval_is_not_for_another_plan(on_stage: Stage) -> None:
    scene = on_stage(zombie())
    go(scene)
    say_yes(scene)
    scene.hold("AAA/USD", "90")
    assert go(scene).kind == "waits"
    assert scene.held() == "90"


@pytest.mark.parametrize(("price", "kind"), [("104", "applied"), ("106", "waits")])
def test_an_approval_counts_at_prices_like_those_it_was_given_at(on_stage: Stage, price: str, kind: str) -> None:
    scene = on_stage(zombie())
    go(scene)
    say_yes(scene)
    scene.move_price("AAA/USD", price)
    assert go(scene).kind == kind


def test_an_approval_of_yesterday_counts_no_more(on_stage: Stage) -> None:
    scene = on_stage(zombie())
    go(scene)
    say_yes(scene)
    assert go(scene, VOTE_STANDS / timedelta(minutes=1)).kind == "waits"


def test_two_people_are_two_persons(on_stage: Stage) -> None:
    scene = on_stage(zombie(), approval={"people": 2})
    go(scene)
    say_yes(scene, "alice")
    say_yes(scene, "alice")
    assert go(scene).approvals == 1
    say_yes(scene, "bob")
    assert go(scene).kind == "applied"


def test_one_no_outweighs_any_yes_and_the_same_is_not_asked_again(on_stage: Stage) -> None:
    scene = on_stage(zombie(), approval={"people": 2})
    go(scene)
    say_yes(scene, "alice")
    reject(found(scene), "bob", scene.clock(), "it comes back")
    assert [go(scene).kind for _ in range(3)] == ["rejected"] * 3
    scene.hold("AAA/USD", "90")
    assert go(scene).kind == "waits"
    assert scene.alert_kinds() == ["APPROVAL_WAITING", "PLAN_APPROVED", "PLAN_REJECTED", "APPROVAL_WAITING"]


def test_a_rejection_for_a_while_ends(on_stage: Stage) -> None:
    scene = on_stage(zombie())
    go(scene)
    reject(found(scene), "bob", scene.clock(), "not now", scene.clock() + timedelta(hours=1))
    assert go(scene, 59).kind == "rejected"
    assert go(scene, 1).kind == "waits"


def test_what_was_applied_by_hand_waits_no_more(on_stage: Stage) -> None:
    scene = on_stage(zombie())
    request = go(scene).request
    assert request is not None
    apply_plan(scene.open(), request.plan, sleep=scene.clock.sleep)
    assert go(scene).kind == "quiet"
    assert standings(scene) == ["applied"]


def test_an_approval_is_used_up_by_one_attempt(on_stage: Stage) -> None:
    scene = on_stage(snapshot(position("AAA/USD", 1)), parameters={"max_positions": 0})
    first = go(scene).request
    say_yes(scene)
    scene.break_writes(Fault.REFUSED)
    assert go(scene).exit_code == 4
    again = go(scene)
    assert again.request is not None
    assert first is not None
    assert (again.kind, again.request.content) == ("waits", first.content)
    assert scene.held() == "1"


def test_an_interrupted_plan_that_was_approved_is_finished(on_stage: Stage) -> None:
    scene = on_stage(snapshot(position("AAA/USD", 1), position("BBB/USD", 2)), parameters={"max_positions": 0})
    asked = go(scene).request
    say_yes(scene)
    assert go(scene, stop_after=3).exit_code == 8
    done = go(scene, minutes=1)
    assert asked is not None
    assert done.request is not None
    assert (done.kind, done.request.id) == ("applied", asked.id)
    assert (scene.held("AAA/USD"), scene.held("BBB/USD")) == ("0", "0")
    assert len(past_runs(scene.open())) == 2


def test_plans_that_have_to_be_signed_are_not_approved_by_word(on_stage: Stage) -> None:
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA alice"
    scene = on_stage(zombie(), **AUTO)
    scene.policy["account"]["require_signature"] = {"keys": [key]}
    rule = SignatureRule.of(scene.policy["account"], scene.root)
    done = round_of(replace(scene.open(), signature_rule=rule), lambda: False, scene.clock.sleep)
    assert done.kind == "waits"
    with pytest.raises(PlanIsUnsigned, match="need a signature"):
        say_yes(scene)


# --- the journal ---


def test_people_vote_while_a_run_is_at_work(on_stage: Stage) -> None:
    scene = on_stage(zombie())
    go(scene)
    with open_journal(scene.folder.journal) as journal:
        journal.claim()
        say_yes(scene)
        journal.claim()
    assert found(scene).request.is_approved(scene.clock(), Decimal("0.05"))


def test_what_nobody_has_spoken_of_is_forgotten(on_stage: Stage) -> None:
    scene = on_stage(snapshot(position("AAA/USD", 100)))
    for quantity in ("100", "99", "98"):
        scene.hold("AAA/USD", quantity)
        go(scene, 60 * 24 * 8)
    assert standings(scene) == ["superseded", "waiting"]


# --- what nobody may get round ---


def test_what_a_person_has_rejected_is_not_done_alone_once_the_limits_let_it_through(on_stage: Stage) -> None:
    scene = on_stage(zombie(), approval={"mode": "auto", "max_value": 9_999})
    go(scene)
    reject(found(scene), "bob", scene.clock(), "it comes back", scene.clock() + timedelta(hours=1))
    scene.move_price("AAA/USD", "99")
    assert [go(scene, 20).kind for _ in range(2)] == ["rejected"] * 2
    assert scene.held() == "100"
    assert go(scene, 20).kind == "applied"


def test_a_no_while_the_run_reads_the_account_comes_in_time(on_stage: Stage) -> None:
    scene = on_stage(zombie())
    plan = go(scene).request
    assert plan is not None
    reject(found(scene), "bob", scene.clock(), "no")
    with pytest.raises(PlanIsStale, match="rejected"):
        apply_plan(scene.open(), plan.plan, sleep=scene.clock.sleep)
    assert scene.held() == "100"


def test_an_approval_is_used_up_by_another_run_too(on_stage: Stage) -> None:
    scene = on_stage(snapshot(position("AAA/USD", 1)), parameters={"max_positions": 0})
    go(scene)
    say_yes(scene)
    scene.break_writes(Fault.REFUSED)
    assert scene.apply().exit_code == 4
    assert go(scene).kind == "waits"
    assert standings(scene) == ["withdrawn", "waiting"]
    assert scene.held() == "1"


def test_an_approval_by_a_clock_that_was_far_ahead_counts_no_longer(on_stage: Stage) -> None:
    scene = on_stage(zombie())
    go(scene)
    scene.clock.advance(86_400 * 3)
    say_yes(scene)
    assert go(scene, -3 * 24 * 60).kind == "waits"
    assert go(scene).approvals == 0


def test_the_alert_of_a_question_is_not_lost_with_its_process(on_stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = on_stage(zombie())
    with monkeypatch.context() as patch:
        Points(1).install_alerts(patch)
        with pytest.raises(Crash):
            go(scene)
    assert (standings(scene), scene.alert_kinds()) == (["waiting"], [])
    tend(scene.open(), scene.clock())
    assert scene.alert_kinds() == ["APPROVAL_WAITING"]


def test_an_invariant_of_the_policy_holds_for_what_needs_no_approval(on_stage: Stage) -> None:
    scene = on_stage(zombie(), never=[{"when": {"tracked": True}, "do": "sell"}], **AUTO)
    assert go(scene).kind != "applied"
    assert scene.held() == "100"


def test_a_guard_that_passes_when_planned_is_asked_again_when_applied(on_stage: Stage) -> None:
    scene = on_stage(zombie(), **AUTO)
    asked = iter(range(10))

    def moves() -> bool:
        if next(asked) == 1:  # the plan is made, and goes out
            scene.move_price("AAA/USD", "80")
        return False

    assert round_of(scene.open(), moves, scene.clock.sleep).kind != "applied"
    assert scene.held() == "100"
