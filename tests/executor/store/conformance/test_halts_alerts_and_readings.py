"""What others make or look at: halts, marks, alerts, readings, the tracker, and reproducers."""

from __future__ import annotations

from datetime import timedelta

from msgspec.structs import replace

from exitplan.executor.store.port import AccountStore, StoreOpener
from exitplan.executor.store.untold import Told, raise_untold, tell_later
from exitplan.ruleset.planning.planner import Draft, draft_plan
from tests.builders import NOW, plan_input, position, record, snapshot
from tests.executor.store.conformance.conftest import Ground

FAILED = {"symbol": "AAA/USD", "rule": "legacy", "kind": "close", "reason": "other: not today"}


def test_a_halt_is_of_one_account_says_why_and_ends(store_of: StoreOpener) -> None:
    desk, other = store_of("desk"), store_of("other")
    assert desk.find_halt() is None
    made = desk.halt("the venue is on fire", NOW)
    found = store_of("desk").find_halt()
    assert found is not None
    assert (found.account, found.place, made.place) == ("desk", made.place, found.place)
    assert "the venue is on fire" in found.text
    assert str(found.error().hint).endswith("exitplan resume --account desk")
    assert other.find_halt() is None
    assert (desk.resume(), desk.resume(), desk.find_halt()) == (True, False, None)


def test_a_mark_stays_until_it_is_lifted_and_the_newest_counts(store: AccountStore, again: AccountStore) -> None:
    assert store.find_mark() is None
    store.lift_mark()  # there is nothing to lift
    store.mark_gate_closed("the first", NOW)
    store.mark_gate_closed("the second", NOW)
    assert str(again.find_mark()).startswith("the second (2026-")
    again.lift_mark()
    assert store.find_mark() is None


def test_marks_are_of_one_account(store_of: StoreOpener) -> None:
    store_of("desk").mark_gate_closed("this one", NOW)
    assert store_of("other").find_mark() is None


def test_alerts_are_kept_in_their_order_each_in_its_account(ground: Ground) -> None:
    desk = ground.store_of("desk")
    assert ground.alerts(desk) == []
    first = desk.raise_alert("EXIT_FAILED", NOW, FAILED)
    second = desk.raise_alert("EXIT_FAILED", NOW + timedelta(seconds=1), FAILED, "CRITICAL")
    assert desk.write_alert({**first, "reason": "ä\u2028"}) is True
    assert (first["user_id"], first["severity"], second["severity"]) == ("desk", "WARNING", "CRITICAL")
    assert ground.alerts(ground.store_of("desk")) == [first, second, {**first, "reason": "ä\u2028"}]
    assert ground.alerts(ground.store_of("other")) == []


def test_what_was_to_be_told_is_told_once_by_whoever_comes_next(ground: Ground) -> None:
    store = ground.store_of("desk")
    with store.open_tables(may_begin=True) as tables, tables.writing():
        for number in (1, 2):
            tell_later(tables, Told(f"approval-{number}", "APPROVAL_WAITING", None, {"request": str(number)}), NOW)
    for _ in range(2):
        with ground.store_of("desk").open_tables() as tables:
            raise_untold(tables, store)
    assert [alert["alert_id"] for alert in ground.alerts(store)] == ["approval-1", "approval-2"]


def drafted(minutes: int = 0, *, is_clean: bool) -> Draft:
    at = NOW + timedelta(minutes=minutes)
    held = () if is_clean else (position(),)
    return draft_plan(plan_input(replace(snapshot(*held), taken_at=at), now=at))


def test_a_reading_is_kept_where_there_is_a_journal_with_when_the_account_was_clean(
    store: AccountStore, again: AccountStore
) -> None:
    store.keep_reading(drafted(is_clean=True), is_verification=True)
    assert (store.last_reading(), store.has_journal()) == (None, False)
    with store.open_journal():
        pass
    store.keep_reading(drafted(is_clean=True), is_verification=True)
    store.keep_reading(drafted(5, is_clean=False))
    reading = again.last_reading()
    assert reading is not None
    assert (reading.at, reading.clean_at) == (NOW + timedelta(minutes=5), NOW)
    assert [one.symbol for one in reading.positions] == ["AAA/USD"]


def test_a_tracker_keeps_records_and_forgets_them(store: AccountStore, again: AccountStore) -> None:
    held = snapshot(position())
    one = record()
    store.tracker.update({}, {"AAA/USD": one, "BBB/USD": one}, NOW)
    assert again.tracker.with_records(held).tracker.keys() == {"AAA/USD", "BBB/USD"}
    known = again.tracker.with_records(held).tracker
    again.tracker.update(known, {"BBB/USD": None}, NOW)
    assert store.tracker.with_records(held).tracker == {"AAA/USD": known["AAA/USD"]}


def test_a_case_that_could_not_be_trusted_is_kept_and_may_come_again(store: AccountStore) -> None:
    for _ in range(2):
        store.save_reproducer("0123456789abcdef.json", b"{}")
    assert store.place
