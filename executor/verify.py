"""Phase 4: read the account again and run the four checks."""

from __future__ import annotations

from dataclasses import replace

from executor.accounts import Account
from executor.journal import open_journal
from executor.lease import account_lease
from executor.planning import read_snapshot, read_state
from executor.state import State, export_state, state_to_document, take_state
from ruleset.checks import AccountState, Checks
from ruleset.errors import AccountIsLocked, AccountUnreadable, DataFolderUnusable
from ruleset.planner import PlanInput, draft_plan
from ruleset.snapshot import Snapshot


def verify_account(account: Account) -> Checks:
    """Check an account as it is now, and remember the answer in its state.

    Where another process is at work on the account, the answer is given and not remembered. Raises AccountUnreadable
    where balances or orders cannot be read: then the state is UNKNOWN.
    """
    try:
        checks = check_now(account, read_state(account))
    except AccountUnreadable:
        _remember(account, AccountState.UNKNOWN)
        raise
    _remember(account, checks.state)
    return checks


def _remember(account: Account, found: AccountState) -> None:
    """Note the answer in the state, unless another process is at work on the account or the folder is read-only."""
    try:
        with (
            account_lease(account.folder.lock, account.id, account.clock()),
            open_journal(account.folder.journal) as journal,
        ):
            state = verified(take_state(journal, account.folder.state), account, found)
            journal.put_state(state_to_document(state))
            export_state(journal, state, account.folder.state)
    except (AccountIsLocked, DataFolderUnusable):
        pass  # what is not remembered can only make a later reader more careful


def check_now(account: Account, state: State) -> Checks:
    """Read the account and run the four checks; raises AccountUnreadable."""
    return checks_of(account, read_snapshot(account, state.progress), state)


def checks_of(account: Account, snapshot: Snapshot, state: State) -> Checks:
    """Run the four checks on an account that was just read."""
    return draft_plan(PlanInput(account.rulebook, snapshot, account.clock(), state.progress)).checks


def verified(state: State, account: Account, found: AccountState) -> State:
    """Give the state with the answer of a verification in it."""
    return replace(state, account_state=found, last_verified_at=account.clock())
