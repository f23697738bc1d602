"""A group's plan stands beside an account's own: it begins and ends in the same commits, with its steps in order."""

from __future__ import annotations

from datetime import timedelta

import pytest

from exitplan.executor.store.group_rows import (
    GroupRow,
    balancing,
    beginning,
    group_run,
    group_steps,
    moving,
    open_group_run,
    out_of_balance,
)
from exitplan.executor.store.journal import Journal
from exitplan.executor.store.port import AccountStore, StoreBroken, StoreOpener
from exitplan.ruleset.errors import FileIsInvalid
from tests.builders import NOW
from tests.executor.store.conformance.journals import EMPTY, PLAN, plan_named

ROW = GroupRow("g1", "desk", "p1", "cash", "preparing", NOW, document={"group": "desk"})


def begun(journal: Journal) -> int:
    return journal.begin_run(PLAN, EMPTY, NOW, beside=beginning(ROW))


def test_it_begins_with_the_accounts_plan_and_is_read_by_another_process(
    store: AccountStore, again: AccountStore
) -> None:
    with store.open_journal() as journal:
        assert open_group_run(journal) is None
        begun(journal)
    with again.open_journal() as journal:
        assert (open_group_run(journal), group_run(journal, "g1"), group_run(journal, "g2")) == (ROW, ROW, None)


def test_where_it_cannot_be_written_the_plan_is_not_begun_either(store: AccountStore) -> None:
    with store.open_journal() as journal:
        begun(journal)
        with pytest.raises(StoreBroken):
            journal.begin_run(plan_named("p2"), EMPTY, NOW, beside=beginning(ROW))
        assert (journal.plan_status("p2"), journal.open_plan_ids()) == ("unknown", ["p1"])


def test_it_moves_on_step_by_step_and_ends_with_the_plan(store: AccountStore, again: AccountStore) -> None:
    with store.open_journal() as journal:
        number = begun(journal)
        journal.write_beside(moving("g1", "going", "going", NOW, prices={"b1": "100"}))
        journal.write_beside(balancing("g1", "unbalanced", NOW, bundle="b1"))
        with again.open_journal() as other:
            row = open_group_run(other)
            assert row is not None
            assert (row.standing, row.is_open) == ("going", True)
            assert list(out_of_balance(group_steps(other, "g1"))) == ["b1"]
        journal.write_beside(balancing("g1", "balanced", NOW, bundle="b1"))
        ended = moving("g1", "ended", "ended", NOW + timedelta(minutes=1))
        journal.end_run(number, 0, {}, EMPTY, NOW, used_plan="p1", beside=ended)
    with again.open_journal() as journal:
        assert (open_group_run(journal), journal.open_plan_ids()) == (None, [])
        row = group_run(journal, "g1")
        assert row is not None
        assert (row.is_open, row.ended_at) == (False, NOW + timedelta(minutes=1))
        assert [step.step for step in group_steps(journal, "g1")] == ["going", "unbalanced", "balanced", "ended"]
        assert group_steps(journal, "g1")[0].figures == {"prices": {"b1": "100"}}


def test_a_pair_stays_out_of_balance_whatever_another_one_does(store: AccountStore) -> None:
    later = NOW + timedelta(seconds=20)
    with store.open_journal() as journal:
        begun(journal)
        journal.write_beside(balancing("g1", "unbalanced", NOW, bundle="b1"))
        journal.write_beside(balancing("g1", "unbalanced", later, bundle="b2"))
        journal.write_beside(balancing("g1", "balanced", later, bundle="b2"))
        apart = out_of_balance(group_steps(journal, "g1"))
    assert {name: step.at for name, step in apart.items()} == {"b1": NOW}


def test_a_plan_of_which_nothing_was_sent_ends_without_a_run(store: AccountStore) -> None:
    with store.open_journal() as journal:
        begun(journal)
        journal.end_plan("p1", NOW, moving("g1", "ended", "ended", NOW))
        assert (open_group_run(journal), journal.plan_status("p1")) == (None, "ended")


def test_each_account_has_rows_of_its_own(store_of: StoreOpener) -> None:
    with store_of("cash").open_journal() as cash, store_of("hedge").open_journal() as hedge:
        begun(cash)
        assert open_group_run(hedge) is None
        begun(hedge)
        cash.write_beside(moving("g1", "going", "going", NOW))
        other = open_group_run(hedge)
        assert other is not None
        assert other.standing == "preparing"


def test_who_was_replaced_moves_nothing_on(store: AccountStore, again: AccountStore) -> None:
    with store.open_journal() as journal:
        begun(journal)
        with again.open_journal() as other:
            other.claim()
        with pytest.raises(FileIsInvalid, match="taken over"):
            journal.write_beside(moving("g1", "going", "going", NOW))
        row = open_group_run(journal)
        assert row is not None
        assert row.standing == "preparing"
