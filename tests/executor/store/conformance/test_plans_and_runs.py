"""Plans, runs and the orders that are known: all or nothing, and in their order."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from msgspec.structs import replace

from exitplan.executor.store.port import AccountStore, StoreBroken, StoreOpener
from exitplan.ruleset.errors import DataFolderUnusable, FileIsInvalid
from tests.builders import NOW
from tests.executor.store.conformance.journals import EMPTY, PLAN, begun, plan_named


def test_nothing_is_there_before_a_journal_was_begun(store: AccountStore) -> None:
    assert not store.has_journal()
    store.ensure_journal()
    with pytest.raises(DataFolderUnusable), store.open_tables():
        pass
    assert not store.has_journal()


def test_a_journal_that_was_begun_is_there_for_everybody(store: AccountStore, again: AccountStore) -> None:
    with store.open_journal() as journal:
        assert (journal.plan_status("p1"), journal.plan_sha256("p1"), journal.open_plan_ids()) == ("unknown", None, [])
        assert (journal.runs(), journal.last_run_at(), journal.mark().revision) == ([], None, 0)
    assert again.has_journal()
    again.ensure_ready()


def test_each_account_has_a_journal_of_its_own(store_of: StoreOpener) -> None:
    with store_of("desk").open_journal() as desk, store_of("other").open_journal() as other:
        begun(desk)
        assert desk.mark().journal != other.mark().journal
        assert (other.plan_status("p1"), other.runs(), other.state()) == ("unknown", [], None)
        assert begun(other) == 1
        assert other.unknown_orders(["p1-a1"]) == []
    with store_of("third").open_journal() as third:
        assert third.unknown_orders(["p1-a1"]) == ["p1-a1"]


def test_a_run_begins_with_its_plan_all_its_intents_and_the_state_or_not_at_all(store: AccountStore) -> None:
    first, _ = PLAN.actions
    with store.open_journal() as journal:
        for plan, state in ((replace(PLAN, actions=(first, first)), EMPTY), (PLAN, {"broken": object()})):
            with pytest.raises((StoreBroken, TypeError)):
                journal.begin_run(plan, state, NOW)
            assert (journal.plan_status("p1"), journal.state(), journal.runs()) == ("unknown", None, [])
            assert journal.unknown_orders(["p1-a1"]) == ["p1-a1"]
        assert begun(journal) == 1
        assert (list(journal.intents("p1")), journal.state(), len(journal.runs())) == (["a1", "a2"], EMPTY, 1)
        assert journal.count_planned("p1") == 2


def test_a_plan_is_as_it_was_begun_and_is_begun_once(store: AccountStore, again: AccountStore) -> None:
    with store.open_journal() as journal:
        begun(journal)
        with pytest.raises(StoreBroken):
            begun(journal)
    with again.open_journal() as journal:
        assert (journal.plan_status("p1"), journal.plan_sha256("p1")) == ("open", PLAN.sha256)
        assert journal.plan_document("p1") == PLAN.document
        assert len(journal.runs()) == 1


def test_what_breaks_in_the_tables_is_told_as_damage_by_who_opened_them(store: AccountStore) -> None:
    with store.open_journal() as journal:
        begun(journal)
    with pytest.raises(FileIsInvalid, match="damaged"), store.open_journal() as journal:
        begun(journal)


def test_a_run_ends_with_its_plan_in_one_commit(store: AccountStore) -> None:
    with store.open_journal() as journal:
        run = begun(journal)
        with pytest.raises(TypeError):
            journal.end_run(run, 0, {}, {"broken": object()}, NOW, used_plan="p1")
        assert (journal.plan_status("p1"), journal.runs()[0]["ended_at"]) == ("open", None)
        journal.end_run(run, 0, {"outcomes": []}, {**EMPTY, "account_state": "CLEAN"}, NOW, used_plan="p1")
        (told,) = journal.runs()
        assert (journal.plan_status("p1"), journal.open_plan_ids()) == ("ended", [])
        assert (told["exit_code"], told["account_state"], told["summary"]) == (0, "CLEAN", {"outcomes": []})


def test_runs_are_numbered_without_a_gap_and_listed_the_newest_first(store: AccountStore) -> None:
    with store.open_journal() as journal:
        numbers = [begun(journal, plan_named(f"p{number}")) for number in range(4)]
        numbers.append(journal.begin_run(plan_named("p0"), EMPTY, NOW + timedelta(hours=1), is_resumed=True))
        assert all(later == earlier + 1 for earlier, later in pairwise(numbers))
        assert [run["run"] for run in journal.runs()] == numbers[::-1]
        assert journal.last_run_at() == NOW + timedelta(hours=1)


def test_open_plans_are_listed_the_oldest_first(store: AccountStore) -> None:
    with store.open_journal() as journal:
        for minutes, name in enumerate(("b", "a", "c")):
            journal.begin_run(plan_named(name), EMPTY, NOW + timedelta(minutes=minutes))
        journal.end_plan("a", NOW)
        assert journal.open_plan_ids() == ["b", "c"]


def test_orders_are_known_by_their_plans_or_because_a_person_has_accepted_them(store: AccountStore) -> None:
    with store.open_journal() as journal:
        begun(journal)
        names = ["p1-a1", "p1-a", "xp-else", "p1-a2"]
        assert journal.unknown_orders(names) == ["p1-a", "xp-else"]
        for _ in range(2):  # to say it twice does no harm
            journal.accept_orders(["xp-else"])
        assert journal.unknown_orders(names) == ["p1-a"]
