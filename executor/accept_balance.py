"""Believe what an account holds because a person says that it is right, even nothing."""

from __future__ import annotations

from decimal import localcontext

from exitplan.executor.accounts.account import Account
from exitplan.executor.plan import read_snapshot
from exitplan.executor.readings import accepted
from exitplan.executor.store.alerts import raise_alert
from exitplan.executor.store.files import ensure_writable
from exitplan.executor.store.journal import open_journal
from exitplan.executor.store.lease import account_lease
from exitplan.executor.store.state import export_state, state_to_document, take_state
from exitplan.ruleset.model.progress import Balance
from exitplan.ruleset.model.values import EXACT, plain


def accept_balance(account: Account) -> Balance:
    """Read the account and compare every later reading with what it holds now; returns that.

    Nothing is sent, and no progress is forgotten. Raises AccountUnreadable, AccountIsLocked, DataFolderUnusable, and
    FileIsInvalid where the state was edited by hand.
    """
    ensure_writable(account.folder.path)
    with (
        localcontext(EXACT),
        account_lease(account.folder.lock, account.id, account.clock()),
        open_journal(account.folder.journal) as journal,
    ):
        state = take_state(journal, account.folder.state)
        snapshot, now = read_snapshot(account, state.progress), account.clock()
        state = accepted(state, account.rulebook.policy, snapshot, now)
        journal.put_state(state_to_document(state))
        export_state(journal, state, account.folder.state)
        balance = state.last_balance
        assert balance is not None  # noqa: S101 - it was set a moment ago
        figures = {"equity": plain(balance.equity), "held": {name: plain(left) for name, left in balance.held.items()}}
        raise_alert(account.folder.alerts, "BALANCE_ACCEPTED", account.id, now, figures)
    return balance
