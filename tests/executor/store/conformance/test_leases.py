"""One writer an account, and one an account at its venue, whatever its name here."""

from __future__ import annotations

import os
import socket
from dataclasses import replace

import pytest

from exitplan.brokers.identity import Identity
from exitplan.executor.store.port import AccountStore, StoreOpener
from exitplan.ruleset.errors import AccountIsLocked, FileIsInvalid
from tests.builders import NOW

LIVE = Identity("binance", "https://api.binance.com", "the fingerprint of a key")


def take(store: AccountStore) -> None:
    with store.lease(NOW):
        pass


def trade(store: AccountStore, identity: Identity = LIVE) -> None:
    with store.trading_lease(identity, NOW):
        pass


def test_a_lease_is_held_by_one_and_is_free_after_it(store: AccountStore, again: AccountStore) -> None:
    assert (store.holder(), store.seems_held()) == (None, None)
    with store.lease(NOW):
        with pytest.raises(AccountIsLocked, match=f"in use by process {os.getpid()} on {socket.gethostname()}"):
            take(again)
        with pytest.raises(AccountIsLocked):
            trade(again)
    take(again)


def test_whoever_holds_it_is_told(store: AccountStore, again: AccountStore) -> None:
    me, here = os.getpid(), socket.gethostname()
    with store.lease(NOW):
        assert str(again.holder()).startswith(f"by process {me} on {here} since ")
        assert again.seems_held() == again.holder()
        assert [again.is_held_by(me, here), again.is_held_by(me + 1, here), again.is_held_by(me, "elsewhere")] == [
            *(True, False, False)
        ]
    assert (again.holder(), again.seems_held(), again.is_held_by(me, here)) == (None, None, False)


def test_a_lease_is_given_back_also_where_the_work_fails(store: AccountStore, again: AccountStore) -> None:
    with pytest.raises(KeyError), store.lease(NOW):
        raise KeyError
    take(again)


def test_accounts_do_not_keep_each_other_waiting(store_of: StoreOpener) -> None:
    with store_of("desk").lease(NOW), store_of("other").trading_lease(LIVE, NOW):
        trade(store_of("third"), replace(LIVE, key="another"))


def test_an_account_at_its_venue_is_traded_by_one_whatever_its_name(store_of: StoreOpener) -> None:
    with store_of("desk").trading_lease(LIVE, NOW):
        with pytest.raises(AccountIsLocked):
            trade(store_of("alias"))
        assert (store_of("alias").holder(), store_of("alias").seems_held()) == (None, None)
        assert store_of("alias").holder(LIVE) == store_of("alias").seems_held(LIVE)
        assert str(os.getpid()) in str(store_of("alias").holder(LIVE))
        take(store_of("alias"))  # what sends nothing may go on
    trade(store_of("alias"))


def test_paper_accounts_without_a_key_share_nothing(store_of: StoreOpener) -> None:
    with store_of("desk").trading_lease(Identity("paper"), NOW):
        trade(store_of("other"), Identity("paper"))


def test_a_lease_that_is_broken_can_be_taken_and_its_holder_may_not_send(
    store: AccountStore, again: AccountStore
) -> None:
    assert store.break_lease(LIVE) is None
    with store.trading_lease(LIVE, NOW), store.open_journal() as journal:
        journal.claim()
        assert str(os.getpid()) in str(again.break_lease(LIVE))
        assert (again.holder(LIVE), again.seems_held(LIVE)) == (None, None)
        with again.trading_lease(LIVE, NOW), again.open_journal() as newer:
            newer.claim()
            again.ensure_leased(newer)
            with pytest.raises(FileIsInvalid):
                store.ensure_leased(journal)
