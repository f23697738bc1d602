"""Believe what an account holds because a person says that it is right, even nothing."""

from __future__ import annotations

from decimal import localcontext

from exitplan.executor.accounts.account import Account
from exitplan.executor.plan import read_snapshot, read_state
from exitplan.executor.readings import accepted
from exitplan.executor.store.alerts import raise_alert
from exitplan.executor.store.files import ensure_writable
from exitplan.executor.store.journal import open_journal
from exitplan.executor.store.lease import account_lease
from exitplan.executor.store.state import export_state, state_to_document, take_state
from exitplan.ruleset.errors import BalanceHasChanged
from exitplan.ruleset.model.facts import observe
from exitplan.ruleset.model.progress import Balance
from exitplan.ruleset.model.values import EXACT, plain
from exitplan.ruleset.planning.balance import balance_of


def read_balance(account: Account) -> Balance:
    """Return what the account holds now; raises AccountUnreadable."""
    with localcontext(EXACT):
        state = read_state(account)
        snapshot, now = read_snapshot(account, state.progress), account.clock()
        return balance_of(observe(snapshot, account.rulebook.policy, state.progress, now), now)


def accept_balance(account: Account, seen: Balance | None = None) -> Balance:
    """Read the account and compare every later reading with what it holds now; returns that.

    Nothing is sent, and no progress is forgotten. ``seen`` is the balance that a person looked at: no other is
    accepted. Raises BalanceHasChanged where it is another one by now, AccountUnreadable, AccountIsLocked,
    DataFolderUnusable, and FileIsInvalid where the state was edited by hand.
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
        balance = state.last_balance
        assert balance is not None  # noqa: S101 - it was set a moment ago
        if seen is not None and seen.held != balance.held:
            raise BalanceHasChanged(f"what {account.id} holds has changed since you looked at it", hint="look again")
        journal.put_state(state_to_document(state))
        export_state(journal, state, account.folder.state)
        figures = {"equity": plain(balance.equity), "held": {name: plain(left) for name, left in balance.held.items()}}
        raise_alert(account.folder.alerts, "BALANCE_ACCEPTED", account.id, now, figures)
    return balance
