"""Whatever becomes of a request, it is done once: done, refused, or found out before anything is sent again."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from msgspec import structs

from exitplan.brokers.paper.broker import PaperBroker
from exitplan.brokers.protocol import Done, Found, OrderReference, OrderReport, RefusalReason, Refused
from exitplan.executor.apply.events import Stop
from exitplan.executor.apply.reconcile import OrderReconciler
from exitplan.executor.store.journal_values import Intent, Resolution
from exitplan.ruleset.errors import OutcomeUnknown
from exitplan.ruleset.planning.plan import read_plan
from tests.builders import order, position, snapshot
from tests.executor.conftest import Stage
from tests.executor.scene import legacy, over_cap, resting, statuses, zombie
from tests.faults import GONE, SILENT, Fault, FaultyBroker

TOLD_OPEN = OrderReport(
    order_id="x1",
    client_order_id=None,
    symbol="AAA/USD",
    side="sell",
    type="market",
    status="open",
    quantity=Decimal(25),
)
LOST = [Fault.LOST_BEFORE, Fault.LOST_AFTER, Fault.RAISES_BEFORE, Fault.RAISES_AFTER, Fault.DELAYED]


@pytest.mark.parametrize("fault", LOST, ids=lambda fault: fault.name)
def test_a_lost_answer_sells_exactly_once(on_stage: Stage, fault: Fault) -> None:
    scene = on_stage(legacy())
    scene.break_writes(fault)
    result = scene.apply()
    assert (result.exit_code, statuses(result), scene.held()) == (0, ["done"], "75")
    assert scene.state().unwinds["AAA/USD"].cycle == 1


@pytest.mark.parametrize("tier", ["A", "B", "C"])
@pytest.mark.parametrize("fault", LOST, ids=lambda fault: fault.name)
def test_a_lost_answer_sells_exactly_once_whatever_the_venue_offers(on_stage: Stage, fault: Fault, tier: str) -> None:
    scene = on_stage(legacy(), options={"client_order_ids": tier})
    scene.break_writes(fault)
    assert (scene.apply().exit_code, scene.held()) == (0, "75")


def test_nothing_is_sent_again_before_the_receive_window_is_over(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.break_writes(Fault.LOST_BEFORE)
    scene.apply()
    assert scene.clock.slept[0] == 5.5  # the window of 5 s and a margin of half a second
    calls = scene.trouble.calls
    assert calls[calls.index("place") :][:7] == ["place", "look up", "look up", "look up", "read", "read", "place"]


def test_an_order_is_sent_again_under_the_same_id(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.break_writes(Fault.LOST_BEFORE)
    scene.apply()
    first, second = scene.trouble.orders
    assert first.client_order_id == second.client_order_id


def test_one_answer_of_not_found_is_not_enough(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.break_writes(Fault.LOST_AFTER)
    scene.trouble.look_ups.extend([GONE, SILENT, GONE])
    assert (scene.apply().exit_code, len(scene.trouble.orders), scene.held()) == (0, 1, "75")


def test_a_venue_that_forgets_an_order_cannot_make_us_sell_twice(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.break_writes(Fault.LOST_AFTER)
    scene.trouble.look_ups.extend([GONE] * 3)
    result = scene.apply()
    assert (result.exit_code, statuses(result), scene.held()) == (0, ["done"], "75")


def test_an_order_that_left_traces_and_is_never_found_again_needs_a_human(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.break_writes(Fault.LOST_AFTER)
    scene.trouble.look_ups.extend([GONE] * 9)
    result = scene.apply()
    assert (result.exit_code, statuses(result), scene.held()) == (9, ["needs_human"], "75")


def test_while_nothing_is_found_the_time_between_two_questions_grows(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.break_writes(Fault.LOST_AFTER)
    scene.trouble.look_ups.extend([GONE] * 9)
    scene.apply()
    assert scene.clock.slept == [5.5, 0.2, 0.4, 0.8, 1.6, 3.2]


def test_where_more_is_gone_than_was_sent_a_venue_without_ids_leaves_it_to_a_person(on_stage: Stage) -> None:
    scene = on_stage(legacy(), options={"client_order_ids": "C"})
    scene.break_writes(Fault.LOST_AFTER)
    scene.trouble.before.append(lambda: scene.hold("AAA/USD", "60"))
    result = scene.apply()
    assert (result.exit_code, statuses(result), scene.held()) == (9, ["needs_human"], "35")
    assert "from 100 to 35" in str(result.outcomes[0].to_document()["message"])


def test_an_order_of_the_other_side_is_not_adopted(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.break_writes(Fault.LOST_BEFORE)
    scene.trouble.look_ups.append(Found(replace(TOLD_OPEN, side="buy", status="closed", filled=Decimal(25))))
    assert (scene.apply().exit_code, scene.held()) == (0, "75")


def test_another_order_than_was_asked_for_is_not_adopted(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.break_writes(Fault.LOST_BEFORE)
    scene.trouble.look_ups.append(Found(replace(TOLD_OPEN, symbol="BBB/USD", status="closed", filled=Decimal(7))))
    assert (scene.apply().exit_code, scene.held()) == (0, "75")


def test_an_order_that_was_told_and_has_vanished_is_not_taken_for_the_next_attempt(
    on_stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = on_stage(legacy())
    plan = scene.plan()
    with monkeypatch.context() as venue:
        venue.setattr("exitplan.brokers.paper.broker.PaperBroker.place_order", lambda *_: Done(TOLD_OPEN))
        assert scene.apply(plan).exit_code == 9
    scene.break_writes(Fault.LOST_AFTER)
    assert (scene.apply(plan).exit_code, scene.held(), len(scene.trouble.orders)) == (0, "75", 2)


def test_a_question_that_fails_once_is_asked_again(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.break_writes(Fault.LOST_AFTER)
    scene.trouble.look_ups.append(SILENT)
    assert (scene.apply().exit_code, scene.held()) == (0, "75")


@pytest.mark.parametrize(("failed", "status"), [(3, "done"), (4, "needs_human")])
def test_after_the_first_three_questions_may_fail(on_stage: Stage, failed: int, status: str) -> None:
    scene = on_stage(legacy())
    scene.break_writes(Fault.LOST_AFTER)
    scene.trouble.look_ups.extend([SILENT] * failed)
    assert (statuses(scene.apply()), len(scene.trouble.orders)) == ([status], 1)


def test_where_a_venue_answers_about_more_or_fewer_orders_than_were_asked_for_nothing_is_known(
    on_stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = on_stage(legacy())
    scene.break_writes(Fault.LOST_AFTER)
    monkeypatch.setattr(FaultyBroker, "look_up_orders", lambda *_: ())
    (outcome,) = scene.apply().outcomes
    assert outcome.status == "needs_human"
    assert outcome.to_document()["message"] == "0 answers to 1 requests"


def test_an_order_whose_symbol_the_venue_leaves_out_is_the_one_that_was_asked_for(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.break_writes(Fault.LOST_AFTER)
    scene.trouble.look_ups.append(Found(replace(TOLD_OPEN, symbol="", status="closed", filled=Decimal(25))))
    assert (statuses(scene.apply()), scene.clock.slept) == (["done"], [])


@pytest.mark.parametrize(("failed", "status", "sent"), [(1, "done", 2), (9, "needs_human", 1)])
def test_an_order_is_not_taken_for_lost_while_the_account_cannot_be_read(
    on_stage: Stage, failed: int, status: str, sent: int
) -> None:
    scene = on_stage(legacy())
    plan = scene.plan()
    scene.break_writes(Fault.LOST_BEFORE)
    scene.trouble.reads.extend([True, *[False] * failed])
    (outcome,) = scene.apply(plan).outcomes
    assert (outcome.status, len(scene.trouble.orders)) == (status, sent)
    assert ("503" in str(outcome.to_document()["message"])) is (status == "needs_human")


@pytest.mark.parametrize("reason", [RefusalReason.UNKNOWN_ORDER, RefusalReason.ORDER_CLOSED])
def test_an_order_that_is_refused_in_the_words_of_a_cancel_is_refused(
    on_stage: Stage, monkeypatch: pytest.MonkeyPatch, reason: RefusalReason
) -> None:
    scene = on_stage(legacy())
    monkeypatch.setattr(PaperBroker, "place_order", lambda *_: Refused(reason, "no such thing"))
    assert (statuses(scene.apply()), "look up" in scene.trouble.calls) == (["refused"], False)


@pytest.mark.parametrize("filled", [0, 10])
def test_what_an_order_that_stays_open_has_filled_is_told(
    on_stage: Stage, monkeypatch: pytest.MonkeyPatch, filled: int
) -> None:
    scene = on_stage(legacy())
    told = replace(TOLD_OPEN, filled=Decimal(filled))
    monkeypatch.setattr(PaperBroker, "place_order", lambda *_: Done(told))
    scene.trouble.look_ups.extend([Found(told)] * 9)
    (outcome,) = scene.apply().outcomes
    assert (outcome.status, outcome.to_document()["filled"]) == ("needs_human", str(filled))


def test_of_an_order_that_nobody_can_tell_about_nothing_is_said_to_be_filled(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.break_writes(Fault.LOST_AFTER)
    scene.trouble.look_ups.extend([SILENT] * 9)
    (outcome,) = scene.apply().outcomes
    assert (outcome.status, outcome.to_document()["filled"]) == ("needs_human", "0")


@pytest.mark.parametrize("unknown", ["quantity", "held_before"])
def test_at_a_venue_without_ids_an_order_of_which_the_journal_knows_too_little_is_left_to_a_person(
    on_stage: Stage, unknown: str
) -> None:
    scene = on_stage(legacy(), options={"client_order_ids": "C"})
    plan = read_plan(scene.plan())
    (action,) = plan.actions
    known = Intent(plan.plan_id, action.id, "sending", quantity=action.quantity, held_before=Decimal(100))
    intent = structs.replace(known, **{unknown: None})
    reconciler = OrderReconciler(scene.open().broker, scene.clock, scene.clock.sleep)
    (((_, resolved),),) = reconciler.resolve_all([(action, intent)])
    assert isinstance(resolved, Resolution)
    assert (resolved.status, resolved.message) == ("needs_human", "the position before the order is not known")


def test_a_question_that_breaks_is_asked_again_and_sells_nothing_twice(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.break_writes(Fault.LOST_AFTER)
    scene.trouble.look_ups.append(ConnectionError("reset by peer"))
    assert (scene.apply().exit_code, scene.held(), len(scene.trouble.orders)) == (0, "75", 1)


def test_where_every_question_breaks_a_person_has_to_look_and_is_told_why(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.break_writes(Fault.LOST_AFTER)
    scene.trouble.look_ups.extend([ConnectionError("reset by peer")] * 9)
    result = scene.apply()
    assert (result.exit_code, statuses(result), scene.held()) == (9, ["needs_human"], "75")
    assert "the look-up failed: reset by peer" in str(result.outcomes[0].to_document()["message"])


@pytest.mark.parametrize("fault", [Fault.LOST_BEFORE, Fault.RATE_LIMITED, Fault.BUSY], ids=lambda fault: fault.name)
def test_an_order_that_never_arrives_is_left_open_after_three_times(on_stage: Stage, fault: Fault) -> None:
    scene = on_stage(zombie())
    scene.break_writes(*[fault] * 3)
    result = scene.apply()
    assert (result.exit_code, statuses(result), len(scene.trouble.orders)) == (9, ["open"], 3)
    assert (scene.held(), scene.state().failed_exits, scene.alert_kinds()) == ("100", {}, ["EXIT_FAILED"])


def test_what_never_arrived_is_sent_when_the_plan_is_applied_again(on_stage: Stage) -> None:
    scene = on_stage(zombie())
    plan = scene.plan()
    scene.break_writes(*[Fault.LOST_BEFORE] * 3)
    assert [scene.apply(plan).exit_code, scene.apply(plan).exit_code] == [9, 0]
    assert scene.held() == "0"


def test_a_venue_that_wants_a_long_rest_ends_the_run_and_nothing_is_waited_for(on_stage: Stage) -> None:
    scene = on_stage(snapshot(position("AAA/USD", 100), position("BBB/USD", 100)))
    plan = scene.plan()
    scene.break_writes(Fault.BANNED)
    result = scene.apply(plan)
    assert (result.exit_code, statuses(result), sum(scene.clock.slept)) == (9, ["open", "open"], 0)
    assert scene.apply(plan).exit_code == 0


@pytest.mark.parametrize(("seconds", "stop"), [(60, None), (61, Stop.VENUE_RESTS)])
def test_a_rest_of_a_minute_is_waited_for_and_a_longer_one_ends_the_run(
    on_stage: Stage, monkeypatch: pytest.MonkeyPatch, seconds: float, stop: Stop | None
) -> None:
    scene = on_stage(legacy())
    plan = scene.plan()
    answers, place = iter([Refused(RefusalReason.RATE_LIMITED, "slowly", seconds)]), PaperBroker.place_order
    monkeypatch.setattr(PaperBroker, "place_order", lambda venue, asked: next(answers, None) or place(venue, asked))
    result = scene.apply(plan)
    assert (result.stop, scene.clock.slept) == (stop, [] if stop else [seconds])
    if stop:
        (outcome,) = result.outcomes
        assert outcome.message == "the venue asks for a rest of 61 seconds; apply the plan again"


def test_where_the_account_cannot_be_read_an_order_that_never_arrived_is_not_sent_again(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    plan = scene.plan()
    scene.break_writes(Fault.LOST_BEFORE)
    scene.trouble.reads.extend([True, True, False])  # for the plan, for traces of the order, and to send it again
    result = scene.apply(plan)
    assert (result.exit_code, result.stop, statuses(result)) == (9, Stop.OUTCOME_UNKNOWN, ["open"])
    assert len(scene.trouble.orders) == 1
    assert (scene.apply(plan).exit_code, scene.held()) == (0, "75")


def test_a_venue_that_is_busy_and_does_not_say_for_how_long_is_left_alone_for_a_second(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.break_writes(Fault.BUSY)
    assert (scene.apply().exit_code, scene.clock.slept) == (0, [1.0])


@pytest.mark.parametrize("reason", [RefusalReason.UNKNOWN_ORDER, RefusalReason.ORDER_CLOSED])
def test_a_cancel_that_came_too_late_is_done_once_the_venue_no_longer_knows_the_order(
    on_stage: Stage, monkeypatch: pytest.MonkeyPatch, reason: RefusalReason
) -> None:
    scene = on_stage(over_cap(orders=[resting()], locked=40), parameters={"max_positions": 2})
    monkeypatch.setattr(PaperBroker, "cancel_order", lambda *_: Refused(reason, "too late"))
    scene.trouble.look_ups.append(GONE)
    cancel, _ = scene.apply().outcomes
    assert (cancel.status, cancel.to_document()["message"]) == ("done", "the venue no longer knows the order")


def test_a_cancel_that_is_never_done_is_left_open(on_stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = on_stage(over_cap(orders=[resting()], locked=40), parameters={"max_positions": 2})
    monkeypatch.setattr(PaperBroker, "cancel_order", lambda *_: Done(replace(TOLD_OPEN, order_id="rest")))
    outcome, _ = scene.apply().outcomes
    assert (outcome.status, outcome.message) == ("open", "it never reached the venue; apply the plan again")


def test_a_clock_that_is_off_ends_the_run_at_once_and_says_so(on_stage: Stage) -> None:
    scene = on_stage(snapshot(position("AAA/USD", 100), position("BBB/USD", 100)))
    plan = scene.plan()
    scene.break_writes(Fault.CLOCK_IS_OFF)
    result = scene.apply(plan)
    assert (result.exit_code, statuses(result), sum(scene.clock.slept)) == (9, ["open", "open"], 0)
    assert "clock is 8 seconds or more behind the venue's; apply the plan again" in str(result.outcomes[0].message)
    assert (result.stop, scene.held()) == (Stop.CLOCK_IS_OFF, "100")
    assert scene.apply(plan).exit_code == 0


def test_where_nobody_can_tell_the_run_stops_with_nine(on_stage: Stage) -> None:
    scene = on_stage(snapshot(position("AAA/USD", 100), position("BBB/USD", 100)))
    scene.break_writes(Fault.LOST_AFTER)
    scene.trouble.look_ups.extend([SILENT] * 20)
    result = scene.apply()
    assert (result.exit_code, statuses(result)) == (9, ["needs_human", "open"])
    assert (scene.held("BBB/USD"), scene.alert_kinds()) == ("100", ["OUTCOME_UNKNOWN"])
    assert scene.alerts()[0]["severity"] == "CRITICAL"


def test_a_market_order_told_as_open_first_is_waited_for(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.break_writes(Fault.OPEN_FIRST)
    result = scene.apply()
    assert (result.exit_code, statuses(result), scene.clock.slept) == (0, ["done"], [0.2] * 3)


def test_a_market_order_that_stays_open_needs_a_person(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.break_writes(Fault.OPEN_FIRST)
    scene.trouble.told_open = 99
    result = scene.apply()
    assert (result.exit_code, statuses(result)) == (9, ["needs_human"])
    assert "still open" in str(result.outcomes[0].to_document()["message"])


def test_a_cancel_is_waited_for_before_the_balance_is_used(on_stage: Stage) -> None:
    scene = on_stage(over_cap(orders=[resting()], locked=40), parameters={"max_positions": 2})
    scene.break_writes(Fault.OPEN_FIRST)
    result = scene.apply()
    assert (result.exit_code, statuses(result), scene.held()) == (0, ["done", "done"], "0")
    assert scene.trouble.calls.count("cancel") == 1


def test_between_a_cancel_and_its_exit_the_account_is_read_once(on_stage: Stage) -> None:
    scene = on_stage(over_cap(orders=[resting()], locked=40), parameters={"max_positions": 2})
    scene.apply()
    calls = scene.trouble.calls
    assert calls[calls.index("cancel") :] == ["cancel", "read", "place", "read"]


def test_where_a_cancel_stays_unknown_nothing_more_is_read_or_sent_but_the_verification(on_stage: Stage) -> None:
    scene = on_stage(over_cap(orders=[resting()], locked=40), parameters={"max_positions": 2})
    plan = scene.plan()
    scene.break_writes(Fault.LOST_AFTER)
    scene.trouble.look_ups.append(SILENT)
    scene.trouble.calls.clear()
    assert scene.apply(plan).exit_code == 9
    assert scene.trouble.calls == ["read", "cancel", "look up", "read"]


def test_a_balance_that_a_cancel_does_not_free_is_waited_for_and_the_exit_is_what_is_free(on_stage: Stage) -> None:
    orders = [order("one", "AAA/USD", "sell", 20, price=500), order("two", "AAA/USD", "sell", 20, price=500)]
    scene = on_stage(over_cap(orders=orders, locked=40), parameters={"max_positions": 2})
    plan = scene.plan()
    scene.break_writes(Fault.REFUSED)
    scene.trouble.calls.clear()
    result = scene.apply(plan)
    assert statuses(result) == ["refused", "done", "done"]
    assert [sent.quantity for sent in scene.trouble.orders] == [Decimal(80)]
    assert (scene.clock.slept, scene.trouble.calls) == (
        [0.5] * 4,
        ["read", "cancel", "cancel", *["read"] * 4, "place", "read"],
    )


def test_where_nothing_was_cancelled_no_balance_is_waited_for(on_stage: Stage) -> None:
    scene = on_stage(over_cap(orders=[resting()], locked=40), parameters={"max_positions": 2})
    plan = scene.plan()
    scene.break_writes(Fault.REFUSED)
    scene.trouble.calls.clear()
    scene.apply(plan)
    assert (scene.clock.slept, scene.trouble.calls) == ([], ["read", "cancel", "read", "place", "read"])


@pytest.mark.parametrize("fault", LOST, ids=lambda fault: fault.name)
def test_a_lost_cancel_is_looked_up_and_sent_again(on_stage: Stage, fault: Fault) -> None:
    scene = on_stage(over_cap(orders=[resting()], locked=40), parameters={"max_positions": 2})
    scene.break_writes(fault)
    result = scene.apply()
    assert (result.exit_code, statuses(result), scene.held()) == (0, ["done", "done"], "0")


def test_a_cancel_of_an_order_the_venue_no_longer_knows_is_done(on_stage: Stage) -> None:
    scene = on_stage(over_cap(orders=[resting()], locked=40), parameters={"max_positions": 2})
    scene.break_writes(Fault.LOST_AFTER)
    scene.trouble.look_ups.append(GONE)
    assert statuses(scene.apply()) == ["done", "done"]


def test_an_order_that_fills_while_it_is_cancelled_shrinks_the_close(on_stage: Stage) -> None:
    scene = on_stage(over_cap(orders=[resting("40")], locked=40), parameters={"max_positions": 2})
    scene.trouble.before.append(lambda: scene.touch("AAA/USD", "500"))
    result = scene.apply()
    assert (result.exit_code, statuses(result), scene.held()) == (0, ["done", "done"], "0")
    assert [sent.quantity for sent in scene.trouble.orders] == [Decimal(60)]
    messages = [outcome.to_document()["message"] for outcome in result.outcomes]
    assert messages == ["it was filled before it could be cancelled", None]


def test_of_what_went_as_planned_nothing_is_said(on_stage: Stage) -> None:
    scene = on_stage(over_cap(orders=[resting()], locked=40), parameters={"max_positions": 2})
    assert [outcome.to_document()["message"] for outcome in scene.apply().outcomes] == [None, None]


def test_a_rest_that_the_venue_would_not_take_is_not_sent(on_stage: Stage) -> None:
    scene = on_stage(over_cap(orders=[resting("99.995")], locked="99.995"), parameters={"max_positions": 2})
    scene.trouble.before.append(lambda: scene.touch("AAA/USD", "500"))
    result = scene.apply()
    assert (result.exit_code, statuses(result), scene.trouble.orders) == (0, ["done", "skipped"], [])


def test_where_the_order_in_the_way_has_sold_everything_nothing_is_waited_for(on_stage: Stage) -> None:
    scene = on_stage(over_cap(orders=[resting("100")], locked=100), parameters={"max_positions": 2})
    scene.trouble.before.append(lambda: scene.touch("AAA/USD", "500"))
    result = scene.apply()
    assert (statuses(result), scene.trouble.orders, scene.clock.slept) == (["done", "skipped"], [], [])


def test_an_unwind_counts_what_a_cancelled_order_sold_meanwhile(on_stage: Stage) -> None:
    scene = on_stage(legacy(orders=[order("old", "AAA/USD", "sell", 10, price=500, minutes=60)]))
    scene.trouble.before.append(lambda: scene.touch("AAA/USD", "500"))
    result = scene.apply()
    assert (result.exit_code, scene.held()) == (0, "75")
    assert [sent.quantity for sent in scene.trouble.orders] == [Decimal(15)]


def test_what_an_order_had_filled_before_the_plan_is_not_of_the_slice(on_stage: Stage) -> None:
    scene = on_stage(legacy(orders=[order("old", "AAA/USD", "sell", 40, price=500, filled=10, minutes=60)]))
    result = scene.apply()
    assert (result.exit_code, statuses(result), scene.held()) == (0, ["done", "done"], "75")


def test_a_short_counts_what_a_cancelled_buy_has_bought_back_meanwhile(on_stage: Stage) -> None:
    symbol = "AAA/USD:USD"
    resting_buy = order("old", symbol, "buy", 10, price=50, minutes=60, reduce_only=True, position_side="short")
    scene = on_stage(snapshot(position(symbol, 100, side="short", entry=100), orders=[resting_buy]))
    scene.trouble.before.append(lambda: scene.touch(symbol, "50"))
    result = scene.apply()
    assert (result.exit_code, scene.held(symbol, "short")) == (0, "75")
    assert [sent.quantity for sent in scene.trouble.orders] == [Decimal(15)]


def test_a_buy_that_fills_while_it_is_cancelled_is_not_sold(on_stage: Stage) -> None:
    scene = on_stage(legacy(orders=[order("old", "AAA/USD", "buy", 10, price=50, minutes=60)]))
    scene.trouble.before.append(lambda: scene.touch("AAA/USD", "50"))
    scene.apply()
    assert ([sent.quantity for sent in scene.trouble.orders], scene.held()) == ([Decimal(25)], "85")


def test_orders_that_lock_the_balance_and_cannot_be_cancelled_leave_it_unsold(on_stage: Stage) -> None:
    scene = on_stage(over_cap(orders=[resting("100")], locked=100), parameters={"max_positions": 2})
    scene.break_writes(Fault.REFUSED)
    result = scene.apply()
    assert (result.exit_code, statuses(result), scene.held()) == (4, ["refused", "skipped"], "100")


def test_an_id_the_venue_has_seen_is_looked_up_and_not_sold_again(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.break_writes(Fault.DUPLICATE)
    result = scene.apply()
    assert (result.exit_code, statuses(result), scene.held()) == (0, ["done"], "75")


def test_an_id_the_venue_has_seen_is_asked_for_again_where_it_cannot_be_looked_up_at_once(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.break_writes(Fault.DUPLICATE)
    scene.trouble.look_ups.append(SILENT)
    result = scene.apply()
    assert (result.exit_code, statuses(result), scene.held()) == (0, ["done"], "75")
    assert scene.clock.slept == [5.5]


def test_the_venue_itself_knows_the_order_by_our_id(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.apply()
    (sent,) = scene.trouble.orders
    found = scene.venue().look_up_order(OrderReference(symbol="AAA/USD", client_order_id=sent.client_order_id))
    assert isinstance(found, Found)
    assert found.report.filled == 25
    assert isinstance(scene.venue().look_up_order(OrderReference(symbol="AAA/USD", order_id="paper-1")), Found)


def test_a_clock_that_was_set_back_does_not_make_us_wait_for_hours(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.break_writes(Fault.LOST_BEFORE)
    scene.trouble.before.append(lambda: scene.clock.advance(-86_400))
    assert (scene.apply().exit_code, max(scene.clock.slept)) == (0, 5.5)


def test_a_clock_that_jumps_ahead_does_not_shorten_the_wait(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.break_writes(Fault.LOST_BEFORE)
    scene.trouble.before.append(lambda: scene.clock.advance(600))
    assert (scene.apply().exit_code, max(scene.clock.slept)) == (0, 5.5)


def test_a_market_order_that_rests_at_a_venue_without_ids_is_not_doubled(on_stage: Stage) -> None:
    scene = on_stage(legacy(), options={"client_order_ids": "C"})
    scene.break_writes(Fault.OPEN_FIRST)
    scene.trouble.told_open = 99
    plan = scene.plan()
    assert scene.apply(plan).exit_code == 9
    with pytest.raises(OutcomeUnknown, match="still open"):
        scene.apply(plan)
    scene.trouble.opens.clear()
    assert (scene.apply(plan).exit_code, scene.held()) == (0, "75")
    assert scene.state().unwinds["AAA/USD"].cycle == 1


def test_what_was_said_of_an_order_that_never_reached_the_venue_is_told(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.break_writes(*[Fault.LOST_BEFORE] * 3)
    (outcome,) = scene.apply().outcomes
    assert "it never reached the venue: the request timed out" in str(outcome.reason)
    assert "the request timed out" in scene.alerts()[-1]["reason"]


@pytest.mark.parametrize(("minutes", "code", "held"), [(5, 0, "75"), (None, 9, "100")])
def test_at_a_venue_without_ids_an_order_from_before_is_not_taken_for_the_one_that_was_sent(
    on_stage: Stage, minutes: int | None, code: int, held: str
) -> None:
    alike = order("old", "AAA/USD", "sell", 25, price=500, minutes=minutes)
    scene = on_stage(legacy(orders=[alike]), options={"client_order_ids": "C"}, orders=[])
    scene.break_writes(Fault.LOST_BEFORE)
    assert (scene.apply().exit_code, scene.held()) == (code, held)
