"""What is remembered: changed under the lease, and read back as it was written."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from exitplan.brokers.identity import Identity
from exitplan.executor.store.port import AccountStore, StoreOpener
from exitplan.executor.store.state import State, state_to_document
from exitplan.ruleset.errors import AccountIsLocked, FileIsInvalid
from exitplan.ruleset.model.progress import UnwindProgress
from exitplan.ruleset.planning.checks import AccountState
from tests.builders import NOW

KNOWN = State(
    account_state=AccountState.CLEAN,
    unwinds={"ÄÄÄ/USD#short": UnwindProgress(2, Decimal("0.5"), Decimal("100.50"), NOW, NOW)},
    failed_exits={"BTC/USD": 3},
    escalated={"BTC/USD": {"rule": "zombie", "reason": "a\nline"}},
    last_verified_at=NOW,
    verified_policy="0" * 64,
    last_prices={"BTC/USD": Decimal("0.00000001")},
    bound=Identity("binance", "https://api.binance.com", "abc"),
)


class Torn(Exception):
    """What goes wrong while a state is changed."""


def test_nothing_is_remembered_at_first_and_to_look_begins_nothing(store: AccountStore) -> None:
    assert store.read_state() == State()
    assert not store.has_journal()


def test_a_state_is_read_as_it_was_written(store: AccountStore, again: AccountStore) -> None:
    assert store.change_state(lambda _: KNOWN, NOW) == KNOWN
    assert again.read_state() == KNOWN
    with again.open_journal() as journal:
        assert (again.load_state(journal), again.take_state(journal)) == (KNOWN, KNOWN)
        assert journal.state() == state_to_document(KNOWN)


def test_each_change_builds_on_the_one_before_and_is_a_revision(store: AccountStore, again: AccountStore) -> None:
    marks = []
    for number, by in enumerate((store, again, store)):
        by.change_state(lambda state: state.counting(total_positions_cleaned=1), NOW)
        with by.open_journal() as journal:
            marks.append(journal.mark())
        assert by.read_state().metrics.total_positions_cleaned == number + 1
    assert [mark.revision for mark in marks] == [1, 2, 3]
    assert (marks[2].follows(marks[0]), marks[0].follows(marks[2])) == (True, False)


def test_a_change_that_fails_leaves_everything_as_it_was_and_the_lease_free(store: AccountStore) -> None:
    def torn(_: State) -> State:
        raise Torn

    store.change_state(lambda _: KNOWN, NOW)
    with pytest.raises(Torn):
        store.change_state(torn, NOW)
    assert store.read_state() == KNOWN
    assert store.change_state(lambda state: replace(state, failed_exits={}), NOW).failed_exits == {}


def test_nobody_changes_a_state_while_somebody_is_at_work(store: AccountStore, again: AccountStore) -> None:
    with store.lease(NOW), pytest.raises(AccountIsLocked):
        again.change_state(lambda _: KNOWN, NOW)
    assert again.read_state() == State()


def test_a_verification_that_is_remembered_lifts_the_mark_and_other_changes_do_not(store: AccountStore) -> None:
    store.change_state(lambda state: state, NOW)
    store.mark_gate_closed("nobody knows", NOW)
    store.change_state(lambda state: state, NOW)
    assert "nobody knows" in str(store.find_mark())
    store.change_state(lambda state: state, NOW, lifts_mark=True)
    assert store.find_mark() is None


def test_a_state_that_was_changed_in_the_journal_is_shown_and_taken(store: AccountStore, again: AccountStore) -> None:
    with store.open_journal() as journal:
        journal.put_state(state_to_document(KNOWN))
        store.export_state(journal, KNOWN)
        journal.put_state(state_to_document(replace(KNOWN, failed_exits={})))  # and dies before it is shown
    assert again.read_state().failed_exits == {}
    with again.open_journal() as journal:
        known = again.take_state(journal)
        again.export_state(journal, known)
    assert (known.failed_exits, again.read_state()) == ({}, known)


def test_a_journal_that_traded_an_account_is_not_replaced_by_another(
    store: AccountStore, store_of: StoreOpener
) -> None:
    identity = Identity("binance", "https://api.binance.com", "a key")
    store.change_state(lambda _: KNOWN, NOW)
    with store.open_journal() as journal:
        earlier = journal.mark()
        journal.put_state(state_to_document(KNOWN))
        store.ensure_newest_traded(identity, journal.mark())  # nobody has noted one yet
        store.note_journal(identity, journal.mark())
        store.ensure_newest_traded(identity, journal.mark())
        for stale in (earlier, replace(journal.mark(), journal="another")):
            with pytest.raises(FileIsInvalid, match="older than the journal"):
                store.ensure_newest_traded(identity, stale)
    store_of("other").ensure_newest_traded(replace(identity, key="another key"), earlier)
