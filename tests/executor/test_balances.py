"""A balance that nobody can explain is read again, by whatever process, before anything is sold on it."""

from __future__ import annotations

from decimal import Decimal

import pytest

from exitplan.executor.accept_balance import accept_balance
from exitplan.executor.store.lease import account_lease
from exitplan.ruleset.errors import AccountIsLocked, AccountUnreadable, RefusedByGuard
from tests.builders import position, record, snapshot
from tests.executor.conftest import Stage
from tests.executor.scene import LEGACY, Scene, legacy, zombie


def settled(on_stage: Stage, *, held: str = "100") -> Scene:
    """An account of 10,000 in money and 100 AAA, whose balance a run has left."""
    account = snapshot(position("AAA/USD", held), tracked=["AAA/USD"])
    scene = on_stage(account)
    scene.apply()
    scene.events.clear()
    return scene


def is_refused(scene: Scene) -> bool:
    """Check whether a plan and its apply are refused for the balance, and nothing is sent."""
    plan = scene.plan()
    refused = [guard["name"] for guard in plan["guards"] if not guard["ok"]]
    if not refused:
        return False
    assert refused == ["max_equity_change_pct"]
    before = len(scene.trouble.sent)
    with pytest.raises(RefusedByGuard) as refusal:
        scene.apply(plan)
    assert "exitplan accept-balance" in (refusal.value.hint or "")
    assert (refusal.value.exit_code, len(scene.trouble.sent)) == (5, before)
    return True


def empty(scene: Scene) -> dict[str, object]:
    """Let the venue answer with an account of nothing; gives what was there."""
    document = scene.document()
    before = dict(document)
    scene._write({**document, "positions": [], "cash": {"free": "0", "locked": "0"}})
    return before


def test_a_surprise_refuses_a_plan_and_is_unknown_in_verify(on_stage: Stage) -> None:
    scene = settled(on_stage)
    scene.hold("AAA/USD", "301")  # 20,000 then, 40,100 now
    assert is_refused(scene)
    assert scene.verify().state == "UNKNOWN"


@pytest.mark.parametrize(("held", "refused"), [("200", False), ("200.01", True), ("0.001", False)])
def test_the_limit_is_half_of_what_was_held(on_stage: Stage, held: str, refused: bool) -> None:
    scene = settled(on_stage)
    scene.hold("AAA/USD", held)
    assert is_refused(scene) is refused


def test_a_price_is_no_surprise(on_stage: Stage) -> None:
    scene = settled(on_stage)
    scene.move_price("AAA/USD", "1000")
    assert not is_refused(scene)


def test_a_surprise_after_a_plan_was_made_stops_it_at_apply(on_stage: Stage) -> None:
    scene = on_stage(legacy(position("BBB/USD", 10)))
    scene.apply()
    scene.clock.advance(60)
    plan = scene.plan()
    scene.hold("BBB/USD", "500")
    with pytest.raises(RefusedByGuard, match="not what the last run left"):
        scene.apply(plan)


def test_a_second_reading_a_minute_later_by_another_process_is_believed(on_stage: Stage) -> None:
    scene = settled(on_stage)
    scene.hold("AAA/USD", "301")
    scene.verify()
    scene.clock.advance(60)
    scene.verify()  # every call opens the account anew
    assert not is_refused(scene)
    assert scene.state().last_balance.held["AAA"] == 301  # type: ignore[union-attr] # it is there


@pytest.mark.parametrize("seconds", [1, 59])
def test_an_earlier_one_is_not(on_stage: Stage, seconds: int) -> None:
    scene = settled(on_stage)
    scene.hold("AAA/USD", "301")
    scene.verify()
    scene.clock.advance(seconds)
    assert scene.verify().state == "UNKNOWN"


def test_readings_in_a_row_do_not_put_it_off(on_stage: Stage) -> None:
    scene = settled(on_stage)
    scene.hold("AAA/USD", "301")
    states = []
    for _ in range(7):
        states.append(scene.verify().state)
        scene.clock.advance(10)
    assert (set(states[:6]), states[6]) == ({"UNKNOWN"}, "CLEAN")


def test_a_second_reading_that_tells_something_else_is_not_believed(on_stage: Stage) -> None:
    scene = settled(on_stage)
    scene.hold("AAA/USD", "301")
    scene.verify()
    scene.clock.advance(60)
    scene.hold("AAA/USD", "3000")
    assert scene.verify().state == "UNKNOWN"
    scene.clock.advance(60)
    assert scene.verify().state == "CLEAN"


def test_a_balance_that_is_right_again_is_forgotten_as_a_surprise(on_stage: Stage) -> None:
    scene = settled(on_stage)
    scene.hold("AAA/USD", "301")
    scene.verify()
    scene.hold("AAA/USD", "100")
    assert scene.verify().state == "CLEAN"
    assert scene.state().pending_balance is None
    scene.clock.advance(60)
    scene.hold("AAA/USD", "301")
    assert scene.verify().state == "UNKNOWN"


def test_what_our_own_run_sold_is_no_surprise(on_stage: Stage) -> None:
    scene = on_stage(snapshot(LEGACY, cash=10), options={"taker_fee": "0.01"})
    assert scene.until_quiet() == [0, 0, 0, 0]


def test_an_empty_account_needs_a_persons_word_however_often_it_is_read(on_stage: Stage) -> None:
    scene = settled(on_stage)
    empty(scene)
    for _ in range(3):
        assert scene.verify().state == "UNKNOWN"
        assert is_refused(scene)
        scene.clock.advance(60)
    accept_balance(scene.open())
    assert (scene.verify().state, is_refused(scene)) == ("CLEAN", False)


def test_an_empty_account_whose_tracker_knows_positions_is_a_surprise_at_the_first_reading(on_stage: Stage) -> None:
    scene = on_stage(snapshot(LEGACY, tracked=["AAA/USD"]))
    empty(scene)
    assert is_refused(scene)


def test_an_account_that_never_held_anything_is_clean(on_stage: Stage) -> None:
    assert on_stage(snapshot(cash=0)).verify().state == "CLEAN"


def test_an_account_that_its_first_run_has_emptied_is_clean(on_stage: Stage) -> None:
    scene = on_stage(zombie())
    plan = scene.plan()

    def owe_what_is_sold() -> None:
        scene._write({**scene.document(), "cash": {"free": "-10000", "locked": "0"}})

    scene.trouble.before.append(owe_what_is_sold)
    assert (scene.apply(plan).exit_code, scene.account().positions, scene.says()) == (0, (), "CLEAN")


def test_no_progress_and_no_record_is_dropped_on_an_empty_reading(on_stage: Stage) -> None:
    scene = on_stage(legacy(position("OWN/USD", 50)))
    scene.track(OWN=record())
    scene.apply()
    scene.clock.advance(60)
    before = empty(scene)
    plan = scene.plan()
    with pytest.raises(RefusedByGuard):
        scene.apply(plan)
    scene.verify()
    assert (set(scene.state().unwinds), set(scene.tracked())) == ({"AAA/USD"}, {"OWN/USD"})
    scene._write(before)
    scene.clock.advance(60)
    scene.apply()
    assert scene.state().unwinds["AAA/USD"].cycle == 2


def test_accepting_keeps_what_is_held_clears_what_was_pending_and_is_told(on_stage: Stage) -> None:
    scene = settled(on_stage)
    scene.hold("AAA/USD", "301")
    scene.verify()
    balance = accept_balance(scene.open())
    assert balance.held == {"AAA": Decimal(301), "USD": Decimal(10_000)}
    assert (scene.state().last_balance, scene.state().pending_balance) == (balance, None)
    (alert,) = scene.alerts()
    assert (alert["alert_type"], alert["severity"], alert["held"]["AAA"]) == ("BALANCE_ACCEPTED", "INFO", "301")
    assert not is_refused(scene)


def test_accepting_leaves_progress_and_sends_nothing(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.apply()
    sent = len(scene.trouble.sent)
    accept_balance(scene.open())
    assert (scene.state().unwinds["AAA/USD"].cycle, len(scene.trouble.sent)) == (1, sent)


def test_nothing_is_accepted_that_cannot_be_read(on_stage: Stage) -> None:
    scene = settled(on_stage)
    before = scene.state()
    scene.trouble.reads.append(False)
    with pytest.raises(AccountUnreadable):
        accept_balance(scene.open())
    assert (scene.state(), scene.alerts()) == (before, [])


def test_nothing_is_accepted_while_somebody_is_at_work(on_stage: Stage) -> None:
    scene = settled(on_stage)
    with account_lease(scene.folder.lock, "platform", scene.clock()), pytest.raises(AccountIsLocked):
        accept_balance(scene.open())
